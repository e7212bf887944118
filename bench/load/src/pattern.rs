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
mod tests;
