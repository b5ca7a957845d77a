//! The claims of an access token.

use std::collections::HashMap;

use livekit_protocol::{RoomConfiguration, participant_info};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::video::{VideoGrant, or_default};

/// What a token says about its holder (LiveKit's `auth/grants.go`,
/// `ClaimGrants`). The registered claims of the JWT are handled by
/// [`super::mint`] and [`super::verify`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Claims {
    /// Who it is: the `sub` claim, or `jti` where a token has no `sub`.
    #[serde(skip)]
    pub identity: String,
    /// The `jti` claim, when there is one.
    #[serde(skip)]
    pub jti: Option<String>,
    /// Display name.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub name: String,
    /// Kind of participant; unknown kinds are read as standard.
    #[serde(skip_serializing_if = "is_standard", serialize_with = "write_kind", deserialize_with = "read_kind")]
    pub kind: participant_info::Kind,
    /// Further details of the kind; unknown ones are dropped.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "write_kind_details",
        deserialize_with = "read_kind_details"
    )]
    pub kind_details: Vec<participant_info::KindDetail>,
    /// The room grants. Without them a token joins nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoGrant>,
    /// SIP grants, passed through unread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sip: Option<serde_json::Value>,
    /// Agent grants, passed through unread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<serde_json::Value>,
    /// Inference grants, passed through unread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference: Option<serde_json::Value>,
    /// Observability grants, passed through unread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observability: Option<serde_json::Value>,
    /// Settings for the room, applied if this participant creates it
    /// (proto-JSON).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_config: Option<RoomConfiguration>,
    /// Name of a preset for the room.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub room_preset: String,
    /// Base64 SHA-256 of the body this token signs (webhooks).
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub sha256: String,
    /// The participant's metadata.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub metadata: String,
    /// The participant's attributes.
    #[serde(skip_serializing_if = "HashMap::is_empty", deserialize_with = "or_default")]
    pub attributes: HashMap<String, String>,
}

impl Claims {
    /// Claims of `identity` to join `room` with every default.
    pub fn join(identity: impl Into<String>, room: impl Into<String>) -> Self {
        Self { identity: identity.into(), video: Some(VideoGrant::join(room)), ..Self::default() }
    }

    /// Whether this is an agent by kind.
    pub fn is_agent(&self) -> bool {
        self.kind == participant_info::Kind::Agent
    }

    /// Whether this participant does not keep a room alive nor count towards its
    /// maximum: agents, recorders and egresses (LiveKit's
    /// `ParticipantImpl.IsDependent`).
    pub fn is_dependent(&self) -> bool {
        matches!(self.kind, participant_info::Kind::Agent | participant_info::Kind::Egress)
            || self.video.as_ref().is_some_and(|video| video.agent || video.recorder)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_standard(kind: &participant_info::Kind) -> bool {
    *kind == participant_info::Kind::Standard
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn write_kind<S: Serializer>(kind: &participant_info::Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&kind.as_str_name().to_ascii_lowercase())
}

fn read_kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<participant_info::Kind, D::Error> {
    let name: String = or_default(deserializer)?;
    Ok(participant_info::Kind::from_str_name(&name.to_ascii_uppercase()).unwrap_or(participant_info::Kind::Standard))
}

fn write_kind_details<S: Serializer>(
    details: &[participant_info::KindDetail],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(details.iter().map(|detail| detail.as_str_name().to_ascii_lowercase()))
}

fn read_kind_details<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<participant_info::KindDetail>, D::Error> {
    let names: Vec<String> = or_default(deserializer)?;
    Ok(names
        .iter()
        .filter_map(|name| participant_info::KindDetail::from_str_name(&name.to_ascii_uppercase()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(json: &str) -> Claims {
        serde_json::from_str(json).expect("valid claims")
    }

    #[test]
    fn an_unknown_kind_is_read_as_standard() {
        assert_eq!(claims(r#"{"kind":"hologram"}"#).kind, participant_info::Kind::Standard);
        assert_eq!(claims(r#"{"kind":"agent"}"#).kind, participant_info::Kind::Agent);
    }

    #[test]
    fn unknown_kind_details_are_dropped() {
        let read = claims(r#"{"kindDetails":["cloud_agent","warp_core"]}"#);
        assert_eq!(read.kind_details, [participant_info::KindDetail::CloudAgent]);
    }

    #[test]
    fn room_configuration_is_read_as_proto_json() {
        let read = claims(r#"{"roomConfig":{"name":"r","emptyTimeout":30,"maxParticipants":2,"surprise":1}}"#);
        let config = read.room_config.expect("a configuration");
        assert_eq!((config.empty_timeout, config.max_participants), (30, 2));
    }

    #[test]
    fn unknown_claims_and_opaque_grants_do_no_harm() {
        let read = claims(r#"{"sip":{"admin":true},"nickname":"x","attributes":null}"#);
        assert_eq!(read.sip, Some(serde_json::json!({"admin": true})));
        assert!(read.attributes.is_empty());
    }

    #[test]
    fn recorders_and_agents_are_dependent() {
        let mut person = Claims::join("p", "r");
        assert!(!person.is_dependent());
        person.kind = participant_info::Kind::Egress;
        assert!(person.is_dependent());
    }
}
