//! Numbers that not everybody can hold: they arrive and leave as they are, or there is an error.

use std::collections::BTreeMap;

use mcpc::{Schemas, Server, tools};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::messages::call_written;
use crate::support::{Mcpc, Plain, Wire, parse, texts};

#[mcpc::tool]
async fn u128_of(n: u128) -> String {
    n.to_string()
}

#[mcpc::tool]
async fn i128_of(n: i128) -> String {
    n.to_string()
}

#[mcpc::tool]
async fn u64_of(n: u64) -> String {
    n.to_string()
}

#[mcpc::tool]
async fn i64_of(n: i64) -> String {
    n.to_string()
}

#[mcpc::tool]
async fn limited(#[arg(range = ..=18_446_744_073_709_551_620_u128)] n: u128) -> String {
    n.to_string()
}

#[derive(Deserialize, JsonSchema, Debug)]
#[allow(dead_code, reason = "it is shown as a whole")]
struct Nested {
    list: Vec<Option<u128>>,
    map: BTreeMap<i128, i128>,
    either: Either,
    #[schemars(range(max = 18_446_744_073_709_551_615_u64))]
    limited: Option<u128>,
}

#[derive(Deserialize, JsonSchema, Debug)]
#[allow(dead_code, reason = "it is shown as a whole")]
enum Either {
    Number(u128),
    Pair { a: u128, b: u64 },
}

#[mcpc::tool]
async fn nested(n: Nested) -> String {
    format!("{n:?}")
}

#[mcpc::tool]
async fn float_of(n: f64) -> String {
    format!("{n:?}")
}

fn server() -> Server {
    let tools = tools![u128_of, i128_of, u64_of, i64_of, limited, nested, float_of];
    Server::new("numbers").tools(tools)
}

/// The answer to a call whose only argument is written like this.
async fn answer(client: &mut Plain, tool: &str, n: &str) -> String {
    client.send(&call_written("ask", tool, &format!(r#"{{"n":{n}}}"#))).await;
    texts(&client.value().await).join("\n")
}

#[tokio::test]
async fn whole_numbers_arrive_exactly_however_they_are_written() {
    let mut client = Plain::connect(server()).await;
    for (tool, written, arrived) in [
        ("u128_of", "18446744073709551616", "18446744073709551616"),
        ("u128_of", "18446744073709551617.00", "18446744073709551617"),
        ("u128_of", "1.8446744073709551617e19", "18446744073709551617"),
        (
            "u128_of",
            "340282366920938463463374607431768211455",
            "340282366920938463463374607431768211455",
        ),
        ("u128_of", "1e19", "10000000000000000000"),
        ("u128_of", "1E+30", "1000000000000000000000000000000"),
        ("i128_of", "-9223372036854775809", "-9223372036854775809"),
        (
            "i128_of",
            "-170141183460469231731687303715884105728",
            "-170141183460469231731687303715884105728",
        ),
        ("i128_of", "-1e20", "-100000000000000000000"),
        ("u64_of", "1e19", "10000000000000000000"),
        ("u64_of", "10000000000000000000.0", "10000000000000000000"),
        ("u64_of", "18446744073709551615.0", "18446744073709551615"),
        ("u64_of", "-0.0", "0"),
        ("i64_of", "9007199254740993.0", "9007199254740993"),
        ("i64_of", "-9223372036854775808.0", "-9223372036854775808"),
        ("limited", "18446744073709551620", "18446744073709551620"),
        ("float_of", "18446744073709551617", "1.8446744073709552e19"),
        (
            "nested",
            r#"{"list":[null,36893488147419103233],"map":{"-36893488147419103233":-36893488147419103235},"either":{"Pair":{"a":36893488147419103234,"b":1e19}}}"#,
            "Nested { list: [None, Some(36893488147419103233)], map: \
             {-36893488147419103233: -36893488147419103235}, either: Pair { a: 36893488147419103234, \
             b: 10000000000000000000 }, limited: None }",
        ),
        (
            "nested",
            r#"{"list":[],"map":{},"either":{"Number":36893488147419103233},"limited":18446744073709551615}"#,
            "Nested { list: [], map: {}, either: Number(36893488147419103233), limited: \
             Some(18446744073709551615) }",
        ),
    ] {
        assert_eq!(answer(&mut client, tool, written).await, arrived, "{tool} {written}");
    }
}

#[tokio::test]
async fn whole_numbers_that_do_not_fit_are_refused_digit_for_digit() {
    let mut client = Plain::connect(server()).await;
    for (tool, written, problem) in [
        (
            "u128_of",
            "340282366920938463463374607431768211456",
            "340282366920938463463374607431768211456 is not in 0..=340282366920938463463374607431768211455",
        ),
        ("u128_of", "-36893488147419103233", "-36893488147419103233 is not in 0.."),
        (
            "i128_of",
            "-170141183460469231731687303715884105729",
            "-170141183460469231731687303715884105729 is not in \
             -170141183460469231731687303715884105728..=170141183460469231731687303715884105727",
        ),
        (
            "i128_of",
            "-1e39",
            "-1e39 is not in \
             -170141183460469231731687303715884105728..=170141183460469231731687303715884105727",
        ),
        (
            "u128_of",
            "18446744073709551616.5",
            "expected a whole number from 0, got the number 1.8446744073709552e+19",
        ),
        (
            "u64_of",
            "18446744073709551616",
            "18446744073709551616 is not in 0..=18446744073709551615",
        ),
        ("u64_of", "1e300", "1e300 is not in 0..=18446744073709551615"),
        (
            "i64_of",
            "-9223372036854775809",
            "-9223372036854775809 is not in -9223372036854775808..=9223372036854775807",
        ),
        ("i64_of", "1.5", "expected a whole number, got the number 1.5"),
        (
            "limited",
            "18446744073709551621",
            "18446744073709551621 is not in ..=18446744073709551620",
        ),
    ] {
        let expected = format!("argument `n`: {problem}");
        assert_eq!(answer(&mut client, tool, written).await, expected, "{tool} {written}");
    }
    // A limit inside of a type, which a float would not tell from the number that was sent.
    let n = r#"{"list":[],"map":{},"either":{"Number":1},"limited":18446744073709551616}"#;
    assert_eq!(
        answer(&mut client, "nested", n).await,
        "argument `n.limited`: 18446744073709551616 is not in 0..=18446744073709551615"
    );
}

/// Such a transport is rmcp's, which reads numbers as `serde_json` does.
#[tokio::test]
async fn what_may_have_lost_digits_on_another_transport_is_refused() {
    let mut client = Plain::begin(Wire::open_over_rmcp(server())).await;
    for (tool, written, answered) in [
        ("u64_of", "1e19", "10000000000000000000"),
        ("u128_of", "18446744073709551615", "18446744073709551615"),
        (
            "u128_of",
            "36893488147419103233",
            "argument `n`: 3.6893488147419103e+19 may have lost digits: a whole number can have a maximum \
             of 64 bits here",
        ),
        (
            "u64_of",
            "36893488147419103233",
            "argument `n`: 36893488147419103232 is not in 0..=18446744073709551615",
        ),
    ] {
        assert_eq!(answer(&mut client, tool, written).await, answered, "{tool} {written}");
    }
}

#[derive(Serialize, JsonSchema)]
struct Sums {
    list: Vec<Sum>,
    raw: f64,
}

#[derive(Serialize, JsonSchema)]
struct Sum {
    u: u128,
    i: i128,
}

/// The sums of a plain tool: the numbers fit if they are to.
#[mcpc::tool]
async fn sums(more: u8, less: u8) -> Sums {
    all_sums(more, less)
}

/// The same as a task.
#[mcpc::background]
async fn later(more: u8, less: u8) -> Sums {
    all_sums(more, less)
}

fn all_sums(more: u8, less: u8) -> Sums {
    let fits = Sum { u: u64::MAX.into(), i: i64::MIN.into() };
    let u = u128::from(u64::MAX) + u128::from(more);
    let sum = Sum { u, i: i128::from(i64::MIN) - i128::from(less) };
    Sums { list: vec![fits, sum], raw: 1e23 }
}

#[mcpc::tool]
async fn alone() -> u128 {
    u128::MAX
}

#[tokio::test]
async fn a_result_is_exact_in_both_places_or_an_error_that_names_the_field() {
    let mut client = Plain::connect(Server::new("numbers").tools(tools![sums, alone])).await;
    let mut ask = async |tool: &str, arguments: Value| {
        client.call("ask", tool, arguments).await;
        client.line().await
    };
    let line = ask("sums", json!({"more": 0, "less": 0})).await;
    let sums = r#"{"list":[{"u":18446744073709551615,"i":-9223372036854775808},{"u":18446744073709551615,"i":-9223372036854775808}],"raw":1e+23}"#;
    assert_eq!(texts(&parse(&line)), [sums]);
    assert!(line.contains(&format!(r#""structuredContent":{sums},"#)), "{line}");
    for (more, less, problem) in [
        (1, 0, "`list[1].u` is 18446744073709551616"),
        (0, 1, "`list[1].i` is -9223372036854775809"),
    ] {
        let reply = parse(&ask("sums", json!({"more": more, "less": less})).await);
        let expected = format!(
            "the result's {problem}, which structured content cannot hold exactly; the tool has to return it \
             as a string"
        );
        assert_eq!(texts(&reply), [expected]);
        assert_eq!(reply["result"]["isError"], true);
        assert_eq!(reply["result"]["structuredContent"], Value::Null);
    }
    let line = ask("alone", json!({})).await;
    assert_eq!(texts(&parse(&line)), [u128::MAX.to_string()]);
}

#[mcpc::tool]
async fn listed() -> Vec<Sum> {
    vec![Sum { u: u128::MAX, i: i128::MIN }]
}

/// Contains itself, so that its type is written once in every form.
#[derive(Serialize, JsonSchema)]
struct Tree {
    u: u128,
    trees: Vec<Tree>,
}

#[mcpc::tool]
async fn forest() -> Vec<Tree> {
    vec![Tree { u: u128::MAX, trees: vec![Tree { u: 1, trees: Vec::new() }] }]
}

#[tokio::test]
async fn a_list_of_what_has_wide_numbers_is_a_text_however_its_type_is_written() {
    let (u, i) = (u128::MAX, i128::MIN);
    for schemas in [Schemas::Portable, Schemas::Draft2020_12] {
        let server = Server::new("lists").tools(tools![listed, forest]).schemas(schemas);
        let mut client = Plain::connect(server).await;
        for tool in client.list().await {
            assert_eq!(tool["outputSchema"], Value::Null, "{schemas:?} {tool}");
        }
        let list = format!(r#"[{{"u":{u},"i":{i}}}]"#);
        assert_eq!(client.ask("listed", json!({})).await, (list, false), "{schemas:?}");
        let list = format!(r#"[{{"u":{u},"trees":[{{"u":1,"trees":[]}}]}}]"#);
        assert_eq!(client.ask("forest", json!({})).await, (list, false), "{schemas:?}");
    }
}

#[tokio::test]
async fn what_only_a_text_can_hold_of_a_task_is_only_there() {
    let mut client = Mcpc::connect(Server::new("numbers").tools(tools![later])).await;
    let sums = r#"{"list":[{"u":18446744073709551615,"i":-9223372036854775808},{"u":18446744073709551616,"i":-9223372036854775808}],"raw":1e+23}"#;
    let arguments = json!({"more": 1, "less": 0});
    client.call("ask", "later", arguments.clone()).await;
    let expected = json!({"content": [{"type": "text", "text": sums}], "isError": false});
    assert_eq!(client.value().await["result"], expected);
    client.start("t", "later", arguments).await;
    client.message().await;
    let line = client.line().await;
    assert!(line.contains(&sums.replace('"', r#"\""#)), "{line}");
}

#[derive(Serialize, JsonSchema)]
struct Average {
    count: Option<u8>,
    mean: f64,
    shares: BTreeMap<u8, Vec<Option<f32>>>,
    kind: Kind,
    #[serde(flatten)]
    more: BTreeMap<String, f64>,
}

#[derive(Serialize, JsonSchema)]
enum Kind {
    Plain,
    Of(f64, f64),
    With { weight: f64 },
    Only(f64),
}

fn average_of(what: &str) -> Average {
    let mut average = Average {
        count: None,
        mean: 1.0,
        shares: BTreeMap::from([(1, vec![None, Some(0.5)])]),
        kind: Kind::Plain,
        more: BTreeMap::from([("a b".to_owned(), 1.0)]),
    };
    match what {
        "mean" => average.mean = f64::NAN,
        "shares" => average.shares = BTreeMap::from([(7, vec![None, Some(f32::INFINITY)])]),
        "of" => average.kind = Kind::Of(1.0, f64::NEG_INFINITY),
        "with" => average.kind = Kind::With { weight: f64::NAN },
        "only" => average.kind = Kind::Only(f64::NAN),
        "more" => drop(average.more.insert("a b".to_owned(), f64::NAN)),
        _ => {}
    }
    average
}

/// The average of nothing.
#[mcpc::tool]
async fn average(what: String) -> Average {
    average_of(&what)
}

/// The same as a task.
#[mcpc::background]
async fn average_later(what: String) -> Average {
    average_of(&what)
}

#[mcpc::tool]
async fn float(bits: u64) -> f64 {
    f64::from_bits(bits)
}

#[mcpc::background]
async fn float_later(bits: u64) -> Option<f64> {
    Some(f64::from_bits(bits))
}

#[tokio::test]
async fn a_field_that_is_not_a_number_is_named() {
    let mut client = Plain::connect(Server::new("numbers").tools(tools![average])).await;
    for (what, problem) in [
        ("mean", "`mean` is NaN"),
        ("shares", "`shares.7[1]` is infinity"),
        ("of", "`kind.Of[1]` is -infinity"),
        ("with", "`kind.With.weight` is NaN"),
        ("only", "`kind.Only` is NaN"),
        ("more", "`[\"a b\"]` is NaN"),
    ] {
        let expected = format!(
            "the result's {problem}, for which JSON has no number; the tool has to return `null` or a string \
             there, and say so in its type"
        );
        assert_eq!(client.ask("average", json!({"what": what})).await, (expected, true));
    }
    let reply = client.reply("average", json!({"what": "all is well"})).await;
    let expected = json!({
        "count": null, "mean": 1.0, "shares": {"1": [null, 0.5]}, "kind": "Plain", "a b": 1.0,
    });
    assert_eq!(reply["result"]["structuredContent"], expected);
}

/// A plain tool promised a number.
#[tokio::test]
async fn a_float_alone_that_is_not_a_number_is_a_text_of_a_task_and_an_error_of_a_plain_tool() {
    let tools = tools![float, float_later, average_later];
    let mut client = Mcpc::connect(Server::new("numbers").tools(tools)).await;
    for (float, text) in
        [(f64::NAN, "NaN"), (f64::INFINITY, "infinity"), (f64::NEG_INFINITY, "-infinity")]
    {
        let bits = || json!({"bits": float.to_bits()});
        assert_eq!(client.ask("float_later", bits()).await, (text.to_owned(), false));
        let expected = format!(
            "the result is {text}, for which JSON has no number; the tool has to return `null` or a string \
             there, and say so in its type"
        );
        assert_eq!(client.ask("float", bits()).await, (expected, true));
    }
    for tool in ["float", "float_later"] {
        let answer = client.ask(tool, json!({"bits": 1.5_f64.to_bits()})).await;
        assert_eq!(answer, ("1.5".to_owned(), false), "{tool}");
    }
    // To an MCPC client both are `null`, as the reference writes them.
    assert_eq!(
        client.events("float_later", json!({"bits": f64::NAN.to_bits()})).await[1],
        ("complete".to_owned(), Value::Null)
    );
    assert_eq!(
        client.events("average_later", json!({"what": "mean"})).await[1].1["mean"],
        Value::Null
    );
}

#[tokio::test]
async fn a_number_that_no_float_can_be_is_named() {
    let mut client = Plain::connect(server()).await;
    for (arguments, number) in [
        (r#"{"n":1e400}"#, "1e400"),
        (r#"{"n":[1, -1.5E+309 ]}"#, "-1.5E+309"),
        (r#"{"m":"1e400","n":9e999999999999}"#, "9e999999999999"),
    ] {
        let params = format!(r#"{{"name":"float_of","arguments":{arguments}}}"#);
        let call = r#""jsonrpc":"2.0","method":"tools/call""#;
        client.send(&format!(r#"{{{call},"params":{params},"id":"large"}}"#)).await;
        let message = format!("the number {number} is too large");
        let error = json!({"code": -32600, "message": message});
        assert_eq!(client.value().await, json!({"jsonrpc": "2.0", "id": "large", "error": error}));
    }
    // A text that would be such a number is a text.
    assert_eq!(
        answer(&mut client, "float_of", r#""1e400""#).await,
        r#"argument `n`: expected a number, got the string "1e400""#
    );
}
