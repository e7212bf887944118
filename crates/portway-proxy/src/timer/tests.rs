//! Waits end when they should, against a list that is searched.

use std::collections::BTreeMap;
use std::time::Duration;

use portway_engine::time::Moment;

use super::Wheel;
use crate::limits::TIMER_STEP_BITS;

const STEP: u64 = 1 << TIMER_STEP_BITS;

fn at(millis: u64) -> Moment {
    Moment::from_nanos(millis * 1_000_000)
}

fn due(wheel: &mut Wheel, now: Moment) -> Vec<u32> {
    let mut places: Vec<u32> = std::iter::from_fn(|| wheel.take_due(now)).collect();
    places.sort_unstable();
    places
}

#[test]
fn a_wait_ends_at_its_deadline_and_at_most_one_step_later() {
    let mut wheel = Wheel::new();
    wheel.set(3, at(1000), at(0));
    assert_eq!(due(&mut wheel, at(1000)), []);
    let wait = wheel.wait(at(1000)).unwrap();
    assert!(wait <= Duration::from_nanos(STEP), "{wait:?}");
    let later = at(1000).after(wait);
    assert_eq!(due(&mut wheel, later), [3]);
    assert_eq!(
        (wheel.wait(later), due(&mut wheel, at(9000))),
        (None, vec![])
    );
}

#[test]
fn what_is_cleared_or_set_again_does_not_end_at_its_old_deadline() {
    let mut wheel = Wheel::new();
    for place in 0..4 {
        wheel.set(place, at(500), at(0));
    }
    wheel.clear(1);
    wheel.clear(1);
    wheel.set(2, at(5000), at(0));
    assert_eq!(due(&mut wheel, at(1000)), [0, 3]);
    assert_eq!(due(&mut wheel, at(6000)), [2]);
}

#[test]
fn a_wait_beyond_a_revolution_ends_early_to_be_set_again() {
    let mut wheel = Wheel::new();
    wheel.set(0, at(3_600_000), at(0));
    assert!(wheel.wait(at(0)).unwrap() < Duration::from_secs(18));
    assert_eq!(due(&mut wheel, at(20_000)), [0]);
}

/// A worker may wait for its first connection since hours.
#[test]
fn the_first_wait_after_a_long_time_without_any_ends_when_it_should() {
    const DAY: u64 = 24 * 3_600_000;
    let mut wheel = Wheel::new();
    wheel.set(3, at(1000), at(0));
    assert_eq!(due(&mut wheel, at(2000)), [3]);
    wheel.set(3, at(DAY + 5000), at(DAY));
    assert_eq!(due(&mut wheel, at(DAY + 1)), []);
    assert!(wheel.wait(at(DAY)).unwrap() >= Duration::from_secs(5));
    assert_eq!(due(&mut wheel, at(DAY + 6000)), [3]);
}

/// Steps of a simple generator stand for chance: the same in every run.
#[test]
fn the_wheel_agrees_with_a_list() {
    let (mut wheel, mut list) = (Wheel::new(), BTreeMap::new());
    let (mut chance, mut now) = (0x5eed_u64, 0_u64);
    for _ in 0..20_000 {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let place = u32::try_from(chance >> 33).unwrap() % 50;
        match (chance >> 40) % 4 {
            0 => {
                wheel.clear(place);
                list.remove(&place);
            }
            1 => {
                now += (chance >> 44) % (STEP * 3);
                let step = now >> TIMER_STEP_BITS;
                let ended = due(&mut wheel, Moment::from_nanos(now));
                let is_due = |deadline: &u64| (deadline >> TIMER_STEP_BITS) < step;
                let expected: Vec<u32> = list
                    .iter()
                    .filter(|it| is_due(it.1))
                    .map(|it| *it.0)
                    .collect();
                assert_eq!(ended, expected);
                list.retain(|_, deadline| !is_due(deadline));
                assert_eq!(
                    wheel.wait(Moment::from_nanos(now)).is_none(),
                    list.is_empty()
                );
            }
            _ => {
                let deadline = now + (chance >> 44) % (STEP * 100);
                wheel.set(place, Moment::from_nanos(deadline), Moment::from_nanos(now));
                list.insert(place, deadline);
            }
        }
    }
}
