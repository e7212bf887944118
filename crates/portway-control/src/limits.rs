//! Bounds on what is read and kept, with unit and reason.

/// Documents in all input of one reading: more is a mistake or an attack.
pub const DOCUMENTS_MAX: usize = 20_000;

/// YAML nodes in all input of one reading.
pub const NODES_MAX: usize = 2_000_000;

/// Bytes of all input of one reading.
pub const INPUT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Nesting of one document: the deepest known kind needs about 12 levels.
pub const DEPTH_MAX: usize = 64;

/// Diagnostics kept for one reading; the rest is counted.
pub const DIAGNOSTICS_MAX: usize = 10_000;
