//! Why a proxy refuses an update.

use portway_engine::table::TableError;

/// Why an update makes no table. The proxy keeps what it had, and says so upwards.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What came is well-formed, but breaks a rule of tables.
    #[error("the table breaks a rule: {0}")]
    Table(#[from] TableError),
    /// A value this version does not know: the controller is newer than the proxy.
    #[error("an unknown {what}: maybe the controller is newer than this proxy")]
    Unknown {
        /// What has that value.
        what: &'static str,
    },
    /// A change of something that is not there, or an addition of what is.
    #[error("a change of {what} that does not fit what is here")]
    NotHeld {
        /// What was to be changed.
        what: &'static str,
    },
    /// More than a table may hold.
    #[error("too many {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
    },
    /// A name is empty or too long.
    #[error("a name that is empty or too long")]
    NameLength,
    /// Bytes that are no address.
    #[error("bytes that are no address")]
    Address,
}

/// Whether both sides still agree on what the proxy has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// They do: the next update may start from it.
    Kept,
    /// They do not: only a full send can be relied on.
    Lost,
}

impl Refusal {
    /// What follows for the next update.
    pub fn agreement(&self) -> Agreement {
        match self {
            // Both sides know what was there before the update, and go back to it.
            Self::Table(_) | Self::Unknown { .. } | Self::TooMany { .. } | Self::NameLength => {
                Agreement::Kept
            }
            Self::NotHeld { .. } | Self::Address => Agreement::Lost,
        }
    }
}
