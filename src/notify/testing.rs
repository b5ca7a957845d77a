//! Servers on loopback for this module's tests.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Serves an app until the test ends.
pub(super) async fn serve(app: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    at
}

/// A TLS server with a certificate of its own.
pub(super) struct Secure {
    pub(super) port: u16,
    /// Its certificate in PEM, for those who shall trust it.
    pub(super) root: Vec<u8>,
}

/// The server's side of a connection.
pub(super) type Sealed = StreamOwned<ServerConnection, std::net::TcpStream>;

/// A request as it came.
pub(super) struct Received {
    /// Request line and headers.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Secure {
    /// Hands every connection to `handle`, one after the other, until the process ends.
    pub(super) fn start(name: &str, handle: impl Fn(&mut Sealed) + Send + 'static) -> Self {
        let (config, root) = tls(name);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                handle(&mut StreamOwned::new(connection, stream.unwrap()));
            }
        });
        Self { port, root }
    }

    /// Answers one HTTP request a connection.
    pub(super) fn http(name: &str, answer: impl Fn(Received) -> String + Send + 'static) -> Self {
        Self::start(name, move |stream| {
            let Some(request) = read_request(stream) else { return };
            let _ = stream.write_all(answer(request).as_bytes());
            stream.conn.send_close_notify();
            let _ = stream.flush();
        })
    }
}

/// A server's configuration with a new certificate for `name`, and that certificate in PEM.
pub(super) fn tls(name: &str) -> (Arc<ServerConfig>, Vec<u8>) {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
    let der = certificate.der().to_vec();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines(&STANDARD.encode(&der)));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(der)], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    (Arc::new(config), pem.into_bytes())
}

fn lines(text: &str) -> String {
    text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line)).collect::<Vec<_>>().join("\n")
}

fn read_request(stream: &mut impl Read) -> Option<Received> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if bytes.len() >= end + 4 + length.unwrap_or(0) {
            return Some(Received { head, body: bytes.split_off(end + 4) });
        }
    }
}
