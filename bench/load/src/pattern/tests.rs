//! What `pattern` promises.

use super::{fill, first_wrong};

#[test]
fn a_byte_does_not_depend_on_how_the_stream_was_cut() {
    let mut whole = [0; 100];
    fill(7, 0, &mut whole);
    for cut in 0..100 {
        let mut parts = [0; 100];
        fill(7, 0, &mut parts[..cut]);
        fill(7, cut as u64, &mut parts[cut..]);
        assert_eq!(parts, whole);
        assert_eq!(first_wrong(7, cut as u64, &whole[cut..]), None);
    }
}

#[test]
fn a_wrong_a_missing_and_a_foreign_byte_are_found_where_they_are() {
    let mut bytes = [0; 100];
    fill(7, 1000, &mut bytes);
    bytes[42] ^= 1;
    assert_eq!(first_wrong(7, 1000, &bytes), Some(1042));
    fill(7, 1001, &mut bytes);
    assert_eq!(first_wrong(7, 1000, &bytes), Some(1000));
    fill(8, 1000, &mut bytes);
    assert_eq!(first_wrong(7, 1000, &bytes), Some(1000));
}
