//! ICE candidates in trickle messages.

use livekit_protocol::{SignalTarget, TrickleRequest};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The JSON in a trickle message: W3C's `RTCIceCandidateInit`. An empty
/// `candidate` marks the end of candidates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CandidateInit {
    /// The candidate attribute's value (RFC 8839 §5.1), with `candidate:`.
    #[serde(deserialize_with = "null_is_empty")]
    pub candidate: String,
    /// The m-line's identification tag.
    pub sdp_mid: Option<String>,
    /// The m-line's index.
    #[serde(rename = "sdpMLineIndex")]
    pub sdp_m_line_index: Option<u16>,
    /// The ICE username fragment of the generation it belongs to.
    pub username_fragment: Option<String>,
}

/// A trickle message whose candidate is not JSON of the right shape.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct CandidateError(String);

impl CandidateInit {
    /// A candidate for the first m-line, where bundling puts all of them.
    pub fn bundled(candidate: impl Into<String>) -> Self {
        Self {
            candidate: candidate.into(),
            sdp_mid: Some("0".into()),
            sdp_m_line_index: Some(0),
            username_fragment: None,
        }
    }

    /// Reads the JSON of a trickle message.
    ///
    /// # Errors
    ///
    /// [`CandidateError`], to be answered with `UNCLASSIFIED_ERROR`.
    pub fn from_json(json: &str) -> Result<Self, CandidateError> {
        serde_json::from_str(json).map_err(|error| CandidateError(error.to_string()))
    }

    /// Writes the JSON of a trickle message. Native clients insist on both
    /// `sdpMid` and `sdpMLineIndex`, so they are always there.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            candidate: &'a str,
            sdp_mid: &'a str,
            #[serde(rename = "sdpMLineIndex")]
            sdp_m_line_index: u16,
            username_fragment: Option<&'a str>,
        }
        let wire = Wire {
            candidate: &self.candidate,
            sdp_mid: self.sdp_mid.as_deref().unwrap_or_default(),
            sdp_m_line_index: self.sdp_m_line_index.unwrap_or(0),
            username_fragment: self.username_fragment.as_deref(),
        };
        // Strings and a number: JSON can hold them all.
        serde_json::to_string(&wire).unwrap_or_default()
    }
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Holds the newest candidate of each target back by one, so that the last can
/// be marked `final` (LiveKit's `sendICECandidate`).
#[derive(Clone, Debug, Default)]
pub(super) struct OneBehind {
    held: [Option<CandidateInit>; 2],
}

impl OneBehind {
    /// Takes a new candidate in, and gives the one before it out.
    pub(super) fn push(&mut self, target: SignalTarget, candidate: CandidateInit) -> Option<TrickleRequest> {
        self.slot(target).replace(candidate).map(|previous| trickle(&previous, target, false))
    }

    /// Gathering is over: gives the last candidate out.
    pub(super) fn finish(&mut self, target: SignalTarget) -> Option<TrickleRequest> {
        self.slot(target).take().map(|last| trickle(&last, target, true))
    }

    fn slot(&mut self, target: SignalTarget) -> &mut Option<CandidateInit> {
        match target {
            SignalTarget::Publisher => &mut self.held[0],
            SignalTarget::Subscriber => &mut self.held[1],
        }
    }
}

fn trickle(candidate: &CandidateInit, target: SignalTarget, last: bool) -> TrickleRequest {
    TrickleRequest { candidate_init: candidate.to_json(), target: target.into(), r#final: last }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_survive_json() {
        let candidate = CandidateInit::bundled("candidate:1 1 udp 1 192.0.2.1 9 typ host");
        assert_eq!(CandidateInit::from_json(&candidate.to_json()), Ok(candidate));
    }

    #[test]
    fn nulls_and_gaps_are_tolerated() {
        let json = r#"{"candidate":null,"sdpMid":null,"sdpMLineIndex":2,"address":"x"}"#;
        let read = CandidateInit::from_json(json).expect("valid");
        assert_eq!((read.candidate.as_str(), read.sdp_m_line_index), ("", Some(2)));
        assert!(CandidateInit::from_json("").is_err());
        assert!(CandidateInit::from_json(r#"{"candidate":7}"#).is_err());
    }

    #[test]
    fn mid_and_index_are_always_written() {
        let json = CandidateInit::default().to_json();
        assert!(json.contains(r#""sdpMid":"""#) && json.contains(r#""sdpMLineIndex":0"#));
    }

    #[test]
    fn the_last_candidate_is_marked_and_targets_do_not_mix() {
        let mut queue = OneBehind::default();
        let candidate = |text: &str| CandidateInit::bundled(text);
        assert_eq!(queue.push(SignalTarget::Publisher, candidate("a")), None);
        assert_eq!(queue.push(SignalTarget::Subscriber, candidate("x")), None);
        let first = queue.push(SignalTarget::Publisher, candidate("b")).expect("a");
        assert!(first.candidate_init.contains(r#""a""#) && !first.r#final);
        let last = queue.finish(SignalTarget::Publisher).expect("b");
        assert!(last.candidate_init.contains(r#""b""#) && last.r#final);
        assert_eq!(queue.finish(SignalTarget::Publisher), None);
        let other = queue.finish(SignalTarget::Subscriber).expect("x");
        assert_eq!(other.target(), SignalTarget::Subscriber);
    }
}
