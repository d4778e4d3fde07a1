//! What a refused call is told to send instead, and that it is told everything at once.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mcpc::{Server, tools};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::Plain;

macro_rules! takes {
    ($($name:ident: $(#[$arg:meta])? $ty:ty),* $(,)?) => {
        $(
            #[mcpc::tool]
            async fn $name($(#[$arg])? value: $ty) {
                let _ = value;
            }
        )*

        fn server() -> Server {
            Server::new("advice").tools(tools![$($name),*])
        }
    };
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is only read")]
struct Formats {
    day: chrono::NaiveDate,
    days: Vec<chrono::NaiveDate>,
    id: Option<uuid::Uuid>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "kind")]
#[allow(dead_code, reason = "it is only read")]
enum Event {
    Once { day: chrono::NaiveDate, size: u8 },
    Never { reason: String },
    Painted { day: chrono::NaiveDate, color: Color },
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Color;

impl TryFrom<String> for Color {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.starts_with('#') { Ok(Self) } else { Err(format!("`{text}` is not a color")) }
    }
}

impl JsonSchema for Color {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Color".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "examples": ["#ff0000"]})
    }
}

/// A decimal, as the schemas of `rust_decimal` and `bigdecimal` have it.
#[derive(Deserialize)]
#[serde(try_from = "Value")]
struct Decimal;

impl TryFrom<Value> for Decimal {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let is_one =
            value.is_number() || value.as_str().is_some_and(|it| it.parse::<f64>().is_ok());
        if is_one { Ok(Self) } else { Err("Invalid decimal: unknown character".to_owned()) }
    }
}

impl JsonSchema for Decimal {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Decimal".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let pattern = r"^-?\d+(\.\d+)?([eE]\d+)?$";
        schemars::json_schema!({"type": ["string", "number"], "pattern": pattern})
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
struct Email(
    #[schemars(email)]
    #[allow(dead_code, reason = "it is only read")]
    String,
);

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is only read")]
struct Coded {
    #[schemars(regex(pattern = "^[A-Z]{2}$"), example = &"DE")]
    country: String,
    #[schemars(example = 5)]
    size: u8,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "it is only read")]
struct Closed {
    a: String,
    b: String,
    c: u8,
    d: Option<u8>,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is only read")]
struct Flat {
    own: u8,
    #[serde(flatten)]
    at: At,
    #[serde(flatten)]
    kind: Kind,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is only read")]
struct At {
    x: u8,
    y: u8,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "kind")]
#[allow(dead_code, reason = "it is only read")]
enum Kind {
    Line { length: u8, width: u8 },
    Dot,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "t", content = "c")]
#[allow(dead_code, reason = "it is only read")]
enum Adjacent {
    Point(At),
    Day(chrono::NaiveDate),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "it is only read")]
struct Renamed {
    #[serde(alias = "town")]
    city: String,
    number: u8,
}

#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "chrono::NaiveDate")]
struct Late;

impl TryFrom<chrono::NaiveDate> for Late {
    type Error = &'static str;

    fn try_from(day: chrono::NaiveDate) -> Result<Self, Self::Error> {
        if day > chrono::NaiveDate::MIN { Err("the day is over") } else { Ok(Self) }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "Days")]
struct Span;

#[derive(Deserialize, JsonSchema)]
struct Days {
    from: chrono::NaiveDate,
    to: chrono::NaiveDate,
}

impl TryFrom<Days> for Span {
    type Error = &'static str;

    fn try_from(days: Days) -> Result<Self, Self::Error> {
        if days.from > days.to { Err("it ends before it begins") } else { Ok(Self) }
    }
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is only read")]
struct Open {
    first: String,
    second: String,
    number: u8,
}

takes! {
    day: chrono::NaiveDate,
    when: chrono::DateTime<chrono::Utc>,
    local: chrono::NaiveDateTime,
    clock: Option<chrono::NaiveTime>,
    id: uuid::Uuid,
    page: url::Url,
    address: IpAddr,
    four: Ipv4Addr,
    six: Option<Ipv6Addr>,
    decimal: Decimal,
    email: Email,
    color: Color,
    colors: Vec<Color>,
    formats: Formats,
    event: Event,
    coded: Coded,
    text: String,
    number: #[arg(example = 5)] u8,
    list: #[arg(example = vec![1, 2])] Vec<u8>,
    word: #[arg(example = "abc", pattern = "^[a-z]+$")] String,
    closed: Closed,
    closed_map: BTreeMap<String, Closed>,
    flat: Flat,
    adjacent: Adjacent,
    renamed: Renamed,
    open: Open,
    days: Vec<chrono::NaiveDate>,
    late: Late,
    span: Span,
}

async fn table(rows: &[(&str, Value, &[&str])]) {
    let mut client = Plain::connect(server()).await;
    for (tool, value, expected) in rows {
        let (text, is_error) = client.ask(tool, json!({ "value": value })).await;
        assert_eq!(text.lines().collect::<Vec<_>>(), *expected, "{tool} {value}");
        assert!(is_error, "{tool} {value}");
    }
}

#[tokio::test]
async fn a_format_that_has_to_be_guessed_is_shown() {
    table(&[
        ("day", json!("tomorrow"), &[r#"argument `value`: expected a date like "2026-11-29", got the string "tomorrow""#]),
        // What looks like one to anybody but the type.
        ("day", json!("2026-02-30"), &[r#"argument `value`: expected a date like "2026-11-29", got the string "2026-02-30": input is out of range"#]),
        ("day", json!(5), &[r#"argument `value`: expected a date like "2026-11-29", got the number 5"#]),
        ("when", json!("now"), &[r#"argument `value`: expected a date and time like "2026-11-29T13:30:00Z", got the string "now""#]),
        ("local", json!("2026-11-29"), &[r#"argument `value`: expected a date and time without a time zone like "2026-11-29T13:30:00", got the string "2026-11-29": premature end of input"#]),
        ("clock", json!("noon"), &[r#"argument `value`: expected a time like "13:30:00", got the string "noon""#]),
        ("id", json!("5"), &[r#"argument `value`: expected a UUID like "67e55044-10b1-426f-9247-bb680e5fe0c8", got the string "5""#]),
        ("page", json!("/index"), &[r#"argument `value`: expected a URL like "https://example.com/page", got the string "/index""#]),
        ("address", json!("localhost"), &[r#"argument `value`: expected an IP address like "192.0.2.1", got the string "localhost""#]),
        ("four", json!("::1"), &[r#"argument `value`: expected an IPv4 address like "192.0.2.1", got the string "::1": invalid IPv4 address syntax"#]),
        ("six", json!("10.0.0.1"), &[r#"argument `value`: expected an IPv6 address like "2001:db8::1", got the string "10.0.0.1": invalid IPv6 address syntax"#]),
        ("decimal", json!("12,50"), &[r#"argument `value`: expected a decimal number like "12.50", got the string "12,50""#]),
        ("decimal", json!(true), &[r#"argument `value`: expected a decimal number like "12.50", got true"#]),
        ("days", json!(["2026-11-29", "soon"]), &[r#"argument `value[1]`: expected a date like "2026-11-29", got the string "soon""#]),
    ])
    .await;
}

#[tokio::test]
async fn what_an_author_gave_as_an_example_is_shown() {
    table(&[
        ("number", json!("x"), &[r#"argument `value`: expected a whole number like 5, got the string "x""#]),
        ("list", json!("x"), &[r#"argument `value`: expected an array like [1,2], got the string "x""#]),
        ("word", json!("ABC"), &[r#"argument `value`: the string "ABC" does not match the pattern `^[a-z]+$`; an example is "abc""#]),
        ("word", json!(5), &[r#"argument `value`: expected a string like "abc", got the number 5"#]),
        ("color", json!("red"), &[r##"argument `value`: `red` is not a color; an example is "#ff0000""##]),
        (
            "coded",
            json!({"country": "Germany", "size": "large"}),
            &[
                r#"argument `value.country`: the string "Germany" does not match the pattern `^[A-Z]{2}$`; an example is "DE""#,
                r#"argument `value.size`: expected a whole number like 5, got the string "large""#,
            ],
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_number_for_a_string_is_to_be_sent_as_one() {
    table(&[
        (
            "text",
            json!(5),
            &[r#"argument `value`: expected a string, got the number 5; send it as a string: "5""#],
        ),
        (
            "text",
            json!(true),
            &[r#"argument `value`: expected a string, got true; send it as a string: "true""#],
        ),
        ("text", json!(["a"]), &["argument `value`: expected a string, got an array"]),
        ("text", json!(null), &["argument `value`: expected a string, got null"]),
    ])
    .await;
}

#[tokio::test]
async fn all_that_is_wrong_inside_of_a_value_is_told_at_once() {
    let closed = [
        "argument `value.a` is missing",
        "argument `value.b` is missing",
        r#"argument `value.c`: expected a whole number, got the string "x""#,
        "unknown argument `value.e`; expected one of `a`, `b`, `c`, `d`",
    ];
    table(&[
        ("closed", json!({"c": "x", "e": 1}), &closed),
        ("closed", json!({"e": 1, "c": "x"}), &[closed[0], closed[1], closed[3], closed[2]]),
        (
            "closed_map",
            json!({"k": {"e": 1, "a": "", "b": ""}, "l": {"c": 300}}),
            &[
                "argument `value.k.c` is missing",
                "unknown argument `value.k.e`; expected one of `a`, `b`, `c`, `d`",
                "argument `value.l.a` is missing",
                "argument `value.l.b` is missing",
                "argument `value.l.c`: 300 is not in 0..=255",
            ],
        ),
        (
            "formats",
            json!({"day": "2026-02-30", "days": ["2026-02-30", "2026-11-29", "soon"], "id": "x"}),
            &[
                r#"argument `value.days[2]`: expected a date like "2026-11-29", got the string "soon""#,
                r#"argument `value.id`: expected a UUID like "67e55044-10b1-426f-9247-bb680e5fe0c8", got the string "x""#,
                r#"argument `value.day`: expected a date like "2026-11-29", got the string "2026-02-30": input is out of range"#,
                r#"argument `value.days[0]`: expected a date like "2026-11-29", got the string "2026-02-30": input is out of range"#,
            ],
        ),
        (
            "event",
            json!({"kind": "Once", "day": "2026-02-30", "size": 300}),
            &[
                "argument `value.size`: 300 is not in 0..=255",
                r#"argument `value.day`: expected a date like "2026-11-29", got the string "2026-02-30": input is out of range"#,
            ],
        ),
        (
            "adjacent",
            json!({"t": "Day", "c": "2026-02-30"}),
            &[r#"argument `value.c`: expected a date like "2026-11-29", got the string "2026-02-30": input is out of range"#],
        ),
        (
            "event",
            json!({"kind": "Painted", "day": "2026-11-30", "color": "red"}),
            &[r##"argument `value.color`: `red` is not a color; an example is "#ff0000""##],
        ),
        (
            "colors",
            json!(["red", "#fff", "green"]),
            &[
                r##"argument `value[0]`: `red` is not a color; an example is "#ff0000""##,
                r##"argument `value[2]`: `green` is not a color; an example is "#ff0000""##,
            ],
        ),
        (
            "flat",
            json!({"own": "a", "x": 300, "kind": "Line", "width": "b"}),
            &[
                r#"argument `value.own`: expected a whole number, got the string "a""#,
                "argument `value.x`: 300 is not in 0..=255",
                "argument `value.length` is missing",
                r#"argument `value.width`: expected a whole number, got the string "b""#,
                "argument `value.y` is missing",
            ],
        ),
        (
            "adjacent",
            json!({"t": "Point", "c": {"x": 300}}),
            &["argument `value.c.y` is missing", "argument `value.c.x`: 300 is not in 0..=255"],
        ),
        (
            "open",
            json!({"number": "x", "more": 1}),
            &[
                r#"argument `value.number`: expected a whole number, got the string "x""#,
                "argument `value.first` is missing",
                "argument `value.second` is missing",
            ],
        ),
        // Another name of a field is none that is unknown, nor is the field missing.
        ("renamed", json!({"town": "x", "number": 300}), &["argument `value.number`: 300 is not in 0..=255"]),
    ])
    .await;
}

#[tokio::test]
async fn the_reason_of_a_type_is_told_as_it_is() {
    let expected = r#"argument `value`: expected a date like "2026-11-29", got the string "2020-01-01": the day is over"#;
    table(&[
        ("late", json!("2020-01-01"), &[expected]),
        // None of the two is to blame.
        (
            "span",
            json!({"from": "2026-12-01", "to": "2026-11-01"}),
            &["argument `value`: it ends before it begins"],
        ),
        (
            "span",
            json!({"from": "soon", "to": "2020-01-01"}),
            &[r#"argument `value.from`: expected a date like "2026-11-29", got the string "soon""#],
        ),
    ])
    .await;
}
