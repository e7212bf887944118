//! What systemd is told when it started us (`Type=notify`, `Type=notify-reload`): ready, reloading,
//! stopping.
//!
//! In: changes of state. Out: datagrams to `NOTIFY_SOCKET`, if there is one. Never: a failure; who
//! does not listen to us does not stop us. Source: sd_notify(3), systemd.service(5).

use sd_notify::NotifyState;
use tracing::warn;

/// The table is applied: whoever waits for this unit, or for its reload, may connect.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Everything is read again; [`ready`] follows when all workers have what came of it.
pub(crate) fn reloading() {
    // A reload is told apart from one before by when it began.
    match NotifyState::monotonic_usec_now() {
        Ok(since) => tell(&[NotifyState::Reloading, since]),
        Err(error) => warn!(%error, "no clock, so the supervisor does not hear of the reload"),
    }
}

/// No new connections; open ones may finish.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "the supervisor that NOTIFY_SOCKET names does not hear us");
    }
}
