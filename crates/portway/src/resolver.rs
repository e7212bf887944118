//! Names of FQDN endpoints → addresses, again and again.
//!
//! In: names. Out: all addresses of all of them as [`News::Resolved`] whenever an answer differs; a
//! name that was asked for in vain has none, one that was not asked for yet is absent. An answer holds for its TTL, kept within
//! [`RESOLUTION_TTL_MIN`] and [`RESOLUTION_TTL_MAX`]; a failure keeps the last good answer.
//! `/etc/hosts` comes first and is read anew each time, as everything else on the host does it.
//! Never: a decision what an address is good for.
//!
//! An asynchronous resolver on a thread of its own: the data path has no part in it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use hickory_resolver::config::{ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, TokioResolver};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::limits::{
    ADDRESSES_PER_NAME_MAX, COALESCE_MAX, LOOKUPS_AT_ONCE, RESOLUTION_TTL_MAX, RESOLUTION_TTL_MIN,
};
use crate::news::{News, Resolved};

/// The names that are watched; the resolver ends when this is dropped.
pub(crate) type Names = watch::Sender<BTreeSet<Arc<str>>>;

/// Starts to watch `names` on a thread of its own; others may be put in their place.
///
/// # Errors
/// When the thread, its runtime or the client cannot be had.
pub(crate) fn start(names: BTreeSet<Arc<str>>, news: Sender<News>) -> io::Result<Names> {
    let client = client().map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (sender, mut wanted) = watch::channel(names);
    let watch = move || runtime.block_on(watch_names(&client, &mut wanted, &news));
    thread::Builder::new()
        .name("resolver".into())
        .spawn(watch)?;
    Ok(sender)
}

/// What is known of one name.
#[derive(Debug)]
struct Known {
    /// `None` until it was asked once.
    addresses: Option<Vec<IpAddr>>,
    ask_again: Instant,
    is_asked: bool,
    failing: bool,
}

/// A name and what came back.
type Answer = (Arc<str>, Result<(Vec<IpAddr>, Duration), NetError>);

/// Each name is asked for when its time has come: one that is slow holds back no other.
async fn watch_names(
    client: &TokioResolver,
    wanted: &mut watch::Receiver<BTreeSet<Arc<str>>>,
    news: &Sender<News>,
) {
    let mut book: BTreeMap<Arc<str>, Known> = BTreeMap::new();
    let mut lookups: JoinSet<Answer> = JoinSet::new();
    let mut told = Resolved::new();
    // Answers that come close together are told together.
    let mut tell_at: Option<Instant> = None;
    loop {
        keep(&mut book, &wanted.borrow_and_update());
        ask_due(client, &mut book, &mut lookups);
        let is_all_here = lookups.is_empty();
        if tell_at.is_some_and(|at| is_all_here || at <= Instant::now()) {
            tell_at = None;
            let resolved = answers(&book);
            if told != resolved {
                if news.send(News::Resolved(resolved.clone())).is_err() {
                    return;
                }
                told = resolved;
            }
        }
        tokio::select! {
            () = sleep_until(next_due(&book, &lookups)) => {}
            () = sleep_until(tell_at) => {}
            Some(answer) = lookups.join_next() => {
                learn(&mut book, answer.ok());
                while let Some(answer) = lookups.try_join_next() {
                    learn(&mut book, answer.ok());
                }
                tell_at.get_or_insert_with(|| Instant::now() + COALESCE_MAX);
            }
            changed = wanted.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}

async fn sleep_until(then: Option<Instant>) {
    match then {
        Some(then) => tokio::time::sleep_until(then).await,
        None => std::future::pending().await,
    }
}

/// When the next name must be asked for; while no more may be, the next answer comes first.
fn next_due(book: &BTreeMap<Arc<str>, Known>, lookups: &JoinSet<Answer>) -> Option<Instant> {
    if lookups.len() >= LOOKUPS_AT_ONCE {
        return None;
    }
    let waiting = book.values().filter(|known| !known.is_asked);
    waiting.map(|known| known.ask_again).min()
}

fn learn(book: &mut BTreeMap<Arc<str>, Known>, answer: Option<Answer>) {
    let Some((name, answer)) = answer else { return };
    if let Some(known) = book.get_mut(&name) {
        known.learn(&name, answer);
    }
}

/// Forgets names that nobody wants any more, and takes new ones in.
fn keep(book: &mut BTreeMap<Arc<str>, Known>, names: &BTreeSet<Arc<str>>) {
    book.retain(|name, _| names.contains(name));
    for name in names {
        book.entry(Arc::clone(name)).or_insert_with(|| Known {
            addresses: None,
            ask_again: Instant::now(),
            is_asked: false,
            failing: false,
        });
    }
}

fn answers(book: &BTreeMap<Arc<str>, Known>) -> Resolved {
    let answered = |(name, known): (&Arc<str>, &Known)| {
        let addresses = known.addresses.clone()?;
        Some((Arc::clone(name), addresses))
    };
    book.iter().filter_map(answered).collect()
}

/// Asks for the names whose time has come, those that wait longest first, [`LOOKUPS_AT_ONCE`] at a
/// time.
fn ask_due(
    client: &TokioResolver,
    book: &mut BTreeMap<Arc<str>, Known>,
    lookups: &mut JoinSet<Answer>,
) {
    let (now, free) = (
        Instant::now(),
        LOOKUPS_AT_ONCE.saturating_sub(lookups.len()),
    );
    if free == 0 {
        return;
    }
    let waiting = book.iter_mut().filter(|(_, known)| !known.is_asked);
    let mut due: Vec<_> = waiting.filter(|(_, it)| it.ask_again <= now).collect();
    if due.is_empty() {
        return;
    }
    due.sort_by_key(|(_, known)| known.ask_again);
    let hosts = Arc::new(Hosts::from_system().unwrap_or_default());
    for (name, known) in due.into_iter().take(free) {
        known.is_asked = true;
        let (name, hosts) = (Arc::clone(name), Arc::clone(&hosts));
        let client = client.clone();
        lookups.spawn(async move {
            let answer = look_up(&client, &hosts, &name).await;
            (name, answer)
        });
    }
}

impl Known {
    fn learn(&mut self, name: &str, answer: Result<(Vec<IpAddr>, Duration), NetError>) {
        self.is_asked = false;
        let ttl = match answer {
            Ok((addresses, ttl)) => {
                if self.failing || self.addresses.as_ref() != Some(&addresses) {
                    info!(name, ?addresses, "name resolved");
                }
                self.failing = false;
                self.addresses = Some(addresses);
                ttl
            }
            Err(error) => {
                let error = in_words(&error);
                let kept = self.addresses.get_or_insert_default();
                if self.failing {
                    debug!(name, error, "name still not resolved");
                } else {
                    warn!(name, error, ?kept, "name not resolved");
                }
                self.failing = true;
                RESOLUTION_TTL_MIN
            }
        };
        self.ask_again = Instant::now() + ttl.clamp(RESOLUTION_TTL_MIN, RESOLUTION_TTL_MAX);
    }
}

/// Why there is no answer. The client's own words show a query as Rust does.
fn in_words(error: &NetError) -> String {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => "there is no such name".to_owned(),
            ResponseCode::NoError => "the name has no address".to_owned(),
            code => format!("the name server says: {code}"),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => format!("the name server says: {code}"),
        NetError::Timeout => "no name server answered in time".to_owned(),
        NetError::NoConnections => "no name server can be reached".to_owned(),
        other => other.to_string(),
    }
}

/// The addresses of `name` in ascending order, so that a rotated answer is the same answer, and how
/// long they hold.
async fn look_up(
    client: &TokioResolver,
    hosts: &Hosts,
    name: &str,
) -> Result<(Vec<IpAddr>, Duration), NetError> {
    // A fully qualified name by definition: no search list applies.
    let mut name = Name::from_utf8(name).map_err(NetError::from)?;
    name.set_fqdn(true);
    let written = written(hosts, &name);
    if !written.is_empty() {
        return Ok((written.into_iter().collect(), RESOLUTION_TTL_MIN));
    }
    let answer = client.lookup_ip(name).await?;
    let addresses: BTreeSet<IpAddr> = answer.iter().take(ADDRESSES_PER_NAME_MAX).collect();
    let ttl = answer
        .valid_until()
        .saturating_duration_since(std::time::Instant::now());
    Ok((addresses.into_iter().collect(), ttl))
}

/// What `/etc/hosts` says. A name that stands there, with one family only, is not asked for abroad.
fn written(hosts: &Hosts, name: &Name) -> BTreeSet<IpAddr> {
    let ask = |kind| hosts.lookup_static_host(&Query::query(name.clone(), kind));
    let answers = [RecordType::A, RecordType::AAAA]
        .into_iter()
        .filter_map(ask);
    answers
        .flat_map(|lookup| {
            let records = lookup.answers().iter();
            records
                .filter_map(|record| record.data.ip_addr())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// A client of the servers in `/etc/resolv.conf`; without that file, of none.
fn client() -> Result<TokioResolver, NetError> {
    let without_servers = || {
        let (config, provider) = (ResolverConfig::default(), TokioRuntimeProvider::default());
        TokioResolver::builder_with_config(config, provider)
    };
    let mut builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
        warn!(%error, "no name servers: only /etc/hosts answers");
        without_servers()
    });
    keep_time(builder.options_mut());
    builder.build()
}

fn keep_time(options: &mut ResolverOpts) {
    options.use_hosts_file = ResolveHosts::Never;
    options.positive_min_ttl = Some(RESOLUTION_TTL_MIN);
    options.positive_max_ttl = Some(RESOLUTION_TTL_MAX);
    options.negative_max_ttl = Some(RESOLUTION_TTL_MIN);
}

#[cfg(test)]
mod tests;
