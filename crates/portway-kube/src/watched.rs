//! An object of a watch: control's type inside, what the client needs to know of it outside.
//!
//! In: JSON of the API. Out: the object, or why it cannot be read; what it was read from. Never: a
//! watch that ends because of one object that we cannot read.

use std::borrow::Cow;
use std::sync::Arc;

use kube::api::{ApiResource, DynamicObject, ObjectMeta};
use kube::core::{DynamicResourceScope, Resource};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An object of a watch. `T` is a type of `portway_control::api`, or [`Value`].
#[derive(Debug, Clone)]
pub(crate) struct Watched<T> {
    metadata: ObjectMeta,
    /// The object without its `resourceVersion`, which changes with every write of a status; or why
    /// it cannot be read.
    pub(crate) object: Result<T, Arc<str>>,
    /// All of it but `managedFields`.
    pub(crate) given: Value,
}

impl<T> Watched<T> {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    /// Its namespace; empty for cluster-scoped kinds.
    pub(crate) fn namespace(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or_default()
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Watched<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut given = Value::deserialize(deserializer)?;
        // A status is merged and written back, so in it others' values stay as they are.
        if let Some(fields) = given.as_object_mut() {
            fields.retain(|_, field| !field.is_null());
            let fields = fields.iter_mut().filter(|(name, _)| *name != "status");
            fields.for_each(|(_, field)| drop_nulls(field));
        }
        let mut version = None;
        if let Some(metadata) = given["metadata"].as_object_mut() {
            metadata.shift_remove("managedFields");
            version = metadata.shift_remove("resourceVersion");
        }
        let object = T::deserialize(&given).map_err(|error| error.to_string().into());
        if let (Some(metadata), Some(version)) = (given["metadata"].as_object_mut(), version) {
            metadata.insert("resourceVersion".to_owned(), version);
        }
        let metadata =
            ObjectMeta::deserialize(&given["metadata"]).map_err(serde::de::Error::custom)?;
        Ok(Self {
            metadata,
            object,
            given,
        })
    }
}

/// Go writes an empty list as `null`, which means the same as no field.
pub(crate) fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether an object is being deleted: nothing can stop that, and it is there until no finalizer holds
/// it.
pub(crate) fn is_ending(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

impl<T> Resource for Watched<T> {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(dt: &ApiResource) -> Cow<'_, str> {
        DynamicObject::kind(dt)
    }

    fn group(dt: &ApiResource) -> Cow<'_, str> {
        DynamicObject::group(dt)
    }

    fn version(dt: &ApiResource) -> Cow<'_, str> {
        DynamicObject::version(dt)
    }

    fn plural(dt: &ApiResource) -> Cow<'_, str> {
        DynamicObject::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
