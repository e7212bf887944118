//! PW00xx: text, documents, bounds of the reader.

use super::{Code, Entry};

/// A file that is no text; found by whoever reads files.
pub const NOT_TEXT: Code = Code(90);

/// The codes of this chapter, in order.
pub(super) const ALL: &[Entry] = &[Entry {
    code: NOT_TEXT,
    title: "a file is not UTF-8 text",
    page: "Manifests are UTF-8. The place is that of the first byte which is not; nothing in \
           the file is used. Save it as UTF-8, or leave it out: below a directory only \
           `*.yaml`, `*.yml` and `*.json` are read.",
}];
