//! What a rule found: where, what, and the way out.

use std::fmt;

/// One place that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    /// From the root of the repository.
    path: String,
    /// From 1; 0 when it is about the file as a whole.
    line: usize,
    /// What is wrong, in place.
    what: String,
    /// What to do.
    way_out: String,
}

impl Finding {
    /// A finding on a line of a file.
    pub(super) fn at(
        path: &str,
        line: usize,
        what: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what: what.into(),
            way_out: way_out.into(),
        }
    }

    /// A finding about a file as a whole.
    pub(super) fn of(path: &str, what: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self::at(path, 0, what, way_out)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            line,
            what,
            way_out,
        } = self;
        match line {
            0 => write!(f, "{path}: {what}\n  = {way_out}"),
            _ => write!(f, "{path}:{line}: {what}\n  = {way_out}"),
        }
    }
}
