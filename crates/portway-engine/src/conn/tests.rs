//! Stories of single connections: every way one can end, told as facts and actions.

mod random;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{Action, Connection, End, Event, Farewell, HowToClose, Side};
use crate::health::Avoidance;
use crate::limits::{DIAL_TIMEOUT, DIAL_TOTAL_TIMEOUT};
use crate::record::{CloseReason, ConnRecord, DialError, Relayed};
use crate::table::{
    BackendSpec, Listener, ListenerSpec, Protocol, RejectReason, RouteSpec, RoutingTable,
    TableSpec, TableVersion, TargetSpec,
};
use crate::time::Moment;

const START: Moment = Moment::from_nanos(1_000);
const CLIENT: &str = "192.0.2.1:40000";
const GONE: Event = Event::DialFailed(DialError::Refused);
const CLIENT_EOF: Event = Event::Ended(Side::Client, End::Eof);
const BACKEND_EOF: Event = Event::Ended(Side::Backend, End::Eof);

/// One connection with the worker around it.
struct Stage {
    avoid: Avoidance,
    now: Moment,
    connection: Connection,
}

impl Stage {
    fn new(listener: &Arc<Listener>, ticket: u64) -> Self {
        Self::with(listener, ticket, Avoidance::new(DIAL_TIMEOUT))
    }

    fn with(listener: &Arc<Listener>, ticket: u64, avoid: Avoidance) -> Self {
        let client = CLIENT.parse().unwrap();
        let connection = Connection::new(listener, client, ticket, &avoid, START);
        Self {
            avoid,
            now: START,
            connection,
        }
    }

    /// A connection to a single backend with these endpoints, after its first action.
    fn dialling(endpoints: &[&str]) -> Self {
        let mut stage = Self::new(&listener(&[(1, endpoints)]), 0);
        assert_eq!(stage.actions(), [dial(endpoints[0])]);
        stage
    }

    /// A connection that relays.
    fn relaying() -> Self {
        let mut stage = Self::dialling(&["10.0.0.1:1"]);
        assert_eq!(stage.on(Event::Dialled), [Action::Relay]);
        stage
    }

    fn on(&mut self, event: Event) -> Vec<Action> {
        self.connection.handle(&mut self.avoid, event, self.now);
        self.actions()
    }

    fn after(&mut self, wait: Duration, event: Event) -> Vec<Action> {
        self.now = self.now.after(wait);
        self.on(event)
    }

    fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.connection.poll_action()).collect()
    }

    /// The record of a connection whose last action was `Close` for `reason`.
    fn record(self, reason: CloseReason) -> ConnRecord {
        let how = match reason {
            CloseReason::Finished => HowToClose::Fin,
            _ => HowToClose::Reset,
        };
        let relayed = Relayed {
            to_backend: 3,
            to_client: 5,
        };
        let farewell = farewell(how, reason);
        self.connection.into_record(farewell, relayed, self.now)
    }
}

fn farewell(how: HowToClose, reason: CloseReason) -> Farewell {
    Farewell {
        client: how,
        backend: how,
        reason,
    }
}

fn dial(endpoint: &str) -> Action {
    Action::Dial(endpoint.parse().unwrap())
}

fn reset(reason: CloseReason) -> [Action; 1] {
    [Action::Close(farewell(HowToClose::Reset, reason))]
}

fn finished() -> [Action; 1] {
    [Action::Close(farewell(
        HowToClose::Fin,
        CloseReason::Finished,
    ))]
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A listener whose route has these weights and endpoints; none of them: a rejection.
fn listener(backends: &[(u32, &[&str])]) -> Arc<Listener> {
    let backends = backends.iter().zip(b'a'..);
    let backends = backends.map(|((weight, endpoints), letter)| BackendSpec {
        name: char::from(letter).to_string().into(),
        weight: *weight,
        target: match endpoints {
            [] => TargetSpec::Reject(RejectReason::NoEndpoint),
            some => TargetSpec::Endpoints(some.iter().map(|it| addr(it)).collect()),
        },
    });
    listener_of(Some(backends.collect()))
}

fn listener_of(backends: Option<Vec<BackendSpec>>) -> Arc<Listener> {
    let route = |backends| RouteSpec {
        name: "route".into(),
        backends,
    };
    let spec = TableSpec {
        drains: Vec::new(),
        grants: None,
        listeners: vec![ListenerSpec {
            name: "listener".into(),
            protocol: Protocol::Tcp,
            binds: vec![addr("0.0.0.0:80")],
            route: backends.as_ref().map(|_| "route".into()),
        }],
        routes: backends.map(route).into_iter().collect(),
    };
    let table = RoutingTable::build(TableVersion(1), &spec, None).unwrap();
    let (_, listener) = table.listeners().next().unwrap();
    Arc::clone(listener)
}

// The ordinary life.

#[test]
fn it_dials_at_once_and_relays() {
    let mut stage = Stage::dialling(&["10.0.0.1:1"]);
    assert_eq!(stage.connection.deadline(), Some(START.after(DIAL_TIMEOUT)));
    assert_eq!(stage.on(Event::Dialled), [Action::Relay]);
    assert_eq!(
        stage.connection.deadline(),
        None,
        "an open connection has no timeout"
    );
}

#[test]
fn both_sides_finish_in_either_order() {
    for (first, second) in [(Side::Client, Side::Backend), (Side::Backend, Side::Client)] {
        let mut stage = Stage::relaying();
        assert_eq!(
            stage.on(Event::Ended(first, End::Eof)),
            [Action::ShutdownWrite(second)]
        );
        assert_eq!(stage.on(Event::Ended(first, End::Eof)), [], "said twice");
        assert_eq!(
            stage.after(DIAL_TOTAL_TIMEOUT * 100, Event::Tick),
            [],
            "for as long as it takes"
        );
        assert_eq!(stage.on(Event::Ended(second, End::Eof)), finished());
        assert_eq!(stage.on(Event::Shutdown), [], "over is over");
    }
}

#[test]
fn a_client_may_finish_before_the_dial_is_done() {
    let mut stage = Stage::dialling(&["10.0.0.1:1", "10.0.0.2:1"]);
    assert_eq!(stage.on(CLIENT_EOF), []);
    assert_eq!(
        stage.on(GONE),
        [dial("10.0.0.2:1")],
        "also if the first dial fails"
    );
    let fin = Action::ShutdownWrite(Side::Backend);
    assert_eq!(stage.on(Event::Dialled), [Action::Relay, fin]);
    assert_eq!(stage.on(BACKEND_EOF), finished());
}

#[test]
fn a_finished_connection_is_recorded() {
    let mut stage = Stage::dialling(&["10.0.0.1:1", "10.0.0.2:1"]);
    stage.after(Duration::from_secs(1), GONE);
    stage.on(Event::Dialled);
    stage.on(CLIENT_EOF);
    stage.after(Duration::from_secs(1), BACKEND_EOF);
    let want = ConnRecord {
        listener: "listener".into(),
        route: Some("route".into()),
        backend: Some("a".into()),
        endpoint: Some(addr("10.0.0.2:1")),
        client: addr(CLIENT),
        started: START,
        ended: START.after(Duration::from_secs(2)),
        bytes_to_backend: 3,
        bytes_to_client: 5,
        failed_dials: vec![(addr("10.0.0.1:1"), DialError::Refused)],
        reason: CloseReason::Finished,
        dial_time: None,
        client_path: None,
        backend_path: None,
    };
    assert_eq!(stage.record(CloseReason::Finished), want);
}

// Dials that fail.

#[test]
fn retries_stay_within_the_backend_and_stop_at_three() {
    let good: &[_] = &["10.0.1.1:1"];
    let bad: &[_] = &["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "10.0.0.4:1"];
    let mut stage = Stage::new(&listener(&[(1, good), (1, bad)]), 1);
    assert_eq!(stage.actions(), [dial("10.0.0.1:1")]);
    assert_eq!(stage.on(GONE), [dial("10.0.0.2:1")]);
    let unreachable = Event::DialFailed(DialError::Unreachable);
    assert_eq!(stage.on(unreachable), [dial("10.0.0.3:1")]);
    let other = Event::DialFailed(DialError::Other(1));
    assert_eq!(stage.on(other), reset(CloseReason::DialFailed));

    let record = stage.record(CloseReason::DialFailed);
    assert_eq!(record.endpoint, None);
    assert_eq!(record.backend.as_deref(), Some("b"));
    let want = [
        (addr("10.0.0.1:1"), DialError::Refused),
        (addr("10.0.0.2:1"), DialError::Unreachable),
        (addr("10.0.0.3:1"), DialError::Other(1)),
    ];
    assert_eq!(record.failed_dials, want);
}

#[test]
fn each_endpoint_is_tried_once() {
    let mut stage = Stage::dialling(&["10.0.0.1:1", "10.0.0.2:1"]);
    assert_eq!(stage.on(GONE), [dial("10.0.0.2:1")]);
    assert_eq!(stage.on(GONE), reset(CloseReason::DialFailed));
}

#[test]
fn a_dial_without_answer_is_given_up_at_its_deadline() {
    let mut stage = Stage::dialling(&["10.0.0.1:1", "10.0.0.2:1"]);
    let almost = DIAL_TIMEOUT.checked_sub(Duration::from_nanos(1)).unwrap();
    assert_eq!(
        stage.after(almost, Event::Tick),
        [],
        "a tick may come early"
    );
    assert_eq!(
        stage.after(Duration::from_nanos(1), Event::Tick),
        [dial("10.0.0.2:1")]
    );
    assert!(stage.avoid.avoids(addr("10.0.0.1:1"), stage.now));
    assert_eq!(
        stage.after(DIAL_TIMEOUT, Event::Tick),
        reset(CloseReason::DialFailed)
    );
    let record = stage.record(CloseReason::DialFailed);
    assert!(
        record
            .failed_dials
            .iter()
            .all(|(_, why)| *why == DialError::TimedOut)
    );
}

#[test]
fn all_dials_together_take_ten_seconds_at_most() {
    let listener = listener(&[(1, &["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"])]);
    let mut stage = Stage::with(&listener, 0, Avoidance::new(Duration::from_secs(7)));
    let end = START.after(DIAL_TOTAL_TIMEOUT);
    assert_eq!(
        stage.connection.deadline(),
        Some(START.after(Duration::from_secs(7)))
    );
    stage.after(Duration::from_secs(7), Event::Tick);
    assert_eq!(
        stage.connection.deadline(),
        Some(end),
        "what is left, not seven more"
    );
    stage.actions();
    assert_eq!(
        stage.after(Duration::from_secs(3), Event::Tick),
        reset(CloseReason::DialFailed)
    );
}

#[test]
fn a_failed_endpoint_is_passed_over_by_the_next_connections() {
    let listener = listener(&[(1, &["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"])]);
    let mut stage = Stage::new(&listener, 0);
    stage.on(GONE);
    let firsts = (0..4).map(|ticket| {
        let client = addr(CLIENT);
        let mut next = Connection::new(&listener, client, ticket, &stage.avoid, stage.now);
        next.poll_action().unwrap()
    });
    let want = ["10.0.0.2:1", "10.0.0.2:1", "10.0.0.3:1", "10.0.0.3:1"].map(dial);
    assert_eq!(firsts.collect::<Vec<_>>(), want);
}

/// Who comes next after those that are down gets more of them than others, but not all.
#[test]
fn the_turns_of_avoided_neighbours_fall_on_all_others() {
    let endpoints: Vec<String> = (0..10).map(|n| format!("10.0.0.{n}:1")).collect();
    let endpoints: Vec<&str> = endpoints.iter().map(String::as_str).collect();
    let mut avoid = Avoidance::new(DIAL_TIMEOUT);
    for endpoint in &endpoints[..4] {
        avoid.failed(addr(endpoint), START);
    }
    let listener = listener(&[(1, &endpoints)]);
    let mut shares = [0; 10];
    for ticket in 0..90 {
        let next = Connection::new(&listener, addr(CLIENT), ticket, &avoid, START);
        shares[next.choice().unwrap().1] += 1;
    }
    assert_eq!(shares, [0, 0, 0, 0, 25, 13, 13, 13, 13, 13]);
}

#[test]
fn endpoints_that_are_all_avoided_are_tried_anyway() {
    let endpoints = ["10.0.0.1:1", "10.0.0.2:1"];
    let mut avoid = Avoidance::new(DIAL_TIMEOUT);
    avoid.failed(addr(endpoints[0]), START);
    avoid.failed(addr(endpoints[1]), START);
    let mut stage = Stage::with(&listener(&[(1, &endpoints)]), 1, avoid);
    assert_eq!(stage.actions(), [dial("10.0.0.2:1")], "in turn");
    assert_eq!(stage.on(GONE), [dial("10.0.0.1:1")]);
    stage.on(Event::Dialled);
    assert!(
        !stage.avoid.avoids(addr("10.0.0.1:1"), stage.now),
        "success clears"
    );
}

#[test]
fn endpoints_take_turns() {
    let listener = listener(&[(1, &["10.0.0.1:1", "10.0.0.2:1"]), (1, &["10.0.1.1:1"])]);
    let dials = (0..6).map(|ticket| Stage::new(&listener, ticket).actions()[0]);
    let (a1, a2, b) = (dial("10.0.0.1:1"), dial("10.0.0.2:1"), dial("10.0.1.1:1"));
    assert_eq!(dials.collect::<Vec<_>>(), [a1, b, a2, b, a1, b]);
}

// Every reason to close, one by one.

#[test]
fn the_client_leaves_while_we_dial() {
    for end in [End::Reset, End::Timeout, End::Other(113)] {
        let mut stage = Stage::dialling(&["10.0.0.1:1"]);
        let gone = Event::Ended(Side::Client, end);
        assert_eq!(stage.on(gone), reset(CloseReason::ClientGone));
        assert_eq!(stage.on(Event::Dialled), [], "a late answer");
        assert_eq!(stage.record(CloseReason::ClientGone).endpoint, None);
    }
}

#[test]
fn the_client_finishes_and_then_leaves_while_we_dial() {
    let mut stage = Stage::dialling(&["10.0.0.1:1"]);
    stage.on(CLIENT_EOF);
    let gone = Event::Ended(Side::Client, End::Reset);
    assert_eq!(stage.on(gone), reset(CloseReason::ClientGone));
}

#[test]
fn whatever_breaks_one_side_resets_the_other() {
    use CloseReason as R;
    for (side, end, want) in [
        (Side::Client, End::Reset, R::ClientReset),
        (Side::Client, End::Timeout, R::ClientTimeout),
        (Side::Client, End::Other(113), R::ClientError(113)),
        (Side::Backend, End::Reset, R::BackendReset),
        (Side::Backend, End::Timeout, R::BackendTimeout),
        (Side::Backend, End::Other(113), R::BackendError(113)),
    ] {
        let mut stage = Stage::relaying();
        assert_eq!(stage.on(Event::Ended(side, end)), reset(want));
        assert_eq!(stage.record(want).endpoint, Some(addr("10.0.0.1:1")));

        for finished in [CLIENT_EOF, BACKEND_EOF] {
            let mut stage = Stage::relaying();
            stage.on(finished);
            assert_eq!(
                stage.on(Event::Ended(side, end)),
                reset(want),
                "half-closed"
            );
        }
    }
}

#[test]
fn a_shutdown_resets_both_sides_at_any_time() {
    let mut stage = Stage::dialling(&["10.0.0.1:1"]);
    assert_eq!(stage.on(Event::Shutdown), reset(CloseReason::Shutdown));
    let mut stage = Stage::relaying();
    assert_eq!(stage.on(Event::Shutdown), reset(CloseReason::Shutdown));
}

#[test]
fn a_machine_without_resources_says_so() {
    let mut stage = Stage::relaying();
    assert_eq!(
        stage.on(Event::OutOfResources),
        reset(CloseReason::OutOfResources)
    );

    let lacking = Event::DialFailed(DialError::OutOfResources);
    let mut stage = Stage::dialling(&["10.0.0.1:1", "10.0.0.2:1"]);
    assert_eq!(
        stage.on(lacking),
        [dial("10.0.0.2:1")],
        "ports are short for one peer at a time"
    );
    assert_eq!(stage.on(lacking), reset(CloseReason::OutOfResources));
    assert_eq!(stage.avoid.n_remembered(), 0, "not the endpoints' fault");

    let mut stage = Stage::dialling(&["10.0.0.1:1", "10.0.0.2:1"]);
    stage.on(lacking);
    assert_eq!(
        stage.on(GONE),
        reset(CloseReason::DialFailed),
        "one of them was"
    );
}

#[test]
fn a_rejection_is_a_reset_at_once() {
    let check = |listener: &Arc<Listener>, why: RejectReason, backend: Option<&str>| {
        let mut stage = Stage::new(listener, 0);
        let reason = CloseReason::Rejected(why);
        assert_eq!(stage.actions(), reset(reason));
        assert_eq!(stage.connection.deadline(), None);
        assert_eq!(stage.on(Event::Tick), []);
        assert_eq!(stage.record(reason).backend.as_deref(), backend);
    };
    check(&listener_of(None), RejectReason::NoRoute, None);
    check(&listener(&[]), RejectReason::NoWeight, None);
    check(
        &listener(&[(0, &["10.0.0.1:1"])]),
        RejectReason::NoWeight,
        None,
    );
    for why in [
        RejectReason::InvalidBackend,
        RejectReason::NotPermitted,
        RejectReason::NoEndpoint,
        RejectReason::Loop,
    ] {
        let backend = BackendSpec {
            name: "a".into(),
            weight: 1,
            target: TargetSpec::Reject(why),
        };
        check(&listener_of(Some(vec![backend])), why, Some("a"));
    }
}

/// Of two backends with equal weight, one invalid: every other connection.
#[test]
fn an_invalid_backend_keeps_its_share() {
    let listener = listener(&[(1, &["10.0.0.1:1"]), (1, &[])]);
    let rejected = reset(CloseReason::Rejected(RejectReason::NoEndpoint))[0];
    for ticket in 0..10 {
        let want = [dial("10.0.0.1:1"), rejected][usize::from(ticket % 2 == 1)];
        assert_eq!(Stage::new(&listener, ticket).actions(), [want]);
    }
}

// Promises about the machine itself.

#[test]
fn a_shell_that_does_not_drain_still_gets_what_counts() {
    let mut stage = Stage::new(&listener(&[(1, &["10.0.0.1:1", "10.0.0.2:1"])]), 0);
    let Stage {
        avoid, connection, ..
    } = &mut stage;
    connection.handle(avoid, GONE, START);
    assert_eq!(
        connection.poll_action(),
        Some(dial("10.0.0.2:1")),
        "only the newest dial"
    );
    connection.handle(avoid, CLIENT_EOF, START);
    connection.handle(avoid, Event::Dialled, START);
    connection.handle(avoid, BACKEND_EOF, START);
    assert_eq!(stage.actions(), finished());
}

/// Part of the 0.5 KiB a connection may cost in all.
#[test]
fn a_connection_is_small() {
    let size = size_of::<Connection>();
    assert!(size <= 120, "{size} bytes");
}

/// Until its end is due a drained connection goes on as if nothing had happened.
#[test]
fn a_drained_connection_ends_when_its_time_is_over() {
    let mut stage = Stage::relaying();
    let at = START.after(Duration::from_secs(5));
    assert_eq!(stage.on(Event::Drain(Some(at))), []);
    assert_eq!(stage.connection.deadline(), Some(at));
    assert_eq!(stage.after(Duration::from_secs(4), Event::Tick), []);
    assert_eq!(stage.on(CLIENT_EOF), [Action::ShutdownWrite(Side::Backend)]);
    let closed = stage.after(Duration::from_secs(1), Event::Tick);
    assert_eq!(closed, reset(CloseReason::Drained));
}

#[test]
fn a_connection_that_gets_its_place_back_goes_on() {
    let mut stage = Stage::relaying();
    assert_eq!(stage.on(Event::Drain(Some(START))), []);
    assert_eq!(stage.on(Event::Drain(None)), []);
    assert_eq!(stage.connection.deadline(), None);
    assert_eq!(stage.after(Duration::from_secs(9), Event::Tick), []);
}

/// Nobody waits for a dial to an endpoint that was taken away.
#[test]
fn a_drain_ends_a_dial_too() {
    let mut stage = Stage::dialling(&["10.0.0.1:1", "10.0.0.2:1"]);
    assert_eq!(stage.on(Event::Drain(Some(START))), []);
    assert_eq!(stage.connection.deadline(), Some(START));
    assert_eq!(stage.on(Event::Tick), reset(CloseReason::Drained));
}
