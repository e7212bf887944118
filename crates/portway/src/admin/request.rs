//! What is asked, and whether the asker may.
//!
//! In: method, target and headers of a request, the [`Reach`] of the door it came through. Out: an
//! [`Ask`] or a [`Refusal`]. Never: I/O. Spec: RFC 9110 7.2 (Host), Fetch Metadata.
//!
//! A web page that somebody on this host looks at could ask us too. It cannot read an answer, as
//! nothing here allows it (no CORS), unless it has its own name resolve to 127.0.0.1: so a name
//! other than `localhost` in Host is refused, as is whatever says that it comes from elsewhere.

use std::net::IpAddr;

use hyper::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::http::uri::Authority;
use hyper::{Method, Uri};

use super::query::{self, Query, QueryError};

/// What a door lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Everything, to whoever calls us by an address or `localhost`.
    Loopback,
    /// Everything: who may open the socket file may ask.
    Socket,
    /// Health, readiness and metrics, by any name: for probes and scrapes from other machines.
    Probes,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Is the instance alive?
    Health,
    /// Does it take connections?
    Readiness,
    /// Its metrics.
    Metrics,
    /// What it serves.
    Status,
    /// Which connections are open.
    Connections(Query),
    /// Why something is as it is.
    Explain(String),
}

/// Why nothing is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Another method than GET.
    #[error("only GET: nothing can be changed here")]
    Method,
    /// The request names no host, or several.
    #[error("the request needs one Host header")]
    NoHost,
    /// The host is a name.
    #[error("use an address or localhost: names are refused, as web pages could use them")]
    Host,
    /// A web page asks.
    #[error("other origins are refused")]
    Origin,
    /// There is no such thing, at least not through this door.
    #[error("there is nothing here; see docs/reference/admin-api.md")]
    Nothing,
    /// The query is wrong.
    #[error("{0}")]
    Query(QueryError),
}

/// Everything that can be asked: path, what it tells, and whether every door tells it.
pub(crate) const ASKS: [(&str, &str, Everywhere); 6] = [
    (
        "/healthz",
        "200 and `ok` while the instance runs",
        Everywhere::Yes,
    ),
    (
        "/readyz",
        "200 and `ready` once every worker has the first table; 503 before, and while draining",
        Everywhere::Yes,
    ),
    (
        "/metrics",
        "the [metrics](metrics.md), in the Prometheus text format",
        Everywhere::Yes,
    ),
    (
        "/api/v1/status",
        "what is served, what is not and why, how workers and endpoints do",
        Everywhere::No,
    ),
    (
        "/api/v1/connections",
        "the connections that are open",
        Everywhere::No,
    ),
    (
        "/api/v1/explain",
        "why an object or address is as it is",
        Everywhere::No,
    ),
];

/// Whether a path is open to other machines too, where a door for probes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Everywhere {
    /// On every door.
    Yes,
    /// Not on those for probes.
    No,
}

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Reads a request.
///
/// # Errors
/// The first reason to refuse it.
pub(crate) fn read(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    reach: Reach,
) -> Result<Ask, Refusal> {
    check_asker(uri, headers, reach)?;
    if method != Method::GET {
        return Err(Refusal::Method);
    }
    let known = ASKS.iter().find(|(path, ..)| *path == uri.path());
    let (path, _, everywhere) = known.ok_or(Refusal::Nothing)?;
    if reach == Reach::Probes && *everywhere == Everywhere::No {
        return Err(Refusal::Nothing);
    }
    Ok(match *path {
        "/healthz" => Ask::Health,
        "/readyz" => Ask::Readiness,
        "/metrics" => Ask::Metrics,
        "/api/v1/status" => Ask::Status,
        "/api/v1/explain" => {
            let subject = query::subject(uri.query().unwrap_or_default());
            Ask::Explain(subject.map_err(Refusal::Query)?)
        }
        _ => {
            let query = Query::parse(uri.query().unwrap_or_default());
            Ask::Connections(query.map_err(Refusal::Query)?)
        }
    })
}

fn check_asker(uri: &Uri, headers: &HeaderMap, reach: Reach) -> Result<(), Refusal> {
    if reach == Reach::Probes {
        return Ok(());
    }
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(Refusal::NoHost);
    };
    if reach == Reach::Loopback {
        let host = host.to_str().ok().and_then(|it| it.parse().ok());
        let names = [host.as_ref(), uri.authority()];
        if host.is_none() || names.into_iter().flatten().any(|it| !is_own(it)) {
            return Err(Refusal::Host);
        }
    }
    let site = headers.get(FETCH_SITE);
    let elsewhere = site.is_some_and(|it| it != "none" && it != "same-origin");
    if headers.contains_key(ORIGIN) || elsewhere {
        return Err(Refusal::Origin);
    }
    Ok(())
}

/// Whether a host is no name that a stranger could have made up.
fn is_own(host: &Authority) -> bool {
    let name = host.host();
    let ip = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || ip.parse::<IpAddr>().is_ok()
}
