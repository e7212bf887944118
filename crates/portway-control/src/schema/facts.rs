//! What the API says of each kind: types, bounds, defaults, rules.
//!
//! In: `facts/*.json`, which `cargo xtask crds` writes from the CRDs of
//! sigs.k8s.io/gateway-api v1.7.0; those of the core kinds, of metadata and of our own kind are
//! written by hand from the validation of Kubernetes. Out: a [`Schema`] for a kind and version.
//! Never: a keyword that is not understood, which a test holds.

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use crate::api::Kind;

/// Type, bounds and rules of a value.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Schema {
    /// Its type; absent where only alternatives are told apart, or anything is fine.
    #[serde(rename = "type")]
    pub(crate) ty: Option<Type>,
    /// Text that is a whole number is fine, too.
    #[serde(rename = "x-kubernetes-int-or-string")]
    pub(crate) int_or_string: bool,
    /// Fields that are not named here are fine.
    #[serde(rename = "x-kubernetes-preserve-unknown-fields")]
    pub(crate) preserve_unknown_fields: bool,
    /// The fields.
    pub(crate) properties: BTreeMap<Box<str>, Self>,
    /// The values of a map with free names.
    pub(crate) additional_properties: Option<Box<Self>>,
    /// Fields that must be there.
    pub(crate) required: Vec<Box<str>>,
    /// Bounds of a map.
    pub(crate) max_properties: Option<usize>,
    /// The items of a list.
    pub(crate) items: Option<Box<Self>>,
    /// Bounds of a list.
    pub(crate) min_items: Option<usize>,
    /// Bounds of a list.
    pub(crate) max_items: Option<usize>,
    /// What makes the items of a list distinct.
    #[serde(rename = "x-kubernetes-list-type")]
    pub(crate) list_type: ListType,
    /// For [`ListType::Map`].
    #[serde(rename = "x-kubernetes-list-map-keys")]
    pub(crate) list_map_keys: Vec<Box<str>>,
    /// Whether server-side apply takes a map as one.
    #[serde(rename = "x-kubernetes-map-type")]
    pub(crate) map_type: Option<Box<str>>,
    /// Exactly one must fit.
    pub(crate) one_of: Vec<Self>,
    /// Must not fit.
    pub(crate) not: Option<Box<Self>>,
    /// At least one must fit.
    pub(crate) any_of: Vec<Self>,
    /// The values there are.
    #[serde(rename = "enum")]
    pub(crate) values: Vec<Box<str>>,
    /// What text must look like.
    pub(crate) pattern: Option<Pattern>,
    /// Bounds of text, in characters.
    pub(crate) min_length: Option<usize>,
    /// Bounds of text, in characters.
    pub(crate) max_length: Option<usize>,
    /// What text or numbers must look like.
    pub(crate) format: Option<Format>,
    /// Bounds of a number.
    pub(crate) minimum: Option<i64>,
    /// Bounds of a number.
    pub(crate) maximum: Option<i64>,
    /// The value if there is none.
    pub(crate) default: Option<Value>,
    /// Rules in CEL.
    #[serde(rename = "x-kubernetes-validations")]
    pub(crate) rules: Vec<CelRule>,
}

/// A JSON type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Type {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

/// What makes the items of a list distinct.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ListType {
    /// Nothing.
    #[default]
    Atomic,
    /// Their values.
    Set,
    /// Some of their fields.
    Map,
}

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    /// 32 bits.
    Int32,
    /// 64 bits.
    Int64,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// RFC 3339.
    DateTime,
}

/// A rule in CEL. What it means is in [`super::rules`], by its text.
#[derive(Debug, Deserialize)]
#[serde(from = "WrittenRule")]
pub(crate) struct CelRule {
    /// The rule without spaces, which mean nothing in it and differ between the channels.
    pub(crate) rule: Box<str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    rule: Box<str>,
}

impl From<WrittenRule> for CelRule {
    fn from(written: WrittenRule) -> Self {
        let rule = without_spaces(&written.rule);
        Self { rule }
    }
}

/// The text of a rule, as rules are compared.
pub(super) fn without_spaces(rule: &str) -> Box<str> {
    rule.split_ascii_whitespace().collect::<String>().into()
}

/// A regular expression, compiled when it is first used.
#[derive(Debug, Deserialize)]
#[serde(from = "Box<str>")]
pub(crate) struct Pattern {
    /// As it stands in the facts.
    pub(crate) text: Box<str>,
    compiled: OnceLock<Option<Regex>>,
}

impl From<Box<str>> for Pattern {
    fn from(text: Box<str>) -> Self {
        Self {
            text,
            compiled: OnceLock::new(),
        }
    }
}

impl Pattern {
    /// Whether `text` looks as it must.
    pub(crate) fn fits(&self, text: &str) -> bool {
        let compiled = self.compiled.get_or_init(|| Regex::new(&self.text).ok());
        compiled.as_ref().is_none_or(|regex| regex.is_match(text))
    }
}

/// One version of a kind.
#[derive(Debug)]
pub(crate) struct Version {
    /// What the experimental channel takes.
    pub(crate) schema: Schema,
    /// What the standard channel takes, where that is something else.
    pub(crate) standard: Option<Schema>,
    /// Whether the standard channel serves it.
    pub(crate) in_standard: bool,
}

/// A kind.
#[derive(Debug)]
pub(crate) struct KindFacts {
    /// Its group; empty for core kinds.
    pub(crate) group: Box<str>,
    /// Its name.
    pub(crate) name: Box<str>,
    /// If its objects are read.
    pub(crate) kind: Option<Kind>,
    /// Its versions by name.
    pub(crate) versions: BTreeMap<Box<str>, Version>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    group: Box<str>,
    kind: Box<str>,
    #[serde(rename = "scope")]
    _scope: Box<str>,
    name: Option<Value>,
    experimental: BTreeMap<Box<str>, FileVersion>,
    #[serde(default)]
    standard: BTreeMap<Box<str>, FileVersion>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileVersion {
    served: bool,
    same_as: Option<Box<str>>,
    schema: Option<Value>,
}

const FILES: [&str; 12] = [
    include_str!("facts/gatewayclasses.json"),
    include_str!("facts/gateways.json"),
    include_str!("facts/tcproutes.json"),
    include_str!("facts/referencegrants.json"),
    include_str!("facts/namespaces.json"),
    include_str!("facts/services.json"),
    include_str!("facts/endpointslices.json"),
    include_str!("facts/udproutes.json"),
    include_str!("facts/tlsroutes.json"),
    include_str!("facts/listenersets.json"),
    include_str!("facts/backendtlspolicies.json"),
    include_str!("facts/gatewayconfigs.json"),
];

/// All kinds that are known.
pub(crate) static KINDS: LazyLock<Vec<KindFacts>> =
    LazyLock::new(|| FILES.iter().map(|text| kind(text)).collect());

/// What every object's `metadata` holds.
const METADATA: &str = include_str!("facts/metadata.json");

#[expect(
    clippy::expect_used,
    reason = "the facts are part of the program; a test parses them all"
)]
fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).expect("facts are well formed")
}

fn kind(text: &str) -> KindFacts {
    let file: File = parsed(text);
    let kind = ALL_KINDS
        .into_iter()
        .find(|kind| *kind.name() == *file.kind);
    let name_schema = file.name.as_ref();
    let versions = file
        .experimental
        .iter()
        .filter(|(_, version)| version.served);
    let versions = versions.map(|(name, version)| {
        let experimental = schema_of(version, &file.experimental);
        let standard = file.standard.get(name);
        let other = standard.map(|version| schema_of(version, &file.standard));
        let version = Version {
            schema: schema(experimental, name_schema),
            standard: other
                .filter(|other| *other != experimental)
                .map(|other| schema(other, name_schema)),
            in_standard: file.standard.is_empty() || standard.is_some_and(|it| it.served),
        };
        (name.clone(), version)
    });
    KindFacts {
        group: file.group,
        name: file.kind,
        kind,
        versions: versions.collect(),
    }
}

/// The kinds whose objects are read.
const ALL_KINDS: [Kind; 8] = [
    Kind::GatewayClass,
    Kind::Gateway,
    Kind::TcpRoute,
    Kind::ReferenceGrant,
    Kind::Namespace,
    Kind::Service,
    Kind::EndpointSlice,
    Kind::GatewayConfig,
];

#[expect(
    clippy::expect_used,
    reason = "the facts are part of the program; a test parses them all"
)]
fn schema_of<'a>(
    version: &'a FileVersion,
    versions: &'a BTreeMap<Box<str>, FileVersion>,
) -> &'a Value {
    let same = version.same_as.as_ref().and_then(|name| versions.get(name));
    let schema = version.schema.as_ref();
    let schema = schema.or_else(|| same?.schema.as_ref());
    schema.expect("each version has a schema or names one that has")
}

/// The schema of a whole object: what the facts say of its kind, and what all objects have.
#[expect(
    clippy::expect_used,
    reason = "the facts are part of the program; a test parses them all"
)]
fn schema(value: &Value, name: Option<&Value>) -> Schema {
    let mut schema = Schema::deserialize(value).expect("facts are well formed");
    let mut metadata: Schema = parsed(METADATA);
    if let Some(name) = name {
        let name = Schema::deserialize(name).expect("facts are well formed");
        metadata.properties.insert("name".into(), name);
    }
    let text = || Schema {
        ty: Some(Type::String),
        ..Schema::default()
    };
    // A status is the cluster's to write and ours to replace, so it is not looked at.
    let status = Schema {
        preserve_unknown_fields: true,
        ..Schema::default()
    };
    let all = [
        ("apiVersion", text()),
        ("kind", text()),
        ("metadata", metadata),
        ("status", status),
    ];
    schema
        .properties
        .extend(all.map(|(name, schema)| (name.into(), schema)));
    schema.required.insert(0, "metadata".into());
    schema
}
