//! The connect request of both endpoints, in one shape.

use std::collections::HashMap;

use livekit_protocol::{AddTrackRequest, ClientInfo, ReconnectReason, SessionDescription, SyncState};

use super::client_info;
use super::join_request::{decode_base64, decode_join_request};
use super::{ClientQuirks, ConnectError, Query};

/// Which of the signaling endpoints a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/rtc`, a WebSocket with plain query parameters.
    V0,
    /// `/rtc/v1`, a WebSocket with a `join_request`.
    V1,
    /// `/rtc/validate`, a plain request.
    ValidateV0,
    /// `/rtc/v1/validate`, a plain request.
    ValidateV1,
}

impl Endpoint {
    /// The endpoint of a path. A doubled slash in front is forgiven, as by
    /// LiveKit.
    pub fn from_path(path: &str) -> Option<Self> {
        let path = match path.strip_prefix('/') {
            Some(rest) if rest.starts_with('/') => rest,
            _ => path,
        };
        match path {
            "/rtc" => Some(Self::V0),
            "/rtc/v1" => Some(Self::V1),
            "/rtc/validate" => Some(Self::ValidateV0),
            "/rtc/v1/validate" => Some(Self::ValidateV1),
            _ => None,
        }
    }

    /// Whether `join_request` is mandatory.
    pub fn needs_join_request(self) -> bool {
        matches!(self, Self::V1 | Self::ValidateV1)
    }

    /// Whether this endpoint only checks and opens no WebSocket.
    pub fn is_validate(self) -> bool {
        matches!(self, Self::ValidateV0 | Self::ValidateV1)
    }
}

/// The parts of an HTTP request that signaling reads.
#[derive(Clone, Copy, Debug)]
pub struct HttpRequest<'a> {
    /// The endpoint, from the path.
    pub endpoint: Endpoint,
    /// The raw query string, without the `?`.
    pub query: &'a str,
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// The `User-Agent` header.
    pub user_agent: Option<&'a str>,
    /// The client's address as the server sees it, headers of trusted proxies
    /// considered; goes into `ClientInfo.address` unread.
    pub address: &'a str,
}

/// How many peer connections the session has and who offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// v0: one peer connection for publishing, where the client offers, and one
    /// for subscribing, where the server does.
    DualPc,
    /// v1: one peer connection for everything, where the client offers.
    SinglePc,
}

/// A wish to resume an earlier session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconnect {
    /// The participant sid the client had; may be empty.
    pub sid: String,
    /// Why the client reconnects.
    pub reason: ReconnectReason,
}

/// What a client asks for when it connects, whichever endpoint it uses.
/// Nothing here is authorized yet.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectRequest {
    /// Peer connections and roles.
    pub mode: Mode,
    /// The client's description, completed from headers.
    pub client_info: ClientInfo,
    /// Subscribe to every media track. Default: yes in v0, no in v1.
    pub auto_subscribe: bool,
    /// Subscribe to every data track; `None` leaves it to the server. In v1 an
    /// absent value is an explicit no.
    pub auto_subscribe_data_track: Option<bool>,
    /// The client reports the size its videos are shown in.
    pub adaptive_stream: bool,
    /// The client wants a full ICE agent at the server.
    pub disable_ice_lite: bool,
    /// Tracks may be paused when bandwidth is short; `None` leaves it to the
    /// server. In v1 an absent value is an explicit no.
    pub subscriber_allow_pause: Option<bool>,
    /// Set when an earlier session is to be resumed.
    pub reconnect: Option<Reconnect>,
    /// v0 only: a second connection that only publishes; becomes part of the
    /// identity.
    pub publish: Option<String>,
    /// v1 only: metadata that replaces the token's.
    pub metadata: String,
    /// Attributes to add to the token's.
    pub attributes: HashMap<String, String>,
    /// v1 only: tracks to add right after joining.
    pub add_track_requests: Vec<AddTrackRequest>,
    /// v1 only: the publisher's offer, to be handled right after joining.
    pub publisher_offer: Option<SessionDescription>,
    /// v1 only: what the client had before it reconnected.
    pub sync_state: Option<SyncState>,
}

impl ConnectRequest {
    /// Reads a request of either endpoint. A `join_request` makes it a v1
    /// session even on the v0 endpoint, as in LiveKit.
    ///
    /// # Errors
    ///
    /// [`ConnectError::JoinRequestMissing`] and its relatives;
    /// [`ConnectError::Attributes`] on the validate endpoint only. All are
    /// status 400.
    pub fn parse(http: &HttpRequest<'_>) -> Result<Self, ConnectError> {
        let query = Query::parse(http.query);
        let mut request = match query.non_empty("join_request") {
            Some(value) => Self::from_join_request(value)?,
            None if http.endpoint.needs_join_request() => {
                return Err(ConnectError::JoinRequestMissing);
            }
            None => Self::from_query(&query, http.endpoint)?,
        };
        client_info::augment(&mut request.client_info, http.user_agent, http.address);
        Ok(request)
    }

    /// The client's deviations.
    pub fn quirks(&self) -> ClientQuirks {
        ClientQuirks::new(&self.client_info)
    }

    fn from_query(query: &Query, endpoint: Endpoint) -> Result<Self, ConnectError> {
        let attributes = match query.non_empty("attributes").map(decode_attributes) {
            None => HashMap::new(),
            Some(Some(attributes)) => attributes,
            Some(None) if endpoint.is_validate() => return Err(ConnectError::Attributes),
            Some(None) => HashMap::new(),
        };
        let reason = query.number("reconnect_reason");
        Ok(Self {
            mode: Mode::DualPc,
            client_info: client_info::from_query(query),
            auto_subscribe: query.optional_flag("auto_subscribe").unwrap_or(true),
            auto_subscribe_data_track: query.optional_flag("auto_subscribe_data_track"),
            adaptive_stream: query.flag("adaptive_stream"),
            disable_ice_lite: query.flag("disable_ice_lite"),
            subscriber_allow_pause: query.optional_flag("subscriber_allow_pause"),
            reconnect: query
                .flag("reconnect")
                .then(|| Reconnect { sid: query.get("sid").to_owned(), reason: reconnect_reason(reason) }),
            publish: query.non_empty("publish").map(str::to_owned),
            metadata: String::new(),
            attributes,
            add_track_requests: Vec::new(),
            publisher_offer: None,
            sync_state: None,
        })
    }

    fn from_join_request(value: &str) -> Result<Self, ConnectError> {
        let join = decode_join_request(value)?;
        let settings = join.connection_settings.unwrap_or_default();
        Ok(Self {
            mode: Mode::SinglePc,
            client_info: join.client_info.unwrap_or_default(),
            auto_subscribe: settings.auto_subscribe,
            auto_subscribe_data_track: Some(settings.auto_subscribe_data_track.unwrap_or(false)),
            adaptive_stream: settings.adaptive_stream,
            disable_ice_lite: settings.disable_ice_lite,
            subscriber_allow_pause: Some(settings.subscriber_allow_pause.unwrap_or(false)),
            reconnect: join
                .reconnect
                .then(|| Reconnect { sid: join.participant_sid, reason: reconnect_reason(join.reconnect_reason) }),
            publish: None,
            metadata: join.metadata,
            attributes: join.participant_attributes,
            add_track_requests: join.add_track_requests,
            publisher_offer: join.publisher_offer,
            sync_state: join.sync_state,
        })
    }
}

fn reconnect_reason(value: i32) -> ReconnectReason {
    ReconnectReason::try_from(value).unwrap_or(ReconnectReason::RrUnknown)
}

fn decode_attributes(value: &str) -> Option<HashMap<String, String>> {
    serde_json::from_slice(&decode_base64(value)?).ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE;
    use livekit_protocol::{ConnectionSettings, JoinRequest, WrappedJoinRequest};
    use prost::Message as _;

    use super::*;

    fn http(endpoint: Endpoint, query: &str) -> HttpRequest<'_> {
        HttpRequest { endpoint, query, authorization: None, user_agent: None, address: "" }
    }

    fn joining(join: &JoinRequest) -> String {
        let wrapped = WrappedJoinRequest { compression: 0, join_request: join.encode_to_vec() };
        format!("join_request={}", URL_SAFE.encode(wrapped.encode_to_vec()))
    }

    #[test]
    fn paths_lead_to_endpoints() {
        assert_eq!(Endpoint::from_path("/rtc"), Some(Endpoint::V0));
        assert_eq!(Endpoint::from_path("//rtc/v1"), Some(Endpoint::V1));
        assert_eq!(Endpoint::from_path("/rtc/v1/validate"), Some(Endpoint::ValidateV1));
        assert_eq!(Endpoint::from_path("///rtc"), None);
        assert_eq!(Endpoint::from_path("/rtc/v2"), None);
    }

    #[test]
    fn v0_subscribes_by_default_and_leaves_the_rest_to_the_server() {
        let request = ConnectRequest::parse(&http(Endpoint::V0, "protocol=9")).expect("valid");
        assert_eq!(request.mode, Mode::DualPc);
        assert!(request.auto_subscribe && request.reconnect.is_none());
        assert_eq!(request.auto_subscribe_data_track, None);
        assert_eq!(request.subscriber_allow_pause, None);
    }

    #[test]
    fn v1_subscribes_to_nothing_unless_asked() {
        // An empty message encodes to nothing, which counts as absent.
        let query = joining(&JoinRequest {
            client_info: Some(ClientInfo { protocol: 17, ..ClientInfo::default() }),
            ..JoinRequest::default()
        });
        let request = ConnectRequest::parse(&http(Endpoint::V1, &query)).expect("valid");
        assert_eq!(request.mode, Mode::SinglePc);
        assert!(!request.auto_subscribe);
        assert_eq!(request.auto_subscribe_data_track, Some(false));
        assert_eq!(request.subscriber_allow_pause, Some(false));
    }

    #[test]
    fn a_join_request_makes_v0_a_single_connection_session() {
        let query = joining(&JoinRequest {
            connection_settings: Some(ConnectionSettings { auto_subscribe: true, ..ConnectionSettings::default() }),
            reconnect: true,
            participant_sid: "PA_1".into(),
            ..JoinRequest::default()
        });
        let request = ConnectRequest::parse(&http(Endpoint::V0, &query)).expect("valid");
        assert_eq!(request.mode, Mode::SinglePc);
        assert!(request.auto_subscribe);
        assert_eq!(request.reconnect.map(|wish| wish.sid), Some("PA_1".into()));
    }

    #[test]
    fn v1_without_a_join_request_is_refused() {
        let error = ConnectRequest::parse(&http(Endpoint::V1, "protocol=17")).expect_err("nothing to join with");
        assert_eq!((error.status(), error.to_string()), (400, "join_request is required".into()));
    }

    #[test]
    fn broken_attributes_fail_validation_and_not_the_connection() {
        let query = "attributes=!!";
        assert!(ConnectRequest::parse(&http(Endpoint::V0, query)).is_ok());
        assert_eq!(ConnectRequest::parse(&http(Endpoint::ValidateV0, query)), Err(ConnectError::Attributes));
        let good = format!("attributes={}", URL_SAFE.encode(r#"{"a":"1"}"#));
        let request = ConnectRequest::parse(&http(Endpoint::V0, &good)).expect("valid");
        assert_eq!(request.attributes["a"], "1");
    }

    #[test]
    fn the_sid_counts_only_with_reconnect() {
        let plain = ConnectRequest::parse(&http(Endpoint::V0, "sid=PA_1")).expect("valid");
        assert_eq!(plain.reconnect, None);
        let query = "reconnect=1&sid=PA_1&reconnect_reason=2";
        let wish = ConnectRequest::parse(&http(Endpoint::V0, query)).expect("valid").reconnect;
        assert_eq!(
            wish,
            Some(Reconnect { sid: "PA_1".into(), reason: ReconnectReason::try_from(2).expect("a reason") })
        );
    }
}
