//! What `network` promises.

use super::*;

#[test]
fn we_are_in_our_own_network_and_in_no_other_file() {
    let us = i32::try_from(std::process::id()).unwrap();
    assert!(Network::here().unwrap().processes().contains(&us));
    // As what `ip netns add` makes before it mounts the namespace on it.
    let other = Network::of(Path::new("/proc/self/status")).unwrap();
    assert!(other.processes().is_empty());
    assert_eq!(Network::of(Path::new("/run/netns/of-nobody")), None);
}
