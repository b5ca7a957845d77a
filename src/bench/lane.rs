//! One thread with many participants' sockets: receives, sends what is due, keeps the accounts. Nothing in it knows
//! signaling; commands come in through a mailbox, news goes to the participants' tasks.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use tokio::sync::oneshot;

use super::account::{TrackHeard, TrackSent, Window};
use super::peer::{NewPeer, Peer};
use super::publish::Moment;
use super::receive::{Arrived, Counts};
use super::socket::{Buffers, Socket};
use crate::clock::{Clock, SystemClock, wall_nanos};
use crate::transport::sdp::Answer;

const WAKE: Token = Token(usize::MAX);
/// Commands that wait.
const MAILBOX: usize = 65_536;
/// Receive calls between two looks at the timers.
const RECEIVE_BUDGET: usize = 64;
/// Timers between two looks at the sockets.
const TIMER_BUDGET: usize = 512;
/// How often counts are published.
const PUBLISH: Duration = Duration::from_millis(200);
/// Accounts kept of participants who have left.
const MAX_LEFT: usize = 1 << 20;

/// A participant's number in its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u32);

/// What a lane is told.
pub enum LaneCommand {
    /// Somebody new; the slot is free.
    Add(Slot, Box<NewPeer>),
    /// The server has answered.
    Answer(Slot, Box<Answer>),
    /// The server has named an address.
    Candidate(Slot, SocketAddr),
    /// Somebody leaves.
    Remove(Slot),
    /// Accounts begin anew for this window.
    Open(Window),
    /// The number of streams of which something has come is wanted.
    Flowing(oneshot::Sender<u64>),
    /// The accounts are wanted.
    Collect(oneshot::Sender<LaneReport>),
    /// The end.
    Stop,
}

/// The accounts of one lane.
#[derive(Debug, Default)]
pub struct LaneReport {
    /// What its participants have sent.
    pub sent: Vec<TrackSent>,
    /// What they have received, those who left included.
    pub heard: Vec<TrackHeard>,
    /// Its counts.
    pub counts: Counts,
    /// Packets that its publishers repeated, and key frames that they were asked for.
    pub asked: (u64, u64),
    /// UDP ports of its sockets.
    pub ports: Vec<u16>,
}

/// The way into a lane.
#[derive(Clone)]
pub struct LaneHandle {
    commands: mpsc::SyncSender<LaneCommand>,
    waker: Arc<Waker>,
    counts: Arc<Mutex<Counts>>,
}

impl LaneHandle {
    /// Hands over a command; false when the lane is gone or hopelessly behind.
    pub fn send(&self, command: LaneCommand) -> bool {
        let sent = self.commands.try_send(command).is_ok();
        sent && self.waker.wake().is_ok()
    }

    /// What it counted until a moment ago.
    pub fn counts(&self) -> Counts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A running lane; stops when dropped.
pub struct Lane {
    handle: LaneHandle,
    thread: Option<JoinHandle<()>>,
}

impl Lane {
    /// Starts a thread. `run` marks this run's packets; with `joined` its sockets receive trains.
    ///
    /// # Errors
    /// The system's, when it gives no poll or no thread.
    pub fn start(number: usize, run: u32, joined: bool) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let (commands, mailbox) = mpsc::sync_channel(MAILBOX);
        let counts = Arc::new(Mutex::new(Counts::default()));
        let handle = LaneHandle { commands, waker, counts: Arc::clone(&counts) };
        let now = SystemClock.now();
        let work = Work {
            poll,
            mailbox,
            shared: counts,
            run,
            joined,
            window: Window::NEVER,
            peers: Vec::new(),
            ready: VecDeque::new(),
            timers: BinaryHeap::new(),
            counts: Counts::default(),
            left: LaneReport::default(),
            published: now,
        };
        let thread = std::thread::Builder::new().name(format!("lane-{number}")).spawn(move || work.run())?;
        Ok(Self { handle, thread: Some(thread) })
    }

    /// The way in.
    pub fn handle(&self) -> &LaneHandle {
        &self.handle
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let _ = self.handle.send(LaneCommand::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic has been printed by its own thread.
            let _ = thread.join();
        }
    }
}

struct Work {
    poll: Poll,
    mailbox: mpsc::Receiver<LaneCommand>,
    shared: Arc<Mutex<Counts>>,
    run: u32,
    joined: bool,
    window: Window,
    peers: Vec<Option<Box<Peer>>>,
    /// Those with something to read.
    ready: VecDeque<u32>,
    /// When to look at whom; entries that were overtaken do no harm.
    timers: BinaryHeap<Reverse<(Instant, u32)>>,
    counts: Counts,
    /// What those who left have left.
    left: LaneReport,
    published: Instant,
}

impl Work {
    fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        let mut buffers = Buffers::new(self.joined);
        loop {
            let wait = self.wait();
            if let Err(error) = self.poll.poll(&mut events, Some(wait))
                && error.kind() != io::ErrorKind::Interrupted
            {
                tracing::error!(%error, "the system's poll failed");
                return;
            }
            for event in &events {
                if event.token() != WAKE
                    && let Some(peer) = self.peers.get_mut(event.token().0).and_then(Option::as_mut)
                    && !std::mem::replace(&mut peer.ready, true)
                {
                    self.ready.push_back(event.token().0 as u32);
                }
            }
            if !self.obey() {
                return;
            }
            self.receive(&mut buffers);
            self.fire();
            let now = SystemClock.now();
            if now.saturating_duration_since(self.published) >= PUBLISH {
                self.publish(now);
            }
        }
    }

    fn moment(&self) -> Moment {
        Moment { now: SystemClock.now(), wall: wall_nanos(), run: self.run, window: self.window }
    }

    fn wait(&self) -> Duration {
        if !self.ready.is_empty() {
            return Duration::ZERO;
        }
        let next = self.timers.peek().map(|Reverse((due, _))| *due);
        let deadline = [next, Some(self.published + PUBLISH)].into_iter().flatten().min();
        deadline.map_or(PUBLISH, |deadline| deadline.saturating_duration_since(SystemClock.now()))
    }

    /// Obeys what is in the mailbox; false for the last command.
    fn obey(&mut self) -> bool {
        while let Ok(command) = self.mailbox.try_recv() {
            match command {
                LaneCommand::Add(slot, new) => self.add(slot, *new),
                LaneCommand::Answer(slot, answer) => {
                    self.touch(slot, |peer, moment| peer.on_answer(&answer, moment.now));
                }
                LaneCommand::Candidate(slot, at) => {
                    self.touch(slot, |peer, moment| peer.on_candidate(at, moment.now));
                }
                LaneCommand::Remove(slot) => self.remove(slot),
                LaneCommand::Open(window) => self.open(window),
                LaneCommand::Flowing(reply) => {
                    let streams = self.peers.iter().flatten().map(|peer| peer.streams() as u64).sum();
                    let _ = reply.send(streams);
                }
                LaneCommand::Collect(reply) => {
                    // Whoever asked may have given up.
                    let _ = reply.send(self.collect());
                }
                LaneCommand::Stop => {
                    self.close_all();
                    return false;
                }
            }
        }
        true
    }

    fn add(&mut self, slot: Slot, new: NewPeer) {
        let at = slot.0 as usize;
        if self.peers.len() <= at {
            self.peers.resize_with(at + 1, || None);
        }
        self.peers[at] = Some(Box::new(Peer::new(SystemClock.now(), new, self.joined)));
        self.schedule(slot.0);
    }

    /// Does something to a participant, and registers its socket where that has opened one.
    fn touch(&mut self, slot: Slot, act: impl FnOnce(&mut Peer, &Moment) -> bool) {
        let moment = self.moment();
        let Some(peer) = self.peers.get_mut(slot.0 as usize).and_then(Option::as_mut) else { return };
        let opened = act(peer, &moment);
        peer.drain(Arrived { wall: moment.wall, bytes: 0 }, &moment, &mut self.counts);
        if opened {
            self.register(slot.0);
        }
        self.schedule(slot.0);
    }

    fn register(&mut self, slot: u32) {
        let Some(peer) = self.peers.get(slot as usize).and_then(Option::as_ref) else { return };
        if let Some(socket) = peer.socket() {
            let source = socket.descriptor();
            let token = Token(slot as usize);
            if let Err(error) = self.poll.registry().register(&mut SourceFd(&source), token, Interest::READABLE) {
                tracing::error!(%error, "a socket cannot be watched");
            }
        }
    }

    fn remove(&mut self, slot: Slot) {
        let moment = self.moment();
        let Some(mut peer) = self.peers.get_mut(slot.0 as usize).and_then(Option::take) else { return };
        if self.left.heard.len() < MAX_LEFT {
            peer.settle(true, &mut self.left.sent, &mut self.left.heard);
        }
        let (repeated, keys) = peer.asked();
        self.left.asked.0 += repeated;
        self.left.asked.1 += keys;
        peer.close(&moment, &mut self.counts);
        if let Some(socket) = peer.socket() {
            // Closing it does the same; an error would change nothing.
            let _ = self.poll.registry().deregister(&mut SourceFd(&socket.descriptor()));
        }
    }

    fn open(&mut self, window: Window) {
        self.window = window;
        self.left.heard.clear();
        self.left.sent.clear();
        self.peers.iter_mut().flatten().for_each(|peer| peer.open_window());
        let counts = &mut self.counts;
        (counts.delivered, counts.delivered_bytes) = (0, 0);
        (counts.delay, counts.lateness) = Default::default();
    }

    fn collect(&mut self) -> LaneReport {
        let mut report = LaneReport { counts: self.counts.clone(), asked: self.left.asked, ..LaneReport::default() };
        report.sent.extend(self.left.sent.iter().cloned());
        report.heard.extend(self.left.heard.iter().cloned());
        for peer in self.peers.iter().flatten() {
            peer.settle(false, &mut report.sent, &mut report.heard);
            let (repeated, keys) = peer.asked();
            report.asked.0 += repeated;
            report.asked.1 += keys;
            report.ports.extend(peer.socket().map(Socket::port));
        }
        report
    }

    fn close_all(&mut self) {
        let moment = self.moment();
        for mut peer in self.peers.drain(..).flatten() {
            peer.close(&moment, &mut self.counts);
        }
    }

    fn receive(&mut self, buffers: &mut Buffers) {
        for _ in 0..RECEIVE_BUDGET {
            let Some(slot) = self.ready.pop_front() else { return };
            let Some(peer) = self.peers.get_mut(slot as usize).and_then(Option::as_mut) else { continue };
            let Some(socket) = peer.socket() else { continue };
            let (filled, more) = buffers.fill(socket);
            let moment = Moment { now: SystemClock.now(), wall: wall_nanos(), run: self.run, window: self.window };
            for index in 0..filled {
                let (from, at, datagrams) = buffers.filled(index);
                let wall = at.unwrap_or(moment.wall);
                for datagram in datagrams {
                    let arrived = Arrived { wall, bytes: datagram.len() };
                    peer.on_datagram(from, datagram, arrived, &moment, &mut self.counts);
                }
            }
            peer.ready = more;
            if more {
                self.ready.push_back(slot);
            }
            self.schedule(slot);
        }
    }

    fn fire(&mut self) {
        let moment = self.moment();
        for _ in 0..TIMER_BUDGET {
            match self.timers.peek() {
                Some(Reverse((due, _))) if *due <= moment.now => {}
                _ => return,
            }
            let Some(Reverse((due, slot))) = self.timers.pop() else { return };
            let Some(peer) = self.peers.get_mut(slot as usize).and_then(Option::as_mut) else { continue };
            if peer.scheduled != Some(due) {
                // Overtaken by an earlier one, which has looked after everything.
                continue;
            }
            peer.scheduled = None;
            if peer.next_due().is_some_and(|due| due <= moment.now) && peer.on_timeout(&moment, &mut self.counts) {
                self.register(slot);
            }
            self.schedule(slot);
        }
    }

    /// Sees to it that the participant is looked at when it is due.
    fn schedule(&mut self, slot: u32) {
        let Some(peer) = self.peers.get_mut(slot as usize).and_then(Option::as_mut) else { return };
        let Some(due) = peer.next_due() else { return };
        if peer.scheduled.is_none_or(|scheduled| due < scheduled) {
            peer.scheduled = Some(due);
            self.timers.push(Reverse((due, slot)));
        }
    }

    fn publish(&mut self, now: Instant) {
        self.published = now;
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = self.counts.clone();
    }
}
