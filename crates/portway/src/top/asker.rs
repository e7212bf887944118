//! Asks an instance again and again.
//!
//! In: where it is, whether somebody looks at connections. Out: [`News`]. Never: more connections
//! than [`TOP_CONNECTIONS_MAX`]; an end because nobody answers.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::News;
use crate::admin::{At, ask};
use crate::limits::{CONNECTIONS_PER_PAGE_MAX, TOP_CONNECTIONS_MAX};

/// Who asks.
pub(super) struct Asker {
    /// Where the instance may be.
    pub(super) places: Vec<At>,
    /// Wait from an answer to the next question.
    pub(super) interval: Duration,
}

impl Asker {
    /// Asks until nobody hears. `wants` says when connections are looked at, and when no more.
    pub(super) fn ask(&self, wants: &Receiver<bool>, news: &SyncSender<News>) {
        let mut wants_connections = false;
        loop {
            let status = ask(&self.places, "/api/v1/status");
            // With all causes, as it is said on stderr elsewhere.
            let status = status.map_err(|error| format!("{:#}", anyhow::Error::from(error)));
            if news.send(News::Status(status)).is_err() {
                return;
            }
            if wants_connections && self.tell_connections(news).is_err() {
                return;
            }
            let next = Instant::now() + self.interval;
            loop {
                let wait = next.saturating_duration_since(Instant::now());
                match wants.recv_timeout(wait) {
                    Ok(wanted) => wants_connections = wanted,
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                if wants_connections && self.tell_connections(news).is_err() {
                    return;
                }
            }
        }
    }

    /// The error: nobody hears.
    fn tell_connections(&self, news: &SyncSender<News>) -> Result<(), ()> {
        let Some(connections) = self.connections() else {
            // The status says why nobody answers.
            return Ok(());
        };
        news.send(News::Connections(connections)).map_err(drop)
    }

    fn connections(&self) -> Option<Vec<Value>> {
        let first = format!("/api/v1/connections?limit={CONNECTIONS_PER_PAGE_MAX}");
        let (mut all, mut path) = (Vec::new(), first.clone());
        while all.len() < TOP_CONNECTIONS_MAX {
            let mut page = ask(&self.places, &path).ok()?;
            if let Some(connections) = page["connections"].as_array_mut() {
                all.append(connections);
            }
            let Some(next) = page["next"].as_str() else {
                break;
            };
            path = format!("{first}&after={next}");
        }
        all.truncate(TOP_CONNECTIONS_MAX);
        Some(all)
    }
}
