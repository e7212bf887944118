//! `portway top`: listeners, routes, endpoints and connections of a running instance, with rates.
//!
//! In: where to ask, a terminal. Out: a picture that follows, until somebody wants an end. Never: an
//! end because no instance answers; a terminal that is left as it must not be.
//!
//! ```text
//!  instance ◄── asker (thread) ──► News ─┐
//!  keyboard ──── keys (thread) ──► News ─┼─► Top ─► picture ─► terminal
//!  SIGTERM, … ─ signals (thread) ► News ─┘
//! ```
//!
//! [`Top`] and its picture are values: what comes in is given to them, what they draw is a buffer.

mod asker;
mod picture;
mod reading;
mod sheet;
#[cfg(test)]
mod tests;
mod view;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEvent, KeyEventKind};
use serde_json::Value;

use self::asker::Asker;
use self::view::{Flow, Top};
use crate::admin::At;
use crate::limits::TOP_NEWS_MAX;
use crate::signals;

/// What the threads around tell the one that draws.
enum News {
    /// The instance told its status, or nobody did and why.
    Status(Result<Value, String>),
    /// The connections that are open.
    Connections(Vec<Value>),
    /// Somebody pressed a key.
    Key(KeyEvent),
    /// The terminal has another size.
    Resized,
    /// Somebody wants an end, or nobody is there any more.
    Stop,
    /// A thread panicked.
    Died,
}

/// Draws what the instance at the first of `places` tells, until somebody wants an end.
///
/// # Errors
/// When the terminal cannot be drawn on, or the host refuses threads.
pub(crate) fn run(places: Vec<At>, interval: Duration) -> Result<()> {
    let (sender, news) = mpsc::sync_channel(TOP_NEWS_MAX);
    let stop = sender.clone();
    signals::on_end(move || drop(stop.send(News::Stop))).context("watch for signals")?;
    // From here on a panic of any thread gives the terminal back before it says what happened.
    let mut terminal = ratatui::try_init().context("draw on the terminal")?;
    let ended = follow(&mut terminal, places, interval, &sender, &news);
    let restored = ratatui::try_restore().context("give the terminal back");
    ended.and(restored)
}

fn follow(
    terminal: &mut DefaultTerminal,
    places: Vec<At>,
    interval: Duration,
    sender: &SyncSender<News>,
    news: &Receiver<News>,
) -> Result<()> {
    let (wants, wanted) = mpsc::channel();
    let asker = Asker { places, interval };
    let answers = sender.clone();
    start("asker", sender, move || asker.ask(&wanted, &answers))?;
    let keys = sender.clone();
    start("keys", sender, move || hear_keys(&keys))?;
    let mut top = Top::default();
    loop {
        let drawn = terminal.draw(|frame| picture::draw(&mut top, frame));
        drawn.context("draw on the terminal")?;
        let before = top.wants_connections();
        match news.recv().context("every thread that has news ended")? {
            News::Status(Ok(status)) => top.take_status(&status),
            News::Status(Err(why)) => top.lost(why),
            News::Connections(connections) => top.take_connections(&connections),
            News::Key(key) => match top.press(key) {
                Flow::GoOn => {}
                Flow::End => return Ok(()),
            },
            News::Resized => {}
            News::Stop => return Ok(()),
            News::Died => bail!("a thread of `top` died: a defect of Portway"),
        }
        if top.wants_connections() != before {
            // An asker that is gone has told so.
            let _ = wants.send(top.wants_connections());
        }
    }
}

/// Starts a thread whose panic is told.
fn start(
    name: &str,
    sender: &SyncSender<News>,
    work: impl FnOnce() + Send + 'static,
) -> Result<()> {
    let sender = sender.clone();
    let work = move || {
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            let _ = sender.send(News::Died);
        }
    };
    let thread = thread::Builder::new().name(name.into()).spawn(work);
    thread.map(drop).context("start a thread")
}

/// Tells what is pressed until the terminal is gone.
fn hear_keys(news: &SyncSender<News>) {
    loop {
        let heard = match event::read() {
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => News::Key(key),
            Ok(Event::Resize(..)) => News::Resized,
            Ok(_) => continue,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => News::Stop,
        };
        let is_over = matches!(heard, News::Stop);
        if news.send(heard).is_err() || is_over {
            return;
        }
    }
}
