//! `/api/v1/connections`: the connections that are open, a page at a time.
//!
//! In: a [`Query`], an [`Observer`]. Out: a JSON value. Fields are only ever added.

use portway_engine::record::DialError;
use portway_proxy::{Cursor, LiveConnection, Observer, Wanted};
use serde_json::{Value, json};

use crate::admin::{self, Client, Query};

/// The page that `query` asks for.
pub(super) fn of(observer: &Observer, query: &Query) -> Value {
    let (client, client_port) = match query.client {
        Some(Client::Socket(client)) => (Some(client.ip()), Some(client.port())),
        Some(Client::Ip(ip)) => (Some(ip), None),
        None => (None, None),
    };
    let wanted = Wanted {
        listener: query.listener.clone(),
        route: query.route.clone(),
        backend: query.backend.clone(),
        endpoint: query.endpoint,
        client,
        client_port,
    };
    let after = Cursor {
        worker: query.after.worker,
        place: query.after.place,
    };
    let page = observer.connections(&wanted, after, query.limit.into());
    let next = page.next.map(|it| admin::Cursor {
        worker: it.worker,
        place: it.place,
    });
    json!({
        "open": observer.counters().open,
        "connections": page.connections.iter().map(connection).collect::<Vec<_>>(),
        "next": next.map(|it| it.to_string()),
        "silentWorkers": page.silent,
    })
}

fn connection(it: &LiveConnection) -> Value {
    let tries = it.failed_dials.iter().map(|(endpoint, error)| {
        let errno = match error {
            DialError::Other(errno) => Some(errno),
            _ => None,
        };
        json!({ "endpoint": endpoint.to_string(), "error": error.name(), "errno": errno })
    });
    json!({
        "client": it.client.to_string(),
        "listener": it.listener,
        "route": it.route,
        "backend": it.backend,
        "endpoint": it.endpoint.map(|it| it.to_string()),
        "state": it.stage.name(),
        "draining": it.draining,
        "ageSeconds": it.age.as_secs_f64(),
        "bytesToBackend": it.relayed.to_backend,
        "bytesToClient": it.relayed.to_client,
        "failedDials": tries.collect::<Vec<_>>(),
        "worker": it.worker,
    })
}
