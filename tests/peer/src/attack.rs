//! What a decent client never sends.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use flate2::Compression;
use flate2::write::GzEncoder;
use livekit_protocol::JoinRequest;
use prost::Message as _;
use rand::RngExt;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::Outcome;

/// How many datagrams go out between two pauses, so that the kernel's queues, and not the server, stay out of play.
const BURST: usize = 100;
/// The pause.
const PAUSE: Duration = Duration::from_millis(2);

/// A socket on the loopback that the server has never heard of.
pub struct Stranger {
    socket: UdpSocket,
    target: SocketAddr,
}

impl Stranger {
    /// One that sends to `target`.
    ///
    /// # Errors
    ///
    /// When there is no free port.
    pub async fn new(target: SocketAddr) -> Outcome<Self> {
        Ok(Self { socket: UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?, target })
    }

    /// Sends one datagram.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub async fn send(&self, datagram: &[u8]) -> Outcome {
        self.socket.send_to(datagram, self.target).await?;
        Ok(())
    }

    /// Sends `count` datagrams that `make` makes, in short bursts.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub async fn flood(&self, count: usize, mut make: impl FnMut(usize) -> Vec<u8>) -> Outcome {
        for index in 0..count {
            self.send(&make(index)).await?;
            if index % BURST == BURST - 1 {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    /// The datagrams that come within `time`.
    ///
    /// # Errors
    ///
    /// When the socket fails.
    pub async fn answers(&self, time: Duration) -> Outcome<Vec<Vec<u8>>> {
        let end = Instant::now() + time;
        let mut answers = Vec::new();
        let mut buffer = vec![0; 2048];
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            match timeout(left, self.socket.recv_from(&mut buffer)).await {
                Ok(received) => answers.push(buffer[..received?.0].to_vec()),
                Err(_) => break,
            }
        }
        Ok(answers)
    }
}

/// ICE credentials of both ends of a connection.
#[derive(Clone, Debug, Default)]
pub struct IceSecrets {
    /// The server's user fragment.
    pub server_ufrag: String,
    /// The server's password.
    pub server_password: String,
    /// The client's user fragment.
    pub client_ufrag: String,
}

/// A STUN binding request (RFC 8489, RFC 8445 §7.1) from the client that `secrets` are of: a good one when they are.
pub fn binding_request(secrets: &IceSecrets) -> Vec<u8> {
    let mut message = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    message.extend(rand::random::<[u8; 12]>());
    attribute(&mut message, 0x0006, format!("{}:{}", secrets.server_ufrag, secrets.client_ufrag).as_bytes());
    attribute(&mut message, 0x0024, &1_u32.to_be_bytes());
    attribute(&mut message, 0x802a, &rand::random::<[u8; 8]>());
    // Both of the last two count themselves into the length that they cover.
    set_length(&mut message, 24);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secrets.server_password.as_bytes());
    let integrity = hmac::sign(&key, &message);
    attribute(&mut message, 0x0008, integrity.as_ref());
    set_length(&mut message, 8);
    let fingerprint = crc32(&message) ^ 0x5354_554e;
    attribute(&mut message, 0x8028, &fingerprint.to_be_bytes());
    message
}

/// A ClientHello of DTLS 1.2 with one cipher suite and no extensions.
pub fn client_hello() -> Vec<u8> {
    let mut body = vec![0xfe, 0xfd];
    body.extend(rand::random::<[u8; 32]>());
    body.extend([0, 0]);
    body.extend([0, 2, 0xc0, 0x2b]);
    body.extend([1, 0]);
    let length = [0, 0, u8::try_from(body.len()).unwrap_or_default()];
    let mut handshake = vec![1];
    handshake.extend(length);
    handshake.extend([0, 0, 0, 0, 0]);
    handshake.extend(length);
    handshake.extend(body);
    let mut record = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0];
    record.extend([0, u8::try_from(handshake.len()).unwrap_or_default()]);
    record.extend(handshake);
    record
}

/// Random bytes whose first makes them SRTP or SRTCP to whoever looks at it.
pub fn junk_media(size: usize) -> Vec<u8> {
    let mut rng = rand::rng();
    let mut bytes: Vec<u8> = (0..size).map(|_| rng.random()).collect();
    if let Some(first) = bytes.first_mut() {
        *first = 0x80 | (*first & 0x3f);
    }
    bytes
}

/// Datagrams of every kind whose length fields promise what is not there, one for each `index`.
pub fn lying_lengths(index: usize) -> Vec<u8> {
    let ssrc = rand::random::<[u8; 4]>();
    let mut bytes = match index % 8 {
        // RTP: fifteen contributing sources in twelve bytes, an extension without end, padding longer than all.
        0 => vec![0x8f, 111, 0, 1, 0, 0, 0, 1],
        1 => vec![0x90, 111, 0, 1, 0, 0, 0, 1],
        2 => vec![0xa0, 111, 0, 1, 0, 0, 0, 1],
        // RTCP: reports, feedback and goodbyes of 65 535 words.
        3 => vec![0x9f, 200, 0xff, 0xff],
        4 => vec![0x81, 205, 0xff, 0xff],
        5 => vec![0x9f, 203, 0xff, 0xff],
        // DTLS: a record of 65 535 bytes.
        6 => vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1],
        // STUN: a message and an attribute of 65 532 bytes.
        _ => vec![0, 1, 0xff, 0xfc, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0xff, 0xfc],
    };
    bytes.extend(ssrc);
    match index % 8 {
        1 => bytes.extend([0xbe, 0xde, 0xff, 0xff, 0x10]),
        2 => bytes.extend([1, 2, 3, 255]),
        _ => {}
    }
    // Cut anywhere, header included.
    let cut = if index.is_multiple_of(3) { 1 + index % bytes.len() } else { bytes.len() };
    bytes.truncate(cut);
    bytes
}

/// A gzipped join request that fits into a URL and inflates to `size` bytes of metadata.
///
/// # Errors
///
/// When it cannot be packed.
pub fn inflating_join_request(size: usize) -> Outcome<Vec<u8>> {
    let request = JoinRequest { metadata: "x".repeat(size), ..JoinRequest::default() };
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(&request.encode_to_vec())?;
    Ok(packer.finish()?)
}

/// An offer without the fingerprint that tells whose certificate it will be.
pub fn without_fingerprint(sdp: &str) -> String {
    let lines = sdp.lines().filter(|line| !line.starts_with("a=fingerprint"));
    lines.map(|line| format!("{line}\r\n")).collect()
}

/// An offer whose media sections list payload types and no codec that anybody knows.
pub fn without_codecs(sdp: &str) -> String {
    let keep = |line: &&str| !["a=rtpmap", "a=fmtp", "a=rtcp-fb"].iter().any(|prefix| line.starts_with(prefix));
    let section = |line: &str| {
        let media = line.starts_with("m=audio") || line.starts_with("m=video");
        if media {
            format!("{} 127", line.splitn(4, ' ').take(3).collect::<Vec<_>>().join(" "))
        } else {
            line.to_owned()
        }
    };
    sdp.lines().filter(keep).map(|line| format!("{}\r\n", section(line))).collect()
}

/// An offer of `count` sections, every one a copy of the last of `sdp` under another mid.
pub fn with_sections(sdp: &str, count: usize) -> String {
    let start = sdp.rfind("m=").unwrap_or_default();
    let (head, section) = sdp.split_at(start);
    let copy = |index: usize| -> String {
        let line = |line: &str| {
            if line.starts_with("a=mid:") { format!("a=mid:copy{index}\r\n") } else { format!("{line}\r\n") }
        };
        section.lines().map(line).collect()
    };
    (0..count).fold(head.to_owned(), |sdp, index| sdp + &copy(index))
}

fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend(kind.to_be_bytes());
    message.extend(u16::try_from(value.len()).unwrap_or_default().to_be_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
    set_length(message, 0);
}

/// The length field, `more` bytes beyond what is there.
fn set_length(message: &mut [u8], more: usize) {
    let length = u16::try_from(message.len() - 20 + more).unwrap_or_default();
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
