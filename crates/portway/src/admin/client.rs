//! Asks a running instance.
//!
//! In: places where one may listen, a path. Out: the JSON it answers. Never: more bytes or a longer
//! wait than [`crate::limits`] says.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;

use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::http::uri::InvalidUri;
use hyper::rt::{Read, Write};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::door::At;
use crate::limits::{ANSWER_BYTES_MAX, ANSWER_TIMEOUT};

/// No instance answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// None listens at any of these places.
    #[error("no running instance found; tried {}", .tried.join(", "))]
    Nobody {
        /// Each place, with what was wrong.
        tried: Vec<String>,
    },
    /// One listens and does not answer as it should.
    #[error("ask the instance at {at}")]
    Failed {
        /// Where.
        at: At,
        /// Why.
        source: AnswerError,
    },
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    /// The connection broke.
    #[error("the connection broke")]
    Http(#[from] hyper::Error),
    /// It took too long.
    #[error("no answer within {ANSWER_TIMEOUT:?}")]
    TooSlow,
    /// It is longer than we take.
    #[error("the answer is longer than {} MiB", ANSWER_BYTES_MAX >> 20)]
    TooLong,
    /// It refused.
    #[error("it refused ({status}): {why}")]
    Refused {
        /// The status of HTTP.
        status: StatusCode,
        /// What it said.
        why: String,
    },
    /// It is no JSON.
    #[error("the answer is no JSON; is that Portway?")]
    NotJson(#[source] serde_json::Error),
    /// The question has no form that HTTP takes.
    #[error("ask for that")]
    Question(#[from] InvalidUri),
    /// This host lacks what it takes to ask.
    #[error("prepare the question")]
    Io(#[from] io::Error),
}

/// Asks the first instance that listens at one of `places`, in order.
///
/// # Errors
/// When none does, or when it does not answer.
pub(crate) fn ask(places: &[At], path: &str) -> Result<Value, AskError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let mut tried = Vec::new();
    for at in places {
        let asked = match &runtime {
            Ok(runtime) => runtime.block_on(ask_at(at, path)),
            Err(error) => Ok(Err(io::Error::from(error.kind()).into())),
        };
        match asked {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(source)) => {
                let at = at.clone();
                return Err(AskError::Failed { at, source });
            }
            Err(error) => tried.push(format!("{at} ({error})")),
        }
    }
    Err(AskError::Nobody { tried })
}

/// The outer error: nobody listens there.
async fn ask_at(at: &At, path: &str) -> io::Result<Result<Value, AnswerError>> {
    match at {
        At::Tcp(addr) => {
            let stream = TcpStream::connect(addr);
            let stream = timeout(ANSWER_TIMEOUT, stream).await;
            let stream = stream.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            Ok(exchange_in_time(stream, path).await)
        }
        At::Socket(socket) => {
            let stream = UnixStream::connect(socket).await?;
            Ok(exchange_in_time(stream, path).await)
        }
    }
}

async fn exchange_in_time<S>(stream: S, path: &str) -> Result<Value, AnswerError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let exchange = exchange(TokioIo::new(stream), path);
    let answer = timeout(ANSWER_TIMEOUT, exchange).await;
    answer.unwrap_or(Err(AnswerError::TooSlow))
}

async fn exchange<S>(stream: S, path: &str) -> Result<Value, AnswerError>
where
    S: Read + Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(stream).await?;
    tokio::spawn(connection);
    let mut request = Request::new(String::new());
    *request.uri_mut() = path.parse::<Uri>()?;
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_static("localhost"));
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let bytes = collect(answer.into_body()).await?;
    if status != StatusCode::OK {
        let said: Option<Value> = serde_json::from_slice(&bytes).ok();
        let said = said.as_ref().and_then(|it| it["error"].as_str());
        let text = String::from_utf8_lossy(&bytes);
        let why = annotate_snippets::normalize_untrusted_str(said.unwrap_or(text.trim()));
        return Err(AnswerError::Refused { status, why });
    }
    serde_json::from_slice(&bytes).map_err(AnswerError::NotJson)
}

async fn collect(mut body: Incoming) -> Result<Vec<u8>, AnswerError> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|waker| Pin::new(&mut body).poll_frame(waker)).await {
        if let Ok(piece) = frame?.into_data() {
            bytes.extend_from_slice(&piece);
        }
        if bytes.len() > ANSWER_BYTES_MAX {
            return Err(AnswerError::TooLong);
        }
    }
    Ok(bytes)
}
