//! Types, bounds, defaults and rules of the API.
//!
//! In: a tree of what was written. Out: findings with their place; nothing for a tree that an API
//! server would take. Never: a stop at the first problem.

mod facts;

mod view;

mod rules;

mod wanted;

mod check;

pub(crate) use check::Check;
pub(crate) use facts::{KINDS, KindFacts};

#[cfg(test)]
mod tests;
