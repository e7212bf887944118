//! Guesses what was meant by a misspelt word.
//!
//! In: a word and what it could be. Out: "did you mean `x`?". Never: more work in all than
//! [`NEAREST_COMPARISONS_MAX`] words, so that suggestions do not make hostile input slow.

use crate::limits::{NEAREST_COMPARISONS_MAX, NEAREST_NAME_BYTES_MAX};

/// Guesses, and how many words were compared for them.
#[derive(Debug, Default)]
pub(crate) struct Guesses {
    n_comparisons: usize,
}

impl Guesses {
    /// "did you mean `x`?" for the candidate that a slip of the hand would make of `wanted`.
    pub(crate) fn guess<'c>(
        &mut self,
        wanted: &str,
        candidates: impl IntoIterator<Item = &'c str>,
    ) -> Option<String> {
        let name = self.nearest(wanted, candidates)?;
        Some(format!("did you mean `{name}`?"))
    }

    /// The candidate that a slip of the hand would make of `wanted`.
    pub(crate) fn nearest<'c>(
        &mut self,
        wanted: &str,
        candidates: impl IntoIterator<Item = &'c str>,
    ) -> Option<&'c str> {
        if wanted.len() > NEAREST_NAME_BYTES_MAX {
            return None;
        }
        let left = NEAREST_COMPARISONS_MAX - self.n_comparisons;
        let n_letters = wanted.chars().count();
        let slips_max = (n_letters / 3).max(1).min(n_letters.saturating_sub(1));
        let mut nearest: Option<(usize, &str)> = None;
        for candidate in candidates.into_iter().take(left) {
            self.n_comparisons += 1;
            if candidate == wanted || candidate.len() > NEAREST_NAME_BYTES_MAX {
                continue;
            }
            let slips = slips(wanted, candidate);
            if slips <= slips_max && nearest.is_none_or(|best| (slips, candidate) < best) {
                nearest = Some((slips, candidate));
            }
        }
        nearest.map(|(_, name)| name)
    }
}

/// Letters to insert, delete or replace, or neighbours to swap; upper and lower case are one.
fn slips(from: &str, to: &str) -> usize {
    let (from, to) = (from.to_ascii_lowercase(), to.to_ascii_lowercase());
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    // Row `i` holds the slips from the first `i` letters to each beginning of `to`.
    let mut before = Vec::new();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for i in 1..=from.len() {
        let mut next = vec![i];
        for j in 1..=to.len() {
            let replaced = row[j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut best = replaced.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[to.len()]
}
