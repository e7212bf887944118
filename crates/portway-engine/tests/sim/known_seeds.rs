//! Seeds that once showed a defect, each with what it showed. They run with every `cargo test`.

/// Seed and story.
pub(crate) const KNOWN_SEEDS: &[(u64, &str)] = &[];
