//! What one connection must do, told from the facts it was given.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use portway_engine::conn::{Action, End, Event, Farewell, HowToClose, Side};
use portway_engine::record::{CloseReason, ConnRecord, DialError};
use portway_engine::table::{BackendSpec, Listener, RejectReason, Route};
use portway_engine::time::Moment;

/// The rules of a connection's life, as the design tells them.
const DIALS_MAX: usize = 3;
const DIAL_TOTAL: Duration = Duration::from_secs(10);

/// The plain truth about one connection.
pub(crate) struct Shadow {
    pub(crate) listener: Arc<Listener>,
    started: Moment,
    dial_timeout: Duration,
    /// Known from the first dial on; a rejected stream's backend is known from its record.
    backend: Option<BackendSpec>,
    failed: Vec<(SocketAddr, DialError)>,
    finished: BTreeSet<Side>,
    /// When it must end for a drain.
    pub(crate) end: Option<Moment>,
    pub(crate) state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Born,
    Dialling {
        endpoint: SocketAddr,
        until: Moment,
    },
    Relaying {
        endpoint: SocketAddr,
    },
    Closed {
        reached: Option<SocketAddr>,
        reason: CloseReason,
    },
}

/// The actions a fact must bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    Nothing,
    /// Any endpoint of the backend that was not tried.
    Dial,
    Relay,
    /// Relay, and hand on the FIN that came early.
    RelayAndFin,
    Fin(Side),
    Close(CloseReason),
}

impl Shadow {
    pub(crate) fn new(listener: &Arc<Listener>, dial_timeout: Duration, now: Moment) -> Self {
        Self {
            listener: Arc::clone(listener),
            started: now,
            dial_timeout,
            backend: None,
            failed: Vec::new(),
            finished: BTreeSet::new(),
            end: None,
            state: State::Born,
        }
    }

    fn route(&self) -> Option<&Arc<Route>> {
        self.listener.route.as_ref()
    }

    /// The backend it was given to, if that is known.
    pub(crate) fn backend(&self) -> Option<&BackendSpec> {
        self.backend.as_ref()
    }

    pub(crate) fn is_dialling(&self) -> bool {
        matches!(self.state, State::Dialling { .. })
    }

    pub(crate) fn is_relaying(&self) -> bool {
        matches!(self.state, State::Relaying { .. })
    }

    pub(crate) fn is_open(&self) -> bool {
        self.is_dialling() || self.is_relaying()
    }

    /// The side that has sent its FIN while the other has not.
    pub(crate) fn half_closed(&self) -> Option<Side> {
        self.finished.first().copied()
    }

    /// Takes the first actions: a dial into some backend with weight, or a rejection for a reason
    /// that the listener has.
    pub(crate) fn birth(&mut self, actions: &[Action], now: Moment) {
        match *actions {
            [Action::Dial(endpoint)] => {
                let mut backends = self.route().unwrap().backends.iter();
                let owns = |it: &&BackendSpec| it.target.endpoints().contains(&endpoint);
                self.backend = Some(backends.find(owns).unwrap().clone());
                self.dial(endpoint, now);
            }
            [Action::Close(farewell)] => {
                self.check_rejection(farewell.reason);
                self.over(farewell.reason);
                check_farewell(farewell);
            }
            _ => panic!("born with {actions:?}"),
        }
    }

    fn check_rejection(&self, reason: CloseReason) {
        let CloseReason::Rejected(reason) = reason else {
            panic!("born dead by {reason:?}");
        };
        let weights = self
            .route()
            .map(|route| route.backends.iter().map(|it| u64::from(it.weight)));
        let want = match weights.map(Iterator::sum) {
            None => reason == RejectReason::NoRoute,
            Some(0_u64) => reason == RejectReason::NoWeight,
            Some(_) => !matches!(reason, RejectReason::NoRoute | RejectReason::NoWeight),
        };
        assert!(want, "{reason:?}");
    }

    /// What `event` must bring. The shadow moves on, but for the endpoint of a new dial.
    pub(crate) fn expect(&mut self, event: Event, now: Moment) -> Want {
        match (self.state, event) {
            (State::Closed { .. }, _) => Want::Nothing,
            (_, Event::Shutdown) => self.over(CloseReason::Shutdown),
            (_, Event::Drain(end)) => {
                self.end = end;
                Want::Nothing
            }
            (_, Event::Tick) if self.end.is_some_and(|it| it <= now) => {
                self.over(CloseReason::Drained)
            }
            (_, Event::OutOfResources) => self.over(CloseReason::OutOfResources),
            (State::Dialling { endpoint, .. }, Event::Dialled) => {
                self.state = State::Relaying { endpoint };
                match self.finished.is_empty() {
                    true => Want::Relay,
                    false => Want::RelayAndFin,
                }
            }
            (State::Dialling { endpoint, .. }, Event::DialFailed(error)) => {
                self.dial_failed(endpoint, error, now)
            }
            (State::Dialling { endpoint, until }, Event::Tick) if until <= now => {
                self.dial_failed(endpoint, DialError::TimedOut, now)
            }
            (State::Dialling { .. }, Event::Ended(Side::Client, End::Eof)) => {
                self.finished.insert(Side::Client);
                Want::Nothing
            }
            (State::Dialling { .. }, Event::Ended(Side::Client, _)) => {
                self.over(CloseReason::ClientGone)
            }
            (State::Relaying { .. }, Event::Ended(side, end)) => self.ended(side, end),
            _ => Want::Nothing,
        }
    }

    fn dial_failed(&mut self, endpoint: SocketAddr, error: DialError, now: Moment) -> Want {
        self.failed.push((endpoint, error));
        let late = now.since(self.started) >= DIAL_TOTAL;
        if !late && self.failed.len() < DIALS_MAX && self.untried().next().is_some() {
            return Want::Dial;
        }
        let ours = |(_, error): &(_, DialError)| *error == DialError::OutOfResources;
        match self.failed.iter().all(ours) {
            true => self.over(CloseReason::OutOfResources),
            false => self.over(CloseReason::DialFailed),
        }
    }

    fn ended(&mut self, side: Side, end: End) -> Want {
        use CloseReason as R;
        let reason = match (side, end) {
            (_, End::Eof) if !self.finished.insert(side) => return Want::Nothing,
            (_, End::Eof) if self.finished.len() == 1 => return Want::Fin(side.other()),
            (_, End::Eof) => R::Finished,
            (Side::Client, End::Reset) => R::ClientReset,
            (Side::Client, End::Timeout) => R::ClientTimeout,
            (Side::Client, End::Other(errno)) => R::ClientError(errno),
            (Side::Backend, End::Reset) => R::BackendReset,
            (Side::Backend, End::Timeout) => R::BackendTimeout,
            (Side::Backend, End::Other(errno)) => R::BackendError(errno),
        };
        self.over(reason)
    }

    fn over(&mut self, reason: CloseReason) -> Want {
        let reached = match self.state {
            State::Relaying { endpoint } => Some(endpoint),
            _ => None,
        };
        self.state = State::Closed { reached, reason };
        Want::Close(reason)
    }

    fn untried(&self) -> impl Iterator<Item = SocketAddr> {
        let endpoints = self.backend.as_ref().map(|it| it.target.endpoints());
        let tried = |it: &SocketAddr| self.failed.iter().any(|(failed, _)| failed == it);
        let endpoints = endpoints.into_iter().flatten().copied();
        endpoints.filter(move |it| !tried(it))
    }

    /// Holds `actions` against what was wanted.
    pub(crate) fn obey(
        &mut self,
        want: Want,
        actions: &[Action],
        now: Moment,
        avoids: impl Fn(SocketAddr) -> bool,
    ) {
        match (want, actions) {
            (Want::Nothing, []) | (Want::Relay, [Action::Relay]) => {}
            (Want::Dial, [Action::Dial(endpoint)]) => {
                assert!(
                    self.untried().any(|it| it == *endpoint),
                    "{endpoint}, of all"
                );
                let better = self.untried().find(|it| !avoids(*it));
                assert!(
                    !avoids(*endpoint) || better.is_none(),
                    "{better:?} is not avoided"
                );
                self.dial(*endpoint, now);
            }
            (Want::RelayAndFin, [Action::Relay, Action::ShutdownWrite(Side::Backend)]) => {}
            (Want::Fin(side), [Action::ShutdownWrite(to)]) if side == *to => {}
            (Want::Close(reason), [Action::Close(farewell)]) if farewell.reason == reason => {
                check_farewell(*farewell);
            }
            _ => panic!("{actions:?} where {want:?} was due"),
        }
    }

    fn dial(&mut self, endpoint: SocketAddr, now: Moment) {
        let until = self.started.after(DIAL_TOTAL);
        let until = until.min(now.after(self.dial_timeout));
        self.state = State::Dialling { endpoint, until };
    }

    /// There is a deadline exactly while a dial is under way or an end is due.
    pub(crate) fn check_deadline(&self, deadline: Option<Moment>) {
        let want = match (self.state, self.end) {
            (State::Dialling { until, .. }, Some(end)) => Some(until.min(end)),
            (State::Dialling { until, .. }, None) => Some(until),
            (State::Relaying { .. }, end) => end,
            (State::Born | State::Closed { .. }, _) => None,
        };
        assert_eq!(deadline, want);
    }

    /// The record tells this very story.
    pub(crate) fn check_record(&self, record: &ConnRecord) {
        let State::Closed { reached, reason } = self.state else {
            panic!("a record of a connection that is {:?}", self.state);
        };
        assert_eq!(record.reason, reason);
        assert_eq!(record.endpoint, reached);
        assert_eq!(record.failed_dials, self.failed);
        assert_eq!(record.started, self.started);
        assert_eq!(record.listener, self.listener.name);
        assert_eq!(record.route.as_ref(), self.route().map(|it| &it.name));
        if let Some(backend) = self.backend() {
            assert_eq!(record.backend.as_ref(), Some(&backend.name));
        }
    }
}

/// Only a finished connection ends with FINs; every other end is a reset on both sides.
fn check_farewell(farewell: Farewell) {
    let how = match farewell.reason {
        CloseReason::Finished => HowToClose::Fin,
        _ => HowToClose::Reset,
    };
    assert_eq!((farewell.client, farewell.backend), (how, how));
}
