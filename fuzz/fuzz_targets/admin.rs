//! What the admin server reads: who asks what, the query of `/api/v1/connections`, and what
//! `/api/v1/explain` is asked about.
//!
//! In: a method, a target and headers, a line each. Out: nothing but that what is taken keeps its
//! bounds. HTTP itself is hyper's to parse; these files of the binary are built in here as they are.
#![no_main]

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Uri};
use libfuzzer_sys::fuzz_target;

use self::admin::query::{Query, subject};
use self::admin::request::{self, Ask, Reach};
use self::subject::Wanted;

#[allow(dead_code, missing_docs, reason = "the binary uses the rest")]
#[path = "."]
mod admin {
    #[path = "../../crates/portway/src/admin/query.rs"]
    pub(crate) mod query;
    #[path = "../../crates/portway/src/admin/request.rs"]
    pub(crate) mod request;
}

#[allow(dead_code, missing_docs, reason = "the binary uses the rest")]
#[path = "../../crates/portway/src/limits.rs"]
mod limits;

#[allow(dead_code, missing_docs, reason = "the binary uses the rest")]
#[path = "../../crates/portway/src/subject/mod.rs"]
mod subject;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        check_query(text);
        if let Ok(subject) = subject(text) {
            assert!((1..=limits::QUERY_VALUE_BYTES_MAX).contains(&subject.len()));
            check_subject(&subject);
        }
    }
    let mut lines = bytes.split(|it| *it == b'\n');
    let method = lines.next().and_then(|it| Method::from_bytes(it).ok());
    let target = lines.next().and_then(|it| Uri::try_from(it).ok());
    let mut headers = HeaderMap::new();
    for line in lines.take(limits::ADMIN_HEADERS_MAX) {
        let Some(colon) = line.iter().position(|it| *it == b':') else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&line[colon + 1..])) {
            headers.append(name, value);
        }
    }
    let (Some(method), Some(target)) = (method, target) else {
        return;
    };
    for reach in [Reach::Loopback, Reach::Socket, Reach::Probes] {
        let asked = request::read(&method, &target, &headers, reach);
        let Ok(ask) = asked else {
            continue;
        };
        assert_eq!(method, Method::GET);
        match (reach, ask) {
            (Reach::Probes, Ask::Status | Ask::Connections(_) | Ask::Explain(_)) => {
                panic!("told to others")
            }
            (Reach::Loopback, _) => check_asker(&headers),
            _ => {}
        }
    }
});

/// Whoever was let in at loopback named an address or `localhost`, and came from nowhere else.
fn check_asker(headers: &HeaderMap) {
    let hosts: Vec<_> = headers.get_all("host").iter().collect();
    let [host] = hosts[..] else {
        panic!("{hosts:?}");
    };
    let host = host.to_str().expect("it was read").to_ascii_lowercase();
    let host = host.rsplit('@').next().unwrap_or_default();
    let is_address = host.starts_with(|it: char| it.is_ascii_digit() || it == '[');
    assert!(is_address || host.starts_with("localhost"), "{host}");
    assert!(!headers.contains_key("origin"));
}

/// What is read of a subject is read of how it is shown.
fn check_subject(word: &str) {
    if let Ok(wanted) = word.parse::<Wanted>() {
        assert_eq!(wanted.to_string().parse().ok(), Some(wanted), "{word}");
    }
}

fn check_query(text: &str) {
    let Ok(query) = Query::parse(text) else {
        return;
    };
    assert!((1..=limits::CONNECTIONS_PER_PAGE_MAX).contains(&query.limit));
    assert!(text.len() <= limits::QUERY_BYTES_MAX);
    for name in [query.listener, query.route, query.backend]
        .into_iter()
        .flatten()
    {
        assert!((1..=limits::QUERY_VALUE_BYTES_MAX).contains(&name.len()));
    }
    let again = Query::parse(&format!("after={}", query.after)).map(|it| it.after);
    assert_eq!(again, Ok(query.after));
}
