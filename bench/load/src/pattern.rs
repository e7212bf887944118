//! Bytes that can be told by their position: what a transfer carries.
//!
//! In: a seed and a position. Out: bytes, or whether given bytes are those. Never: a sum over all
//! of them, which would not say where the first wrong one is.

/// Writes the bytes from `position` on into `into`.
pub(crate) fn fill(seed: u64, position: u64, into: &mut [u8]) {
    let mut at = position;
    let mut rest = into;
    while !rest.is_empty() {
        let word = word(seed, at / 8).to_le_bytes();
        let from = usize::try_from(at % 8).unwrap_or(0);
        let part = word.get(from..).unwrap_or_default();
        let n = part.len().min(rest.len());
        let (head, tail) = rest.split_at_mut(n);
        head.copy_from_slice(part.get(..n).unwrap_or_default());
        at += n as u64;
        rest = tail;
    }
}

/// Where the first byte is that is not as it should be.
pub(crate) fn first_wrong(seed: u64, position: u64, bytes: &[u8]) -> Option<u64> {
    let mut at = position;
    let mut rest = bytes;
    while !rest.is_empty() {
        let word = word(seed, at / 8).to_le_bytes();
        let from = usize::try_from(at % 8).unwrap_or(0);
        let part = word.get(from..).unwrap_or_default();
        let n = part.len().min(rest.len());
        let (head, tail) = rest.split_at(n);
        if part.get(..n) != Some(head) {
            let wrong = head.iter().zip(part).position(|(is, should)| is != should);
            return Some(at + wrong.unwrap_or(0) as u64);
        }
        at += n as u64;
        rest = tail;
    }
    None
}

/// Eight bytes of the pattern: splitmix64, whose neighbours have nothing in common.
fn word(seed: u64, index: u64) -> u64 {
    let mut word = seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
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
}
