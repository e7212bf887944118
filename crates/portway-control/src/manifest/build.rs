//! Trees → typed objects.
//!
//! In: a [`Node`] that its schema accepts. Out: a value of one of [`crate::api`]'s types.
//! Null fields are left out for types: the API server prunes them before it sets defaults.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::origin::{Node, Written};

/// Why a tree gives no object: what serde says.
pub(super) type BuildError = serde::de::value::Error;

/// Builds an object of a type.
pub(super) fn object<T: DeserializeOwned>(node: &Node) -> Result<T, BuildError> {
    T::deserialize(Tree(node))
}

struct Tree<'a>(&'a Node);

impl<'de> IntoDeserializer<'de, BuildError> for Tree<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Tree<'_> {
    type Error = BuildError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BuildError> {
        match &self.0.value {
            Written::Null => visitor.visit_unit(),
            Written::Bool(value) => visitor.visit_bool(*value),
            Written::Int(value) => visitor.visit_i64(*value),
            Written::Float(value) => visitor.visit_f64(*value),
            Written::Text(text) => visitor.visit_str(text),
            Written::List(items) => visitor.visit_seq(SeqDeserializer::new(items.iter().map(Tree))),
            Written::Map(fields) => {
                let fields = fields
                    .iter()
                    .filter(|it| !matches!(it.node.value, Written::Null));
                let fields = fields.map(|field| (&*field.key, Tree(&field.node)));
                visitor.visit_map(MapDeserializer::new(fields))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, BuildError> {
        match &self.0.value {
            Written::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, BuildError> {
        match &self.0.value {
            Written::Text(text) => visitor.visit_enum(text.as_ref().into_deserializer()),
            _ => Err(BuildError::custom("text is wanted")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, BuildError> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}
