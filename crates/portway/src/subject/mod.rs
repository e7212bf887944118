//! What `explain` is asked about, as it is typed: `tcproute/NAME`, `gateway/NAME`, `HOST:PORT`,
//! `PW0203`, `connection`.
//!
//! In: one word, from a command line or a query. Out: a [`Wanted`], and with the objects a [`Subject`]. Never: a guess between two
//! objects of one name.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use portway_control::api::Kind;
use portway_control::diagnostic::Code;
use portway_control::limits::NAMES_SHOWN_MAX;
use portway_control::origin::ObjectKey;
use portway_control::snapshot::Objects;
use portway_control::translate::explain::Subject;

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A diagnostic code.
    Code(Code),
    /// An object; without a namespace the only one of its name.
    Object {
        /// Its kind.
        kind: Kind,
        /// Its namespace, if it was typed.
        namespace: Option<Arc<str>>,
        /// Its name.
        name: Arc<str>,
    },
    /// Where a client connects to.
    Address(Option<IpAddr>, u16),
    /// A connection that is open; which one stands in another word.
    Connection,
}

/// As it can be read again.
impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "{code}"),
            Self::Object {
                kind,
                namespace,
                name,
            } => {
                let space = namespace.as_deref();
                let space = space.map(|it| format!("{it}/")).unwrap_or_default();
                write!(f, "{}/{space}{name}", kind.name().to_ascii_lowercase())
            }
            Self::Address(Some(ip), port) => write!(f, "{}", SocketAddr::new(*ip, *port)),
            Self::Address(None, port) => write!(f, ":{port}"),
            Self::Connection => write!(f, "connection"),
        }
    }
}

/// A word that names nothing that can be explained.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no subject: give tcproute/NAME, gateway/NAME, HOST:PORT, connection ADDR:PORT or a code as PW0203"
)]
pub(crate) struct WantedError(String);

/// An object that is not there, or not the only one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SubjectError {
    /// There is none of that name.
    #[error("there is no {kind} `{name}`; there {are}")]
    None {
        /// The kind.
        kind: &'static str,
        /// The name, with its namespace if it was typed.
        name: String,
        /// Those that are there.
        are: String,
    },
    /// Several namespaces have one.
    #[error("several {kind}s are named `{name}`: name one of {are}")]
    Several {
        /// The kind.
        kind: &'static str,
        /// The name.
        name: String,
        /// All of them.
        are: String,
    },
}

impl FromStr for Wanted {
    type Err = WantedError;

    fn from_str(word: &str) -> Result<Self, WantedError> {
        let wanted = code(word)
            .or_else(|| object(word))
            .or_else(|| address(word))
            .or_else(|| (word == "connection").then_some(Self::Connection));
        wanted.ok_or_else(|| WantedError(word.to_owned()))
    }
}

fn code(word: &str) -> Option<Wanted> {
    let digits = word.get(..2).filter(|it| it.eq_ignore_ascii_case("pw"));
    let digits = digits.and_then(|_| word.get(2..))?;
    let is_number = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| digits.parse().ok()).flatten()?;
    Some(Wanted::Code(Code(number)))
}

fn object(word: &str) -> Option<Wanted> {
    let (kind, name) = word.split_once('/')?;
    let kind = match kind.to_ascii_lowercase().as_str() {
        "tcproute" | "tcproutes" => Kind::TcpRoute,
        "gateway" | "gateways" | "gtw" => Kind::Gateway,
        _ => return None,
    };
    let (namespace, name) = match name.split_once('/') {
        Some((namespace, name)) => (Some(namespace.into()), name),
        None => (None, name),
    };
    let name: Arc<str> = name.into();
    (!name.is_empty() && !name.contains('/')).then_some(Wanted::Object {
        kind,
        namespace,
        name,
    })
}

/// `192.0.2.1:80`, `[::1]:80`, `localhost:80`, and `:80` or `*:80` for any address.
fn address(word: &str) -> Option<Wanted> {
    if let Ok(socket) = word.parse::<SocketAddr>() {
        return Some(Wanted::Address(Some(socket.ip()), socket.port()));
    }
    let (host, port) = word.rsplit_once(':')?;
    let port = port.parse().ok()?;
    match host {
        "" | "*" => Some(Wanted::Address(None, port)),
        "localhost" => Some(Wanted::Address(Some(Ipv4Addr::LOCALHOST.into()), port)),
        _ => None,
    }
}

/// The object that is meant.
///
/// # Errors
/// When there is none, or more than one.
pub(crate) fn object_key(
    objects: &Objects,
    kind: Kind,
    namespace: Option<&str>,
    name: &str,
) -> Result<ObjectKey, SubjectError> {
    let mut known: Vec<&ObjectKey> = match kind {
        Kind::Gateway => keys(&objects.gateways),
        _ => keys(&objects.tcp_routes),
    };
    // What is left out can be asked about, too; one that is used may stand beside it.
    let left_out = objects.left_out.keys().filter(|it| it.kind == kind);
    known.extend(left_out);
    known.sort();
    known.dedup();
    let is_meant = |key: &&&ObjectKey| {
        &*key.name == name && namespace.is_none_or(|namespace| *key.namespace == *namespace)
    };
    let meant: Vec<&ObjectKey> = known.iter().filter(is_meant).copied().collect();
    let kind = kind.name();
    match meant.as_slice() {
        [only] => Ok((*only).clone()),
        [] => Err(SubjectError::None {
            kind,
            name: namespace.map_or_else(|| name.to_owned(), |it| format!("{it}/{name}")),
            are: match known.as_slice() {
                [] => "are none".to_owned(),
                known => format!("are {}", names(known)),
            },
        }),
        several => Err(SubjectError::Several {
            kind,
            name: name.to_owned(),
            are: names(several),
        }),
    }
}

impl Wanted {
    /// What is meant among `objects`; `None` for what is about no object.
    ///
    /// # Errors
    /// When there is no such object, or more than one.
    pub(crate) fn subject(&self, objects: &Objects) -> Result<Option<Subject>, SubjectError> {
        Ok(match self {
            Self::Code(_) | Self::Connection => None,
            Self::Address(ip, port) => Some(Subject::Address(*ip, *port)),
            Self::Object {
                kind,
                namespace,
                name,
            } => {
                let key = object_key(objects, *kind, namespace.as_deref(), name)?;
                Some(match kind {
                    Kind::Gateway => Subject::Gateway(key),
                    _ => Subject::Route(key),
                })
            }
        })
    }
}

fn keys<T>(objects: &BTreeMap<ObjectKey, T>) -> Vec<&ObjectKey> {
    objects.keys().collect()
}

fn names(keys: &[&ObjectKey]) -> String {
    let shown = keys.iter().take(NAMES_SHOWN_MAX);
    let mut shown: Vec<String> = shown
        .map(|key| format!("{}/{}", key.namespace, key.name))
        .collect();
    if keys.len() > shown.len() {
        shown.push(format!("{} more", keys.len() - shown.len()));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests;
