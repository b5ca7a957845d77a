//! The limit: the same fan-out with keys that never change and no RTP work, at the same train length and rate.
//!
//! A train is made by copying one payload, sealing it in place under the destination's own key, and one send call. What
//! a server needs beyond this is its own doing. A second run also takes in as many datagrams as the server did, from a
//! sender that sends them one by one, and opens them. Sender and receivers are processes of their own, on the processors that
//! server and generator have otherwise.

use std::io::{BufRead, BufReader, IoSliceMut, Write};
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
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
/// How long a server lets packets wait for others unless told otherwise, in seconds.
const GATHER: f64 = 0.000_25;

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
    /// Datagrams a second that come in and are opened, and their bytes.
    pub incoming: Option<(f64, usize)>,
}

impl Load {
    /// As [`Load::write`] wrote it; how many destinations there are is not in it.
    pub fn read(numbers: &[&str]) -> Self {
        let number = |index: usize| numbers[index].parse::<f64>().unwrap();
        let incoming = (number(4) > 0.0).then(|| (number(4), number(5) as usize));
        let (train, bytes, rate, seconds) = (number(0), number(1) as usize, number(2), number(3) as u64);
        Self { destinations: 0, train, bytes, rate, seconds, incoming }
    }

    fn write(&self) -> [String; 6] {
        let (rate, bytes) = self.incoming.unwrap_or_default();
        [self.train, self.bytes as f64, self.rate, self.seconds as f64, rate, bytes as f64].map(|it| it.to_string())
    }
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
    sender.args(["-c", SERVER_CORE]).arg(&itself).arg("--send").args(load.write()).arg(ports.trim());
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

/// A process that sends datagrams one by one, as publishers do, until it is killed.
pub fn publish(rate: f64, bytes: usize, port: &str) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(format!("127.0.0.1:{port}")).unwrap();
    let key = key(0);
    let begin = Instant::now();
    for nonce in 1u64.. {
        let mut datagram = vec![7u8; bytes.max(HEADER + TAG)];
        datagram[..8].copy_from_slice(&nonce.to_be_bytes());
        let (header, rest) = datagram.split_at_mut(HEADER);
        let (payload, tail) = rest.split_at_mut(rest.len() - TAG);
        let tag = key.seal_in_place_separate_tag(iv(nonce), Aad::from(header), payload);
        tail.copy_from_slice(tag.unwrap().as_ref());
        let _ = socket.send(&datagram);
        std::thread::sleep(Duration::from_secs_f64(nonce as f64 / rate).saturating_sub(begin.elapsed()));
    }
}

/// The sender's process: prints the processor time of a datagram that it sends.
pub fn send(load: &Load, ports: &str) {
    let to: Vec<std::net::SocketAddr> =
        ports.split(',').map(|port| format!("127.0.0.1:{port}").parse().unwrap()).collect();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let state = UdpSocketState::new((&socket).into()).unwrap();
    let mut incoming = load.incoming.map(|it| Incoming::start(&socket, it));
    let keys: Vec<LessSafeKey> = (0..to.len()).map(|index| key(index as u8)).collect();
    let payload = vec![7u8; load.bytes.saturating_sub(HEADER + TAG).max(1)];
    let mut arena = vec![0u8; 64 * 2048];
    let (mut sent, mut owed, mut nonce) = (0u64, 0.0, 0u64);
    let begin = Instant::now();
    let cpu = processor_time();
    // Every destination once a round. What comes in does not wait longer than the server's gathering time, and with it the
    // round is spread over so many turns.
    let round = load.train * to.len() as f64 / load.rate;
    let turns = if incoming.is_some() { (round / GATHER).ceil().max(1.0) } else { 1.0 };
    let turn = Duration::from_secs_f64(round / turns);
    let (mut next, mut due, mut at_destination) = (begin, 0.0, 0);
    while begin.elapsed() < Duration::from_secs(load.seconds) {
        if let Some(incoming) = &mut incoming {
            incoming.take(&socket, &state);
        }
        due += to.len() as f64 / turns;
        while due >= 1.0 {
            due -= 1.0;
            let (address, key) = (&to[at_destination], &keys[at_destination]);
            at_destination = (at_destination + 1) % to.len();
            // Trains of two neighbouring lengths, so that their mean is right.
            owed += load.train;
            let length = (owed as usize).clamp(1, 64);
            owed -= length as f64;
            let mut at = 0;
            for _ in 0..length {
                nonce += 1;
                let body = at + HEADER;
                arena[at..body].fill(nonce as u8);
                arena[body..body + payload.len()].copy_from_slice(&payload);
                let (header, rest) = arena[at..].split_at_mut(HEADER);
                let (sealed, tail) = rest.split_at_mut(payload.len());
                let tag = key.seal_in_place_separate_tag(iv(nonce), Aad::from(header), sealed);
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
        next += turn;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    println!("{}", (processor_time() - cpu).as_secs_f64() * 1e6 / sent.max(1) as f64);
}

/// What comes in: taken in batches, opened in place, and forgotten.
struct Incoming {
    publisher: Child,
    key: LessSafeKey,
    buffers: Vec<[u8; 2048]>,
    meta: [RecvMeta; 16],
}

impl Incoming {
    fn start(socket: &UdpSocket, (rate, bytes): (f64, usize)) -> Self {
        let port = socket.local_addr().unwrap().port();
        let mut publisher = Command::new("taskset");
        publisher.args(["-c", GENERATOR_CORE]).arg(std::env::current_exe().unwrap()).arg("--publish");
        publisher.args([rate.to_string(), bytes.to_string(), port.to_string()]);
        separate_datagrams(socket).unwrap();
        let publisher = publisher.spawn().unwrap();
        Self { publisher, key: key(0), buffers: vec![[0; 2048]; 16], meta: [RecvMeta::default(); 16] }
    }

    fn take(&mut self, socket: &UdpSocket, state: &UdpSocketState) {
        loop {
            let mut slices: Vec<IoSliceMut<'_>> =
                self.buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
            let Ok(filled) = state.recv(socket.into(), &mut slices, &mut self.meta) else { return };
            for (buffer, meta) in self.buffers.iter_mut().zip(&self.meta[..filled]) {
                let nonce = u64::from_be_bytes(buffer[..8].try_into().unwrap());
                let (header, sealed) = buffer[..meta.len].split_at_mut(HEADER);
                let opened = self.key.open_in_place(iv(nonce), Aad::from(header), sealed);
                assert!(opened.is_ok(), "a datagram of {} bytes was not what was sent", meta.len);
            }
            if filled < self.meta.len() {
                return;
            }
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let _ = self.publisher.kill();
        let _ = self.publisher.wait();
    }
}

fn key(number: u8) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[number; 32]).unwrap())
}

fn iv(nonce: u64) -> Nonce {
    let mut iv = [0; 12];
    iv[4..].copy_from_slice(&nonce.to_be_bytes());
    Nonce::assume_unique_for_key(iv)
}

/// What the only thread of this process has used, by the kernel's exact account.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default())
}
