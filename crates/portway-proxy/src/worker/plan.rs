//! Moving to a new plan, and stopping.
//!
//! In: what is in the slot. Out: sockets opened and closed, an acknowledgement with what drains.
//! Never: an open connection touched, but for those that a drain is for. A socket that goes away is
//! emptied first, since the kernel resets whoever still waits on it.

use std::os::fd::AsFd;

use super::Worker;
use super::accept::{Queue, Socket};
use crate::applier::{Drained, Order};
use crate::limits::BACKLOG;
use crate::slab::Key;
use crate::slot::Plan;
use crate::sys::tcp;
use crate::token::Token;

impl Worker {
    /// Does what the slot says.
    pub(super) fn obey(&mut self) {
        let wishes = self.site.slot.take();
        if let Some(plan) = wishes.plan {
            let drained = self.move_to(plan);
            self.site.order(Order::Acknowledge(drained));
        }
        for question in wishes.questions {
            self.answer(question);
        }
        if let Some(deadline) = wishes.stop {
            let keys = self.accepting.sockets.keys().into_iter();
            let stopped: Vec<_> = keys.map(|key| self.stop(key)).collect();
            drop(stopped);
            let earlier = self.stop_at.filter(|it| *it < deadline);
            self.stop_at = earlier.or(Some(deadline));
        }
    }

    fn move_to(&mut self, plan: Plan) -> Drained {
        let closed = plan.closed.iter();
        let closed = closed.filter_map(|key| self.accepting.by_key.get(key).copied());
        let closed: Vec<Key> = closed.collect();
        let stopped: Vec<_> = closed.into_iter().map(|key| self.stop(key)).collect();
        for (listener_key, duty) in plan.changed {
            if let Some(socket) = self.accepting.socket_of(listener_key) {
                socket.duty = duty;
            }
        }
        for (key, socket, duty) in plan.opened {
            self.open(Socket {
                key,
                duty,
                socket,
                queued: false,
                refuses: false,
            });
        }
        // Whoever waited on a socket that is closed now is among the connections by now.
        let drains = plan.drains.as_deref();
        let drained = drains.map(|it| self.drain(it)).unwrap_or_default();
        // Not before: no handshake is under way any more that began while they listened.
        drop(stopped);
        drained
    }

    fn open(&mut self, socket: Socket) {
        let listener_key = socket.key;
        let key = self.accepting.sockets.insert(socket);
        let Some(socket) = self.accepting.sockets.get_mut(key) else {
            return;
        };
        let token = Token::Listener(key).to_bits();
        if let Err(error) = self.site.epoll.add(socket.socket.as_fd(), token) {
            // The other workers listen on the address too, unless the kernel refuses them as well.
            let addr = socket.key.addr;
            tracing::error!(%addr, %error, "a worker cannot listen");
            self.accepting.sockets.remove(key);
            return;
        }
        self.accepting.by_key.insert(listener_key, key);
    }

    /// Stops a listening socket when nobody waits on it any more; it is closed when it is dropped.
    /// While descriptors are short those who wait are reset: nothing can be done for them.
    fn stop(&mut self, key: Key) -> Option<Socket> {
        let most = usize::try_from(BACKLOG).unwrap_or(usize::MAX);
        if self.accept_some(key, most) == Queue::MayHaveMore {
            tracing::debug!("a socket is closed while more come than its queue can hold");
        }
        let socket = self.accepting.sockets.remove(key)?;
        self.accepting.by_key.remove(&socket.key);
        if let Err(error) = tcp::stop_listening(socket.socket.as_fd()) {
            tracing::debug!(%error, "a socket is closed that was not stopped");
        }
        Some(socket)
    }
}
