//! Who offers, and when: the one difference between v0 and v1.

use livekit_protocol::MediaSectionsRequirement;

use crate::UnixTime;
use crate::connect::Mode;

/// A number of audio and of video m-lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Counts {
    /// Audio sections.
    pub audios: u32,
    /// Video sections.
    pub videos: u32,
}

impl Counts {
    /// These many.
    pub fn new(audios: u32, videos: u32) -> Self {
        Self { audios, videos }
    }

    /// Whether there are none.
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }

    fn beyond(self, other: Self) -> Self {
        Self { audios: self.audios.saturating_sub(other.audios), videos: self.videos.saturating_sub(other.videos) }
    }

    fn plus(self, other: Self) -> Self {
        Self { audios: self.audios.saturating_add(other.audios), videos: self.videos.saturating_add(other.videos) }
    }
}

/// The strategy of a session.
#[derive(Clone, Debug)]
pub(super) enum Negotiation {
    /// v0: the server offers for the subscriber peer connection.
    Dual(ServerOffers),
    /// v1: the client always offers, and the server asks it to.
    Single(Sections),
}

impl Negotiation {
    pub(super) fn new(mode: Mode) -> Self {
        match mode {
            Mode::DualPc => Self::Dual(ServerOffers::default()),
            Mode::SinglePc => Self::Single(Sections::default()),
        }
    }
}

/// The server's offers (LiveKit's `NegotiationState` in `transport.go`): at
/// most one in flight, further wishes kept for after its answer.
#[derive(Clone, Debug, Default)]
pub(super) struct ServerOffers {
    phase: Phase,
    again: bool,
    restart: bool,
    last_id: u32,
    answered: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    Creating,
    AwaitingAnswer {
        since: UnixTime,
    },
}

/// An offer to be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CreateOffer {
    pub(super) ice_restart: bool,
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It belongs to the offer in flight; maybe the next follows.
    Accepted(Option<CreateOffer>),
    /// A duplicate, or an answer to an offer that was replaced.
    Stale,
}

impl ServerOffers {
    /// Something changed that an offer must tell.
    pub(super) fn wanted(&mut self) -> Option<CreateOffer> {
        if self.phase == Phase::Idle {
            return Some(self.create());
        }
        self.again = true;
        None
    }

    /// ICE must restart on a new signal connection. An offer in flight may have
    /// been lost with the old one, so it is replaced, not waited for.
    pub(super) fn restart(&mut self) -> Option<CreateOffer> {
        // Before the first offer there is nothing to repeat, and before the
        // first answer nothing to restart.
        if self.phase == Phase::Idle && self.last_id == 0 {
            return None;
        }
        self.restart |= self.answered;
        if self.phase == Phase::Creating {
            self.again = true;
            return None;
        }
        Some(self.create())
    }

    /// The offer is made and goes out now: gives its number.
    pub(super) fn created(&mut self, now: UnixTime) -> u32 {
        self.last_id = self.last_id.wrapping_add(1).max(1);
        self.phase = Phase::AwaitingAnswer { since: now };
        self.last_id
    }

    /// The offer could not be made.
    pub(super) fn failed(&mut self) {
        if self.phase == Phase::Creating {
            self.phase = Phase::Idle;
        }
    }

    /// An answer came. Clients older than numbered offers send zero.
    pub(super) fn answered(&mut self, id: u32) -> Verdict {
        let awaited = matches!(self.phase, Phase::AwaitingAnswer { .. });
        if !awaited || (id != 0 && id != self.last_id) {
            return Verdict::Stale;
        }
        self.phase = Phase::Idle;
        self.answered = true;
        let next = (self.again || self.restart).then(|| self.create());
        Verdict::Accepted(next)
    }

    /// Since when an answer is awaited.
    pub(super) fn awaiting_since(&self) -> Option<UnixTime> {
        match self.phase {
            Phase::AwaitingAnswer { since } => Some(since),
            Phase::Idle | Phase::Creating => None,
        }
    }

    fn create(&mut self) -> CreateOffer {
        self.phase = Phase::Creating;
        self.again = false;
        CreateOffer { ice_restart: std::mem::take(&mut self.restart) }
    }
}

/// The m-lines the server lacks (LiveKit's `sendUnmatchedMediaRequirement`):
/// what is outstanding minus what was asked for, reset at every answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Sections {
    requested: Counts,
    asked: bool,
}

impl Sections {
    /// Something changed that an answer must tell, and `outstanding` senders
    /// have no m-line. Asks for those not asked for yet; zero and zero means
    /// "offer again now". `None` when the client owes an offer already.
    pub(super) fn wanted(&mut self, outstanding: Counts) -> Option<MediaSectionsRequirement> {
        let missing = outstanding.beyond(self.requested);
        if missing.is_zero() && self.asked {
            return None;
        }
        self.requested = self.requested.plus(missing);
        self.asked = true;
        Some(MediaSectionsRequirement { num_audios: missing.audios, num_videos: missing.videos })
    }

    /// An answer goes out that leaves `outstanding` senders without m-line.
    pub(super) fn answered(&mut self, outstanding: Counts) -> Option<MediaSectionsRequirement> {
        *self = Self::default();
        if outstanding.is_zero() { None } else { self.wanted(outstanding) }
    }

    /// What was asked may have been lost with the signal connection.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime(0);
    const PLAIN: CreateOffer = CreateOffer { ice_restart: false };
    const RESTART: CreateOffer = CreateOffer { ice_restart: true };

    fn ask(audios: u32, videos: u32) -> Option<MediaSectionsRequirement> {
        Some(MediaSectionsRequirement { num_audios: audios, num_videos: videos })
    }

    #[test]
    fn one_offer_is_in_flight_and_changes_wait_for_its_answer() {
        let mut offers = ServerOffers::default();
        assert_eq!(offers.wanted(), Some(PLAIN));
        assert_eq!(offers.wanted(), None, "being made");
        assert_eq!(offers.created(NOW), 1);
        assert_eq!(offers.wanted(), None, "in flight");
        assert_eq!(offers.answered(1), Verdict::Accepted(Some(PLAIN)));
        assert_eq!(offers.created(NOW), 2);
        assert_eq!(offers.answered(2), Verdict::Accepted(None));
        assert_eq!(offers.awaiting_since(), None);
    }

    #[test]
    fn duplicate_and_stale_answers_are_told_by_their_number() {
        let mut offers = ServerOffers::default();
        assert_eq!(offers.answered(0), Verdict::Stale, "none asked for");
        offers.wanted();
        offers.created(NOW);
        assert_eq!(offers.answered(7), Verdict::Stale);
        assert_eq!(offers.answered(1), Verdict::Accepted(None));
        assert_eq!(offers.answered(1), Verdict::Stale);
    }

    #[test]
    fn an_old_client_answers_without_a_number() {
        let mut offers = ServerOffers::default();
        offers.wanted();
        offers.created(NOW);
        assert_eq!(offers.answered(0), Verdict::Accepted(None));
    }

    #[test]
    fn a_restart_replaces_the_offer_in_flight() {
        let mut offers = ServerOffers::default();
        offers.wanted();
        offers.created(NOW);
        offers.answered(1);
        offers.wanted();
        offers.created(NOW);
        assert_eq!(offers.restart(), Some(RESTART));
        assert_eq!(offers.created(NOW), 3);
        assert_eq!(offers.answered(2), Verdict::Stale, "answers the lost offer");
        assert_eq!(offers.answered(3), Verdict::Accepted(None));
    }

    #[test]
    fn before_the_first_answer_a_restart_only_offers_again() {
        let mut offers = ServerOffers::default();
        offers.wanted();
        offers.created(NOW);
        assert_eq!(offers.restart(), Some(PLAIN));
    }

    #[test]
    fn without_an_offer_there_is_nothing_to_restart() {
        assert_eq!(ServerOffers::default().restart(), None);
    }

    #[test]
    fn a_restart_while_an_offer_is_made_follows_its_answer() {
        let mut offers = ServerOffers::default();
        offers.wanted();
        offers.created(NOW);
        offers.answered(1);
        offers.wanted();
        assert_eq!(offers.restart(), None);
        offers.created(NOW);
        assert_eq!(offers.answered(2), Verdict::Accepted(Some(RESTART)));
    }

    #[test]
    fn a_failed_offer_can_be_tried_again() {
        let mut offers = ServerOffers::default();
        offers.wanted();
        offers.failed();
        assert_eq!(offers.wanted(), Some(PLAIN));
    }

    #[test]
    fn sections_already_asked_for_are_not_asked_for_twice() {
        let mut sections = Sections::default();
        assert_eq!(sections.wanted(Counts::new(1, 2)), ask(1, 2));
        assert_eq!(sections.wanted(Counts::new(1, 2)), None);
        assert_eq!(sections.wanted(Counts::new(3, 2)), ask(2, 0));
        assert_eq!(sections.wanted(Counts::new(3, 1)), None, "fewer are needed");
    }

    #[test]
    fn zero_sections_ask_for_an_offer_once_until_it_is_answered() {
        let mut sections = Sections::default();
        assert_eq!(sections.wanted(Counts::default()), ask(0, 0));
        assert_eq!(sections.wanted(Counts::default()), None);
        assert_eq!(sections.answered(Counts::default()), None);
        assert_eq!(sections.wanted(Counts::default()), ask(0, 0));
    }

    #[test]
    fn an_answer_starts_the_count_anew() {
        let mut sections = Sections::default();
        sections.wanted(Counts::new(2, 2));
        assert_eq!(sections.answered(Counts::new(1, 0)), ask(1, 0));
        assert_eq!(sections.wanted(Counts::new(1, 1)), ask(0, 1));
        sections.forget();
        assert_eq!(sections.wanted(Counts::new(1, 1)), ask(1, 1));
    }
}
