//! The kernel's calls, one thin function each: the only place where `unsafe` may stand.
//!
//! In: borrowed descriptors. Out: [`Errno`] as the kernel said it, owned descriptors. Never: a
//! decision, a loop, a retry.
#![allow(unsafe_code, reason = "the kernel's calls that rustix lacks")]

pub(crate) mod epoll;
pub(crate) mod limit;
pub(crate) mod memory;
pub(crate) mod pipe;
pub(crate) mod ports;
pub(crate) mod signal;
pub(crate) mod tcp;
pub(crate) mod thread;
pub(crate) mod wake;

pub(crate) use rustix::io::Errno;

/// What the kernel answered.
pub(crate) type Result<T> = std::result::Result<T, Errno>;
