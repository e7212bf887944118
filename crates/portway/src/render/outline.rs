//! What listens where and goes where, for people.
//!
//! In: [`ListenerLine`]s. Out: a line each; several backends get a line each below it.
//!
//! ```text
//! listener default/edge/web TCP 8080 → web → blue:80 (2 endpoints)
//! listener default/edge/sql TCP 5432 → sql
//!   70% → primary:5432 (1 endpoint)
//!   30% → replica:5432 → reset: Service `default/replica` has no endpoint: it has no EndpointSlice
//! ```

use std::fmt::{self, Write};

use annotate_snippets::normalize_untrusted_str;

use portway_control::limits::NAMES_SHOWN_MAX;

use super::paint::Paint;
use super::words::count;
use crate::outline::{Fate, ListenerLine, Share, Target};

/// All listeners.
pub(crate) fn show(lines: &[ListenerLine], paint: Paint) -> String {
    let mut shown = String::new();
    for line in lines {
        push(&mut shown, line, paint);
    }
    shown
}

fn push(shown: &mut String, line: &ListenerLine, paint: Paint) {
    let ListenerLine {
        gateway,
        name,
        protocol,
        port,
        fate,
    } = line;
    let space = &*gateway.namespace;
    let _ = write!(
        shown,
        "listener {} {} {port}",
        paint.heading(&format!("{space}/{}/{name}", gateway.name)),
        normalize_untrusted_str(protocol),
    );
    let _ = match fate {
        Fate::NotServed { reason, message } => {
            let message = normalize_untrusted_str(message);
            writeln!(shown, " {} {reason}: {message}", paint.bad("✗"))
        }
        Fate::Rejects(reason) => {
            writeln!(shown, " → {} {}", paint.bad("reset:"), reason.sentence())
        }
        Fate::Serves { route, backends } => {
            let _ = write!(shown, " → {}", local(route, space));
            push_backends(shown, backends, space, paint)
        }
    };
}

/// One backend that serves stands on the line of its listener, all else on lines of its own.
fn push_backends(shown: &mut String, shares: &[Share], space: &str, paint: Paint) -> fmt::Result {
    if let [only] = shares
        && let Target::Endpoints(_) | Target::Names(..) = only.target
    {
        return writeln!(shown, " → {}", target(only, space, paint));
    }
    writeln!(shown)?;
    shares.iter().try_for_each(|share| {
        let target = target(share, space, paint);
        writeln!(shown, "  {:>5} → {target}", percent(share))
    })
}

fn target(share: &Share, space: &str, paint: Paint) -> String {
    let backend = local(&share.backend, space);
    match &share.target {
        Target::Endpoints(endpoints) => {
            format!("{backend} ({})", count(endpoints.len(), "endpoint"))
        }
        Target::Names(names, sockets) => {
            let more = names.len().saturating_sub(NAMES_SHOWN_MAX);
            let shown = names.iter().take(NAMES_SHOWN_MAX).map(String::as_str);
            let mut shown = normalize_untrusted_str(&shown.collect::<Vec<_>>().join(", "));
            if more > 0 {
                shown += &format!(" and {more} more");
            }
            let known = match sockets.len() {
                0 => String::new(),
                n => format!("{}; ", count(n, "endpoint")),
            };
            format!("{backend} ({known}{shown} resolved while running)")
        }
        Target::Rejected(_, why) => {
            let why = normalize_untrusted_str(why);
            format!("{backend} → {} {why}", paint.bad("reset:"))
        }
    }
}

/// A share in percent: whole if it is, else with one decimal.
pub(crate) fn percent(share: &Share) -> String {
    let thousandths = u64::from(share.weight) * 1000;
    let rounded = (thousandths + share.of / 2) / share.of.max(1);
    match thousandths.is_multiple_of(share.of.max(1)) && rounded.is_multiple_of(10) {
        true => format!("{}%", rounded / 10),
        false => format!("{}.{}%", rounded / 10, rounded % 10),
    }
}

/// The name without the namespace if that is the Gateway's own, and without the only kind of route.
fn local<'a>(name: &'a str, space: &str) -> &'a str {
    let name = name.strip_prefix("TCPRoute ").unwrap_or(name);
    let rest = name
        .strip_prefix(space)
        .and_then(|rest| rest.strip_prefix('/'));
    rest.unwrap_or(name)
}
