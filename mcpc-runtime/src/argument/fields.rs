//! The names by which a type reads its fields, which its schema does not have all of.

use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

use crate::guard::guarded;

type Error = serde::de::value::Error;

/// The names of a struct's fields, other names (`#[serde(alias)]`) included, as far as it asks for them; none of
/// what is anything else.
pub(crate) fn field_names<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut names: &[&str] = &[];
    // Some `Deserialize` of users panic here.
    let _ = guarded(|| T::deserialize(Asked(&mut names)).is_ok());
    names
}

/// Is asked for a struct, and gives none.
struct Asked<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("there is nothing to read"))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::field_names;

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its names matter")]
    struct Named {
        #[serde(rename = "b", alias = "c")]
        a: u8,
        d: u8,
    }

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only its names matter")]
    struct Wrapped(Box<Named>);

    #[test]
    fn a_struct_tells_every_name_that_it_knows() {
        assert_eq!(field_names::<Named>(), ["b", "c", "d"]);
        assert_eq!(field_names::<Wrapped>(), ["b", "c", "d"]);
        assert_eq!(field_names::<Vec<Named>>(), [""; 0]);
    }
}
