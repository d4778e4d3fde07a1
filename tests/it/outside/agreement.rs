//! A schema and the type it was made of accept the same values and refuse the same ones.

#[path = "../../servers/agreement.rs"]
mod servers;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use mcpc::Schemas;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use self::servers::{
    Adjacent, Bounded, Closed, Containers, Entry, Level, Limited, Newtype, Point, Price, Scalars,
    Several, Shape, Tagged, Tree, server,
};
use crate::support::{Plain, Wire};

/// A value that something is to be made of.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
        (-70_000_i64..70_000).prop_map(Value::from),
        (-5_000_000_000_i64..5_000_000_000).prop_map(Value::from),
        (-9_i8..=9).prop_map(|number| json!(f64::from(number))),
        (-1.0..1.0).prop_map(Value::from),
        "[a-cäA-C0-9]{0,5}".prop_map(Value::from),
        prop::sample::select(vec!["Low", "Nothing", "Circle", "empty", "x", "5"])
            .prop_map(Value::from),
        Just(Value::Null),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        let key = prop::sample::select(vec!["x", "y", "a", "1", "+7", "Circle", "Nothing", "name"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..3).prop_map(|map| Value::Object(
                map.into_iter().map(|(k, v)| (k.into(), v)).collect()
            )),
        ]
    })
}

/// One change to a value: something in it is replaced, or taken out, or joined by something.
#[derive(Clone, Debug)]
enum Change {
    Replace(Index, Value),
    Remove(Index, Index),
    Add(Index, Value),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (any::<Index>(), any_json()).prop_map(|(at, value)| Change::Replace(at, value)),
        2 => any::<(Index, Index)>().prop_map(|(at, which)| Change::Remove(at, which)),
        1 => (any::<Index>(), any_json()).prop_map(|(at, value)| Change::Add(at, value)),
    ]
}

fn places(value: &Value) -> usize {
    let inside: usize = match value {
        Value::Array(items) => items.iter().map(places).sum(),
        Value::Object(entries) => entries.values().map(places).sum(),
        _ => 0,
    };
    1 + inside
}

/// Does something to the value at a place, counted from the outside in.
fn at(value: &mut Value, place: &mut usize, act: &mut dyn FnMut(&mut Value)) {
    if *place == 0 {
        act(value);
        *place = usize::MAX;
        return;
    }
    *place -= 1;
    let inside: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(entries) => entries.values_mut().collect(),
        _ => Vec::new(),
    };
    for value in inside {
        if *place == usize::MAX {
            return;
        }
        at(value, place, act);
    }
}

fn apply(value: &mut Value, change: &Change) {
    let places = places(value);
    match change {
        Change::Replace(place, new) => {
            at(value, &mut place.index(places), &mut |old| *old = new.clone());
        }
        Change::Remove(place, which) => at(value, &mut place.index(places), &mut |old| match old {
            Value::Array(items) if !items.is_empty() => {
                items.remove(which.index(items.len()));
            }
            Value::Object(entries) if !entries.is_empty() => {
                let key = entries.keys().nth(which.index(entries.len())).cloned();
                entries.shift_remove(&key.expect("an entry"));
            }
            _ => {}
        }),
        Change::Add(place, new) => at(value, &mut place.index(places), &mut |old| match old {
            Value::Array(items) => items.push(new.clone()),
            Value::Object(entries) => {
                entries.insert("extra".to_owned(), new.clone());
            }
            _ => {}
        }),
    }
}

/// Whether `null` is anywhere in a value. Where something may be left out, a type takes `null` for that,
/// which the portable schema does not say; nor does any schema where `#[arg(default)]` is the reason.
fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(entries) => entries.values().any(has_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn has_large(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_i64().is_some_and(|it| i32::try_from(it).is_err()),
        Value::Array(items) => items.iter().any(has_large),
        Value::Object(entries) => entries.values().any(has_large),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// Whether serde takes more than the schema in places where it reads from a copy of its own, which
/// nobody but serde sees: of enums whose tag is among their fields, or beside them.
fn is_beyond_us(tool: &str, value: &Value) -> bool {
    match value {
        // Variants by number; structs as lists.
        Value::Array(_) => tool == "tagged" || tool == "adjacent",
        Value::Object(entries) => {
            let tag = if tool == "tagged" { "kind" } else { "t" };
            let numbered = entries.get(tag).is_some_and(Value::is_number);
            let float = entries.values().any(Value::is_f64);
            (tool == "tagged" || tool == "adjacent")
                && (numbered || float || entries.values().any(|value| is_beyond_us(tool, value)))
        }
        _ => false,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Holds the two against each other: for a valid value, and for what a few changes make of it.
fn agree(tool: &str, valid: &Value) {
    let runtime = runtime();
    for schemas in [Schemas::Portable, Schemas::Draft2020_12] {
        let setting = format!("{schemas:?}");
        let connecting = async {
            Plain::begin(Wire::open_outside("agreement", &setting, || server(schemas))).await
        };
        let client = Mutex::new(runtime.block_on(connecting));
        let connecting = Plain::connect(server(schemas).exact_arguments(false));
        let lenient = Mutex::new(runtime.block_on(connecting));
        let schema = runtime
            .block_on(async { client.lock().await.listed(tool).await["inputSchema"].clone() });
        let validator = jsonschema::draft202012::new(&schema).expect("a schema");
        let (accepted, refused) = (Cell::new(0), Cell::new(0));
        // More than by default: of a type that takes nearly everything, few are refused.
        let config = Config { cases: 512, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new(config);
        let changes = prop::collection::vec(change(), 0..3);
        runner
            .run(&changes, |changes| {
                let mut value = valid.clone();
                changes.iter().for_each(|change| apply(&mut value, change));
                if !value.is_object() || is_beyond_us(tool, &value["value"]) {
                    return Ok(());
                }
                let answer = async { client.lock().await.ask(tool, value.clone()).await };
                let (text, is_error) = runtime.block_on(answer);
                let fits = validator.is_valid(&value);
                // There, `int32` is a format, and formats are no limits.
                if schemas == Schemas::Draft2020_12 && has_large(&value) {
                    return Ok(());
                }
                let takes_more = schemas == Schemas::Portable || tool == "checked";
                if takes_more && has_null(&value) && !fits {
                    return Ok(());
                }
                prop_assert_eq!(fits, !is_error, "{:?}: {}: {}", schemas, value, text);
                if !is_error {
                    let answer = async { lenient.lock().await.ask(tool, value.clone()).await };
                    prop_assert_eq!(runtime.block_on(answer), (text, false), "{}", value);
                }
                let count = if fits { &accepted } else { &refused };
                count.set(count.get() + 1);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{error}\n{schema}"));
        let (accepted, refused) = (accepted.get(), refused.get());
        assert!(accepted > 10 && refused > 10, "{tool}: {accepted} accepted, {refused} refused");
    }
}

fn value(value: impl Serialize) -> Value {
    json!({ "value": value })
}

#[test]
fn of_scalars() {
    let scalars = Scalars {
        flag: true,
        byte: -5,
        short: 5,
        int: -70_000,
        unsigned: 5,
        float: 0.5,
        letter: 'ä',
        text: "text".to_owned(),
    };
    agree("scalars", &value(&scalars));
    agree("optional", &value(&scalars));
}

#[test]
fn of_containers() {
    agree(
        "containers",
        &value(Containers {
            list: vec![1, 2],
            pair: (1, "a".to_owned()),
            array: [true, false],
            set: BTreeSet::from([1, 2]),
            map: BTreeMap::from([("a".to_owned(), -1)]),
            numbered: BTreeMap::from([(7, true)]),
            maybe: Some(1),
            deep: vec![Some(Point { x: 1, y: Some(0.5) })],
        }),
    );
}

#[test]
fn of_what_may_be_null_or_of_several_types() {
    let point = Point { x: 1, y: Some(0.5) };
    agree(
        "several",
        &value(Several {
            price: Price(json!("12")),
            prices: vec![Some(Price(json!(0.5))), None],
            numbers: vec![Some(1), None],
            levels: vec![Some(Level::Low), None],
            points: BTreeMap::from([("a".to_owned(), Some(point)), ("x".to_owned(), None)]),
        }),
    );
}

#[test]
fn of_enums() {
    let point = Point { x: 1, y: Some(0.5) };
    agree("shape", &value(Shape::Nothing));
    agree("shape", &value(Shape::Circle(5)));
    agree("shape", &value(Shape::Line(point.clone(), point.clone())));
    agree("shape", &value(Shape::Square { corner: point, name: Some("a".to_owned()) }));
}

#[test]
fn of_tagged_enums() {
    agree("tagged", &value(Tagged::Empty));
    agree("tagged", &value(Tagged::Named { name: "a".to_owned(), size: Some(1) }));
    agree("tagged", &value(Tagged::Flagged { flag: true }));
    agree("adjacent", &value(Adjacent::Number(5)));
    agree("adjacent", &value(Adjacent::Text { text: "a".to_owned() }));
}

#[test]
fn of_types_that_contain_themselves() {
    let leaf = Tree { name: Newtype("b".to_owned()), level: Level::Low, children: Vec::new() };
    let tree = Tree { name: Newtype("a".to_owned()), level: Level::High, children: vec![leaf] };
    agree("tree", &value(tree));
}

#[test]
fn of_limits_inside_of_a_type() {
    let list = vec![Bounded::Upto(5), Bounded::Word("ab".to_owned())];
    agree("limited", &value(Limited { number: 5, text: Some("abc".to_owned()), list }));
}

#[test]
fn of_what_the_attribute_asks() {
    agree(
        "checked",
        &json!({
            "number": 5, "float": 0.1, "text": "abc", "list": [true, true, false],
            "map": {"a": 1}, "default": 7, "region": "eu",
        }),
    );
}

#[test]
fn of_fields_as_arguments() {
    let point = Point { x: 1, y: Some(0.5) };
    let entry = Entry { first: 1, x: vec![point], number: Some(5) };
    let arguments = |others: Value| {
        let mut arguments = serde_json::to_value(&entry).expect("JSON");
        let others = others.as_object().expect("an object").clone();
        arguments.as_object_mut().expect("an object").extend(others);
        arguments
    };
    agree("grouped", &arguments(json!({"name": "Low", "y": 0.5})));
    agree("open", &arguments(json!({"1": 5, "b": 255})));
    agree("all", &arguments(json!({})));
}

#[test]
fn of_a_schema_that_was_given() {
    let closed = Closed { x: 1, name: Level::High, texts: vec!["a".to_owned()] };
    agree("given", &serde_json::to_value(closed).expect("JSON"));
}
