//! A machine must keep its promises whatever a shell tells it, also what cannot be true.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Stage, listener};
use crate::conn::{Action, End, Event, Side};
use crate::limits::DIALS_MAX;
use crate::record::DialError;

/// Any fact at all, and how much later than the one before it comes.
fn fact() -> impl Strategy<Value = (Event, Duration)> {
    let sides = [Side::Client, Side::Backend];
    let ends = [End::Eof, End::Eof, End::Reset, End::Timeout, End::Other(5)];
    let ended = sides
        .into_iter()
        .flat_map(|side| ends.map(|end| Event::Ended(side, end)));
    let errors = [
        DialError::Refused,
        DialError::Unreachable,
        DialError::TimedOut,
        DialError::OutOfResources,
        DialError::Other(5),
    ];
    let others = [
        Event::Dialled,
        Event::Dialled,
        Event::Tick,
        Event::OutOfResources,
        Event::Shutdown,
        Event::Drain(None),
    ];
    let events: Vec<_> = ended
        .chain(errors.map(Event::DialFailed))
        .chain(others)
        .collect();
    (select(events), 0..6_000_u64).prop_map(|(event, ms)| (event, Duration::from_millis(ms)))
}

proptest! {
    /// Nothing after `Close`, one `Relay`, no endpoint twice, one FIN to each side and only then.
    #[test]
    fn any_facts_bring_a_sound_sequence_of_actions(
        facts in vec(fact(), 0..12),
        n_endpoints in 0..6_usize,
    ) {
        let endpoints = ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "10.0.0.4:1", "10.0.0.5:1"];
        let listener = listener(&[(1, endpoints.get(..n_endpoints).unwrap_or_default())]);
        let mut stage = Stage::new(&listener, 0);
        let mut actions = stage.actions();
        for (event, wait) in facts {
            actions.extend(stage.after(wait, event));
        }
        check_sequence(&actions, stage.connection.deadline().is_some())?;
    }
}

fn check_sequence(actions: &[Action], has_deadline: bool) -> Result<(), TestCaseError> {
    let mut dialled = BTreeSet::new();
    let mut passed_fins = BTreeSet::new();
    let (mut relays, mut closed) = (false, false);
    for action in actions {
        prop_assert!(!closed, "{:?} after the end", action);
        match action {
            Action::Dial(endpoint) => {
                prop_assert!(!relays && dialled.insert(*endpoint));
            }
            Action::Relay => {
                prop_assert!(!relays && !dialled.is_empty());
                relays = true;
            }
            Action::ShutdownWrite(side) => prop_assert!(relays && passed_fins.insert(*side)),
            Action::Close(_) => closed = true,
        }
    }
    prop_assert!(dialled.len() <= usize::from(DIALS_MAX));
    prop_assert!(passed_fins.len() <= 1, "the second FIN is the end");
    prop_assert_eq!(has_deadline, !relays && !closed);
    Ok(())
}
