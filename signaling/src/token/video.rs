//! The video grant: what a participant may do, and in which room.

use livekit_protocol::{ParticipantPermission, TrackSource};
use serde::{Deserialize, Deserializer, Serialize};

/// The `video` claim (LiveKit's `auth/grants.go`, `VideoGrant`).
///
/// An `Option<bool>` distinguishes "not stated" from "stated", because the
/// default differs by grant; ask the methods, not the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VideoGrant {
    /// May create and delete rooms.
    #[serde(skip_serializing_if = "is_false", deserialize_with = "or_default")]
    pub room_create: bool,
    /// May list rooms.
    #[serde(skip_serializing_if = "is_false", deserialize_with = "or_default")]
    pub room_list: bool,
    /// May start and stop recordings.
    #[serde(skip_serializing_if = "is_false", deserialize_with = "or_default")]
    pub room_record: bool,
    /// May administer the one room named in `room`.
    #[serde(skip_serializing_if = "is_false", deserialize_with = "or_default")]
    pub room_admin: bool,
    /// May join the room named in `room`.
    #[serde(skip_serializing_if = "is_false", deserialize_with = "or_default")]
    pub room_join: bool,
    /// The room that `room_admin` and `room_join` are about.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub room: String,
    /// May publish tracks; see [`Self::may_publish`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish: Option<bool>,
    /// May subscribe to tracks; see [`Self::may_subscribe`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_subscribe: Option<bool>,
    /// May publish data; see [`Self::may_publish_data`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_publish_data: Option<bool>,
    /// Lower-case track sources that may be published; empty means all.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub can_publish_sources: Vec<String>,
    /// May change its own name, metadata and attributes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_update_own_metadata: Option<bool>,
    /// May administer ingresses.
    #[serde(skip_serializing_if = "is_false", deserialize_with = "or_default")]
    pub ingress_admin: bool,
    /// Invisible to the other participants.
    #[serde(skip_serializing_if = "is_false", deserialize_with = "or_default")]
    pub hidden: bool,
    /// Marks a recorder: exempt from track permissions, shown by the room as
    /// `active_recording`.
    #[serde(skip_serializing_if = "is_false", deserialize_with = "or_default")]
    pub recorder: bool,
    /// May register as an agent worker.
    #[serde(skip_serializing_if = "is_false", deserialize_with = "or_default")]
    pub agent: bool,
    /// May receive other participants' metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_subscribe_metrics: Option<bool>,
    /// May manage an agent session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can_manage_agent_session: Option<bool>,
    /// The room this participant may be forwarded or moved to.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "or_default")]
    pub destination_room: String,
}

impl VideoGrant {
    /// A grant to join `room` with every default.
    pub fn join(room: impl Into<String>) -> Self {
        Self { room_join: true, room: room.into(), ..Self::default() }
    }

    /// Whether tracks may be published; yes unless denied.
    pub fn may_publish(&self) -> bool {
        self.can_publish.unwrap_or(true)
    }

    /// Whether tracks may be subscribed to; yes unless denied.
    pub fn may_subscribe(&self) -> bool {
        self.can_subscribe.unwrap_or(true)
    }

    /// Whether data may be published; as [`Self::may_publish`] unless stated.
    pub fn may_publish_data(&self) -> bool {
        self.can_publish_data.unwrap_or_else(|| self.may_publish())
    }

    /// Whether a track of `source` may be published: publishing must be allowed,
    /// and the source listed if there is a list.
    pub fn may_publish_source(&self, source: TrackSource) -> bool {
        let name = source_name(source);
        self.may_publish() && (self.can_publish_sources.is_empty() || self.can_publish_sources.contains(&name))
    }

    /// Whether its own metadata may be changed; no unless granted.
    pub fn may_update_own_metadata(&self) -> bool {
        self.can_update_own_metadata.unwrap_or(false)
    }

    /// Whether metrics may be subscribed to; no unless granted.
    pub fn may_subscribe_metrics(&self) -> bool {
        self.can_subscribe_metrics.unwrap_or(false)
    }

    /// Whether an agent session may be managed; no unless granted.
    pub fn may_manage_agent_session(&self) -> bool {
        self.can_manage_agent_session.unwrap_or(false)
    }

    /// The listed sources as wire values; unknown names become `UNKNOWN`.
    pub fn publish_sources(&self) -> Vec<TrackSource> {
        self.can_publish_sources.iter().map(|name| source_from_name(name)).collect()
    }

    /// The permission this grant amounts to, every default resolved.
    pub fn to_permission(&self) -> ParticipantPermission {
        #[allow(deprecated, reason = "older clients still read `recorder` and `agent`")]
        ParticipantPermission {
            can_subscribe: self.may_subscribe(),
            can_publish: self.may_publish(),
            can_publish_data: self.may_publish_data(),
            can_publish_sources: self.publish_sources().into_iter().map(i32::from).collect(),
            hidden: self.hidden,
            recorder: self.recorder,
            can_update_metadata: self.may_update_own_metadata(),
            agent: self.agent,
            can_subscribe_metrics: self.may_subscribe_metrics(),
            can_manage_agent_session: self.may_manage_agent_session(),
        }
    }

    /// Takes over a permission set at run time. Afterwards everything is stated
    /// explicitly, so that a refreshed token carries refusals too.
    pub fn apply_permission(&mut self, permission: &ParticipantPermission) {
        self.can_publish = Some(permission.can_publish);
        self.can_publish_data = Some(permission.can_publish_data);
        self.can_subscribe = Some(permission.can_subscribe);
        self.can_publish_sources = permission.can_publish_sources().map(source_name).collect();
        self.can_update_own_metadata = Some(permission.can_update_metadata);
        self.hidden = permission.hidden;
        #[allow(deprecated, reason = "part of the permission until clients drop it")]
        {
            self.recorder = permission.recorder;
            self.agent = permission.agent;
        }
        self.can_subscribe_metrics = Some(permission.can_subscribe_metrics);
        self.can_manage_agent_session = Some(permission.can_manage_agent_session);
    }

    /// Whether applying `permission` would change nothing.
    pub fn matches_permission(&self, permission: &ParticipantPermission) -> bool {
        self.to_permission() == *permission
    }
}

/// The name of a track source in tokens: its wire name in lower case.
fn source_name(source: TrackSource) -> String {
    source.as_str_name().to_ascii_lowercase()
}

fn source_from_name(name: &str) -> TrackSource {
    TrackSource::from_str_name(&name.to_ascii_uppercase()).unwrap_or(TrackSource::Unknown)
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// JSON `null` stands for the default, as it does in Go.
pub(super) fn or_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(json: &str) -> VideoGrant {
        serde_json::from_str(json).expect("a valid grant")
    }

    #[test]
    fn unstated_grants_take_their_documented_defaults() {
        let grant = grant(r#"{"roomJoin":true,"room":"r"}"#);
        assert!(grant.may_publish() && grant.may_subscribe() && grant.may_publish_data());
        assert!(!grant.may_update_own_metadata() && !grant.may_subscribe_metrics());
    }

    #[test]
    fn data_follows_publish_unless_stated() {
        assert!(!grant(r#"{"canPublish":false}"#).may_publish_data());
        assert!(grant(r#"{"canPublish":false,"canPublishData":true}"#).may_publish_data());
    }

    #[test]
    fn sources_limit_publishing_and_never_widen_it() {
        let cameras = grant(r#"{"canPublishSources":["camera"]}"#);
        assert!(cameras.may_publish_source(TrackSource::Camera));
        assert!(!cameras.may_publish_source(TrackSource::ScreenShare));
        let nothing = grant(r#"{"canPublish":false,"canPublishSources":["camera"]}"#);
        assert!(!nothing.may_publish_source(TrackSource::Camera));
    }

    #[test]
    fn an_applied_permission_is_stated_in_full() {
        let mut grant = VideoGrant::join("r");
        let mut permission = grant.to_permission();
        permission.can_publish = false;
        permission.can_publish_data = false;
        permission.can_publish_sources = vec![TrackSource::Microphone as i32];
        assert!(!grant.matches_permission(&permission));
        grant.apply_permission(&permission);
        assert!(grant.matches_permission(&permission));
        assert_eq!(grant.can_publish, Some(false));
        assert_eq!(grant.can_subscribe, Some(true));
        assert_eq!(grant.can_publish_sources, ["microphone"]);
    }

    #[test]
    fn null_members_count_as_absent() {
        let grant = grant(r#"{"roomJoin":null,"room":null,"canPublish":null,"canPublishSources":null}"#);
        assert_eq!(grant, VideoGrant::default());
    }
}
