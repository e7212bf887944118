//! Controllers and proxies over real sockets and real TLS, on loopback; and that the generated
//! code is current.
#![cfg(test)]

mod controller;
mod peer;
mod proxy;
mod tables;
mod wiretap;

mod generated;

mod follow;
mod guard;
mod resume;
mod told;
