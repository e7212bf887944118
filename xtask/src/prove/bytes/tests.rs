//! A check that cannot fail would prove nothing: each kind of damage is found, and at its place.

use super::{BLOCK_BYTES, Block, Check};

fn written(n_bytes: usize) -> Vec<u8> {
    let mut bytes = vec![0; n_bytes];
    Block::new(7).stream(3).fill(0, &mut bytes);
    bytes
}

fn checked(arrived: &[u8], chunk: usize) -> Result<u64, String> {
    let mut check = Check::new(Block::new(7).stream(3));
    for chunk in arrived.chunks(chunk) {
        check.take(chunk).map_err(|error| error.to_string())?;
    }
    Ok(check.count())
}

#[test]
fn what_was_written_in_one_piece_is_right_in_any_pieces() {
    let bytes = written(3_000_000);
    for chunk in [1_000_003, 65_536, 4096, 4097, 7] {
        assert_eq!(checked(&bytes, chunk), Ok(3_000_000), "{chunk}");
    }
}

#[test]
fn a_flipped_bit_is_found_where_it_is() {
    let mut bytes = written(2_000_000);
    bytes[1_234_567] ^= 0x10;
    assert_eq!(checked(&bytes, 65_536), Err("byte 1234567 is wrong".into()));
}

/// Whole pages, and even the period of the block: the stamps differ.
#[test]
fn lost_and_doubled_bytes_are_found() {
    let bytes = written(6_000_000);
    for lost in [
        1,
        4096,
        65_536,
        BLOCK_BYTES,
        1 << 20,
        4096 * BLOCK_BYTES / 4096,
    ] {
        let arrived = [&bytes[..100_000], &bytes[100_000 + lost..]].concat();
        assert!(checked(&arrived, 65_536).is_err(), "{lost} lost");
        let arrived = [&bytes[..100_000 + lost], &bytes[100_000..]].concat();
        assert!(checked(&arrived, 65_536).is_err(), "{lost} doubled");
    }
}

#[test]
fn bytes_of_another_stream_are_wrong_at_once() {
    let mut other = vec![0; 100];
    Block::new(7).stream(4).fill(0, &mut other);
    assert_eq!(checked(&other, 100), Err("byte 0 is wrong".into()));
}

#[test]
fn an_end_too_early_is_told_with_both_numbers() {
    let mut check = Check::new(Block::new(7).stream(3));
    check.take(&written(10)).unwrap();
    let error = check.is_complete(12).unwrap_err().to_string();
    assert_eq!(error, "10 of 12 bytes arrived, then the end");
    check.is_complete(10).unwrap();
}
