//! What happens in a [`World`]: one move a step, drawn from the seed.

use std::sync::Arc;
use std::time::Duration;

use portway_engine::conn::{End, Event, Side};
use portway_engine::drain::Drains;
use portway_engine::record::DialError;
use portway_engine::table::{RoutingTable, TableVersion};
use portway_engine::time::Moment;

use super::super::edits::{self, Validity};
use super::super::fates::{Fate, fate};
use super::super::shadow::{Shadow, State};
use super::{LIVE_MAX, World};

#[derive(Debug, Clone, Copy)]
enum Move {
    Accept,
    AnswerDial,
    Send,
    Finish,
    FinishEarly,
    Relay,
    Break,
    Lack,
    Stray,
    Vanish,
    PassTime,
    Edit,
    Apply,
    Reap,
}

const MOVES: &[(u64, Move)] = &[
    (100, Move::Accept),
    (90, Move::AnswerDial),
    (100, Move::Send),
    (80, Move::Finish),
    (5, Move::FinishEarly),
    (300, Move::Relay),
    (8, Move::Break),
    (2, Move::Lack),
    (40, Move::Stray),
    (2, Move::Vanish),
    (30, Move::PassTime),
    (8, Move::Edit),
    (12, Move::Apply),
    (50, Move::Reap),
];

impl World {
    /// Draws one move and makes it.
    pub(super) fn step(&mut self) {
        let next = self.random.weighted(MOVES);
        self.tell(|| format!("{next:?}"));
        match next {
            Move::Accept => self.accept(),
            Move::PassTime => self.pass_time(),
            Move::Edit => self.edit(),
            Move::Apply => self.apply(),
            Move::Reap => self.reap_some(),
            Move::AnswerDial => self.with_some(Shadow::is_dialling, Self::answer_dial),
            Move::Send => self.with_some(Shadow::is_open, Self::send),
            Move::Finish => self.with_some(Shadow::is_relaying, Self::finish),
            Move::FinishEarly => self.with_some(Shadow::is_dialling, Self::finish),
            Move::Relay => self.with_some(Shadow::is_open, Self::relay),
            Move::Break => self.with_some(Shadow::is_open, Self::break_off),
            Move::Lack => self.with_some(Shadow::is_open, Self::lack),
            Move::Vanish => self.with_some(Shadow::is_open, Self::vanish),
            Move::Stray => self.with_some(|_| true, Self::stray),
        }
    }

    /// Does something to a connection of this kind, if there is one.
    fn with_some(&mut self, kind: fn(&Shadow) -> bool, act: fn(&mut Self, usize)) {
        let n = self.live.len();
        let start = self.random.index(n);
        let mut indices = (start..n).chain(0..start);
        if let Some(index) = indices.find(|index| kind(&self.live[*index].shadow)) {
            act(self, index);
        }
    }

    /// A client connects to some listener of some worker.
    fn accept(&mut self) {
        let worker = self.random.index(self.workers.len());
        let table = &self.workers[worker].table;
        let n_listeners = table.listeners().count();
        let nth = self.random.index(n_listeners);
        let Some((_, listener)) = table.listeners().nth(nth) else {
            return;
        };
        if self.live.len() < LIVE_MAX {
            let listener = Arc::clone(listener);
            self.accept_from(worker, &listener);
        }
    }

    fn answer_dial(&mut self, index: usize) {
        let event = self.random.weighted(&[
            (75, Event::Dialled),
            (12, Event::DialFailed(DialError::Refused)),
            (4, Event::DialFailed(DialError::Unreachable)),
            (2, Event::DialFailed(DialError::TimedOut)),
            (5, Event::DialFailed(DialError::OutOfResources)),
            (2, Event::DialFailed(DialError::Other(1))),
        ]);
        self.feed(index, event);
    }

    /// Either side sends bytes; the backend's only once there is one.
    fn send(&mut self, index: usize) {
        let side = self.some_side(index);
        let live = &mut self.live[index];
        live.wire.direction_from(side).send(&mut self.random);
    }

    fn finish(&mut self, index: usize) {
        let side = self.some_side(index);
        self.live[index].wire.direction_from(side).finish();
    }

    /// What the shell does between two facts: moves bytes, and tells when a stream has ended. While
    /// it dials it reads nothing, so it only sees a client's FIN that no bytes came before.
    fn relay(&mut self, index: usize) {
        let side = self.some_side(index);
        let live = &mut self.live[index];
        let direction = live.wire.direction_from(side);
        if live.shadow.is_relaying() {
            direction.relay(&mut self.random);
        }
        if direction.reads_end() {
            self.feed(index, Event::Ended(side, End::Eof));
        }
    }

    fn break_off(&mut self, index: usize) {
        let side = self.some_side(index);
        let end = self
            .random
            .pick(&[End::Reset, End::Reset, End::Timeout, End::Other(113)]);
        self.feed(index, Event::Ended(side, end));
    }

    /// The machine has no memory or descriptor left for it.
    fn lack(&mut self, index: usize) {
        self.feed(index, Event::OutOfResources);
    }

    /// Facts that come late, early or twice, and mean nothing where they come.
    fn stray(&mut self, index: usize) {
        let shadow = &self.live[index].shadow;
        let again = shadow.half_closed();
        let again = again.map_or(Event::Tick, |side| Event::Ended(side, End::Eof));
        let event = match shadow.state {
            State::Born => unreachable!("no connection is left unborn"),
            State::Dialling { .. } => self.random.pick(&[
                again,
                Event::Tick,
                Event::Ended(Side::Backend, End::Eof),
                Event::Ended(Side::Backend, End::Reset),
            ]),
            State::Relaying { .. } => self.random.pick(&[
                again,
                Event::Tick,
                Event::Dialled,
                Event::DialFailed(DialError::Refused),
            ]),
            State::Closed { .. } => self.random.pick(&[
                Event::Tick,
                Event::Dialled,
                Event::DialFailed(DialError::TimedOut),
                Event::Ended(Side::Client, End::Eof),
                Event::Ended(Side::Backend, End::Reset),
                Event::OutOfResources,
                Event::Drain(None),
                Event::Shutdown,
            ]),
        };
        self.feed(index, event);
    }

    /// An endpoint goes away with everything it served or was about to.
    fn vanish(&mut self, index: usize) {
        let (State::Dialling { endpoint: gone, .. } | State::Relaying { endpoint: gone }) =
            self.live[index].shadow.state
        else {
            return;
        };
        self.tell(|| format!("  {gone} is gone"));
        for index in 0..self.live.len() {
            match self.live[index].shadow.state {
                State::Dialling { endpoint, .. } if endpoint == gone => {
                    self.feed(index, Event::DialFailed(DialError::Refused));
                }
                State::Relaying { endpoint } if endpoint == gone => {
                    self.feed(index, Event::Ended(Side::Backend, End::Reset));
                }
                _ => {}
            }
        }
    }

    /// The clock jumps, often exactly to or just before a deadline; workers tick, mostly in time.
    fn pass_time(&mut self) {
        let deadlines = self.live.iter().filter_map(|it| it.machine.deadline());
        let next = deadlines.min().unwrap_or(self.now).as_nanos();
        let some_ms = self.random.below(3000);
        let target = self.random.pick(&[
            self.now.after(Duration::from_millis(some_ms)),
            self.now.after(Duration::from_millis(some_ms / 100)),
            Moment::from_nanos(next),
            Moment::from_nanos(next.saturating_sub(1)),
        ]);
        self.now = self.now.max(target);
        self.tell(|| format!("  now {:?}", self.now));
        if self.random.chance(15) {
            return;
        }
        for index in 0..self.live.len() {
            let deadline = self.live[index].machine.deadline();
            if deadline.is_some_and(|it| it <= self.now) {
                self.feed(index, Event::Tick);
            }
        }
    }

    /// Someone changes the configuration.
    fn edit(&mut self) {
        let mut spec = self.spec.clone();
        let validity = edits::edit(&mut spec, &mut self.random);
        let version = TableVersion(self.newest.version().0 + 1);
        let table = RoutingTable::build(version, &spec, Some(&self.newest));
        let is = table.as_ref().map_or(Validity::Broken, |_| Validity::Fine);
        assert_eq!(is, validity, "{:?}", table.err());
        let Ok(table) = table else { return };
        self.tell(|| format!("{table}"));
        check_sharing(&self.newest, &table);
        assert_eq!(
            table.to_string(),
            spec.to_string(),
            "the table is what was asked for"
        );
        self.spec = spec;
        self.newest = Arc::new(table);
        self.remember_newest();
    }

    /// One worker takes the newest table, whenever it comes to it, and drains who has lost its
    /// place.
    fn apply(&mut self) {
        let worker = self.random.index(self.workers.len());
        let newest = Arc::clone(&self.newest);
        let before = std::mem::replace(&mut self.workers[worker].table, newest);
        let drains = Drains::between(Some(&before), &self.newest);
        for index in 0..self.live.len() {
            let live = &self.live[index];
            if live.worker != worker || !live.shadow.is_open() {
                continue;
            }
            let verdict = drains.verdict(&live.machine);
            let want = fate(&live.shadow, &before, &self.newest);
            let seed = self.random.below(u64::MAX);
            let Some(drain) = verdict else {
                assert_eq!(want, Fate::AsBefore, "#{}", live.id);
                continue;
            };
            let end = drain.end(seed, self.now);
            want.check(end, self.now);
            assert!(end.is_none() || drains.may_end(), "#{}", live.id);
            self.feed(index, Event::Drain(end));
        }
    }

    /// The shell comes to what is over; what it leaves for later may still get late facts.
    fn reap_some(&mut self) {
        for index in (0..self.live.len()).rev() {
            if self.random.chance(70) {
                self.reap(index);
            }
        }
    }

    /// The client's side, or, once there is one, either side.
    fn some_side(&mut self, index: usize) -> Side {
        match self.live[index].shadow.state {
            State::Relaying { .. } => self.random.pick(&[Side::Client, Side::Backend]),
            _ => Side::Client,
        }
    }
}

/// Whatever two tables have in common is one object.
fn check_sharing(before: &RoutingTable, after: &RoutingTable) {
    for new in after.routes() {
        let mut old = before.routes().iter();
        if let Some(old) = old.find(|it| it.name == new.name) {
            assert_eq!(
                old.backends == new.backends,
                Arc::ptr_eq(old, new),
                "{}",
                new.name
            );
        }
    }
    for (_, new) in after.listeners() {
        let mut old = before.listeners().map(|(_, it)| it);
        if let Some(old) = old.find(|it| it.name == new.name) {
            assert_eq!(old == new, Arc::ptr_eq(old, new), "{}", new.name);
        }
    }
}
