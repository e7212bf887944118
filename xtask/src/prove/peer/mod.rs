//! Backends: what stands behind the gateway.

mod echo;
mod remote;

pub(crate) use echo::Echo;
pub(crate) use remote::Remote;
