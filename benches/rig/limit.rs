//! The limit: the same fan-out with keys that never change and no RTP work, at the same train length and rate.
//!
//! A train is made by copying one payload, sealing it in place under the destination's own key, and one send call. What
//! a server needs beyond this is its own doing. Sender and receivers are processes of their own, on the processors that
//! server and generator have otherwise.

use std::io::{BufRead, BufReader, IoSliceMut, Write};
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use std::os::fd::AsRawFd;
use visavis::net::{allow_open_files, separate_datagrams};

use super::GENERATOR_CORE;
use super::SERVER_CORE;

const TAG: usize = 16;
const HEADER: usize = 24;

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub destinations: usize,
    /// Mean number of datagrams in a train.
    pub train: f64,
    /// Bytes of a datagram.
    pub bytes: usize,
    /// Datagrams a second, to all destinations together.
    pub rate: f64,
    pub seconds: u64,
}

/// Processor time of one datagram, in microseconds.
pub fn measure(load: Load) -> Option<f64> {
    let itself = std::env::current_exe().ok()?;
    let count = load.destinations.to_string();
    let mut receivers = Command::new("taskset");
    receivers.args(["-c", GENERATOR_CORE]).arg(&itself).args(["--receive", &count]);
    let mut receivers = receivers.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let mut ports = String::new();
    BufReader::new(receivers.stdout.take()?).read_line(&mut ports).ok()?;
    let mut sender = Command::new("taskset");
    let numbers = [load.train, load.bytes as f64, load.rate, load.seconds as f64].map(|number| number.to_string());
    sender.args(["-c", SERVER_CORE]).arg(&itself).arg("--send").args(numbers).arg(ports.trim());
    let output = sender.output();
    let _ = receivers.kill();
    let _ = receivers.wait();
    String::from_utf8(output.ok()?.stdout).ok()?.trim().parse().ok()
}

/// The receivers' process: takes each datagram singly, as from a network, until it is killed.
pub fn receive(count: usize) {
    let _ = allow_open_files(count as u64 + 100);
    let mut poll = Poll::new().unwrap();
    let mut sockets = Vec::new();
    for index in 0..count {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let state = UdpSocketState::new((&socket).into()).unwrap();
        separate_datagrams(&socket).unwrap();
        poll.registry().register(&mut SourceFd(&socket.as_raw_fd()), Token(index), Interest::READABLE).unwrap();
        sockets.push((socket, state));
    }
    let ports: Vec<String> = sockets.iter().map(|it| it.0.local_addr().unwrap().port().to_string()).collect();
    println!("{}", ports.join(","));
    std::io::stdout().flush().unwrap();
    let mut events = Events::with_capacity(256);
    let mut buffers = vec![[0u8; 2048]; 16];
    let mut meta = [RecvMeta::default(); 16];
    loop {
        poll.poll(&mut events, None).unwrap();
        for event in &events {
            let (socket, state) = &sockets[event.token().0];
            loop {
                let mut slices: Vec<IoSliceMut<'_>> =
                    buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
                match state.recv(socket.into(), &mut slices, &mut meta) {
                    Ok(filled) if filled == meta.len() => {}
                    _ => break,
                }
            }
        }
    }
}

/// The sender's process: prints the processor time of a datagram.
pub fn send(train: f64, bytes: usize, rate: f64, seconds: u64, ports: &str) {
    let to: Vec<std::net::SocketAddr> =
        ports.split(',').map(|port| format!("127.0.0.1:{port}").parse().unwrap()).collect();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let state = UdpSocketState::new((&socket).into()).unwrap();
    let keys: Vec<LessSafeKey> = (0..to.len())
        .map(|index| LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[index as u8; 32]).unwrap()))
        .collect();
    let payload = vec![7u8; bytes.saturating_sub(HEADER + TAG).max(1)];
    let mut arena = vec![0u8; 64 * 2048];
    let (mut sent, mut owed, mut nonce) = (0u64, 0.0, 0u64);
    let begin = Instant::now();
    let cpu = processor_time();
    let round = Duration::from_secs_f64(train * to.len() as f64 / rate);
    let mut next = begin;
    while begin.elapsed() < Duration::from_secs(seconds) {
        // Trains of two neighbouring lengths, so that their mean is right.
        owed += train;
        let length = (owed as usize).clamp(1, 64);
        owed -= length as f64;
        for (address, key) in to.iter().zip(&keys) {
            let mut at = 0;
            for _ in 0..length {
                nonce += 1;
                let body = at + HEADER;
                arena[at..body].fill(nonce as u8);
                arena[body..body + payload.len()].copy_from_slice(&payload);
                let (header, rest) = arena[at..].split_at_mut(HEADER);
                let mut iv = [0; 12];
                iv[4..].copy_from_slice(&nonce.to_be_bytes());
                let (sealed, tail) = rest.split_at_mut(payload.len());
                let tag = key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(iv), Aad::from(header), sealed);
                tail[..TAG].copy_from_slice(tag.unwrap().as_ref());
                at += HEADER + payload.len() + TAG;
            }
            let segment_size = (length > 1).then_some(HEADER + payload.len() + TAG);
            let transmit =
                Transmit { destination: *address, ecn: None, contents: &arena[..at], segment_size, src_ip: None };
            if state.try_send((&socket).into(), &transmit).is_ok() {
                sent += length as u64;
            }
        }
        next += round;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    println!("{}", (processor_time() - cpu).as_secs_f64() * 1e6 / sent.max(1) as f64);
}

/// What the only thread of this process has used, by the kernel's exact account.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}
