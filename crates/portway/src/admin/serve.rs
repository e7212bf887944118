//! Serves HTTP at every door, on one thread.
//!
//! In: [`Door`]s, a [`View`]. Out: answers. Never: more connections, bytes of a header or time for
//! one asker than [`crate::limits`] says; a connection that serves a second request.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use super::door::{At, Door, DoorError, Opened, SocketFile, Wanted};
use super::request::{self, Reach};
use super::seats::{Seated, Seats};
use super::{View, answer};
use crate::limits::{
    ADMIN_ACCEPT_RETRY, ADMIN_ANSWERS_AT_ONCE, ADMIN_CONNECTION_TIMEOUT, ADMIN_DOOR_RETRY,
    ADMIN_HEADER_BYTES_MAX, ADMIN_HEADER_TIMEOUT, ADMIN_HEADERS_MAX,
};

/// The admin server of an instance. Dropped, it closes its doors.
#[derive(Debug)]
pub(crate) struct Admin {
    at: Vec<At>,
    /// Addresses that another has for the time being.
    awaited: Vec<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Why there is no admin server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminError {
    /// A door that was asked for cannot be opened.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// The host has no thread for it, or not what a thread needs.
    #[error("start the admin server")]
    Thread(#[source] io::Error),
}

/// Opens all doors, then answers at them until the value is dropped.
///
/// # Errors
/// When a door that was asked for explicitly cannot be opened. One that is there by default is done
/// without, until another who has its place gives it up; both is logged.
pub(crate) fn serve(doors: &[Door], view: Arc<dyn View>) -> Result<Admin, AdminError> {
    let (mut opened, mut awaited) = (Vec::new(), Vec::new());
    for door in doors {
        match door.open() {
            Ok(it) => opened.push((it, door.reach)),
            Err(error) if door.wanted == Wanted::Explicitly => return Err(error.into()),
            Err(error) => {
                if error.may_pass() {
                    awaited.push(door.clone());
                }
                do_without(&door.at, error);
            }
        }
    }
    let places: Vec<At> = opened.iter().filter_map(|(it, _)| it.at()).collect();
    let awaited_addrs = awaited.iter().filter_map(|it| it.at.addr()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(ADMIN_ANSWERS_AT_ONCE)
        .build()
        .map_err(AdminError::Thread)?;
    let (stop, stopped) = oneshot::channel();
    let work = move || {
        runtime.block_on(async {
            for (door, reach) in opened {
                tokio::spawn(stand_at(door, reach, Arc::clone(&view)));
            }
            for door in awaited {
                tokio::spawn(await_door(door, Arc::clone(&view)));
            }
            let _ = stopped.await;
        });
        // Whoever is being answered gets no more; this is the end of the instance.
        runtime.shutdown_background();
    };
    let thread = thread::Builder::new().name("admin".into()).spawn(work);
    places.iter().for_each(tell);
    Ok(Admin {
        at: places,
        awaited: awaited_addrs,
        stop: Some(stop),
        thread: Some(thread.map_err(AdminError::Thread)?),
    })
}

impl Admin {
    /// Where it listens, with the ports that the kernel chose.
    #[cfg(test)]
    pub(super) fn at(&self) -> &[At] {
        &self.at
    }

    /// The addresses it has or waits for, where no listener can be.
    pub(crate) fn addrs(&self) -> Vec<SocketAddr> {
        let own = self.at.iter().filter_map(At::addr);
        own.chain(self.awaited.iter().copied()).collect()
    }
}

fn tell(at: &At) {
    info!(%at, "admin server listening");
}

fn do_without(at: &At, error: DoorError) {
    let may_pass = error.may_pass();
    let error = format!("{:#}", anyhow::Error::from(error));
    // At a socket nothing is lost as long as there is the other door.
    match (at, may_pass) {
        (At::Tcp(_), true) => warn!(
            error,
            "no admin server there until that is free; --admin gives it another place"
        ),
        (At::Tcp(_), false) => warn!(
            error,
            "no admin server there; --admin gives it another place"
        ),
        (At::Socket(_), true) => info!(
            error,
            "no admin socket until that is free; --admin-socket gives it another place"
        ),
        (At::Socket(_), false) => info!(
            error,
            "no admin socket; --admin-socket gives it another place"
        ),
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            warn!("the admin server panicked");
        }
    }
}

/// Stands at a door as soon as its place is free.
async fn await_door(door: Door, view: Arc<dyn View>) {
    let opened = loop {
        sleep(ADMIN_DOOR_RETRY).await;
        if let Ok(opened) = door.open() {
            break opened;
        }
    };
    if let Some(at) = opened.at() {
        tell(&at);
    }
    stand_at(opened, door.reach, view).await;
}

/// A door inside the runtime.
enum Listening {
    Tcp(TcpListener),
    /// The file goes before the socket, as in [`Opened`].
    Socket {
        _file: SocketFile,
        listener: UnixListener,
    },
}

impl Listening {
    fn at(door: Opened) -> io::Result<Self> {
        Ok(match door {
            Opened::Tcp(listener) => Self::Tcp(TcpListener::from_std(listener)?),
            Opened::Socket(_file, listener) => {
                let listener = UnixListener::from_std(listener)?;
                Self::Socket { _file, listener }
            }
        })
    }
}

async fn stand_at(door: Opened, reach: Reach, view: Arc<dyn View>) {
    match Listening::at(door) {
        Ok(listening) => take_in(&listening, reach, view).await,
        Err(error) => warn!(%error, "an admin door cannot be served"),
    }
}

/// Takes in one asker after the other. One beyond the bound waits for a seat here, the others in the
/// kernel's queue.
async fn take_in(listening: &Listening, reach: Reach, view: Arc<dyn View>) {
    let seats = Seats::new();
    loop {
        let accepted = match listening {
            Listening::Tcp(listener) => listener.accept().await.map(|(it, _)| Asker::Tcp(it)),
            Listening::Socket { listener, .. } => {
                let accepted = listener.accept().await;
                accepted.map(|(it, _)| Asker::Socket(it))
            }
        };
        let asker = match accepted {
            Ok(asker) => asker,
            Err(error) => {
                debug!(%error, "no admin connection accepted");
                sleep(ADMIN_ACCEPT_RETRY).await;
                continue;
            }
        };
        let Some(seat) = seats.take().await else {
            return;
        };
        let door = (reach, Arc::clone(&view));
        seats.attend(seat, |seated| async {
            match asker {
                Asker::Tcp(stream) => attend(TokioIo::new(stream), door, seated).await,
                Asker::Socket(stream) => attend(TokioIo::new(stream), door, seated).await,
            }
        });
    }
}

enum Asker {
    Tcp(TcpStream),
    Socket(UnixStream),
}

/// Serves one request.
async fn attend<S>(stream: S, (reach, view): (Reach, Arc<dyn View>), seated: Seated)
where
    S: Read + Write + Unpin,
{
    let service = service_fn(|request: Request<Incoming>| {
        seated.has_asked();
        let view = Arc::clone(&view);
        async move {
            let (method, uri) = (request.method(), request.uri());
            let asked = request::read(method, uri, request.headers(), reach);
            let answer: Response<String> = answer::to(asked, &view).await;
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ADMIN_HEADER_TIMEOUT)
        .max_buf_size(ADMIN_HEADER_BYTES_MAX)
        .max_headers(ADMIN_HEADERS_MAX)
        .keep_alive(false)
        .serve_connection(stream, service);
    match timeout(ADMIN_CONNECTION_TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "an admin connection ended early"),
        Err(_) => debug!("an admin connection took too long"),
    }
}
