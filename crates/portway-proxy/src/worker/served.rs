//! A connection being served: the engine's machine, and the sockets it speaks of.
//!
//! In: events of its sockets, ticks. Out: facts to the machine, the machine's actions done. Never:
//! a decision; what to do when a side ends or a dial fails is the machine's to say.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use portway_engine::conn::{Action, Connection, End, Event, Farewell, HowToClose, Side};
use portway_engine::drain::Drains;
use portway_engine::limits::DRAIN_RETRY;
use portway_engine::record::{DialError, Path};
use portway_engine::table::Drain;
use portway_engine::time::Moment;

use super::dial::{self, Outcome};
use super::{Life, Site};
use crate::census::{LiveConnection, Wanted};
use crate::relay::{Leg, Relay};
use crate::slab::Key;
use crate::sys::epoll::Flags;
use crate::sys::tcp;
use crate::tally::Tallies;
use crate::token::Token;

/// One client's connection and its backend leg.
#[derive(Debug)]
pub(super) struct Served {
    machine: Connection,
    tallies: Arc<Tallies>,
    /// When the last dial began, and when it reached the endpoint.
    dial: (Moment, Moment),
    client: Leg,
    backend: Backend,
    relay: Relay,
    /// It waits for its turn already.
    queued: bool,
}

/// The backend leg. That it is connected is known from the dial's outcome alone.
#[derive(Debug)]
enum Backend {
    Nowhere,
    Dialling(Leg),
    Connected(Leg),
}

impl Served {
    /// A connection that was just accepted.
    pub(super) fn new(machine: Connection, client: OwnedFd, tallies: Arc<Tallies>) -> Self {
        Self {
            machine,
            tallies,
            dial: (Moment::default(), Moment::default()),
            client: Leg::new(client),
            backend: Backend::Nowhere,
            relay: Relay::default(),
            queued: false,
        }
    }

    /// Its first steps: to dial, before anything is read since the endpoint may speak first, and to
    /// be told of the client. A rejected one is over before epoll hears of it.
    pub(super) fn begin(&mut self, key: Key, site: &mut Site) -> Life {
        let life = self.act(key, site);
        if matches!(life, Life::Over(_)) {
            return life;
        }
        match site
            .epoll
            .add(self.client.as_fd(), Token::Client(key).to_bits())
        {
            Ok(()) => life,
            Err(_) => self.tell(key, Event::OutOfResources, site),
        }
    }

    /// The same for one that waited behind others: nobody is dialled for a client who has left.
    pub(super) fn begin_if_there(&mut self, key: Key, site: &mut Site) -> Life {
        if tcp::is_broken(self.client.as_fd()) {
            return self.tell(key, Event::Ended(Side::Client, End::Reset), site);
        }
        self.begin(key, site)
    }

    /// Something happened at the client's socket.
    pub(super) fn client_event(&mut self, key: Key, flags: Flags, site: &mut Site) -> Life {
        self.client.note(flags);
        match &self.backend {
            Backend::Connected(_) => self.move_bytes(key, site),
            // What it sent, and its FIN, wait in the kernel until there is somebody to give it to.
            Backend::Dialling(_) | Backend::Nowhere => match self.client.take_failure() {
                Some(end) => self.tell(key, Event::Ended(Side::Client, end), site),
                None => Life::GoesOn,
            },
        }
    }

    /// Something happened at the endpoint's socket.
    pub(super) fn backend_event(&mut self, key: Key, flags: Flags, site: &mut Site) -> Life {
        let outcome = match &mut self.backend {
            Backend::Connected(leg) => {
                leg.note(flags);
                return self.move_bytes(key, site);
            }
            Backend::Dialling(leg) => {
                leg.note(flags);
                dial::outcome(leg, flags, self.machine.endpoint(), site.ports_from)
            }
            Backend::Nowhere => return Life::GoesOn,
        };
        match outcome {
            Outcome::NotYet => Life::GoesOn,
            Outcome::Connected => self.tell(key, Event::Dialled, site),
            Outcome::Failed(error) => {
                self.dial_failed(error, Event::DialFailed(error), site);
                self.act(key, site)
            }
        }
    }

    /// Its turn has come again.
    pub(super) fn take_turn(&mut self, key: Key, site: &mut Site) -> Life {
        self.queued = false;
        self.move_bytes(key, site)
    }

    /// Its time has come: a dial took too long, or the connection has lived long enough to be worth
    /// the calls that keep a connection alive. Most are over by then; keepalive is about minutes.
    pub(super) fn tick(&mut self, key: Key, site: &mut Site) -> Life {
        match (self.machine.deadline(), &self.backend) {
            (Some(_), _) if self.machine.is_drained(site.now) => {
                if site.pace.take(site.now) {
                    return self.tell(key, Event::Tick, site);
                }
                site.timers
                    .set(key.index, site.now.after(DRAIN_RETRY), site.now);
                Life::GoesOn
            }
            (Some(deadline), _) if deadline <= site.now => {
                self.dial_failed(DialError::TimedOut, Event::Tick, site);
                self.act(key, site)
            }
            (Some(deadline), _) => {
                site.timers.set(key.index, deadline, site.now);
                Life::GoesOn
            }
            (None, Backend::Connected(leg)) => {
                keep_alive(leg);
                Life::GoesOn
            }
            (None, Backend::Dialling(_) | Backend::Nowhere) => Life::GoesOn,
        }
    }

    /// What a change of tables means for it.
    pub(super) fn verdict(&self, drains: &Drains) -> Option<Drain> {
        drains.verdict(&self.machine)
    }

    /// Its route and backend, by name.
    pub(super) fn place(&self) -> Option<(&Arc<str>, &Arc<str>)> {
        let route = self.machine.listener().route.as_ref()?;
        Some((&route.name, &self.machine.backend()?.name))
    }

    /// Whether it is to end for a drain.
    pub(super) fn is_draining(&self) -> bool {
        self.machine.is_draining()
    }

    /// It is to end then, or may stay. Its tick now watches that end, so what the first tick does
    /// for an open connection is done here.
    pub(super) fn drain(&mut self, key: Key, end: Option<Moment>, site: &mut Site) {
        let event = Event::Drain(end);
        self.machine.handle(&mut site.avoid, event, site.now);
        let Some(deadline) = self.machine.deadline() else {
            return;
        };
        if let Backend::Connected(leg) = &self.backend {
            keep_alive(leg);
        }
        site.timers.set(key.index, deadline, site.now);
    }

    /// Its turn to end has come, unless it may stay by now.
    pub(super) fn end_if_drained(&mut self, key: Key, site: &mut Site) -> Life {
        match self.machine.is_drained(site.now) {
            true => self.tell(key, Event::Tick, site),
            false => Life::GoesOn,
        }
    }

    /// Tells the machine a fact and does what it says.
    pub(super) fn tell(&mut self, key: Key, event: Event, site: &mut Site) -> Life {
        self.machine.handle(&mut site.avoid, event, site.now);
        self.act(key, site)
    }

    /// Closes both sockets as told, and hands up the record.
    pub(super) fn part(mut self, farewell: Farewell, site: &mut Site) {
        self.relay.abandon(&mut site.tools);
        let paths = site.measure_paths.then(|| self.paths());
        close(&self.client, farewell.client);
        if let Backend::Connected(leg) = &self.backend {
            close(leg, farewell.backend);
        }
        let Self {
            machine,
            tallies,
            dial,
            client,
            backend,
            relay,
            ..
        } = self;
        let is_reached = matches!(backend, Backend::Connected(_));
        drop((client, backend));
        site.counts.closed(farewell.reason);
        tallies.stream.closed(farewell.reason);
        if let Some(tally) = tallies.endpoint(machine.choice()).filter(|_| is_reached) {
            tally.open.subtract_one();
        }
        let mut record = machine.into_record(farewell, relay.relayed(), site.now);
        record.dial_time = is_reached.then(|| dial.1.since(dial.0));
        (record.client_path, record.backend_path) = paths.unwrap_or_default();
        site.records.push(record, site.now);
    }

    /// What it is doing, to be shown.
    pub(super) fn show(&self, now: Moment) -> LiveConnection {
        LiveConnection::of(&self.machine, self.relay.relayed(), now)
    }

    /// Whether it is one of those.
    pub(super) fn is(&self, wanted: &Wanted) -> bool {
        wanted.includes(&self.machine)
    }

    /// What the kernel knows of the ways to both sides.
    fn paths(&self) -> (Option<Path>, Option<Path>) {
        let backend = match &self.backend {
            Backend::Connected(leg) => tcp::path(leg.as_fd()),
            Backend::Dialling(_) | Backend::Nowhere => None,
        };
        (tcp::path(self.client.as_fd()), backend)
    }

    /// Does what the machine wants done.
    fn act(&mut self, key: Key, site: &mut Site) -> Life {
        let mut life = Life::GoesOn;
        while let Some(action) = self.machine.poll_action() {
            match action {
                Action::Dial(addr) => self.dial(addr, key, site),
                Action::Relay => {
                    self.dialled(site);
                    life = self.move_bytes(key, site);
                }
                Action::ShutdownWrite(side) => self.finish(side),
                Action::Close(farewell) => return Life::Over(farewell),
            }
        }
        life
    }

    /// The endpoint is reached.
    fn dialled(&mut self, site: &Site) {
        self.backend = match std::mem::replace(&mut self.backend, Backend::Nowhere) {
            Backend::Dialling(leg) => Backend::Connected(leg),
            other => return self.backend = other,
        };
        self.dial.1 = site.now;
        site.counts.dialled(site.now.since(self.dial.0));
        if let Some(tally) = self.tallies.endpoint(self.machine.choice()) {
            tally.reached(site.now);
        }
    }

    /// A dial failed; the machine, which hears of it as `event`, may want another.
    fn dial_failed(&mut self, error: DialError, event: Event, site: &mut Site) {
        site.counts.dials_failed.add(1);
        let (choice, endpoint) = (self.machine.choice(), self.machine.endpoint());
        self.machine.handle(&mut site.avoid, event, site.now);
        if let (Some(tally), Some(endpoint)) = (self.tallies.endpoint(choice), endpoint) {
            let until = site.avoid.avoided_until(endpoint, site.now);
            tally.failed(error, until, site.now);
        }
    }

    /// Moves bytes, and tells the machine which sides ended.
    fn move_bytes(&mut self, key: Key, site: &mut Site) -> Life {
        let Backend::Connected(backend) = &mut self.backend else {
            return Life::GoesOn;
        };
        let before = self.relay.relayed();
        let progress = self.relay.run(&mut self.client, backend, &mut site.tools);
        let after = self.relay.relayed();
        site.counts.relayed(before, after);
        let choice = self.machine.choice();
        self.tallies.relayed(choice, before, after);
        let mut life = Life::GoesOn;
        let ends = [
            (Side::Client, progress.client),
            (Side::Backend, progress.backend),
        ];
        for (side, end) in ends {
            if let Some(end) = end {
                life = self.tell(key, Event::Ended(side, end), site);
            }
            if matches!(life, Life::Over(_)) {
                return life;
            }
        }
        if progress.again && !std::mem::replace(&mut self.queued, true) {
            return Life::Yields;
        }
        life
    }

    /// Dials; a dial under way is given up by closing its socket.
    fn dial(&mut self, addr: SocketAddr, key: Key, site: &mut Site) {
        self.backend = Backend::Nowhere;
        self.dial = (site.now, site.now);
        let dialled = dial::start(addr, key, &mut site.spare, &site.epoll);
        match dialled.map_err(dial::reason) {
            Ok(socket) => {
                self.backend = Backend::Dialling(Leg::new(socket));
                if let Some(deadline) = self.machine.deadline() {
                    site.timers.set(key.index, deadline, site.now);
                }
            }
            Err(error) => self.dial_failed(error, Event::DialFailed(error), site),
        }
    }

    /// Sends FIN. Should the peer be gone by now, epoll says so.
    fn finish(&self, side: Side) {
        let leg = match (side, &self.backend) {
            (Side::Client, _) => &self.client,
            (Side::Backend, Backend::Connected(leg)) => leg,
            (Side::Backend, Backend::Dialling(_) | Backend::Nowhere) => return,
        };
        if let Err(error) = tcp::finish(leg.as_fd()) {
            tracing::trace!(%error, ?side, "no FIN sent");
        }
    }
}

fn keep_alive(leg: &Leg) {
    if let Err(error) = tcp::keep_alive(leg.as_fd()) {
        tracing::debug!(%error, "no keepalive for an endpoint");
    }
}

/// Prepares the close of a socket, which follows with its drop. What was written is delivered after
/// an ordinary close too; a reset is for connections whose bytes nobody may take for complete.
fn close(leg: &Leg, how: HowToClose) {
    if how == HowToClose::Reset
        && let Err(error) = tcp::reset_on_close(leg.as_fd())
    {
        tracing::trace!(%error, "closed without a reset");
    }
}

#[cfg(test)]
mod tests;
