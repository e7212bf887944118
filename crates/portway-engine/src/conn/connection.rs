//! The machine of one connection. Its story is told at [`Connection`].

use std::iter;
use std::net::SocketAddr;
use std::sync::Arc;

use super::{Action, End, Event, Farewell, HowToClose, Side, Stage};
use crate::health::Avoidance;
use crate::limits::{DIAL_TOTAL_TIMEOUT, DIALS_MAX};
use crate::record::{CloseReason, ConnRecord, DialError, Relayed};
use crate::table::{BackendSpec, Listener, RejectReason, TargetSpec};
use crate::time::Moment;

/// One client connection and its backend leg, from accept to close.
///
/// It is born with a listener and a ticket, and these decide its backend for good. If that is a
/// rejection, the first and only action is `Close` with a reset. Otherwise it dials at once, since
/// the endpoint may be the one that speaks first. A dial that fails is followed by one to another
/// endpoint of the same backend, so that weights stay true: each endpoint once, at most
/// [`DIALS_MAX`], within [`DIAL_TOTAL_TIMEOUT`], and so always before a byte has moved. When none
/// answers the client is reset.
///
/// ```text
///              Dial ┌───────────┐ Dialled: Relay  ┌──────────┐ both FINs, reset, timeout: Close
///  new ────────────►│ Dialling  │────────────────►│ Relaying │──────────────────────┐
///   │               └──┬──▲──┬──┘                 └──────────┘                      ▼
///   │  DialFailed, Tick└──┘  │ none left, client gone: Close                   ┌────────┐
///   └────────────────────────┴────────────────────────────────────────────────►│ Closed │
///     rejected: Close                                                           └────────┘
/// ```
///
/// While bytes move each side may end by itself. `Eof` from one side is handed on as a FIN to the
/// other (`ShutdownWrite`), and the way back stays open for as long as it takes; the second `Eof`
/// ends the connection. A client may send its FIN even before the dial is done. Every other end of
/// a side is the end of the connection, and the other side sees it as a reset.
///
/// When the configuration takes its place away the shell says so (`Drain`), with the moment at
/// which it must end; until then it goes on as if nothing had happened.
///
/// The shell's part: after [`Self::new`] and each [`Self::handle`] drain [`Self::poll_action`];
/// send [`Event::Tick`] when [`Self::deadline`] has passed; after `Close`, which comes once and
/// last, call [`Self::into_record`]. Events after that are ignored.
#[derive(Debug)]
pub struct Connection {
    listener: Arc<Listener>,
    client: SocketAddr,
    started: Moment,
    failed_dials: Vec<(SocketAddr, DialError)>,
    phase: Phase,
    /// Index of the endpoint that is or was dialled last, in the chosen backend.
    endpoint: u32,
    /// Index of the chosen backend in the listener's route, if there is any.
    backend: Option<u8>,
    /// The side that has sent its FIN. When both have, the connection is closed.
    finished: Option<Side>,
    /// When it must end, having lost its place in the configuration; else the end of time.
    drain_at: Moment,
    owed: Owed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Dialling { until: Moment },
    Relaying,
    Closed { reached: bool, farewell: Farewell },
}

/// A moment that does not come.
const END_OF_TIME: Moment = Moment::from_nanos(u64::MAX);

/// Actions not yet polled: at most two, since a dial or a close puts aside all before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Owed([Option<Step>; 2]);

/// An [`Action`] without what the connection knows anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Dial,
    Relay,
    ShutdownWrite(Side),
    Close,
}

impl Connection {
    /// A connection that was just accepted. `ticket` is its number on the listener's route, over
    /// all workers; any number will do if there is no route.
    pub fn new(
        listener: &Arc<Listener>,
        client: SocketAddr,
        ticket: u64,
        avoid: &Avoidance,
        now: Moment,
    ) -> Self {
        let turn = listener
            .route
            .as_ref()
            .and_then(|it| it.shares.turn(ticket));
        let mut connection = Self {
            listener: Arc::clone(listener),
            client,
            started: now,
            failed_dials: Vec::new(),
            phase: Phase::Dialling { until: now },
            endpoint: 0,
            backend: turn.and_then(|it| u8::try_from(it.backend).ok()),
            finished: None,
            drain_at: END_OF_TIME,
            owed: Owed::default(),
        };
        let rank = turn.map_or(0, |it| it.rank);
        match connection.rejection() {
            Some(reason) => connection.reset(CloseReason::Rejected(reason)),
            None => connection.dial_from(rank, avoid, now),
        }
        connection.check_invariants();
        connection
    }

    /// Takes one fact. Afterwards drain [`Self::poll_action`] until `None`.
    pub fn handle(&mut self, avoid: &mut Avoidance, event: Event, now: Moment) {
        match (self.phase, event) {
            (Phase::Closed { .. }, _) => {}
            (_, Event::Shutdown) => self.reset(CloseReason::Shutdown),
            (_, Event::OutOfResources) => self.reset(CloseReason::OutOfResources),
            (_, Event::Drain(at)) => self.drain_at = at.unwrap_or(END_OF_TIME),
            (_, Event::Tick) if self.is_drained(now) => self.reset(CloseReason::Drained),
            (Phase::Dialling { until }, _) => match event {
                Event::Tick if now < until => {}
                Event::Tick => self.dial_failed(DialError::TimedOut, avoid, now),
                Event::DialFailed(error) => self.dial_failed(error, avoid, now),
                Event::Dialled => self.dialled(avoid),
                Event::Ended(Side::Client, End::Eof) => self.finished = Some(Side::Client),
                Event::Ended(Side::Client, _) => self.reset(CloseReason::ClientGone),
                _ => {}
            },
            (Phase::Relaying, Event::Ended(side, End::Eof)) => self.end_of_file(side),
            (Phase::Relaying, Event::Ended(side, end)) => self.reset(broken(side, end)),
            (Phase::Relaying, _) => {}
        }
        self.check_invariants();
    }

    /// What the shell must do next; it reports the outcome as an [`Event`].
    pub fn poll_action(&mut self) -> Option<Action> {
        Some(match self.owed.pop()? {
            Step::Dial => Action::Dial(self.endpoint()?),
            Step::Relay => Action::Relay,
            Step::ShutdownWrite(side) => Action::ShutdownWrite(side),
            Step::Close => match self.phase {
                Phase::Closed { farewell, .. } => Action::Close(farewell),
                Phase::Dialling { .. } | Phase::Relaying => return None,
            },
        })
    }

    /// When to send [`Event::Tick`] if nothing else happens first.
    pub fn deadline(&self) -> Option<Moment> {
        match self.phase {
            Phase::Dialling { until } => Some(until.min(self.drain_at)),
            Phase::Relaying => Some(self.drain_at).filter(|at| *at < END_OF_TIME),
            Phase::Closed { .. } => None,
        }
    }

    /// Whether it has lost its place and is to end.
    pub fn is_draining(&self) -> bool {
        self.drain_at < END_OF_TIME
    }

    /// Whether its time to drain is over: then a tick ends it.
    pub fn is_drained(&self, now: Moment) -> bool {
        self.drain_at <= now
    }

    /// The listener it was born with.
    pub fn listener(&self) -> &Arc<Listener> {
        &self.listener
    }

    /// The client's address as accepted.
    pub fn client(&self) -> SocketAddr {
        self.client
    }

    /// When it was accepted.
    pub fn started(&self) -> Moment {
        self.started
    }

    /// The endpoint that is dialled or serves, or was the last to be.
    pub fn endpoint(&self) -> Option<SocketAddr> {
        let index = usize::try_from(self.endpoint).ok()?;
        self.endpoints().get(index).copied()
    }

    /// Where the endpoint of [`Self::endpoint`] stands: index of its backend in the route, and its
    /// own in the backend.
    pub fn choice(&self) -> Option<(usize, usize)> {
        let backend = usize::from(self.backend?);
        Some((backend, usize::try_from(self.endpoint).ok()?))
    }

    /// Dials that failed so far, in order.
    pub fn failed_dials(&self) -> &[(SocketAddr, DialError)] {
        &self.failed_dials
    }

    /// How far it is.
    pub fn stage(&self) -> Stage {
        match (self.phase, self.finished) {
            (Phase::Dialling { .. }, _) => Stage::Dialling,
            (Phase::Relaying, None) => Stage::Relaying,
            (Phase::Relaying, Some(side)) => Stage::HalfClosed(side),
            (Phase::Closed { .. }, _) => Stage::Closed,
        }
    }

    /// What remains, once [`Action::Close`] gave `farewell` and both sockets are closed.
    pub fn into_record(self, farewell: Farewell, relayed: Relayed, ended: Moment) -> ConnRecord {
        let reached = match self.phase {
            Phase::Closed { reached, .. } => reached,
            Phase::Dialling { .. } => false,
            Phase::Relaying => true,
        };
        ConnRecord {
            listener: Arc::clone(&self.listener.name),
            route: self.listener.route.as_ref().map(|it| Arc::clone(&it.name)),
            backend: self.chosen().map(|it| Arc::clone(&it.name)),
            endpoint: self.endpoint().filter(|_| reached),
            client: self.client,
            started: self.started,
            ended,
            bytes_to_backend: relayed.to_backend,
            bytes_to_client: relayed.to_client,
            failed_dials: self.failed_dials,
            reason: farewell.reason,
            dial_time: None,
            client_path: None,
            backend_path: None,
        }
    }

    /// The backend it was given to, if any.
    pub fn backend(&self) -> Option<&BackendSpec> {
        self.chosen()
    }

    fn chosen(&self) -> Option<&BackendSpec> {
        let route = self.listener.route.as_ref()?;
        route.backends.get(usize::from(self.backend?))
    }

    fn endpoints(&self) -> &[SocketAddr] {
        self.chosen().map_or(&[], |it| it.target.endpoints())
    }

    /// Why nothing will be dialled, if so.
    fn rejection(&self) -> Option<RejectReason> {
        match self.chosen() {
            Some(BackendSpec { target, .. }) => match target {
                TargetSpec::Reject(reason) => Some(*reason),
                TargetSpec::Endpoints(_) => None,
            },
            None if self.listener.route.is_some() => Some(RejectReason::NoWeight),
            None => Some(RejectReason::NoRoute),
        }
    }

    /// Dials the next endpoint, counted from the one whose turn it is, or gives up.
    fn dial_from(&mut self, turn: u64, avoid: &Avoidance, now: Moment) {
        let until = self.started.after(DIAL_TOTAL_TIMEOUT);
        let may_dial = now < until && self.failed_dials.len() < usize::from(DIALS_MAX);
        let Some(endpoint) = self.next_endpoint(turn, avoid, now).filter(|_| may_dial) else {
            self.reset(self.unreachable());
            return;
        };
        self.endpoint = endpoint;
        self.phase = Phase::Dialling {
            until: until.min(now.after(avoid.dial_timeout())),
        };
        self.owed.push(Step::Dial);
    }

    /// The endpoint whose turn it is. If it was tried or is avoided, the first after it that is
    /// neither, looked for from another place each round: else its whole share fell on the one
    /// that comes next. If all others are avoided, the first that was not tried.
    fn next_endpoint(&self, turn: u64, avoid: &Avoidance, now: Moment) -> Option<u32> {
        let endpoints = self.endpoints();
        let n = u64::try_from(endpoints.len()).ok()?;
        let start = turn.checked_rem(n)?;
        let skipped = (turn / n).checked_rem(n - 1).unwrap_or(0);
        let others = (0..n).map(|step| (start + 1 + skipped + step) % n);
        let mut fallback = None;
        for index in iter::once(start).chain(others) {
            let endpoint = *endpoints.get(usize::try_from(index).ok()?)?;
            if self.has_tried(endpoint) {
                continue;
            }
            if !avoid.avoids(endpoint, now) {
                return u32::try_from(index).ok();
            }
            fallback = fallback.or(Some(index));
        }
        u32::try_from(fallback?).ok()
    }

    fn has_tried(&self, endpoint: SocketAddr) -> bool {
        self.failed_dials
            .iter()
            .any(|(tried, _)| *tried == endpoint)
    }

    fn dialled(&mut self, avoid: &mut Avoidance) {
        if let Some(endpoint) = self.endpoint() {
            avoid.succeeded(endpoint);
        }
        self.phase = Phase::Relaying;
        self.owed.push(Step::Relay);
        if self.finished == Some(Side::Client) {
            self.owed.push(Step::ShutdownWrite(Side::Backend));
        }
    }

    fn dial_failed(&mut self, error: DialError, avoid: &mut Avoidance, now: Moment) {
        if let Some(endpoint) = self.endpoint() {
            self.failed_dials.push((endpoint, error));
            // What this machine lacks is not the endpoint's fault.
            if error != DialError::OutOfResources {
                avoid.failed(endpoint, now);
            }
        }
        self.dial_from(u64::from(self.endpoint) + 1, avoid, now);
    }

    /// Why no endpoint was reached: ours if every dial failed for want of something here.
    fn unreachable(&self) -> CloseReason {
        let mut errors = self.failed_dials.iter().map(|(_, error)| *error);
        if errors.all(|it| it == DialError::OutOfResources) {
            CloseReason::OutOfResources
        } else {
            CloseReason::DialFailed
        }
    }

    fn end_of_file(&mut self, side: Side) {
        match self.finished {
            None => {
                self.finished = Some(side);
                self.owed.push(Step::ShutdownWrite(side.other()));
            }
            Some(earlier) if earlier == side => {}
            Some(_) => self.close(HowToClose::Fin, CloseReason::Finished),
        }
    }

    fn reset(&mut self, reason: CloseReason) {
        self.close(HowToClose::Reset, reason);
    }

    fn close(&mut self, how: HowToClose, reason: CloseReason) {
        let farewell = Farewell {
            client: how,
            backend: how,
            reason,
        };
        let reached = self.phase == Phase::Relaying;
        self.phase = Phase::Closed { reached, farewell };
        self.owed.push(Step::Close);
    }

    /// What must hold between two facts, whatever the world does.
    fn check_invariants(&self) {
        if !cfg!(debug_assertions) {
            return;
        }
        let tried = &self.failed_dials;
        debug_assert!(tried.len() <= usize::from(DIALS_MAX));
        debug_assert!(tried.iter().all(|(it, _)| self.endpoints().contains(it)));
        match self.phase {
            Phase::Dialling { until } => {
                debug_assert!(until <= self.started.after(DIAL_TOTAL_TIMEOUT));
                debug_assert!(self.endpoint().is_some_and(|it| !self.has_tried(it)));
                debug_assert!(tried.len() < usize::from(DIALS_MAX));
                debug_assert_ne!(self.finished, Some(Side::Backend));
            }
            Phase::Relaying => debug_assert!(self.endpoint().is_some()),
            Phase::Closed { reached, farewell } => {
                debug_assert!(reached || farewell.client == HowToClose::Reset);
                debug_assert!(matches!(self.owed.0, [None | Some(Step::Close), None]));
            }
        }
    }
}

impl Owed {
    fn push(&mut self, step: Step) {
        match (step, self.0) {
            (Step::Dial | Step::Close, _) | (_, [None, _]) => self.0 = [Some(step), None],
            (_, [first, _]) => self.0 = [first, Some(step)],
        }
    }

    fn pop(&mut self) -> Option<Step> {
        let [first, second] = self.0;
        self.0 = [second, None];
        first
    }
}

/// The reason for a connection that one side broke off.
fn broken(side: Side, end: End) -> CloseReason {
    match (side, end) {
        (_, End::Eof) => CloseReason::Finished,
        (Side::Client, End::Reset) => CloseReason::ClientReset,
        (Side::Client, End::Timeout) => CloseReason::ClientTimeout,
        (Side::Client, End::Other(errno)) => CloseReason::ClientError(errno),
        (Side::Backend, End::Reset) => CloseReason::BackendReset,
        (Side::Backend, End::Timeout) => CloseReason::BackendTimeout,
        (Side::Backend, End::Other(errno)) => CloseReason::BackendError(errno),
    }
}
