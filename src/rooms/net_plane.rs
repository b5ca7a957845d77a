//! The shards of [`net`](crate::net) as the rooms' media plane.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::clock::SharedClock;
use crate::media::{Command, Event};
use crate::net::{self, FatalHook, Media, MediaConfig, NetError, Protocol};
use crate::rooms::media_plane::{MediaPlane, RoomEvent, RoomNumber, ShardIndex};
use crate::rooms::registry::Rooms;
use crate::transport::sdp::Candidate;
use crate::transport::{Certificate, Fingerprint, IceCredentials};

/// Events on their way from all shards to the rooms. The shards never wait: what does not fit is lost and counted.
const EVENT_QUEUE: usize = 65_536;

/// The media wing, started.
pub struct NetPlane {
    media: Media,
    fingerprint: Fingerprint,
}

/// Events of all shards, to be given to [`deliver`].
pub struct MediaEvents(mpsc::Receiver<Event>);

impl NetPlane {
    /// Binds the sockets and starts the shards.
    ///
    /// # Errors
    ///
    /// [`NetError`].
    pub fn start(
        config: &MediaConfig,
        certificate: Arc<Certificate>,
        clock: SharedClock,
        on_fatal: FatalHook,
    ) -> Result<(Self, MediaEvents), NetError> {
        let fingerprint = certificate.fingerprint();
        let (sender, receiver) = mpsc::channel(EVENT_QUEUE);
        let hook = Box::new(move |shard: net::ShardIndex, event: Event| {
            if sender.try_send(event).is_err() {
                tracing::error!(shard = shard.0, "the rooms do not keep up with media events, one was lost");
            }
        });
        let media = Media::start(config, certificate, clock, hook, on_fatal)?;
        Ok((Self { media, fingerprint }, MediaEvents(receiver)))
    }

    /// The shards, for their counters.
    pub fn media(&self) -> &Media {
        &self.media
    }
}

/// Carries media events to the rooms until the shards have stopped.
pub async fn deliver(mut events: MediaEvents, rooms: Rooms) {
    while let Some(event) = events.0.recv().await {
        let room = RoomNumber::of(&event);
        rooms.deliver(RoomEvent { room, event });
    }
}

impl MediaPlane for NetPlane {
    fn allot(&self) -> ShardIndex {
        usize::from(self.media.pick_shard().0)
    }

    fn allot_beside(&self, taken: &[ShardIndex]) -> Option<ShardIndex> {
        let taken: Vec<_> = taken.iter().map(|shard| net::ShardIndex(*shard as u16)).collect();
        self.media.pick_shard_beside(&taken).map(|shard| usize::from(shard.0))
    }

    fn send(&self, shard: ShardIndex, command: Command) -> bool {
        // Numbers come from `allot`, which takes them from 16 bits.
        let shard = net::ShardIndex(shard as u16);
        if let Command::RelayTrack { to, .. } | Command::RelayDataTrack { to, .. } = &command {
            self.media.join_shards(shard, *to);
        }
        self.media.handle(shard).send(command).is_ok()
    }

    fn candidates(&self, shard: ShardIndex) -> Vec<Candidate> {
        let mut ranks = [0u8; 2];
        let own = self.media.advertised().iter().filter(|it| usize::from(it.shard.0) == shard);
        own.map(|it| {
            let address = SocketAddr::new(it.ip, it.port);
            let (make, rank): (fn(SocketAddr, u8) -> Candidate, _) = match it.protocol {
                Protocol::Udp => (Candidate::udp, &mut ranks[0]),
                Protocol::Tcp => (Candidate::tcp, &mut ranks[1]),
            };
            let candidate = make(address, *rank);
            *rank = rank.saturating_add(1);
            candidate
        })
        .collect()
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn ice_credentials(&self, shard: ShardIndex) -> IceCredentials {
        net::ufrag::credentials(net::ShardIndex(shard as u16), &mut rand::rng())
    }
}
