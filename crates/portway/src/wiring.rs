//! Who is connected to whom while a gateway runs on this host.
//!
//! ```text
//!  objects ─► Snapshot ─┬─► translate ─► statuses, diagnostics ─► state_log, demo
//!                ▲      └─► succession ─► RoutingTable ─► Proxy::apply (first)
//!              Facts                                           │
//!                ▲            ┌── reports (thread) ◄── Report ◄── workers ◄
//!              News ◄─────────┼── resolver (thread) ◄── DNS, /etc/hosts
//!                             ├── watch (thread) ◄── what happens to files
//!                             └── signals (thread) ◄── SIGTERM, SIGINT, SIGHUP
//! ```
//!
//! In: objects and [`Config`]. Out: a [`Change`] each time something became different. One thread
//! owns the state and hears [`News`]; nobody else changes it. Never: a decision about routes or
//! statuses, which are `translate`'s.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use portway_control::api::Kind;
use portway_control::snapshot::{Applied, CONTROLLER_NAME, Facts, Objects, Snapshot, Target};
use portway_control::translate::succession::{Difference, Succession};
use portway_control::translate::{Translation, translate};
use portway_engine::table::{ListenerKey, RoutingTable, TableVersion};
use portway_proxy::{Observer, Proxy};
use tracing::{error, info, warn};

use crate::conn_log::Heard;
use crate::exit::Exit;
use crate::inputs::{Inputs, Looked};
use crate::limits::{
    ADDRESSES_RETRY, FIRST_RESOLUTION_TIMEOUT, RELOAD_MAX, REST, TRANSLATION_PAUSE_MAX,
};
use crate::news::{News, Resolved};
use crate::signals::{self, Signals};
use crate::watch::{Dirty, Watch};
use crate::{host, reports, resolver, systemd};

/// How a gateway runs.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The data plane.
    pub(crate) proxy: portway_proxy::Config,
    /// Wait for open connections at the end.
    pub(crate) drain_timeout: Duration,
    /// Where the admin server of this instance is.
    pub(crate) admin: Vec<SocketAddr>,
}

/// What became different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The translation; for the first time when the first table was applied.
    Translated,
    /// All workers have the newest table; what it means is not worked out yet.
    Applied,
    /// The workers were given a newer table; whether they have it shows later.
    HandedOut,
    /// The gateway must stop.
    Stop,
    /// A worker panicked: nothing can be relied on.
    WorkerDied,
}

// Memory is not given back between translations without end.
const _: () = assert!(REST.as_nanos() > TRANSLATION_PAUSE_MAX.as_nanos());

/// The version of the first table.
const FIRST: TableVersion = TableVersion(1);

/// A gateway that runs on this host.
pub(crate) struct Standalone {
    proxy: Proxy,
    hearing: JoinHandle<Exit>,
    sender: Sender<News>,
    news: Receiver<News>,
    /// News that came while others were gathered.
    held: VecDeque<News>,
    /// Where the objects come from, if they may change.
    inputs: Option<Inputs>,
    names: Option<resolver::Names>,
    drain_timeout: Duration,
    /// When everything was read again, while the workers may not have what came of it.
    reloading_since: Option<Instant>,
    snapshot: Snapshot,
    translation: Arc<Translation>,
    /// The snapshot means more than the translation says.
    is_behind: bool,
    /// The next translation comes no earlier.
    translate_from: Instant,
    /// When memory that translations needed is given back, if no other comes before.
    rest_from: Option<Instant>,
    tables: Succession,
    table: Option<Arc<RoutingTable>>,
    /// When the table was handed out.
    handed_out: Instant,
    /// How long it took until all workers had it.
    apply_time: Option<Duration>,
    refused: BTreeMap<SocketAddr, io::Error>,
    /// When addresses that Gateways ask for and this host lacks are looked for again.
    addresses_from: Option<Instant>,
}

impl Standalone {
    /// Starts everything and hands out the first table. `objects` change as `inputs` do; `tell` hears
    /// of each connection that is over, on a thread of its own; `signals` are heard from here on.
    ///
    /// # Errors
    /// When the host refuses threads or what they need.
    pub(crate) fn start(
        config: &Config,
        signals: Option<Signals>,
        mut objects: Objects,
        mut inputs: Option<Inputs>,
        tell: impl FnMut(Heard<'_>) -> Option<Duration> + Send + 'static,
    ) -> anyhow::Result<Self> {
        if let Err(error) = portway_proxy::raise_fd_limit() {
            warn!(%error, "descriptor limit not raised");
        }
        let (sender, news) = mpsc::channel();
        if let Some(signals) = signals {
            signals.tell(sender.clone());
        }
        let (reports, hearing) =
            reports::hear(sender.clone(), tell).context("start the reports thread")?;
        let proxy = Proxy::start(&config.proxy, reports).context("start the workers")?;
        if let Some(inputs) = &mut inputs {
            follow(inputs, &mut objects, &sender);
        }
        let facts = Facts {
            applied: Applied::Pending,
            admin: config.admin.clone(),
            ..Facts::default()
        };
        let mut standalone = Self {
            proxy,
            hearing,
            sender,
            news,
            held: VecDeque::new(),
            inputs,
            names: None,
            drain_timeout: config.drain_timeout,
            reloading_since: None,
            snapshot: Snapshot {
                target: Target::Standalone,
                controller_name: CONTROLLER_NAME.into(),
                objects,
                facts,
            },
            translation: Arc::default(),
            is_behind: false,
            translate_from: Instant::now(),
            rest_from: None,
            tables: Succession::default(),
            table: None,
            handed_out: Instant::now(),
            apply_time: None,
            refused: BTreeMap::new(),
            addresses_from: None,
        };
        standalone.learn_addresses();
        if standalone.resolve_names()? {
            standalone.await_first_answers();
        }
        standalone.move_on()?;
        standalone.translate();
        // What comes of the first table is told as soon as it is known.
        standalone.translate_from = Instant::now();
        Ok(standalone)
    }

    /// Waits until something becomes different, at most until `deadline`.
    ///
    /// # Errors
    /// When nothing did.
    pub(crate) fn next(&mut self, deadline: Option<Instant>) -> anyhow::Result<Change> {
        loop {
            let mut is_news = false;
            let table = self.table.as_ref().map(|table| table.version());
            match self.hear(deadline)? {
                News::Applied(version, unbound) => {
                    if self.table.as_ref().map(|table| table.version()) != Some(version) {
                        continue;
                    }
                    if self.snapshot.facts.applied == Applied::Pending && version != FIRST {
                        info!(table = version.0, "table applied");
                    }
                    self.learn_applied(unbound);
                    is_news = true;
                }
                News::Resolved(resolved) => {
                    self.snapshot.facts.resolved = resolved;
                    self.is_behind = true;
                }
                News::Files(dirty) => self.read_again(Some(dirty)),
                News::Look => self.read_again(None),
                News::TimePassed => {}
                News::ReadAgain => {
                    info!(signal = "SIGHUP", "reading all files again");
                    // Who waits for the start waits for no reload; a later table may be under way.
                    let version = self.table.as_ref().map(|table| table.version());
                    if self.apply_time.is_some() || version > Some(FIRST) {
                        systemd::reloading();
                        self.reloading_since = Some(Instant::now());
                    }
                    self.read_again(Some(Dirty::everything()));
                }
                News::WorkerDied => return Ok(Change::WorkerDied),
                News::Stop => return Ok(Change::Stop),
                News::StopNow => {
                    self.proxy.cutter().cut();
                    return Ok(Change::Stop);
                }
            }
            if self
                .addresses_from
                .is_some_and(|from| from <= Instant::now())
            {
                self.learn_addresses();
            }
            self.rest();
            if let Err(error) = self.move_on() {
                error!(
                    error = format!("{error:#}"),
                    "a defect: the table before stays"
                );
                self.translate_from = Instant::now() + TRANSLATION_PAUSE_MAX;
                continue;
            }
            let is_due = self.is_translation_due();
            if is_due {
                self.translate();
            }
            self.end_reload();
            if is_due {
                return Ok(Change::Translated);
            }
            if is_news {
                return Ok(Change::Applied);
            }
            if self.table.as_ref().map(|table| table.version()) != table {
                return Ok(Change::HandedOut);
            }
        }
    }

    /// A reload is over when the workers have what came of it and nothing is in doubt, unless that
    /// lasts.
    fn end_reload(&mut self) {
        let Some(since) = self.reloading_since else {
            return;
        };
        let has_doubts = self.inputs.as_ref().is_some_and(|it| !it.is_sure());
        let is_applied = self.snapshot.facts.applied == Applied::Acknowledged;
        let is_sure = !has_doubts || since.elapsed() >= RELOAD_MAX;
        if is_applied && !self.is_behind && is_sure {
            self.reloading_since = None;
            systemd::ready();
        }
    }

    /// What the objects mean, as of the last [`Change::Translated`].
    pub(crate) fn translation(&self) -> &Arc<Translation> {
        &self.translation
    }

    /// Looks at the data plane while it runs.
    pub(crate) fn observer(&self) -> Observer {
        self.proxy.observer()
    }

    /// The newest table, and how long it took until all workers had it, if they have.
    pub(crate) fn progress(&self) -> Option<(TableVersion, Option<Duration>)> {
        Some((self.table.as_ref()?.version(), self.apply_time))
    }

    /// What was given.
    pub(crate) fn objects(&self) -> &Objects {
        &self.snapshot.objects
    }

    /// What came back from the world.
    pub(crate) fn facts(&self) -> &Facts {
        &self.snapshot.facts
    }

    /// The files that the objects come from, if they may change.
    pub(crate) fn inputs(&self) -> Option<&Inputs> {
        self.inputs.as_ref()
    }

    /// Sockets that could not be bound, and why.
    pub(crate) fn refused(&self) -> &BTreeMap<SocketAddr, io::Error> {
        &self.refused
    }

    /// The sockets that listen.
    pub(crate) fn bound(&self) -> impl Iterator<Item = SocketAddr> {
        let wanted = self
            .translation
            .host_table
            .listeners
            .iter()
            .flat_map(|it| &it.binds);
        let absent = &self.snapshot.facts.absent;
        let is_bound = |it: &SocketAddr| !self.refused.contains_key(it) && !absent.contains(it);
        wanted.copied().filter(is_bound)
    }

    /// Stops accepting, lets open connections finish, and ends. Says how that went.
    pub(crate) fn shutdown(self) -> Exit {
        let open = self.proxy.open_connections();
        info!(open, timeout = ?self.drain_timeout, "draining");
        if self.held.iter().any(|it| matches!(it, News::StopNow)) {
            self.proxy.cutter().cut();
        }
        signals::cut_when_asked(self.news, self.proxy.cutter());
        let n_cut = self.proxy.shutdown(self.drain_timeout);
        reports::end(self.hearing, n_cut)
    }

    /// Ends at once; what connections came to is told as it is by [`Self::shutdown`].
    pub(crate) fn cut(self) {
        drop(self.proxy);
        reports::cut(self.hearing);
    }

    fn hear(&mut self, deadline: Option<Instant>) -> anyhow::Result<News> {
        let now = Instant::now();
        if self.is_overdue(now) {
            return self.hear_of_workers();
        }
        if let Some(news) = self.held.pop_front() {
            return Ok(news);
        }
        let look = self.inputs.as_ref().and_then(Inputs::next_look);
        if look.is_some_and(|look| look <= now) {
            return Ok(News::Look);
        }
        let put_off = self.is_settled().then_some(self.translate_from);
        let reload_max = self.reloading_since.map(|since| since + RELOAD_MAX);
        let reload_max = reload_max.filter(|latest| now < *latest);
        let own = look.into_iter().chain(put_off).chain(reload_max);
        let own = own.chain(self.addresses_from).chain(self.rest_from).min();
        let Some(until) = deadline.into_iter().chain(own).min() else {
            return self.news.recv().context("every thread that has news ended");
        };
        match self.news.recv_timeout(until.saturating_duration_since(now)) {
            Err(RecvTimeoutError::Timeout) if Some(until) == look => Ok(News::Look),
            Err(RecvTimeoutError::Timeout) if Some(until) == own => Ok(News::TimePassed),
            other => other.context("the workers did not apply the table in time"),
        }
    }

    /// Whole tables follow each other so closely that the workers never have the newest, of which
    /// statuses could speak.
    fn is_overdue(&self, now: Instant) -> bool {
        let is_late = self.translate_from + TRANSLATION_PAUSE_MAX <= now;
        is_late && self.is_behind && self.snapshot.facts.applied == Applied::Pending
    }

    /// What changes waits until the workers have what changed before: some milliseconds. A worker that
    /// does not answer holds up nothing for long.
    fn hear_of_workers(&mut self) -> anyhow::Result<News> {
        let can_wait = |it: &News| {
            matches!(
                it,
                News::Files(_)
                    | News::Look
                    | News::Resolved(_)
                    | News::ReadAgain
                    | News::TimePassed
            )
        };
        if let Some(at) = self.held.iter().position(|it| !can_wait(it)) {
            return self.held.remove(at).context("what is held is there");
        }
        let until = Instant::now() + TRANSLATION_PAUSE_MAX;
        loop {
            match self
                .news
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(news) if can_wait(&news) => self.held.push_back(news),
                Err(RecvTimeoutError::Timeout) => {
                    self.translate_from = Instant::now();
                    return Ok(News::TimePassed);
                }
                other => return other.context("every thread that has news ended"),
            }
        }
    }

    /// Streams that come while names are unknown would be rejected: so a short wait first, until
    /// each was asked for once.
    fn await_first_answers(&mut self) {
        let deadline = Instant::now() + FIRST_RESOLUTION_TIMEOUT;
        let names = names_to_resolve(&self.snapshot.objects);
        let is_known = |resolved: &Resolved| names.iter().all(|it| resolved.contains_key(it));
        while !is_known(&self.snapshot.facts.resolved) {
            let wait = deadline.saturating_duration_since(Instant::now());
            match self.news.recv_timeout(wait) {
                Ok(News::Resolved(resolved)) => self.snapshot.facts.resolved = resolved,
                // It is heard in its turn, and whoever wants an end does not wait for names.
                Ok(other) => {
                    let is_end = matches!(other, News::Stop | News::StopNow | News::WorkerDied);
                    self.held.push_back(other);
                    if is_end {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    warn!("not all names resolved yet, their endpoints come later");
                    return;
                }
            }
        }
    }

    /// Reads what changed, and all that changed since: many changes at once are one table.
    fn read_again(&mut self, mut dirty: Option<Dirty>) {
        self.held.extend(self.news.try_iter());
        // In their order: the last says which files are being written now.
        for news in std::mem::take(&mut self.held) {
            match news {
                News::Files(more) => dirty.get_or_insert_default().merge(more),
                other => self.held.push_back(other),
            }
        }
        let Some(inputs) = &mut self.inputs else {
            return;
        };
        let is_of_all = dirty.as_ref().is_some_and(|it| it.all);
        let objects = &mut self.snapshot.objects;
        let Looked { kinds, is_news } = inputs.refresh(objects, dirty.as_ref(), Instant::now());
        self.is_behind |= is_news;
        if kinds.contains(&Kind::Gateway) || is_of_all {
            self.learn_addresses();
        }
        if kinds.contains(&Kind::EndpointSlice)
            && let Err(error) = self.resolve_names()
        {
            error!(
                error = format!("{error:#}"),
                "names of endpoints not resolved"
            );
        }
    }

    /// Asks what addresses this host has, and again later if a Gateway asks for others: a standby gets
    /// the one it shares when it takes over.
    fn learn_addresses(&mut self) {
        let objects = &self.snapshot.objects;
        let addresses = match host::addresses(objects) {
            Ok(addresses) => addresses,
            Err(error) => {
                // Of descriptors there may be none left: nobody loses a listener for that.
                if self.addresses_from.is_none() {
                    warn!(%error, "addresses of this host not known, what was known of them stays");
                }
                self.addresses_from = Some(Instant::now() + ADDRESSES_RETRY);
                return;
            }
        };
        let lacks_any = host::lacks_any(objects, &addresses);
        self.addresses_from = lacks_any.then(|| Instant::now() + ADDRESSES_RETRY);
        let addresses = Some(addresses);
        self.is_behind |= self.snapshot.facts.host_addresses != addresses;
        self.snapshot.facts.host_addresses = addresses;
    }

    /// Lets the names that the slices hold now be resolved. Whether there are any.
    fn resolve_names(&mut self) -> anyhow::Result<bool> {
        let names = names_to_resolve(&self.snapshot.objects);
        let has_any = !names.is_empty();
        match &self.names {
            Some(known) => drop(known.send_replace(names)),
            None if has_any => {
                let sender = self.sender.clone();
                self.names = Some(resolver::start(names, sender).context("start the resolver")?);
            }
            None => {}
        }
        Ok(has_any)
    }

    fn learn_applied(&mut self, unbound: Vec<(ListenerKey, io::Error)>) {
        let sockets = unbound.into_iter().map(|(key, error)| (key.addr, error));
        let (absent, mut refused): (Vec<_>, Vec<_>) = sockets.partition(host::lacks_family);
        let (absent, alone) = host::beside_ipv4(self.table.as_deref(), absent);
        refused.extend(alone);
        let known = &mut self.snapshot.facts.absent;
        if !absent.is_empty() && known.is_empty() {
            info!("no IPv6 on this host: listening on IPv4 only");
        }
        self.apply_time
            .get_or_insert_with(|| self.handed_out.elapsed());
        *known = absent.into_iter().map(|(addr, _)| addr).collect();
        self.refused = refused.into_iter().collect();
        let reasons = self.refused.iter();
        self.snapshot.facts.unbound = reasons
            .map(|(addr, error)| (*addr, host::refusal(error)))
            .collect();
        self.snapshot.facts.applied = Applied::Acknowledged;
        self.is_behind = true;
    }

    /// Hands out a new table, if the snapshot makes one. When none can be built everything stays as
    /// it was.
    fn move_on(&mut self) -> anyhow::Result<()> {
        let before = self.table.as_deref();
        let version = before.map_or(FIRST, |table| TableVersion(table.version().0 + 1));
        let table = match (self.tables.follow(&self.snapshot), before) {
            (Difference::None, _) => return Ok(()),
            (Difference::Routes(routes), Some(before)) => before.amended(version, &routes),
            (Difference::Whole(spec), before) => RoutingTable::build(version, &spec, before),
            (Difference::Routes(_), None) => bail!("routes to amend, and no table"),
        };
        let table = table.inspect_err(|_| self.tables = Succession::default());
        let table = Arc::new(table.context("build the table")?);
        self.is_behind = true;
        self.table = Some(Arc::clone(&table));
        // What is new is not served until the workers say so; only then the rest is worked out.
        self.snapshot.facts.applied = Applied::Pending;
        (self.handed_out, self.apply_time) = (Instant::now(), None);
        self.proxy.apply(table);
        Ok(())
    }

    /// The workers have what the snapshot makes, and the translation does not say so yet.
    fn is_settled(&self) -> bool {
        self.is_behind && self.snapshot.facts.applied == Applied::Acknowledged
    }

    fn is_translation_due(&self) -> bool {
        let is_due = self.reloading_since.is_some() || self.translate_from <= Instant::now();
        self.is_settled() && is_due
    }

    /// Works out all that the snapshot means. While changes come without end that takes a tenth of
    /// the time, so that the tables of the next ones do not wait for the words about the last.
    fn translate(&mut self) {
        let begin = Instant::now();
        self.translation = Arc::new(translate(&self.snapshot));
        self.is_behind = false;
        let end = Instant::now();
        let pause = (end - begin) * 9;
        self.translate_from = end + pause.min(TRANSLATION_PAUSE_MAX);
        self.rest_from = Some(end + REST);
    }

    /// Gives memory back that translations needed, when no other is near.
    fn rest(&mut self) {
        if self.rest_from.is_some_and(|from| from <= Instant::now()) {
            self.rest_from = None;
            portway_proxy::give_memory_back();
        }
    }
}

/// Hears of changes of files from now on. Without that the gateway runs all the same.
fn follow(inputs: &mut Inputs, objects: &mut Objects, news: &Sender<News>) {
    let news = news.clone();
    let tell = move |dirty| match news.send(News::Files(dirty)) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    match Watch::start(tell) {
        Ok(watch) => inputs.follow(objects, watch, Instant::now()),
        Err(error) => warn!(%error, "changes of files are not noticed, SIGHUP reads them again"),
    }
}

/// The names that FQDN slices hold.
fn names_to_resolve(objects: &Objects) -> BTreeSet<Arc<str>> {
    let slices = objects.endpoint_slices.values();
    let names = slices.flat_map(|slice| slice.object.names());
    names.map(Arc::from).collect()
}

#[cfg(test)]
mod tests;
