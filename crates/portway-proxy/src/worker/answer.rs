//! Telling which connections there are.
//!
//! In: a [`Question`], from the slot. Out: a [`Part`] of the answer. Never: more places looked at
//! than [`CENSUS_PLACES_MAX`], so that open connections hardly wait; whoever asks goes on from
//! there.

use super::Worker;
use crate::census::{Part, Question};
use crate::limits::CENSUS_PLACES_MAX;

impl Worker {
    /// Answers; whoever asked may have gone away meanwhile.
    pub(super) fn answer(&self, question: Question) {
        let start = usize::try_from(question.from).unwrap_or(usize::MAX);
        let end = start.saturating_add(CENSUS_PLACES_MAX);
        let mut part = Part {
            found: Vec::new(),
            next: u32::try_from(end)
                .ok()
                .filter(|_| end < self.connections.n_places()),
        };
        for (key, served) in self.connections.things_in(start..end) {
            if !served.is(&question.wanted) {
                continue;
            }
            if part.found.len() == question.n_max {
                part.next = Some(key.index);
                break;
            }
            part.found.push((key.index, served.show(self.site.now)));
        }
        let _ = question.answer.try_send(part);
    }
}
