//! On which shards a room is. A room begins on one, and takes the next when its participants there are as many as the
//! setting says; a participant stays where it is.

use std::collections::{HashMap, HashSet};

use arrayvec::ArrayVec;
use smallvec::SmallVec;

use crate::ids::{ForwarderId, MediaDataTrackId, MediaTrackId, TransportId};
use crate::rooms::media_plane::{MediaPlane, Place, ShardIndex};

/// What one shard has of the room.
#[derive(Debug)]
struct Share {
    shard: ShardIndex,
    participants: usize,
    /// Who speaks there.
    speakers: Vec<(TransportId, f32)>,
}

/// A room's shards, and what is mirrored between them. In a room on one shard all but the first list is empty.
#[derive(Debug)]
pub struct Span {
    shares: ArrayVec<Share, { Place::MOST }>,
    /// Tracks that have a mirror at a place, and how many forwarders that feeds.
    mirrors: HashMap<(MediaTrackId, Place), usize>,
    data: HashSet<(MediaDataTrackId, Place)>,
    /// Forwarders that mirrors feed, with their subscriber's connection.
    forwarders: HashMap<ForwarderId, (MediaTrackId, TransportId)>,
}

/// Some of a room's places.
pub type Places = SmallVec<[Place; 4]>;

impl Span {
    /// A room on one shard.
    pub fn new(home: ShardIndex) -> Self {
        let mut shares = ArrayVec::new();
        shares.push(Share { shard: home, participants: 0, speakers: Vec::new() });
        Self { shares, mirrors: HashMap::new(), data: HashSet::new(), forwarders: HashMap::new() }
    }

    /// Finds a place for a newcomer: the first with less than `most` participants, else a shard more, else where there
    /// are least. With 0 everybody is on the first shard.
    pub fn settle(&mut self, most: usize, media: &dyn MediaPlane) -> Place {
        let roomy = self.shares.iter().position(|share| most == 0 || share.participants < most);
        let place = roomy.or_else(|| self.grow(media)).or_else(|| {
            let shares = self.shares.iter().enumerate();
            shares.min_by_key(|(_, share)| share.participants).map(|(place, _)| place)
        });
        let place = place.unwrap_or(0);
        self.shares[place].participants += 1;
        Place(place as u8)
    }

    fn grow(&mut self, media: &dyn MediaPlane) -> Option<usize> {
        let taken: SmallVec<[ShardIndex; 4]> = self.shares.iter().map(|share| share.shard).collect();
        if self.shares.is_full() {
            return None;
        }
        let shard = media.allot_beside(&taken)?;
        self.shares.push(Share { shard, participants: 0, speakers: Vec::new() });
        Some(self.shares.len() - 1)
    }

    /// A participant has left its place, which stays the room's.
    pub fn leave(&mut self, place: Place) {
        if let Some(share) = self.shares.get_mut(usize::from(place.0)) {
            share.participants = share.participants.saturating_sub(1);
        }
    }

    /// The shard of a place.
    pub fn shard(&self, place: Place) -> ShardIndex {
        self.shares.get(usize::from(place.0)).map_or(self.shares[0].shard, |share| share.shard)
    }

    /// The room is on more than one shard.
    pub fn is_wide(&self) -> bool {
        self.shares.len() > 1
    }

    /// All places.
    pub fn places(&self) -> impl Iterator<Item = Place> + use<> {
        (0..self.shares.len() as u8).map(Place)
    }

    /// Who speaks at one place has changed; returns who speaks in the room.
    pub fn hear(&mut self, place: Place, speakers: Vec<(TransportId, f32)>) -> Vec<(TransportId, f32)> {
        if let Some(share) = self.shares.get_mut(usize::from(place.0)) {
            share.speakers = speakers;
        }
        self.shares.iter().flat_map(|share| share.speakers.iter().copied()).collect()
    }

    /// True when the track has a mirror there.
    pub fn has_mirror(&self, track: MediaTrackId, place: Place) -> bool {
        self.mirrors.contains_key(&(track, place))
    }

    /// The track has a mirror there from now on, which feeds nobody yet.
    pub fn mirrored(&mut self, track: MediaTrackId, place: Place) {
        self.mirrors.insert((track, place), 0);
    }

    /// Where the track has mirrors.
    pub fn mirrors_of(&self, track: MediaTrackId) -> Places {
        self.places().filter(|place| self.mirrors.contains_key(&(track, *place))).collect()
    }

    /// The track and its mirrors have ended.
    pub fn end(&mut self, track: MediaTrackId) -> Places {
        self.places().filter(|place| self.mirrors.remove(&(track, *place)).is_some()).collect()
    }

    /// A mirror feeds a forwarder.
    pub fn feed(&mut self, forwarder: ForwarderId, track: MediaTrackId, subscriber: TransportId) {
        if let Some(fed) = self.mirrors.get_mut(&(track, Place::of(forwarder.0))) {
            *fed += 1;
            self.forwarders.insert(forwarder, (track, subscriber));
        }
    }

    /// Whom a forwarder leads to, if a mirror feeds it.
    pub fn fed(&self, forwarder: ForwarderId) -> Option<TransportId> {
        self.forwarders.get(&forwarder).map(|(_, subscriber)| *subscriber)
    }

    /// A forwarder is fed no longer. Gives the track whose mirror feeds nobody any more, and is forgotten.
    pub fn starve(&mut self, forwarder: ForwarderId) -> Option<MediaTrackId> {
        let (track, _) = self.forwarders.remove(&forwarder)?;
        let mirror = (track, Place::of(forwarder.0));
        let fed = self.mirrors.get_mut(&mirror)?;
        *fed -= 1;
        if *fed > 0 {
            return None;
        }
        self.mirrors.remove(&mirror);
        Some(track)
    }

    /// The forwarders that mirrors feed and that lead to this connection.
    pub fn forwarders_to(&self, subscriber: TransportId) -> Vec<ForwarderId> {
        let theirs = self.forwarders.iter().filter(|(_, (_, to))| *to == subscriber);
        theirs.map(|(forwarder, _)| *forwarder).collect()
    }

    /// The data track has a mirror there from now on; false when it had one.
    pub fn mirrored_data(&mut self, track: MediaDataTrackId, place: Place) -> bool {
        self.data.insert((track, place))
    }

    /// The data track and its mirrors have ended.
    pub fn end_data(&mut self, track: MediaDataTrackId) -> Places {
        self.places().filter(|place| self.data.remove(&(track, *place))).collect()
    }
}
