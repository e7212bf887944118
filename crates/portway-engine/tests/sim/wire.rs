//! The sockets of one connection as far as bytes and FINs go, and the relay between them.

use portway_engine::conn::Side;
use portway_engine::record::Relayed;

use super::random::Random;

/// Both directions of one connection.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    from_client: Direction,
    from_backend: Direction,
}

/// From one side to the other.
#[derive(Debug, Default)]
pub(crate) struct Direction {
    /// Bytes the source has sent.
    sent: u64,
    /// Bytes that were written to the destination. The rest waits in our receive queue.
    delivered: u64,
    /// How far the source's FIN has come.
    fin: Fin,
}

/// The way of a FIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Fin {
    #[default]
    NotSent,
    /// In our receive queue, behind the bytes.
    Sent,
    /// The relay has seen it and told the machine.
    Told,
    /// The destination has it.
    Passed,
}

impl Wire {
    /// The direction whose source is `side`.
    pub(crate) fn direction_from(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Client => &mut self.from_client,
            Side::Backend => &mut self.from_backend,
        }
    }

    /// Both directions ended as they should: everything that was sent has arrived, FIN and all.
    pub(crate) fn check_finished(&self) {
        for direction in [&self.from_client, &self.from_backend] {
            assert_eq!(direction.delivered, direction.sent, "bytes in = bytes out");
            assert!(direction.fin >= Fin::Told, "{direction:?}");
        }
    }

    /// Whether a FIN was told to the machine and has not been passed on.
    pub(crate) fn owes_fin(&self) -> bool {
        self.from_client.fin == Fin::Told || self.from_backend.fin == Fin::Told
    }

    pub(crate) fn relayed(&self) -> Relayed {
        Relayed {
            to_backend: self.from_client.delivered,
            to_client: self.from_backend.delivered,
        }
    }
}

impl Direction {
    /// The source sends something, unless it has said that it will not.
    pub(crate) fn send(&mut self, random: &mut Random) {
        if self.fin == Fin::NotSent {
            self.sent += 1 + random.below(100_000);
        }
    }

    /// The source sends its FIN.
    pub(crate) fn finish(&mut self) {
        self.fin = self.fin.max(Fin::Sent);
    }

    /// The relay moves some of what waits; how much is the destination's to say.
    pub(crate) fn relay(&mut self, random: &mut Random) {
        let waiting = self.sent - self.delivered;
        let some = random.below(waiting + 1);
        self.delivered += random.pick(&[0, some, waiting, waiting]);
    }

    /// Whether the end of the stream can be read now; said once.
    pub(crate) fn reads_end(&mut self) -> bool {
        let ended = self.fin == Fin::Sent && self.delivered == self.sent;
        if ended {
            self.fin = Fin::Told;
        }
        ended
    }

    /// The FIN is written to the destination: once, after all bytes, and only if there was one.
    pub(crate) fn pass_fin(&mut self) {
        assert_eq!(
            self.fin,
            Fin::Told,
            "a FIN that nobody sent, or a second one"
        );
        assert_eq!(self.delivered, self.sent, "a FIN before the last byte");
        self.fin = Fin::Passed;
    }
}
