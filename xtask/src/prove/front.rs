//! What clients connect to: a gateway, or the backend itself.
//!
//! In: backends. Out: an address. Never: a difference that clients could see.

use std::net::SocketAddr;

use anyhow::{Context, Result};

use super::gateway::{Gateway, Settings};
use super::manifest::Plan;
use super::stage::{Stage, Way};

/// What clients connect to: a gateway, or the backend itself.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) addr: SocketAddr,
    pub(crate) gateway: Option<Gateway>,
}

impl Stage {
    /// A gateway that sends all to `backends`, or the first of them itself.
    ///
    /// # Errors
    /// When the gateway does not start.
    pub(crate) fn front(&self, backends: &[SocketAddr], settings: &Settings) -> Result<Front> {
        if self.way == Way::Direct {
            return Ok(Front {
                addr: *backends.first().context("no backend")?,
                gateway: None,
            });
        }
        let gateway = Gateway::start(self, &Plan::to(backends)?, settings)?;
        Ok(Front {
            addr: gateway.addr(0)?,
            gateway: Some(gateway),
        })
    }
}

impl Front {
    /// Ends the gateway in order, if there is one.
    ///
    /// # Errors
    /// When it does not end well.
    pub(crate) fn end(self) -> Result<()> {
        self.gateway.map_or(Ok(()), Gateway::end)
    }
}
