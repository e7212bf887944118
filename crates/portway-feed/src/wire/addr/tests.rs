//! What `addr` promises.

use super::{addr_from_bytes, addr_to_bytes};

#[test]
fn every_form_comes_back() {
    for (text, n_bytes) in [
        ("192.0.2.1:80", 6),
        ("[2001:db8::1]:443", 18),
        ("[fe80::1%7]:443", 22),
        ("[::ffff:192.0.2.1]:80", 18),
    ] {
        let addr = text.parse().unwrap();
        let bytes = addr_to_bytes(addr);
        assert_eq!(bytes.len(), n_bytes, "{text}");
        assert_eq!(addr_from_bytes(&bytes), Some(addr), "{text}");
    }
}

#[test]
fn other_lengths_are_no_address() {
    for n_bytes in (0..=40).filter(|n| ![6, 18, 22].contains(n)) {
        assert_eq!(addr_from_bytes(&vec![1; n_bytes]), None, "{n_bytes}");
    }
    assert_eq!(
        addr_from_bytes(&[0; 22]),
        None,
        "a scope of zero has another form"
    );
}
