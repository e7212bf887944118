//! The queries of `/api/v1/connections`, which connections and how many at once, and of
//! `/api/v1/explain`.
//!
//! In: what stands behind `?`. Out: a [`Query`], a subject. Never: I/O, a panic or unbounded work on hostile
//! input; this file is also built into the fuzz target `admin`. Spec: the URL Standard,
//! application/x-www-form-urlencoded.

use std::net::{IpAddr, SocketAddr};

use crate::limits::{
    CONNECTIONS_PER_PAGE, CONNECTIONS_PER_PAGE_MAX, QUERY_BYTES_MAX, QUERY_VALUE_BYTES_MAX,
};

/// Which connections somebody wants to see. What is `None` may be anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    /// Name of the listener.
    pub(crate) listener: Option<String>,
    /// Name of the route.
    pub(crate) route: Option<String>,
    /// Name of the backend.
    pub(crate) backend: Option<String>,
    /// Address of the endpoint.
    pub(crate) endpoint: Option<SocketAddr>,
    /// The client, with or without its port.
    pub(crate) client: Option<Client>,
    /// How many at once.
    pub(crate) limit: u16,
    /// Only those after this place.
    pub(crate) after: Cursor,
}

/// A client to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// All its connections.
    Ip(IpAddr),
    /// One of them.
    Socket(SocketAddr),
}

/// Where a page ended, so that the next goes on there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Cursor {
    /// Number of the worker.
    pub(crate) worker: u32,
    /// Place among its connections.
    pub(crate) place: u32,
}

/// What is wrong with a query. Says nothing that the asker wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QueryError {
    /// More bytes than a query may have.
    #[error("longer than {QUERY_BYTES_MAX} bytes")]
    TooLong,
    /// A parameter that there is none of.
    #[error("unknown parameter: there are {}", PARAMETERS.map(|it| it.0).join(", "))]
    Unknown,
    /// A parameter stands there twice.
    #[error("`{0}` is given twice")]
    Twice(&'static str),
    /// Nothing is asked about.
    #[error("one parameter is needed: {}, {}", SUBJECT, SUBJECTS)]
    NoSubject,
    /// A value cannot be read.
    #[error("`{0}` is not {1}")]
    Wrong(&'static str, &'static str),
}

/// Every parameter: its name, what it is, what it does.
pub(crate) const PARAMETERS: [(&str, &str, &str); 7] = [
    (
        "listener",
        "a name",
        "only connections of this listener, named as in a record: `default/db/sql`",
    ),
    (
        "route",
        "a name",
        "only connections of this route, named as in a record: `TCPRoute default/sql`",
    ),
    (
        "backend",
        "a name",
        "only connections of this backend, named as in a record: `default/sql:5432`",
    ),
    (
        "endpoint",
        "an address with port",
        "only connections that dial or use this endpoint",
    ),
    (
        "client",
        "an address, with or without port",
        "only connections of this client",
    ),
    (
        "limit",
        "a number from 1 to 1000",
        "connections a page; 100 unless given",
    ),
    (
        "after",
        "a cursor as `next` gave it",
        "the page behind this one",
    ),
];

/// The parameter of `/api/v1/explain`.
pub(crate) const SUBJECT: &str = "subject";

/// What it is.
pub(crate) const SUBJECTS: &str =
    "tcproute/NAME, gateway/NAME, with or without NAMESPACE/ before NAME, or ADDRESS:PORT";

/// Reads the query of `/api/v1/explain`.
///
/// # Errors
/// The first thing that is wrong with it.
pub(crate) fn subject(text: &str) -> Result<String, QueryError> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(QueryError::TooLong);
    }
    let mut pairs = form_urlencoded::parse(text.as_bytes());
    match (pairs.next(), pairs.next()) {
        (Some((name, value)), None) if name == SUBJECT => {
            name_of(&value).ok_or(QueryError::Wrong(SUBJECT, SUBJECTS))
        }
        _ => Err(QueryError::NoSubject),
    }
}

impl Default for Query {
    fn default() -> Self {
        Self {
            listener: None,
            route: None,
            backend: None,
            endpoint: None,
            client: None,
            limit: CONNECTIONS_PER_PAGE,
            after: Cursor::default(),
        }
    }
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, QueryError> {
        if text.len() > QUERY_BYTES_MAX {
            return Err(QueryError::TooLong);
        }
        let mut query = Self::default();
        let mut given = [false; PARAMETERS.len()];
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let known = PARAMETERS.iter().zip(&mut given);
            let mut known = known.filter(|((known, ..), _)| *known == name);
            let Some(((name, wanted, _), given)) = known.next() else {
                return Err(QueryError::Unknown);
            };
            if std::mem::replace(given, true) {
                return Err(QueryError::Twice(name));
            }
            let set = query.set(name, &value);
            set.ok_or(QueryError::Wrong(name, wanted))?;
        }
        Ok(query)
    }

    fn set(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "listener" => self.listener = Some(name_of(value)?),
            "route" => self.route = Some(name_of(value)?),
            "backend" => self.backend = Some(name_of(value)?),
            "endpoint" => self.endpoint = Some(value.parse().ok()?),
            "client" => self.client = Some(Client::parse(value)?),
            "limit" => {
                let limit = value.parse().ok()?;
                let allowed = (1..=CONNECTIONS_PER_PAGE_MAX).contains(&limit);
                self.limit = allowed.then_some(limit)?;
            }
            "after" => self.after = Cursor::parse(value)?,
            _ => return None,
        }
        Some(())
    }
}

impl Client {
    fn parse(text: &str) -> Option<Self> {
        let socket = text.parse().map(Self::Socket);
        socket.or_else(|_| text.parse().map(Self::Ip)).ok()
    }
}

impl Cursor {
    fn parse(text: &str) -> Option<Self> {
        let (worker, place) = text.split_once('.')?;
        let (worker, place) = (worker.parse().ok()?, place.parse().ok()?);
        Some(Self { worker, place })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.worker, self.place)
    }
}

fn name_of(value: &str) -> Option<String> {
    let fits = !value.is_empty() && value.len() <= QUERY_VALUE_BYTES_MAX;
    fits.then(|| value.to_owned())
}
