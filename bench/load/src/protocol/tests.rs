//! What `protocol` promises.

use super::{Header, Order, Purpose};

#[test]
fn a_header_survives_the_way() {
    for order in [Order::AtOnce, Order::ClientFirst, Order::BackendFirst] {
        let header = Header {
            order,
            seed: 0x0123_4567_89ab_cdef,
            up: 7,
            down: u32::MAX,
        };
        assert_eq!(Header::from_bytes(&header.to_bytes()), Some(header));
    }
    assert_eq!(Header::from_bytes(&[0xff; Header::BYTES]), None);
}

#[test]
fn a_first_byte_that_nobody_knows_means_nothing() {
    assert_eq!(Purpose::from_byte(b'E'), Some(Purpose::Echo));
    assert_eq!(Purpose::from_byte(b'?'), None);
}
