//! What `demo` says, on 80 columns.

use std::fmt::Write;
use std::net::SocketAddr;

use portway_control::status::{Condition, ConditionStatus, Status, Statuses};
use portway_engine::record::ConnRecord;

use super::paint::Paint;
use super::words::count;
use crate::outline::{Fate, ListenerLine, Share, Target};

/// A stream that went through.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Where the client connected to.
    pub(crate) to: SocketAddr,
    /// What the backend said first.
    pub(crate) greeting: String,
    /// What the gateway knows of it.
    pub(crate) record: ConnRecord,
}

/// Something to try.
#[derive(Debug)]
pub(crate) struct Trial {
    /// To be pasted.
    pub(crate) command: String,
    /// What it shows.
    pub(crate) effect: &'static str,
}

/// What listens, and where it leads.
pub(crate) fn listeners(lines: &[ListenerLine], paint: Paint) -> String {
    let mut text = format!(
        "{}\n\n{}\n",
        paint.heading("Portway demo: TCP routing, as the Gateway API guide has it"),
        "A Gateway with two listeners, a TCPRoute on each, two Services behind them."
    );
    text.push('\n');
    for line in lines {
        let place = format!(":{} ({})", line.port, line.name);
        let way = match &line.fate {
            Fate::NotServed { reason, .. } => reason.clone(),
            Fate::Rejects(reason) => reason.sentence().to_owned(),
            Fate::Serves { route, backends } => {
                let backends: Vec<String> = backends.iter().map(backend).collect();
                format!("{} → {}", last(route), backends.join(", "))
            }
        };
        let _ = writeln!(text, "  {} → {way}", paint.heading(&format!("{place:<12}")));
    }
    text
}

fn backend(share: &Share) -> String {
    let name = last(&share.backend);
    match &share.target {
        Target::Endpoints(endpoints) => match endpoints.as_slice() {
            [only] => format!("{name} → {only}"),
            several => format!("{name} → {}", count(several.len(), "endpoint")),
        },
        Target::Names(names, _) => format!("{name} at {}", names.join(", ")),
        Target::Rejected(_, why) => format!("{name}: {why}"),
    }
}

/// What went where.
pub(crate) fn streams(streams: &[Stream], paint: Paint) -> String {
    let mut text = format!("\n{}\n", paint.heading("A stream through each, just now"));
    for Stream {
        to,
        greeting,
        record,
    } in streams
    {
        let _ = writeln!(
            text,
            "  {:<17} {} \"{greeting}\"",
            to.to_string(),
            paint.good("✓")
        );
        let _ = writeln!(text, "{:22}{}", "", paint.aside(&facts(record)));
    }
    text
}

/// One further connection.
pub(crate) fn connection(record: &ConnRecord, paint: Paint) -> String {
    let to = last(&record.listener);
    let facts = paint.aside(&facts(record));
    format!("  {} → {} {facts}\n", record.client, paint.heading(to))
}

fn facts(record: &ConnRecord) -> String {
    let endpoint = match record.endpoint {
        Some(endpoint) => format!("to {endpoint}"),
        None => "to no endpoint".to_owned(),
    };
    let (there, back) = (record.bytes_to_backend, record.bytes_to_client);
    let reason = record.reason.name();
    format!("{endpoint}: {there} bytes there, {back} back, {reason}")
}

/// Conditions of every object.
pub(crate) fn statuses(statuses: &Statuses, paint: Paint) -> String {
    let mut text = format!(
        "\n{}\n",
        paint.heading("The statuses Kubernetes would show")
    );
    let mut push = |kind: &str, name: &str, conditions: &[Condition]| {
        let conditions: Vec<String> = conditions.iter().map(|it| condition(it, paint)).collect();
        let _ = writeln!(text, "  {kind:<9}{name:<20}{}", conditions.join(" "));
    };
    for (key, status) in statuses {
        match status {
            Status::GatewayClass(class) => push(key.kind.name(), &key.name, &class.conditions),
            Status::Gateway(gateway) => {
                push(key.kind.name(), &key.name, &gateway.conditions);
                for listener in &gateway.listeners {
                    push("", &format!("  {}", listener.name), &listener.conditions);
                }
            }
            Status::Route(route) => {
                for parent in &route.parents {
                    push(key.kind.name(), &key.name, &parent.conditions);
                }
            }
        }
    }
    text
}

fn condition(condition: &Condition, paint: Paint) -> String {
    let name = last(&condition.kind);
    match condition.status {
        ConditionStatus::True => format!("{}{name}", paint.good("✓")),
        ConditionStatus::False => format!("{}{name}({})", paint.bad("✗"), condition.reason),
        ConditionStatus::Unknown => format!("?{name}"),
    }
}

/// What to try.
pub(crate) fn trials(trials: &[Trial], paint: Paint) -> String {
    let title = "Three things to try, in another terminal";
    let mut text = format!("\n{}\n", paint.heading(title));
    for Trial { command, effect } in trials {
        let _ = writeln!(
            text,
            "  {}\n      {}",
            paint.good(command),
            paint.aside(effect)
        );
    }
    text.push_str("\nEach connection shows up below. Ctrl-C ends the demo.\n");
    text
}

/// The last part of a name with slashes.
fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
