//! The tests, by what they disturb.

pub(super) mod controllers;
pub(super) mod guide;
pub(super) mod hardening;
pub(super) mod installs;
pub(super) mod manifests;
pub(super) mod objects;
pub(super) mod outages;
pub(super) mod people;
pub(super) mod proxies;
pub(super) mod statuses;
