//! Bounds on what is read and kept, with unit and reason.

/// Documents in all input of one reading: more is a mistake or an attack.
pub const DOCUMENTS_MAX: usize = 20_000;

/// YAML nodes of an object whose tree is not kept but read again for each place that is told: some
/// 50 µs. The three objects of a route with ten endpoints have about 100.
pub const REREAD_NODES_MAX: usize = 512;

/// YAML nodes in all input of one reading.
pub const NODES_MAX: usize = 2_000_000;

/// Bytes of all input of one reading.
pub const INPUT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Nesting of one document: the deepest known kind needs about 12 levels.
pub const DEPTH_MAX: usize = 64;

/// Diagnostics kept for one reading; the rest is counted.
pub const DIAGNOSTICS_MAX: usize = 10_000;

/// Names that one sentence lists before it says how many more there are.
pub const NAMES_SHOWN_MAX: usize = 8;

/// Largest whole of a fraction that people read as it is: `1 of 3`, but not `17 of 70123`.
pub const SHARE_DENOMINATOR_MAX: u64 = 1_000;

/// Names compared in one translation to suggest what was meant: suggestions must not make hostile
/// input slow.
pub const NEAREST_COMPARISONS_MAX: usize = 100_000;

/// Longest name an object can have, in bytes. Spec: Kubernetes, DNS subdomain names.
pub const OBJECT_NAME_BYTES_MAX: usize = 253;

/// Longest name that is compared, in bytes.
pub const NEAREST_NAME_BYTES_MAX: usize = OBJECT_NAME_BYTES_MAX;

/// Addresses in `status.addresses`: the API's bound.
pub const STATUS_ADDRESSES_MAX: usize = 16;

/// Entries in `status.parents`: the API's bound.
pub const STATUS_PARENTS_MAX: usize = 32;

/// Requirements of one namespace selector: people write two or three, and each is looked at for
/// every route.
pub const SELECTOR_REQUIREMENTS_MAX: usize = 256;

/// Characters of a written value or path that a message repeats.
pub const VALUE_SHOWN_CHARS_MAX: usize = 80;
