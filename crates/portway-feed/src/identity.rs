//! Who is at the other end.

use std::fmt;
use std::sync::Arc;

/// Whose table it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GatewayName {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name there.
    pub name: Arc<str>,
}

impl fmt::Display for GatewayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A proxy, as its token proves it; never what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The Gateway whose table it gets.
    pub gateway: GatewayName,
    /// Name of its pod.
    pub pod: Arc<str>,
    /// What makes the pod unique; of two streams with one `uid` the newer one stays.
    pub uid: Arc<str>,
}

/// What a proxy proves itself by. Prints as `<redacted>`.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

/// Why a token proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no token of a proxy: not valid, not meant for the feed, of no Gateway.
    #[error("the token is not that of a Gateway's proxy")]
    Unknown,
    /// Nobody could be asked; the proxy tries again.
    #[error("who the token belongs to could not be found out")]
    Unavailable,
}
