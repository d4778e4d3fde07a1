//! Reads a value out of JSON, and tells where in it a problem is.
//!
//! `serde_json::Value` reads itself, too, but tells no place; and it is more lenient than the schema of
//! a type: what is refused by the one is refused by the other here. So an array is not a struct, a whole
//! number may be written `20.0` and have 128 bits, and a variant without data is a string.

use std::cmp::Ordering;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Number, Value};

use super::refusal::{Refusal, expected_content};
use crate::numbers::{Large, Whole, is_large};
use crate::phrases::{Step, kind, quoted};

type Result<T> = std::result::Result<T, Refusal>;

/// A value to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    pub(super) json: &'a Value,
    /// What the value does not keep of its large numbers.
    large: Option<&'a Large>,
}

impl<'a> Reader<'a> {
    /// Of a value whose large numbers, if it has any, are not known any better.
    pub(crate) fn new(json: &'a Value) -> Self {
        Self { json, large: None }
    }

    pub(crate) fn with_large(self, large: Option<&'a Large>) -> Self {
        Self { large, ..self }
    }

    pub(super) fn large(self) -> Option<&'a Large> {
        self.large
    }

    pub(super) fn item(self, index: usize, item: &'a Value) -> Self {
        Self { json: item, large: self.large.and_then(|large| large.of_item(index)) }
    }

    pub(super) fn entry(self, name: &str, value: &'a Value) -> Self {
        Self { json: value, large: self.large.and_then(|large| large.of_entry(name)) }
    }

    /// The whole number that is written here, if the value itself is only near it.
    pub(super) fn large_number(self) -> Option<Whole> {
        self.large?.number()
    }

    /// What is said of a number that is not held as it was written, or may not be, where it is to be whole.
    pub(super) fn lost_digits(self) -> Option<String> {
        let Value::Number(number) = self.json else { return None };
        if !is_large(self.json) {
            return None;
        }
        let text = self.large.and_then(Large::short_text);
        let number = text.map_or_else(|| number.to_string(), str::to_owned);
        match self.large {
            Some(large) => large
                .first_inexact(self.json)
                .map(|_| format!("{number} would lose digits: {MOST_BITS}")),
            None => {
                let whole = Whole::of_float(self.json.as_f64()?);
                (!whole.is_some_and(is_short)).then(|| may_have_lost_digits(&number))
            }
        }
    }

    /// The whole number that this is, if it is not just an integer of 64 bits: JSON Schema calls `20.0` one,
    /// too. `None` if the type itself is to accept or refuse the value.
    fn whole(self, least: Whole, most: Whole) -> Result<Option<Whole>> {
        let Value::Number(number) = self.json else { return Ok(None) };
        if number.is_u64() || number.is_i64() {
            return Ok(None);
        }
        let float = number.as_f64().filter(|_| number.is_f64());
        let whole = match (self.large, float) {
            (Some(_), _) => self.large_number(),
            (None, Some(float)) => Whole::of_float(float),
            (None, None) => Whole::of(number),
        };
        let is_in = |whole: Whole| (least..=most).contains(&whole);
        let is_exact = self.large.is_some() || !is_large(self.json);
        match (whole, float) {
            // Digits that a float has no room for may have been lost on the way here.
            (Some(whole), _) if is_in(whole) && !is_exact && !is_short(whole) => {
                Err(Refusal::wrong(may_have_lost_digits(&number.to_string())))
            }
            (Some(whole), _) if is_in(whole) || !is_large(self.json) => Ok(Some(whole)),
            (Some(whole), _) => Err(Refusal::limit(format!("{whole} is not in {least}..={most}"))),
            // The least `i128` is a float, which what is just below it is rounded to.
            (None, Some(float))
                if most.compare(float).is_some_and(Ordering::is_lt)
                    || least.compare(float).is_some_and(Ordering::is_ge) =>
            {
                let text = self.large.and_then(Large::short_text);
                let number = text.map_or_else(|| number.to_string(), str::to_owned);
                Err(Refusal::limit(format!("{number} is not in {least}..={most}")))
            }
            (None, _) => Ok(None),
        }
    }
}

const MOST_BITS: &str = "a whole number can have a maximum of 64 bits here";

#[cold]
fn may_have_lost_digits(number: &str) -> String {
    format!("{number} may have lost digits: {MOST_BITS}")
}

/// Whether a number has no more than 64 bits.
fn is_short(whole: Whole) -> bool {
    (i64::MIN.into()..=u64::MAX.into()).contains(&whole)
}

/// What a type that wants a whole number is given.
macro_rules! whole_numbers {
    ($($method:ident: $integer:ty),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            match self.whole(<$integer>::MIN.into(), <$integer>::MAX.into())? {
                Some(number) => visit_whole(number, visitor),
                None => self.deserialize_any(visitor),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.json {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Number(number) => visit_number(number, visitor),
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visit_array(self, items, visitor),
            Value::Object(entries) => visit_object(self, entries, visitor),
        }
    }

    whole_numbers! {
        deserialize_i8: i8,
        deserialize_i16: i16,
        deserialize_i32: i32,
        deserialize_i64: i64,
        deserialize_i128: i128,
        deserialize_u8: u8,
        deserialize_u16: u16,
        deserialize_u32: u32,
        deserialize_u64: u64,
        deserialize_u128: u128,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.json {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        if name.starts_with("$serde_json::private::") {
            // Its `RawValue`, which only its own deserializers can make.
            return self.json.deserialize_newtype_struct(name, visitor).map_err(Refusal::custom);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.json {
            Value::Array(_) => Err(Refusal::invalid_type(Unexpected::Seq, &visitor)),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.json {
            Value::String(name) => visitor.visit_enum(Variant { name, content: None }),
            Value::Object(entries) if entries.len() == 1 => {
                let (name, content) = entries.iter().next().expect("there is one");
                visitor.visit_enum(Variant { name, content: Some(self.entry(name, content)) })
            }
            Value::Object(_) => Err(Refusal::wrong("expected an object with one key")),
            other => other.deserialize_any(visitor).map_err(|_| {
                let came = kind(other);
                Refusal::wrong(format!("expected a string or an object with one key, got {came}"))
            }),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        identifier
    }
}

fn visit_number<'de, V: Visitor<'de>>(number: &Number, visitor: V) -> Result<V::Value> {
    if let Some(number) = number.as_u64() {
        visitor.visit_u64(number)
    } else if let Some(number) = number.as_i64() {
        visitor.visit_i64(number)
    } else {
        // Finite, as JSON has no other.
        visitor.visit_f64(number.as_f64().unwrap_or(f64::MAX))
    }
}

fn visit_whole<'de, V: Visitor<'de>>(number: Whole, visitor: V) -> Result<V::Value> {
    match number {
        Whole::Natural(number) => match number.try_into() {
            Ok(number) => visitor.visit_u64(number),
            Err(_) => visitor.visit_u128(number),
        },
        Whole::Negative(number) => match number.try_into() {
            Ok(number) => visitor.visit_i64(number),
            Err(_) => visitor.visit_i128(number),
        },
    }
}

fn visit_array<'de, V: Visitor<'de>>(
    array: Reader<'de>,
    items: &'de [Value],
    visitor: V,
) -> Result<V::Value> {
    let mut rest = Items { array, items: items.iter(), index: 0 };
    let value = visitor.visit_seq(&mut rest)?;
    match rest.items.len() {
        0 => Ok(value),
        _ => Err(Refusal::invalid_length(items.len(), &"fewer items")),
    }
}

struct Items<'a> {
    array: Reader<'a>,
    items: std::slice::Iter<'a, Value>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Refusal;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let index = self.index;
        self.index += 1;
        let item = seed.deserialize(self.array.item(index, item));
        item.map(Some).map_err(|refusal| refusal.inside(Step::Index(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

fn visit_object<'de, V: Visitor<'de>>(
    object: Reader<'de>,
    entries: &'de Map<String, Value>,
    visitor: V,
) -> Result<V::Value> {
    visitor.visit_map(Entries { object, entries: entries.iter(), current: None })
}

struct Entries<'a> {
    object: Reader<'a>,
    entries: serde_json::map::Iter<'a>,
    current: Option<(&'a str, &'a Value)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Refusal;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.current = Some((key, value));
        seed.deserialize(Key(key)).map(Some).map_err(|refusal| refusal.of_key(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        let (key, value) = self.current.take().expect("serde asks for a key first");
        let value = seed.deserialize(self.object.entry(key, value));
        value.map_err(|refusal| refusal.inside(Step::Key(key.into())))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// A key, which is a string in JSON, whatever it is in Rust.
struct Key<'a>(&'a str);

macro_rules! parsed_keys {
    ($($method:ident: $ty:ty => $visit:ident),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            match self.0.parse::<$ty>() {
                // Rust reads `+5`, too, but no schema says so.
                Ok(key) if !self.0.starts_with('+') => visitor.$visit(key),
                _ => self.deserialize_any(visitor),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Refusal;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_borrowed_str(self.0)
    }

    parsed_keys! {
        deserialize_bool: bool => visit_bool,
        deserialize_i8: i8 => visit_i8,
        deserialize_i16: i16 => visit_i16,
        deserialize_i32: i32 => visit_i32,
        deserialize_i64: i64 => visit_i64,
        deserialize_i128: i128 => visit_i128,
        deserialize_u8: u8 => visit_u8,
        deserialize_u16: u16 => visit_u16,
        deserialize_u32: u32 => visit_u32,
        deserialize_u64: u64 => visit_u64,
        deserialize_u128: u128 => visit_u128,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        visitor.visit_enum(Variant { name: self.0, content: None })
    }

    forward_to_deserialize_any! {
        f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

/// A variant of an enum: `"name"`, or `{"name": content}`.
struct Variant<'a> {
    name: &'a str,
    content: Option<Reader<'a>>,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Refusal;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self)> {
        let variant = seed.deserialize(BorrowedStrDeserializer::<Refusal>::new(self.name))?;
        Ok((variant, self))
    }
}

impl<'a> Variant<'a> {
    /// Reads the content, if there is any.
    fn read<T>(self, read: impl FnOnce(Reader<'a>) -> Result<T>) -> Result<T> {
        let Self { name, content } = self;
        match content {
            Some(content) => {
                read(content).map_err(|refusal| refusal.inside(Step::Key(name.into())))
            }
            None => Err(Refusal::wrong(expected_content(name))),
        }
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Refusal;

    fn unit_variant(self) -> Result<()> {
        match self.content {
            None => Ok(()),
            Some(_) => {
                let name = quoted(self.name);
                Err(Refusal::wrong(format!("expected the string {name}, got an object")))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        self.read(|content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.read(|content| content.deserialize_any(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.read(|content| content.deserialize_struct("", fields, visitor))
    }
}
