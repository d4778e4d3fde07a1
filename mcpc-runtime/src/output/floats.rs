//! Looks for floats that JSON has no number for: NaN and the infinities, which are written as `null`.

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use crate::phrases::Step;

/// A float that JSON has no number for, and where it is.
#[derive(Debug)]
pub(super) struct NoNumber {
    /// From the outside in.
    pub(super) path: Vec<Step>,
    float: f64,
}

impl NoNumber {
    /// The first one in a value. Looks at every part of it, but writes nothing.
    pub(super) fn first(value: &(impl Serialize + ?Sized)) -> Option<Self> {
        value.serialize(Search).err().and_then(|stop| *stop.0)
    }

    pub(super) fn in_words(&self) -> &'static str {
        match self.float {
            f64::INFINITY => "infinity",
            f64::NEG_INFINITY => "-infinity",
            _ => "NaN",
        }
    }
}

/// Ends the search; without a float if the value cannot be written at all. A pointer, as it is part of what each
/// type of a user's compiles to, as are the types that are searched with.
#[derive(Debug, thiserror::Error)]
#[error("the search is over")]
struct Stop(Box<Option<NoNumber>>);

impl Stop {
    #[cold]
    fn inside(mut self, step: Step) -> Self {
        if let Some(found) = &mut *self.0 {
            found.path.insert(0, step);
        }
        self
    }

    #[cold]
    fn inside_of(self, name: &str) -> Self {
        self.inside(Step::Key(name.into()))
    }
}

impl Error for Stop {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self(Box::new(None))
    }
}

#[cold]
fn not_a_number(float: f64) -> Stop {
    Stop(Box::new(Some(NoNumber { path: Vec::new(), float })))
}

type Result<T = ()> = std::result::Result<T, Stop>;

struct Search;

macro_rules! others {
    ($($method:ident($ty:ty))*) => {
        $(fn $method(self, _: $ty) -> Result {
            Ok(())
        })*
    };
}

impl Serializer for Search {
    type Ok = ();
    type Error = Stop;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Entries;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    others! {
        serialize_bool(bool) serialize_char(char) serialize_str(&str) serialize_bytes(&[u8])
        serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_i128(i128)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_u128(u128)
        serialize_unit_struct(&'static str)
    }

    fn serialize_f32(self, float: f32) -> Result {
        self.serialize_f64(float.into())
    }

    fn serialize_f64(self, float: f64) -> Result {
        match float.is_finite() {
            true => Ok(()),
            false => Err(not_a_number(float)),
        }
    }

    fn serialize_none(self) -> Result {
        Ok(())
    }

    fn serialize_unit(self) -> Result {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        value.serialize(self).map_err(|stop| stop.inside_of(variant))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items> {
        Ok(Items { variant: None, index: 0 })
    }

    fn serialize_tuple(self, _: usize) -> Result<Items> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items> {
        Ok(Items { variant: Some(variant), index: 0 })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries> {
        Ok(Entries(None))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields> {
        Ok(Fields { variant: None })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields> {
        Ok(Fields { variant: Some(variant) })
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, _: &T) -> Result {
        Ok(())
    }
}

/// What is in a list.
struct Items {
    /// The variant of an enum that the list is the content of.
    variant: Option<&'static str>,
    index: usize,
}

impl Items {
    fn item<T: Serialize + ?Sized>(&mut self, item: &T) -> Result {
        let index = self.index;
        self.index += 1;
        item.serialize(Search)
            .map_err(|stop| outside(stop.inside(Step::Index(index)), self.variant))
    }
}

/// What is in a struct.
struct Fields {
    /// The variant of an enum that the struct is the content of.
    variant: Option<&'static str>,
}

/// What is in a map: the key of the value that comes next, if it came alone.
struct Entries(Option<String>);

#[cold]
fn outside(stop: Stop, variant: Option<&'static str>) -> Stop {
    match variant {
        Some(variant) => stop.inside_of(variant),
        None => stop,
    }
}

/// A key as JSON has it.
fn key_text(key: &(impl Serialize + ?Sized)) -> String {
    let json = serde_json::to_string(key).unwrap_or_default();
    serde_json::from_str(&json).unwrap_or(json)
}

macro_rules! lists {
    ($($list:ident: $method:ident),* $(,)?) => {
        $(impl $list for Items {
            type Ok = ();
            type Error = Stop;

            fn $method<T: Serialize + ?Sized>(&mut self, item: &T) -> Result {
                self.item(item)
            }

            fn end(self) -> Result {
                Ok(())
            }
        })*
    };
}

lists! {
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
}

macro_rules! objects {
    ($($object:ident)*) => {
        $(impl $object for Fields {
            type Ok = ();
            type Error = Stop;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result {
                value.serialize(Search).map_err(|stop| outside(stop.inside_of(name), self.variant))
            }

            fn end(self) -> Result {
                Ok(())
            }
        })*
    };
}

objects!(SerializeStruct SerializeStructVariant);

impl SerializeMap for Entries {
    type Ok = ();
    type Error = Stop;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result {
        self.0 = Some(key_text(key));
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        let key = self.0.take().unwrap_or_default();
        value.serialize(Search).map_err(|stop| stop.inside_of(&key))
    }

    fn serialize_entry<K: Serialize + ?Sized, V: Serialize + ?Sized>(
        &mut self,
        key: &K,
        value: &V,
    ) -> Result {
        value.serialize(Search).map_err(|stop| stop.inside_of(&key_text(key)))
    }

    fn end(self) -> Result {
        Ok(())
    }
}
