//! What proves who is who, read from files at each connect.
//!
//! In: paths. Out: the bearer token and the CA. Never: a token in a log or an error.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;
use tonic::metadata::{Ascii, MetadataValue};

use super::Config;
use crate::limits::CREDENTIAL_BYTES_MAX;

#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) ca_pem: String,
    /// Marked as sensitive, so it prints as such.
    pub(super) bearer: MetadataValue<Ascii>,
}

/// Why there is nothing to prove oneself by.
#[derive(Debug, thiserror::Error)]
pub(super) enum CredentialError {
    #[error("read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` holds no token", path.display())]
    NoToken { path: PathBuf },
}

impl Credentials {
    pub(super) async fn read(config: &Config) -> Result<Self, CredentialError> {
        let (ca_file, token_file) = (config.ca_file.clone(), config.token_file.clone());
        let read = spawn_blocking(move || {
            let ca_pem = read_some(&ca_file)?;
            let token = read_some(&token_file)?;
            let bearer = format!("Bearer {}", token.trim());
            match bearer.parse::<MetadataValue<Ascii>>() {
                Ok(mut bearer) if !token.trim().is_empty() => {
                    bearer.set_sensitive(true);
                    Ok(Self { ca_pem, bearer })
                }
                Ok(_) | Err(_) => Err(CredentialError::NoToken { path: token_file }),
            }
        });
        let path = || config.token_file.clone();
        read.await.unwrap_or_else(|error| {
            let source = io::Error::other(error);
            Err(CredentialError::Read {
                path: path(),
                source,
            })
        })
    }
}

fn read_some(path: &Path) -> Result<String, CredentialError> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| {
        let mut some = file.take(CREDENTIAL_BYTES_MAX);
        some.read_to_string(&mut text)
    });
    match read {
        Ok(_) => Ok(text),
        Err(source) => Err(CredentialError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}
