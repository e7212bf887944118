//! EndpointSlice: addresses behind a Service. Source: Kubernetes discovery/v1.

use serde::{Deserialize, Serialize};

use super::ObjectMeta;

/// The label that names the Service of a slice.
pub const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";

/// Longest name, in characters (DNS-1123).
const NAME_CHARS_MAX: usize = 253;

/// Longest part of a name between dots, in characters.
const LABEL_CHARS_MAX: usize = 63;

/// An EndpointSlice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointSlice {
    /// Name and labels.
    pub metadata: ObjectMeta,
    /// Kind of all its addresses.
    pub address_type: AddressType,
    /// Endpoints.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    /// Ports of every endpoint.
    #[serde(default)]
    pub ports: Vec<EndpointPort>,
}

impl EndpointSlice {
    /// The names that a host asks for: of each endpoint of an FQDN slice the first address, if it
    /// can be a name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let is_named = self.address_type == AddressType::Fqdn;
        let endpoints = self.endpoints.iter().filter(move |_| is_named);
        let names = endpoints.filter_map(|endpoint| endpoint.addresses.first());
        names
            .map(String::as_str)
            .filter(|name| is_domain_name(name))
    }
}

/// Whether an API server takes text for a name: labels of up to 63 letters, digits and `-`, 253
/// characters in all, with or without a `.` at the end (`IsFullyQualifiedDomainName`). It wants
/// two labels; a host knows names of one, `localhost` say.
pub(crate) fn is_domain_name(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_label = |label: &str| {
        label.len() <= LABEL_CHARS_MAX
            && label.starts_with(inner)
            && label.ends_with(inner)
            && label.chars().all(|c| inner(c) || c == '-')
    };
    text.len() <= NAME_CHARS_MAX && text.split('.').all(is_label)
}

/// `EndpointSlice.addressType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AddressType {
    /// IPv4 addresses.
    IPv4,
    /// IPv6 addresses.
    IPv6,
    /// Fully qualified domain names; standalone resolves them.
    #[serde(rename = "FQDN")]
    Fqdn,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Its addresses; only the first is used.
    pub addresses: Vec<String>,
    /// Its state.
    #[serde(default)]
    pub conditions: EndpointConditions,
}

/// State of an endpoint; absent values have the defaults of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointConditions {
    /// Absent = true.
    pub ready: Option<bool>,
    /// Absent = true.
    pub serving: Option<bool>,
    /// Absent = false.
    pub terminating: Option<bool>,
}

/// One port of a slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointPort {
    /// Name; absent = empty.
    #[serde(default)]
    pub name: String,
    /// `TCP`, `UDP` or `SCTP`.
    #[serde(default = "tcp")]
    pub protocol: String,
    /// Number; absent = the entry is skipped.
    pub port: Option<u16>,
}

pub(super) fn tcp() -> String {
    "TCP".into()
}
