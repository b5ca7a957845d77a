//! HTTP/1.1 by hand, one request a connection: just enough to read statuses and texts, and to send what no client
//! library would.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Outcome;

/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 4 << 20;

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Status line and headers, as they came.
    pub head: String,
    /// The body, trimmed: LiveKit's server ends its error texts with a line feed.
    pub body: String,
}

/// `GET target` from `127.0.0.1:port`.
///
/// # Errors
///
/// When the connection fails or the answer is no HTTP.
pub async fn get(port: u16, target: &str) -> Outcome<Answer> {
    exchange(port, &format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")).await
}

/// `GET target` as a WebSocket client asks for the upgrade, without ever speaking WebSocket.
///
/// # Errors
///
/// When the connection fails or the answer is no HTTP.
pub async fn upgrade(port: u16, target: &str, token: &str) -> Outcome<Answer> {
    exchange(
        port,
        &format!(
            "GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ),
    )
    .await
}

/// Sends `request` as it is and reads one answer.
///
/// # Errors
///
/// When the connection fails or the answer is no HTTP.
pub async fn exchange(port: u16, request: &str) -> Outcome<Answer> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 16 * 1024];
    loop {
        if let Some(answer) = complete(&bytes) {
            return Ok(answer);
        }
        let count = timeout(Duration::from_secs(20), stream.read(&mut chunk)).await??;
        if count == 0 || bytes.len() > MAX_ANSWER {
            return until_closed(&bytes).ok_or_else(|| "no HTTP answer".into());
        }
        bytes.extend_from_slice(&chunk[..count]);
    }
}

fn complete(bytes: &[u8]) -> Option<Answer> {
    let (status, head, body) = split(bytes)?;
    if status == 101 {
        return Some(Answer { status, head, body: String::new() });
    }
    let lower = head.to_ascii_lowercase();
    if lower.contains("transfer-encoding: chunked") {
        let body = unchunk(body)?;
        return Some(Answer { status, head, body });
    }
    let (_, length) = lower.split_once("content-length:")?;
    let length: usize = length.lines().next()?.trim().parse().ok()?;
    (body.len() >= length).then(|| Answer { status, head, body: text(&body[..length]) })
}

fn until_closed(bytes: &[u8]) -> Option<Answer> {
    let (status, head, body) = split(bytes)?;
    Some(Answer { status, head, body: text(body) })
}

fn split(bytes: &[u8]) -> Option<(u16, String, &[u8])> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, head, &bytes[end + 4..]))
}

fn unchunk(mut body: &[u8]) -> Option<String> {
    let mut whole = Vec::new();
    loop {
        let line = body.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&body[..line]).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(text(&whole));
        }
        let start = line + 2;
        whole.extend_from_slice(body.get(start..start + size)?);
        body = body.get(start + size + 2..)?;
    }
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).trim().to_owned()
}
