//! `visavis token create`: every grant is a flag.

use std::collections::HashMap;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::{Map, Value, json};
use visavis_signaling::proto::{RoomConfiguration, participant_info};
use visavis_signaling::token::{ApiKey, Claims, VideoGrant, mint};

use super::Failure;
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Overrides, Secret, Source, parse_duration};

const SOURCES: [&str; 4] = ["camera", "microphone", "screen_share", "screen_share_audio"];
const KINDS: [&str; 7] = ["standard", "ingress", "egress", "sip", "agent", "connector", "bridge"];
const KIND_DETAILS: [&str; 6] =
    ["cloud_agent", "forwarded", "connector_whatsapp", "connector_twilio", "bridge_rtsp", "simulation"];

/// Prints a new access token.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// API key to sign with.
    #[arg(long, value_name = "KEY", env = "LIVEKIT_API_KEY", conflicts_with = "dev")]
    api_key: Option<String>,
    /// Its secret.
    #[arg(long, value_name = "SECRET", env = "LIVEKIT_API_SECRET", hide_env_values = true, conflicts_with = "dev")]
    api_secret: Option<String>,
    /// Sign with the key of `serve --dev`.
    #[arg(long)]
    dev: bool,
    /// Sign with the first key of this configuration file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dev", "api_key"])]
    config: Option<std::path::PathBuf>,
    /// How long the token is valid.
    #[arg(long, visible_alias = "ttl", value_name = "TIME", default_value = "6h", value_parser = parse_duration)]
    valid_for: Duration,

    /// Who holds the token.
    #[arg(long)]
    identity: Option<String>,
    /// Name that others see.
    #[arg(long)]
    name: Option<String>,
    /// Metadata that others see.
    #[arg(long)]
    metadata: Option<String>,
    /// Attribute that others see; give it again for more.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    attribute: Vec<(String, String)>,
    /// Kind of participant.
    #[arg(long, value_parser = PossibleValuesParser::new(KINDS))]
    kind: Option<String>,
    /// Further detail of the kind; give it again for more.
    #[arg(long, value_parser = PossibleValuesParser::new(KIND_DETAILS))]
    kind_detail: Vec<String>,

    /// Room that the token is about.
    #[arg(long, default_value = "")]
    room: String,
    /// May join the room.
    #[arg(long)]
    join: bool,
    /// May administer the room.
    #[arg(long)]
    admin: bool,
    /// May create and delete rooms.
    #[arg(long)]
    create: bool,
    /// May list rooms.
    #[arg(long)]
    list: bool,
    /// May record.
    #[arg(long)]
    record: bool,
    /// May administer ingresses.
    #[arg(long)]
    ingress_admin: bool,
    /// Room that the participant may be moved to.
    #[arg(long, value_name = "ROOM", default_value = "")]
    destination_room: String,
    /// May publish tracks (as if true when not given).
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    can_publish: Option<bool>,
    /// May receive tracks (as if true when not given).
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    can_subscribe: Option<bool>,
    /// May send data (as --can-publish when not given).
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    can_publish_data: Option<bool>,
    /// May publish this source and no other; give it again for more.
    #[arg(long, value_delimiter = ',', value_name = "SOURCE", value_parser = PossibleValuesParser::new(SOURCES))]
    can_publish_source: Vec<String>,
    /// May change its own name, metadata and attributes.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    can_update_own_metadata: Option<bool>,
    /// May receive others' metrics.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    can_subscribe_metrics: Option<bool>,
    /// May manage an agent session.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    can_manage_agent_session: Option<bool>,
    /// Invisible to others.
    #[arg(long)]
    hidden: bool,
    /// A recorder: sees everything, counts for nothing.
    #[arg(long)]
    recorder: bool,
    /// May register as an agent worker.
    #[arg(long)]
    agent: bool,

    /// May administer SIP trunks and rules.
    #[arg(long)]
    sip_admin: bool,
    /// May make SIP calls.
    #[arg(long)]
    sip_call: bool,
    /// May administer agents.
    #[arg(long)]
    agent_admin: bool,
    /// May administer simulations of agents.
    #[arg(long)]
    agent_simulation_admin: bool,
    /// May administer the databases of agents.
    #[arg(long)]
    agent_database_admin: bool,
    /// May use inference.
    #[arg(long)]
    inference: bool,
    /// May write observability data.
    #[arg(long)]
    observability_write: bool,

    /// Configuration of the room, as JSON, for whoever creates it by joining.
    #[arg(long, value_name = "JSON", value_parser = room_config)]
    room_config: Option<RoomConfiguration>,
    /// Name of a preset for the room.
    #[arg(long, value_name = "NAME", default_value = "")]
    room_preset: String,
    /// Hash of the body that the token signs, base64 of its SHA-256.
    #[arg(long, value_name = "HASH", default_value = "")]
    sha256: String,
}

impl Create {
    pub(super) fn run(self) -> Result<(), Failure> {
        let key = self.key()?;
        let ttl = self.valid_for;
        let claims = self.claims()?;
        let now = SystemClock.unix();
        println!("{}", mint(&claims, &key, ttl, now).map_err(Failure::usage)?);
        Ok(())
    }

    fn key(&self) -> Result<ApiKey, Failure> {
        let first = |source: Source, dev: bool| -> Result<ApiKey, Failure> {
            let loaded = config::load(&source, &Overrides { dev, ..Overrides::default() }, 1)?;
            let first =
                loaded.settings.keys.iter().next().map(|(key, secret)| ApiKey::new(key, Secret::reveal(secret)));
            first.ok_or_else(|| Failure::usage("there is no key to sign with"))
        };
        match (&self.api_key, &self.api_secret, &self.config) {
            (Some(key), Some(secret), _) => Ok(ApiKey::new(key, secret)),
            (_, _, Some(path)) => first(Source::File(path.clone()), false),
            _ if self.dev => first(Source::None, true),
            _ => Err(Failure::usage(
                "there is no key to sign with; give --api-key and --api-secret (or LIVEKIT_API_KEY and \
                 LIVEKIT_API_SECRET), --config FILE, or --dev",
            )),
        }
    }

    fn claims(self) -> Result<Claims, Failure> {
        if self.join && (self.room.is_empty() || self.identity.as_deref().unwrap_or_default().is_empty()) {
            return Err(Failure::usage("--join needs --room and --identity"));
        }
        if self.admin && self.room.is_empty() {
            return Err(Failure::usage("--admin needs --room"));
        }
        let video = VideoGrant {
            room_create: self.create,
            room_list: self.list,
            room_record: self.record,
            room_admin: self.admin,
            room_join: self.join,
            room: self.room,
            can_publish: self.can_publish,
            can_subscribe: self.can_subscribe,
            can_publish_data: self.can_publish_data,
            can_publish_sources: self.can_publish_source,
            can_update_own_metadata: self.can_update_own_metadata,
            ingress_admin: self.ingress_admin,
            hidden: self.hidden,
            recorder: self.recorder,
            agent: self.agent,
            can_subscribe_metrics: self.can_subscribe_metrics,
            can_manage_agent_session: self.can_manage_agent_session,
            destination_room: self.destination_room,
        };
        let kind = self.kind.unwrap_or_default().to_ascii_uppercase();
        let details = self.kind_detail.iter().map(|detail| detail.to_ascii_uppercase());
        Ok(Claims {
            identity: self.identity.unwrap_or_default(),
            jti: None,
            name: self.name.unwrap_or_default(),
            kind: participant_info::Kind::from_str_name(&kind).unwrap_or(participant_info::Kind::Standard),
            kind_details: details.filter_map(|it| participant_info::KindDetail::from_str_name(&it)).collect(),
            video: Some(video),
            sip: granted(&[("admin", self.sip_admin), ("call", self.sip_call)]),
            agent: granted(&[
                ("admin", self.agent_admin),
                ("simulationAdmin", self.agent_simulation_admin),
                ("databaseAdmin", self.agent_database_admin),
            ]),
            inference: granted(&[("perform", self.inference)]),
            observability: granted(&[("write", self.observability_write)]),
            room_config: self.room_config,
            room_preset: self.room_preset,
            sha256: self.sha256,
            metadata: self.metadata.unwrap_or_default(),
            attributes: self.attribute.into_iter().collect::<HashMap<_, _>>(),
        })
    }
}

/// A grant of several parts, or none where all of them are refused.
fn granted(parts: &[(&str, bool)]) -> Option<Value> {
    let given: Map<String, Value> =
        parts.iter().filter(|(_, given)| *given).map(|(name, _)| ((*name).to_owned(), json!(true))).collect();
    (!given.is_empty()).then_some(Value::Object(given))
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

fn room_config(text: &str) -> Result<RoomConfiguration, String> {
    serde_json::from_str(text).map_err(|error| format!("is no room configuration: {error}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::Parser;
    use visavis_signaling::UnixTime;
    use visavis_signaling::token::{KeyRing, verify};

    use super::*;

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        create: Create,
    }

    fn create(flags: &str) -> Create {
        Only::try_parse_from(format!("x --api-key k --api-secret s {flags}").split_whitespace()).unwrap().create
    }

    fn claims(flags: &str) -> Claims {
        create(flags).claims().unwrap()
    }

    #[test]
    fn a_token_to_join_is_accepted_by_the_verifier() {
        let create = create("--join --room r --identity i --valid-for 10m --attribute a=b=c --kind agent");
        let key = create.key().unwrap();
        let (now, ttl) = (UnixTime::from_secs(1_700_000_000), create.valid_for);
        let token = mint(&create.claims().unwrap(), &key, ttl, now).unwrap();
        let ring: KeyRing = [key].into_iter().collect();
        let verified = verify(&ring, &token, now).unwrap();
        assert_eq!(verified.claims.identity, "i");
        assert_eq!(verified.claims.attributes["a"], "b=c");
        assert_eq!(verified.claims.kind, participant_info::Kind::Agent);
        assert_eq!(verified.expires_at, now.plus(Duration::from_secs(600)));
        let video = verified.claims.video.unwrap();
        assert!(video.room_join && video.room == "r" && video.can_publish.is_none());
    }

    #[test]
    fn permissions_are_stated_denied_or_left_open() {
        let video = claims("--can-publish=false --can-subscribe --can-publish-source camera,microphone").video.unwrap();
        assert_eq!((video.can_publish, video.can_subscribe, video.can_publish_data), (Some(false), Some(true), None));
        assert_eq!(video.can_publish_sources, ["camera", "microphone"]);
    }

    #[test]
    fn every_claim_of_livekits_has_a_flag() {
        let all = claims(
            "--room r --identity i --name n --metadata m --attribute a=b --kind sip --kind-detail forwarded \
             --join --admin --create --list --record --ingress-admin --destination-room d --can-publish \
             --can-subscribe --can-publish-data --can-publish-source camera --can-update-own-metadata \
             --can-subscribe-metrics --can-manage-agent-session --hidden --recorder --agent --sip-admin --sip-call \
             --agent-admin --inference --observability-write --room-config {\"maxParticipants\":2} \
             --room-preset p --sha256 h",
        );
        let json = serde_json::to_value(&all).unwrap();
        // Each member that serde would leave out for being empty is there.
        let mut empty: Vec<&str> =
            ["name", "kind", "kindDetails", "video", "sip", "agent", "inference", "observability"].into();
        empty.extend(["roomConfig", "roomPreset", "sha256", "metadata", "attributes"]);
        empty.retain(|member| json.get(member).is_none());
        assert!(empty.is_empty(), "{empty:?}");
        assert_eq!(json["video"].as_object().unwrap().len(), 18);
        assert_eq!(json["agent"], json!({"admin": true}));
    }

    #[test]
    fn a_token_that_could_do_nothing_is_refused_with_a_reason() {
        assert!(create("--join --room r").claims().unwrap_err().message.contains("--identity"));
        assert!(create("--admin").claims().unwrap_err().message.contains("--room"));
        assert!(Only::try_parse_from(["x", "--can-publish-source", "smell"]).is_err());
        assert!(Only::try_parse_from(["x", "--room-config", "{"]).is_err());
        assert!(Only::try_parse_from(["x", "--valid-for", "long"]).is_err());
    }

    #[test]
    fn dev_signs_with_the_key_of_dev_mode_and_no_key_is_a_mistake() {
        let dev = Only::try_parse_from(["x", "--dev"]).unwrap().create.key();
        // The environment of a test run may hold a key, which is a conflict then.
        if let Ok(key) = dev {
            assert_eq!((key.id(), key.secret()), ("devkey", "secret"));
        }
    }
}
