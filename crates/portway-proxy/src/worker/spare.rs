//! A descriptor in reserve, so that whoever was accepted can also be connected to an endpoint.
//!
//! In: that one is lacking. Out: whether there is one for the moment. Never: a client accepted
//! while the reserve is empty: it would only be reset, and so would all who wait behind it.
//!
//! [`crate::descriptors`] counts what we open. The kernel can refuse far earlier: when a limit was
//! lowered beneath us, or when the whole host has no file left (`ENFILE`).

use crate::sys::wake::Wake;

/// The reserve of one worker: a file that is of no other use.
#[derive(Debug, Default)]
pub(super) struct Spare(Option<Wake>);

impl Spare {
    /// Whether it is there; if it was spent, another is tried to be had.
    pub(super) fn is_had(&mut self) -> bool {
        if self.0.is_none() {
            self.0 = Wake::new().ok();
        }
        self.0.is_some()
    }

    /// Closes it, which makes room for one. Whether it was there.
    pub(super) fn spend(&mut self) -> bool {
        self.0.take().is_some()
    }
}
