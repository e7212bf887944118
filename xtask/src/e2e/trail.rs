//! A connect that explains itself: where its packets went, if it failed.
//!
//! In: an address and a wait. Out: a connection; or an error that names the local port, with what
//! the kernel knows of it while the socket is still there. Never: a second attempt.

use std::fmt::Write;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect as begin, socket_with, sockopt};

/// As `TcpStream::connect_timeout`, which closes the socket of a connect that nobody answers, and
/// with it all that tells why.
///
/// # Errors
/// When nobody answers in time, or somebody refuses.
pub(crate) fn connect(to: SocketAddr, wait: Duration) -> io::Result<TcpStream> {
    let family = match to {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    match begin(&socket, &to) {
        Ok(()) | Err(Errno::INPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    let wait = Timespec::try_from(wait).map_err(io::Error::other)?;
    let n_ready = poll(&mut [PollFd::new(&socket, PollFlags::OUT)], Some(&wait))?;
    let socket = TcpStream::from(socket);
    let port = socket.local_addr()?.port();
    if n_ready == 0 {
        let text = format!("connect timed out from port {port}; {}", of(port));
        return Err(io::Error::new(io::ErrorKind::TimedOut, text));
    }
    if let Err(errno) = sockopt::socket_error(&socket)? {
        let error = io::Error::from(errno);
        let text = format!("{error}, from port {port}; {}", of(port));
        return Err(io::Error::new(error.kind(), text));
    }
    socket.set_nonblocking(false)?;
    Ok(socket)
}

/// What is known of the connection from this port.
fn of(port: u16) -> String {
    let mut text = String::new();
    let port_text = port.to_string();
    let filter = format!("sport = :{port}");
    let ask: [(&str, &[&str]); 2] = [
        ("ss", &["-Htaoin", &filter]),
        (
            "conntrack",
            &["-L", "-p", "tcp", "--orig-port-src", &port_text],
        ),
    ];
    for (program, arguments) in ask {
        // Whoever asks is part of a load: it must go on.
        let mut asking = Command::new("timeout");
        let said = match asking.arg("2").arg(program).args(arguments).output() {
            Ok(output) if output.status.success() => {
                let all = String::from_utf8_lossy(&output.stdout);
                all.split_whitespace().collect::<Vec<_>>().join(" ")
            }
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        let said = if said.is_empty() {
            "nothing"
        } else {
            said.as_str()
        };
        let separator = if text.is_empty() { "" } else { "; " };
        let _ = write!(text, "{separator}{program}: {said}");
    }
    text
}

#[cfg(test)]
mod tests;
