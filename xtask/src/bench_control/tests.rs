//! What `bench_control` promises.

use super::in_turn;

#[test]
fn who_goes_first_takes_turns() {
    let of = |round| in_turn(&["portway", "traefik"], round);
    assert_eq!(of(1), ["portway", "traefik"]);
    assert_eq!(of(2), ["traefik", "portway"]);
    assert_eq!(of(3), of(1));
}
