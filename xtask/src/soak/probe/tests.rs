//! What a probe promises.

use std::io::Write;
use std::thread;

use super::*;

/// A listener that resets its first client and greets the next one.
fn resets_one_then_greets() -> u16 {
    let listener = sockets::listen_anywhere().unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (first, _) = listener.accept().unwrap();
        sockets::reset(first).unwrap();
        let (mut next, _) = listener.accept().unwrap();
        next.write_all(b"b01\n").unwrap();
    });
    port
}

#[test]
fn a_reset_on_the_way_to_an_effect_counts_where_the_listener_has_endpoints_all_the_time() {
    for (subject, resets) in [(Subject::Endpoints, 1), (Subject::Grant, 0)] {
        let tally = Tally::default();
        let at = (subject, resets_one_then_greets());
        until(at, Effect::Backend(1), Instant::now(), &tally).unwrap();
        assert_eq!(Tally::read(&tally.resets), resets, "{subject:?}");
    }
}

#[test]
fn only_a_listener_that_comes_and_goes_may_refuse() {
    let may = Subject::ALL
        .iter()
        .filter(|it| it.may_show(Effect::Refused));
    assert!(may.eq([&Subject::Listener]));
}
