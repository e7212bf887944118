//! Streams of bytes that both ends know, so that every byte that arrives can be compared.
//!
//! In: a seed and a position. Out: the bytes that stand there; at the other end, the first byte
//! that is wrong. A stream is a block of drawn bytes over and over, of a prime length so that no
//! power of two is a multiple of it, with the position stamped on every page: bytes that are lost,
//! doubled or swapped do not match what stands at their position. It is filled and compared with
//! `memcpy` and `memcmp`, at gigabytes a second even unoptimised. Never: bytes kept for a
//! comparison.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use anyhow::{Result, bail, ensure};

use super::limits::CHUNK_BYTES;
use super::random::Random;

/// The largest prime below 2^20.
const BLOCK_BYTES: usize = 1_048_573;

/// Bytes from stamp to stamp.
const PAGE_BYTES: u64 = 4096;

/// What all streams of a proof are made of.
#[derive(Debug, Clone)]
pub(crate) struct Block(Arc<[u8]>);

impl Block {
    /// The bytes of `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let words = (0..=BLOCK_BYTES / 8).map(|_| random.next().to_le_bytes());
        let bytes: Vec<u8> = words.flatten().take(BLOCK_BYTES).collect();
        Self(bytes.into())
    }

    /// The stream with this number.
    pub(crate) fn stream(&self, number: u64) -> Stream {
        Stream {
            block: self.clone(),
            key: Random::new(number).next(),
        }
    }
}

/// A stream without end.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    block: Block,
    key: u64,
}

impl Stream {
    /// Writes the bytes from position `at` on into `buffer`.
    pub(crate) fn fill(&self, at: u64, buffer: &mut [u8]) {
        let block = &*self.block.0;
        let offset = at.wrapping_add(self.key >> 32) % (BLOCK_BYTES as u64);
        let mut offset = usize::try_from(offset).unwrap_or(0);
        let mut rest = &mut *buffer;
        while !rest.is_empty() {
            let n = rest.len().min(block.len() - offset);
            let (now, later) = rest.split_at_mut(n);
            now.copy_from_slice(&block[offset..offset + n]);
            (rest, offset) = (later, 0);
        }
        self.stamp(at, buffer);
    }

    /// Each page begins with its own position, mixed with the key.
    fn stamp(&self, at: u64, buffer: &mut [u8]) {
        let end = at + buffer.len() as u64;
        let mut page = at - at % PAGE_BYTES;
        while page < end {
            let stamp = (page ^ self.key).to_le_bytes();
            for (position, byte) in (page..).zip(stamp) {
                let index = position.checked_sub(at).map(usize::try_from);
                if let Some(Ok(index)) = index
                    && let Some(place) = buffer.get_mut(index)
                {
                    *place = byte;
                }
            }
            page += PAGE_BYTES;
        }
    }
}

/// Compares what arrives with what should.
#[derive(Debug)]
pub(crate) struct Check {
    stream: Stream,
    at: u64,
    expected: Vec<u8>,
}

impl Check {
    /// From the first byte on.
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream,
            at: 0,
            expected: vec![0; CHUNK_BYTES],
        }
    }

    /// The next bytes.
    ///
    /// # Errors
    /// When one of them is wrong; the error says where.
    pub(crate) fn take(&mut self, arrived: &[u8]) -> Result<()> {
        for arrived in arrived.chunks(CHUNK_BYTES) {
            let expected = &mut self.expected[..arrived.len()];
            self.stream.fill(self.at, expected);
            if arrived != expected {
                let equal = arrived.iter().zip(&*expected).take_while(|(a, b)| a == b);
                bail!("byte {} is wrong", self.at + equal.count() as u64);
            }
            self.at += arrived.len() as u64;
        }
        Ok(())
    }

    /// How many bytes arrived.
    pub(crate) const fn count(&self) -> u64 {
        self.at
    }

    /// That all have arrived.
    ///
    /// # Errors
    /// When it were more or fewer.
    pub(crate) fn is_complete(&self, n_bytes: u64) -> Result<()> {
        ensure!(
            self.at == n_bytes,
            "{} of {n_bytes} bytes arrived, then the end",
            self.at
        );
        Ok(())
    }
}
