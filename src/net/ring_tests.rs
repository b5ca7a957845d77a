//! Two shards' threads, and what they hand to each other.
#![allow(clippy::unwrap_used)]

use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Instant;

use super::*;
use crate::clock::SystemClock;
use crate::ids::MediaTrackId;
use crate::media::{Counters, DatagramSink, Drop, RelaySink, Relayed};
use crate::transport::{Path, SocketId};
use crate::units::UnixTime;

const PATIENCE: Duration = Duration::from_secs(60);

/// Hands a message to the shard that a command names, and announces those that come.
#[derive(Default)]
struct Pass {
    waiting: Vec<(ShardIndex, MediaTrackId)>,
    events: Vec<Event>,
    counters: Counters,
}

impl ShardCore for Pass {
    fn command(&mut self, _: Instant, _: UnixTime, command: Command) {
        if let Command::RelayTrack { track, to } = command {
            self.waiting.push((to, track));
        }
    }

    fn datagram(&mut self, _: Instant, _: Path, _: &mut [u8]) {}
    fn path_closed(&mut self, _: Instant, _: SocketId) {}
    fn timeout(&mut self, _: Instant) {}

    fn next_timeout(&self) -> Option<Instant> {
        None
    }

    fn drain_events(&mut self, each: &mut dyn FnMut(Event)) {
        self.events.drain(..).for_each(each);
    }

    fn flush(&mut self, _: Instant, _: &mut dyn DatagramSink) {}

    fn queued_since(&self) -> Option<Instant> {
        None
    }

    fn should_flush(&self) -> bool {
        false
    }

    fn relayed(&mut self, _: Instant, message: Relayed<'_>) {
        let Relayed::Packet { track, packet, .. } = message else { panic!("{message:?}") };
        assert_eq!(packet, track.0.to_be_bytes());
        self.events.push(Event::TrackStarted { track });
    }

    fn relay(&mut self, sink: &mut dyn RelaySink) {
        for (to, track) in self.waiting.drain(..) {
            let packet = &track.0.to_be_bytes();
            if !sink.relay(to, Relayed::Packet { track, layer: 0, repaired: false, packet }) {
                self.counters.drop(Drop::RelayFull);
            }
        }
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }
}

#[test]
fn what_one_shard_hands_over_the_other_gets_in_order_once_there_is_a_way() {
    let config = MediaConfig {
        shards: vec![ShardBind { udp: vec!["127.0.0.1:0".parse().unwrap()] }; 3],
        ..MediaConfig::default()
    };
    let (sender, events) = mpsc::channel();
    let sender = Mutex::new(sender);
    let on_event = Box::new(move |shard, event| {
        if let Event::TrackStarted { track } = event {
            let _ = sender.lock().unwrap().send((shard, track.0));
        }
    });
    let on_fatal = Box::new(|_, text: &str| panic!("{text}"));
    let media = Media::start_with(&config, Arc::new(SystemClock), |_| Pass::default(), on_event, on_fatal).unwrap();
    let [one, two] = [ShardIndex(0), ShardIndex(2)];
    let tell = |from: ShardIndex, to: ShardIndex, number: u64| {
        // A mailbox may be full for a moment.
        while media.handle(from).send(Command::RelayTrack { track: MediaTrackId(number), to }).is_err() {
            std::thread::yield_now();
        }
    };

    tell(one, two, 0);
    let end = Instant::now() + PATIENCE;
    let dropped = || media.counters().iter().map(|shard| shard.media.dropped(Drop::RelayFull)).sum::<u64>();
    while dropped() == 0 {
        assert!(Instant::now() < end, "what has no way is not counted");
        std::thread::sleep(Duration::from_millis(10));
    }

    media.join_shards(one, two);
    media.join_shards(two, one);
    const COUNT: u64 = 5000;
    for number in 1..=COUNT {
        tell(one, two, number);
        tell(two, one, number);
    }
    let mut next = [1; 3];
    for _ in 0..2 * COUNT {
        let (shard, number) = events.recv_timeout(PATIENCE).unwrap();
        let next = &mut next[usize::from(shard.0)];
        assert_eq!(number, *next, "{shard:?}");
        *next += 1;
    }
    assert_eq!(next, [COUNT + 1, 1, COUNT + 1]);
    media.shutdown();
}

#[test]
fn a_growing_room_gets_a_shard_that_it_does_not_have() {
    let config = MediaConfig {
        shards: vec![ShardBind { udp: vec!["127.0.0.1:0".parse().unwrap()] }; 2],
        ..MediaConfig::default()
    };
    let on_fatal = Box::new(|_, text: &str| panic!("{text}"));
    let clock = Arc::new(SystemClock);
    let media = Media::start_with(&config, clock, |_| Pass::default(), Box::new(|_, _| {}), on_fatal).unwrap();
    let [one, two] = [ShardIndex(0), ShardIndex(1)];
    assert_eq!(media.pick_shard_beside(&[one]), Some(two));
    assert_eq!(media.pick_shard_beside(&[two]), Some(one));
    assert_eq!(media.pick_shard_beside(&[one, two]), None);
    media.shutdown();
}
