//! A peer that speaks the protocol word by word, to say what no proxy of ours says.

use std::sync::Arc;
use std::time::Duration;

use portway_feed::Authorities;
use portway_feed::wire::from_proxy::Kind;
use portway_feed::wire::table_feed_client::TableFeedClient;
use portway_feed::wire::{Acknowledged, Chunk, FromProxy, Known};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
use tonic::{Request, Status, Streaming};

use crate::controller::{Controller, DEADLINE};

pub(crate) struct Peer {
    pub(crate) say: mpsc::Sender<FromProxy>,
    hear: Streaming<Chunk>,
}

impl Peer {
    pub(crate) async fn connect(
        controller: &Controller,
        authorities: &Authorities,
        authorization: Option<&str>,
    ) -> Result<Self, Status> {
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(authorities.bundle_pem()))
            .domain_name("localhost");
        let endpoint = Endpoint::from_shared(format!("https://{}", controller.addr)).unwrap();
        let channel = endpoint.tls_config(tls).unwrap().connect().await.unwrap();
        let (say, said) = mpsc::channel(16);
        let mut request = Request::new(ReceiverStream::new(said));
        if let Some(authorization) = authorization {
            let value = authorization.parse().unwrap();
            request.metadata_mut().insert("authorization", value);
        }
        let response = TableFeedClient::new(channel).follow(request).await?;
        let hear = response.into_inner();
        Ok(Self { say, hear })
    }

    pub(crate) async fn say(&self, kind: Kind) {
        self.say.send(FromProxy { kind: Some(kind) }).await.unwrap();
    }

    pub(crate) async fn say_nothing_is_known(&self) {
        let known = Known {
            resources: Vec::new(),
            is_last: true,
        };
        self.say(Kind::Known(known)).await;
    }

    pub(crate) async fn acknowledge(&self, nonce: u64) {
        let unbound = Vec::new();
        self.say(Kind::Acknowledged(Acknowledged { nonce, unbound }))
            .await;
    }

    pub(crate) async fn hear(&mut self) -> Result<Option<Chunk>, Status> {
        let heard = timeout(DEADLINE, self.hear.message()).await;
        heard.expect("an answer in time")
    }

    /// Whether nothing comes for a moment. It can only fail to see what it looks for, never see
    /// what is not there.
    pub(crate) async fn hears_nothing(&mut self) -> bool {
        timeout(Duration::from_millis(200), self.hear.message())
            .await
            .is_err()
    }
}

/// A connection on which nothing was said after the handshake.
pub(crate) async fn secured(
    controller: &Controller,
    authorities: &Authorities,
) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    let bundle = authorities.bundle_pem();
    for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(controller.addr).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await.unwrap()
}
