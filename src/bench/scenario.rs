//! What is to be played: the scenarios, and which part each participant has in them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Speakers of an audio room.
const SPEAKERS: u32 = 10;
/// Speakers of the room that people come into and leave again.
const CHURN_SPEAKERS: u32 = 3;
/// Senders of data.
const DATA_SENDERS: u32 = 5;
/// Joins a second of `churn` unless told otherwise.
const CHURN_RATE: f64 = 20.0;
/// Share of packets that receivers of `lossy` pretend not to have got.
const PRETENDED_LOSS: f64 = 0.05;

/// A kind of load. Each is one word on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// Ten speakers, the others listen.
    AudioRoom,
    /// One camera and microphone, the others watch.
    Livestream,
    /// Everybody sees and hears everybody.
    Meeting,
    /// Rooms of two with cameras and microphones.
    Consultations,
    /// Listeners come and go all the time.
    Churn,
    /// A livestream whose viewers ask again for every twentieth packet.
    Lossy,
    /// Messages on a reliable data channel.
    Data,
}

impl Scenario {
    /// Every scenario.
    pub const ALL: [Scenario; 7] =
        [Self::AudioRoom, Self::Livestream, Self::Meeting, Self::Consultations, Self::Churn, Self::Lossy, Self::Data];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AudioRoom => "audio-room",
            Self::Livestream => "livestream",
            Self::Meeting => "meeting",
            Self::Consultations => "consultations",
            Self::Churn => "churn",
            Self::Lossy => "lossy",
            Self::Data => "data",
        }
    }

    /// The fewest participants of whom somebody receives something: where everybody sends, one alone hears nobody.
    pub const fn fewest(self) -> u32 {
        match self {
            Self::Meeting | Self::Consultations => 2,
            _ => 1,
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words = Self::ALL.map(Self::word).join(", ");
        Self::ALL.into_iter().find(|it| it.word() == text).ok_or_else(|| format!("expected one of {words}"))
    }
}

/// Height of the best picture that cameras send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// 320 × 180.
    P180,
    /// 640 × 360.
    P360,
    /// 1280 × 720.
    P720,
    /// 1920 × 1080.
    P1080,
}

impl FromStr for Resolution {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim_end_matches('p') {
            "180" => Ok(Self::P180),
            "360" => Ok(Self::P360),
            "720" => Ok(Self::P720),
            "1080" => Ok(Self::P1080),
            _ => Err("expected 180, 360, 720 or 1080".into()),
        }
    }
}

/// One simulcast layer, with the numbers of LiveKit's presets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its rid; empty without simulcast.
    pub rid: &'static str,
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
    /// Bits per second.
    pub bitrate: u32,
    /// Frames per second.
    pub fps: u32,
}

impl Resolution {
    /// The layers that a camera sends, smallest first.
    pub fn layers(self, simulcast: bool) -> Vec<Layer> {
        let layer = |width, height, bitrate, fps| Layer { rid: "", width, height, bitrate, fps };
        let (q, h) = (layer(320, 180, 160_000, 20), layer(640, 360, 450_000, 20));
        let best = match self {
            Self::P180 => q,
            Self::P360 => h,
            Self::P720 => layer(1280, 720, 1_700_000, 30),
            Self::P1080 => layer(1920, 1080, 3_000_000, 30),
        };
        if !simulcast || self == Self::P180 {
            return vec![best];
        }
        let mut layers = if self == Self::P360 { vec![q, h] } else { vec![q, h, best] };
        for (layer, rid) in layers.iter_mut().zip(["q", "h", "f"]) {
            layer.rid = rid;
        }
        layers
    }
}

/// The load in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What is played.
    pub scenario: Scenario,
    /// Who listens in each room, or sits in each (`meeting`), or is there in all (`consultations`).
    pub participants: u32,
    /// Rooms, where the scenario does not say itself.
    pub rooms: Option<u32>,
    /// Joins a second at most.
    pub ramp: Option<f64>,
    /// Of cameras.
    pub resolution: Resolution,
    /// Cameras send several layers.
    pub simulcast: bool,
    /// How long figures are taken.
    pub duration: Duration,
    /// Of all that is random in the traffic.
    pub seed: u64,
}

/// What somebody does in its room.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Part {
    /// Number of its room.
    pub room: u32,
    /// Its number among those of its room that send; None for those who only listen.
    pub sender: Option<u32>,
    /// Sends a microphone.
    pub audio: bool,
    /// Sends a camera.
    pub video: bool,
    /// Sends messages.
    pub data: bool,
    /// Receives the others.
    pub listens: bool,
    /// Share of packets that it pretends to have lost.
    pub pretended_loss: f64,
}

impl Plan {
    /// How many rooms there are.
    pub fn room_count(&self) -> u32 {
        match self.scenario {
            Scenario::Consultations => self.participants.div_ceil(2).max(1),
            _ => self.rooms.unwrap_or(1).max(1),
        }
    }

    /// Those of each room who are there whatever the number of participants.
    fn fixed(&self) -> u32 {
        match self.scenario {
            Scenario::AudioRoom => SPEAKERS,
            Scenario::Livestream | Scenario::Lossy => 1,
            Scenario::Churn => CHURN_SPEAKERS,
            Scenario::Data => DATA_SENDERS,
            Scenario::Meeting | Scenario::Consultations => 0,
        }
    }

    /// How many people that makes with `participants`.
    pub fn members(&self, participants: u32) -> u32 {
        match self.scenario {
            Scenario::Consultations => participants.max(2).next_multiple_of(2),
            _ => (self.fixed() + participants) * self.room_count(),
        }
    }

    /// What the member with this number does. Numbers are such that the members of a smaller run are the first of a
    /// larger one.
    pub fn part(&self, member: u32) -> Part {
        let rooms = self.room_count();
        let everything = Part { audio: true, video: true, listens: true, ..Part::default() };
        match self.scenario {
            Scenario::Consultations => Part { room: member / 2, sender: Some(member % 2), ..everything },
            Scenario::Meeting => Part { room: member % rooms, sender: Some(member / rooms), ..everything },
            _ => {
                let (room, ordinal) = (member % rooms, member / rooms);
                let sender = (ordinal < self.fixed()).then_some(ordinal);
                let sends = sender.is_some();
                let watches = matches!(self.scenario, Scenario::Livestream | Scenario::Lossy);
                let data = self.scenario == Scenario::Data;
                let loss = if self.scenario == Scenario::Lossy && !sends { PRETENDED_LOSS } else { 0.0 };
                Part {
                    room,
                    sender,
                    audio: sends && !data,
                    video: sends && watches,
                    data: sends && data,
                    listens: !(sends && watches),
                    pretended_loss: loss,
                }
            }
        }
    }

    /// The part of those who come and go.
    pub fn visitor(&self, number: u32) -> Part {
        Part { room: number % self.room_count(), listens: true, ..Part::default() }
    }

    /// How many of those who come and go arrive in a second.
    pub fn churn_rate(&self) -> Option<f64> {
        (self.scenario == Scenario::Churn).then(|| self.ramp.unwrap_or(CHURN_RATE))
    }

    /// Joins a second at most while the rooms fill.
    pub fn fill_rate(&self) -> Option<f64> {
        if self.scenario == Scenario::Churn { None } else { self.ramp }
    }

    /// Streams of media or messages that the first `members` hear of each other, all told.
    pub fn subscriptions(&self, members: u32) -> u64 {
        let parts: Vec<Part> = (0..members).map(|member| self.part(member)).collect();
        let mut sent = vec![0u64; self.room_count() as usize];
        for part in &parts {
            sent[part.room as usize] += part.tracks();
        }
        parts.iter().filter(|part| part.listens).map(|part| sent[part.room as usize] - part.tracks()).sum()
    }
}

impl Part {
    /// Tracks that it sends, messages counted as one.
    pub const fn tracks(&self) -> u64 {
        self.audio as u64 + self.video as u64 + self.data as u64
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn plan(scenario: Scenario, participants: u32, rooms: u32) -> Plan {
        Plan {
            scenario,
            participants,
            rooms: Some(rooms),
            ramp: None,
            resolution: Resolution::P720,
            simulcast: true,
            duration: Duration::from_secs(1),
            seed: 1,
        }
    }

    #[test]
    fn every_word_names_its_scenario() {
        for scenario in Scenario::ALL {
            assert_eq!(scenario.word().parse(), Ok(scenario));
        }
        assert!("party".parse::<Scenario>().unwrap_err().contains("audio-room"));
    }

    #[test]
    fn everybody_has_a_part_and_the_streams_add_up() {
        for (scenario, members, subscriptions) in [
            (Scenario::AudioRoom, 2 * 50, 2 * (40 * 10 + 10 * 9)),
            (Scenario::Livestream, 2 * 41, 2 * 40 * 2),
            (Scenario::Meeting, 2 * 40, 2 * 40 * 39 * 2),
            (Scenario::Consultations, 40, 40 * 2),
            (Scenario::Churn, 2 * 43, 2 * (40 * 3 + 3 * 2)),
            (Scenario::Lossy, 2 * 41, 2 * 40 * 2),
            (Scenario::Data, 2 * 45, 2 * (40 * 5 + 5 * 4)),
        ] {
            let plan = plan(scenario, 40, 2);
            assert_eq!(plan.members(40), members, "{scenario}");
            assert_eq!(plan.subscriptions(members), subscriptions, "{scenario}");
            let senders = (0..members).filter(|member| plan.part(*member).sender.is_some()).count() as u32;
            assert!(senders >= plan.room_count(), "{scenario}");
        }
    }

    #[test]
    fn a_larger_run_begins_with_the_members_of_a_smaller_one() {
        for scenario in [Scenario::AudioRoom, Scenario::Livestream, Scenario::Meeting, Scenario::Data] {
            let (small, large) = (plan(scenario, 4, 3), plan(scenario, 9, 3));
            assert!((0..small.members(4)).all(|member| small.part(member) == large.part(member)), "{scenario}");
        }
    }

    #[test]
    fn layers_have_rids_where_there_are_several() {
        let rids = |resolution: Resolution, simulcast| -> Vec<&str> {
            resolution.layers(simulcast).iter().map(|layer| layer.rid).collect()
        };
        assert_eq!(rids(Resolution::P720, true), ["q", "h", "f"]);
        assert_eq!(rids(Resolution::P360, true), ["q", "h"]);
        assert_eq!(rids(Resolution::P180, true), [""]);
        assert_eq!(rids(Resolution::P1080, false), [""]);
        assert_eq!("720p".parse(), Ok(Resolution::P720));
        assert!("big".parse::<Resolution>().is_err());
    }
}
