//! The real binary: what it prints, how it ends, and where streams go.
#![cfg(test)]

mod backend;
mod files;
mod portway;
mod terminal;

mod admin;
mod check;
mod demo;
mod explain;
mod first_process;
mod help;
mod live;
mod many;
mod metrics;
mod pages;
mod proxy;
mod run;
mod systemd;
mod top;
