//! A real proxy between real sockets, on loopback. Tests wait for what they expect, at most
//! [`gateway::PATIENCE`], and never for time to pass.
#![cfg(test)]

mod gateway;
mod observer;

mod balance;
mod close_reasons;
mod dials;
mod drains;
mod relay;
mod tables;
