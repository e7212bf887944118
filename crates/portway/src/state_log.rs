//! Each change of state once, with its cause.
//!
//! In: `Statuses` after each translation. Out: log lines about conditions that differ from the
//! time before, about sockets of a listener that do, and about what is gone; at the first time good
//! ones are told only where they mean that traffic flows.
//! Never: the same line twice.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use portway_control::status::reason::{self, kind};
use portway_control::status::{Condition, ConditionStatus, Status};
use portway_control::translate::Translation;
use tracing::{info, warn};

/// Remembers what was told.
#[derive(Debug, Default)]
pub(crate) struct StateLog {
    told: BTreeMap<Subject, Verdict>,
}

/// What a condition is about, and its type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Subject {
    what: What,
    /// Name for people, as tables and logs have it.
    name: String,
    condition: Cow<'static, str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    // In the order a gateway comes up.
    Class,
    Listener,
    Route,
    Gateway,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Verdict {
    status: ConditionStatus,
    reason: Cow<'static, str>,
    message: String,
    /// Of a listener that is served.
    sockets: Box<[SocketAddr]>,
}

impl StateLog {
    /// Tells what is different now. Sockets that are `absent` listen nowhere.
    pub(crate) fn tell(&mut self, translation: &Translation, absent: &BTreeSet<SocketAddr>) {
        let now = verdicts(translation, absent);
        for (subject, verdict) in &now {
            let before = self.told.get(subject);
            let is_told = before == Some(verdict) || follows(subject, verdict, &now);
            if !is_told && is_news(subject, verdict, before.is_none()) {
                tell_one(subject, verdict);
            }
        }
        let gone = self.told.keys().filter(|it| !now.contains_key(*it));
        for subject in gone.filter(|it| it.condition == kind::ACCEPTED) {
            info!(name = subject.name, "{}", gone_phrase(subject.what));
        }
        self.told = now;
    }
}

/// Whether anybody wants to know: every change, and at first what is bad or means traffic.
fn is_news(subject: &Subject, verdict: &Verdict, at_first: bool) -> bool {
    let means_traffic = matches!(&*subject.condition, kind::PROGRAMMED | kind::ACTIVE);
    match verdict.status {
        // What was never True is `Programmed` Unknown until the workers have it: no news.
        ConditionStatus::Unknown => !at_first,
        ConditionStatus::True => !at_first || means_traffic,
        ConditionStatus::False => true,
    }
}

/// Whether it goes without saying: what is not accepted is not programmed either.
fn follows(subject: &Subject, verdict: &Verdict, now: &BTreeMap<Subject, Verdict>) -> bool {
    let is_accepted = || {
        let accepted = Subject {
            condition: kind::ACCEPTED.into(),
            ..subject.clone()
        };
        now.get(&accepted).map(|it| it.status)
    };
    subject.condition == kind::PROGRAMMED
        && verdict.status == ConditionStatus::False
        && is_accepted() == Some(ConditionStatus::False)
}

fn tell_one(subject: &Subject, verdict: &Verdict) {
    let phrase = phrase(subject, verdict);
    let Subject {
        name, condition, ..
    } = subject;
    let Verdict {
        reason,
        message,
        sockets,
        ..
    } = verdict;
    let reason = &**reason;
    if verdict.status != ConditionStatus::True {
        let status = format!("{condition}={:?}", verdict.status);
        warn!(name, status, reason, cause = message, "{phrase}");
        return;
    }
    // As `0.0.0.0:8080 [::]:8080`.
    let sockets: Vec<String> = sockets.iter().map(SocketAddr::to_string).collect();
    let sockets = (!sockets.is_empty()).then(|| sockets.join(" "));
    info!(name, sockets, reason, "{phrase}");
}

fn phrase(subject: &Subject, verdict: &Verdict) -> &'static str {
    let is_true = verdict.status == ConditionStatus::True;
    match (subject.what, &*subject.condition, is_true) {
        (What::Listener, kind::PROGRAMMED, true) => "listener bound and programmed",
        (What::Listener, kind::PROGRAMMED, false) => "listener not programmed",
        (What::Listener, kind::ACCEPTED, false) => "listener not accepted",
        (What::Listener, ..) => "listener changed",
        (What::Route, kind::ACTIVE, true) => "route serving",
        (What::Route, kind::ACTIVE, false) if verdict.reason == reason::SUPERSEDED => {
            "route superseded"
        }
        (What::Route, kind::ACTIVE, false) => "route not serving",
        (What::Route, kind::ACCEPTED, false) => "route not accepted",
        (What::Route, kind::RESOLVED_REFS, false) => "route with unresolved references",
        (What::Route, ..) => "route changed",
        (What::Gateway, kind::PROGRAMMED, true) => "gateway programmed",
        (What::Gateway, kind::PROGRAMMED, false) => "gateway not programmed",
        (What::Gateway, kind::ACCEPTED, false) => "gateway not accepted",
        (What::Gateway, ..) => "gateway changed",
        (What::Class, ..) => "gateway class changed",
    }
}

fn gone_phrase(what: What) -> &'static str {
    match what {
        What::Class => "gateway class gone",
        What::Listener => "listener gone",
        What::Route => "route gone",
        What::Gateway => "gateway gone",
    }
}

fn verdicts(
    translation: &Translation,
    absent: &BTreeSet<SocketAddr>,
) -> BTreeMap<Subject, Verdict> {
    let mut all = BTreeMap::new();
    let listeners = translation.host_table.listeners.iter();
    let sockets: BTreeMap<&str, &[SocketAddr]> =
        listeners.map(|it| (&*it.name, &*it.binds)).collect();
    for (key, status) in &translation.statuses {
        let name = match &*key.namespace {
            "" => key.name.to_string(),
            namespace => format!("{namespace}/{}", key.name),
        };
        match status {
            Status::GatewayClass(class) => collect(&mut all, What::Class, &name, &class.conditions),
            Status::Gateway(gateway) => {
                collect(&mut all, What::Gateway, &name, &gateway.conditions);
                for listener in &gateway.listeners {
                    let name = format!("{name}/{}", listener.name);
                    collect(&mut all, What::Listener, &name, &listener.conditions);
                    serve(&mut all, name, (&sockets, absent));
                }
            }
            Status::Route(route) => {
                for parent in &route.parents {
                    let to = &parent.parent_ref;
                    let section = to.section_name.as_ref().map(|it| format!("/{it}"));
                    let port = to.port.map(|it| format!(" port {it}"));
                    let (section, port) = (section.unwrap_or_default(), port.unwrap_or_default());
                    // Of its own namespace unless it says another.
                    let namespace = to.namespace.as_ref().map(|it| format!("{it}/"));
                    let gateway = namespace.unwrap_or_default() + &to.name;
                    let name = format!("{name} at {gateway}{section}{port}");
                    collect(&mut all, What::Route, &name, &parent.conditions);
                }
            }
        }
    }
    all
}

fn collect(all: &mut BTreeMap<Subject, Verdict>, what: What, name: &str, conditions: &[Condition]) {
    for condition in conditions {
        let subject = Subject {
            what,
            name: name.to_owned(),
            condition: condition.kind.clone(),
        };
        let verdict = Verdict {
            status: condition.status,
            reason: condition.reason.clone(),
            message: condition.message.clone(),
            sockets: Box::default(),
        };
        all.insert(subject, verdict);
    }
}

/// Notes the sockets of a listener, if it is served.
fn serve(
    all: &mut BTreeMap<Subject, Verdict>,
    name: String,
    (sockets, absent): (&BTreeMap<&str, &[SocketAddr]>, &BTreeSet<SocketAddr>),
) {
    let Some(sockets) = sockets.get(&*name) else {
        return;
    };
    let subject = Subject {
        what: What::Listener,
        name,
        condition: kind::PROGRAMMED.into(),
    };
    if let Some(verdict) = all.get_mut(&subject)
        && verdict.status == ConditionStatus::True
    {
        let open = sockets.iter().filter(|it| !absent.contains(it));
        verdict.sockets = open.copied().collect();
    }
}
