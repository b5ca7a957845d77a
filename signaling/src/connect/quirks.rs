//! What particular clients cannot do.

use std::time::Duration;

use livekit_protocol::{ClientConfiguration, ClientInfo, Codec, DisabledCodecs, client_info};

use super::version::ProtocolVersion;

/// The deviations of one client, read from its `ClientInfo` (LiveKit's
/// `pkg/rtc/clientinfo.go` and `clientconfiguration/conf.go`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientQuirks {
    info: ClientInfo,
}

impl ClientQuirks {
    /// The quirks of the client that `info` describes.
    pub fn new(info: &ClientInfo) -> Self {
        Self { info: info.clone() }
    }

    /// The client's description.
    pub fn info(&self) -> &ClientInfo {
        &self.info
    }

    /// The client's signaling protocol version.
    pub fn protocol(&self) -> ProtocolVersion {
        ProtocolVersion(self.info.protocol)
    }

    /// Firefox, on the desktop or on Android.
    pub fn is_firefox(&self) -> bool {
        self.browser_is("firefox") || self.browser_is("firefox mobile")
    }

    /// Safari on the desktop.
    pub fn is_safari(&self) -> bool {
        self.browser_is("safari")
    }

    /// The Go SDK, built on Pion.
    pub fn is_go(&self) -> bool {
        self.info.sdk() == client_info::Sdk::Go
    }

    /// How long to hold back the answer to an offer that came with the join
    /// request. The Go SDK (2.18.1) reads signal messages before it has set that
    /// offer, and fails to join when the answer is there first.
    pub fn answer_pause(&self) -> Duration {
        if self.is_go() { Duration::from_millis(10) } else { Duration::ZERO }
    }

    /// OBS Studio, publishing over WHIP; its simulcast layers send incomplete
    /// sender reports.
    pub fn is_obs(&self) -> bool {
        self.info.browser.contains("OBS")
    }

    /// Decodes RED audio.
    pub fn supports_audio_red(&self) -> bool {
        !self.is_firefox() && !self.is_safari()
    }

    /// Takes peer-reflexive candidates behind a relay; without it LiveKit does
    /// not use ICE-lite.
    pub fn supports_prflx_over_relay(&self) -> bool {
        !self.is_firefox()
    }

    /// LiveKit would use ICE-lite with this client.
    pub fn supports_ice_lite(&self) -> bool {
        self.protocol().supports_ice_lite() && self.supports_prflx_over_relay()
    }

    /// Announces a track when its first RTP packet arrives rather than by SDP.
    pub fn fires_track_by_rtp(&self) -> bool {
        self.is_go()
    }

    /// Copes with a subscribed track changing its codec.
    pub fn supports_codec_change(&self) -> bool {
        !matches!(self.info.sdk(), client_info::Sdk::Go | client_info::Sdk::Unknown)
    }

    /// Knows the `reconnect` response. JavaScript before 1.6.3 fails on unknown
    /// messages.
    pub fn handles_reconnect_response(&self) -> bool {
        self.info.sdk() != client_info::Sdk::Js || self.version_at_least([1, 6, 3])
    }

    /// Connects to ICE-TCP candidates.
    pub fn supports_ice_tcp(&self) -> bool {
        match self.info.sdk() {
            client_info::Sdk::Go => false,
            client_info::Sdk::Swift => self.version_at_least([1, 0, 5]),
            _ => true,
        }
    }

    /// Can switch simulcast layers on and off through `encoding.active`.
    pub fn supports_changing_encoding_active(&self) -> bool {
        !self.is_firefox()
    }

    /// Follows the codec order of an SDP answer; where not, the answer should
    /// hold a single codec.
    pub fn complies_with_codec_order(&self) -> bool {
        !self.is_firefox() || !(self.os_is("linux") || self.os_is("android"))
    }

    /// Decodes `track_subscribed`; Rust before protocol 10 cannot.
    pub fn supports_track_subscribed(&self) -> bool {
        self.info.sdk() != client_info::Sdk::Rust || self.info.protocol >= 10
    }

    /// Decodes `request_response`; Rust before protocol 10 cannot.
    pub fn supports_request_response(&self) -> bool {
        self.supports_track_subscribed()
    }

    /// Accepts SCTP packets with a zero checksum.
    pub fn supports_sctp_zero_checksum(&self) -> bool {
        match self.info.sdk() {
            client_info::Sdk::Unknown => false,
            client_info::Sdk::Go => self.version_at_least([2, 4, 0]),
            _ => true,
        }
    }

    /// Copes with m-lines being used again for other tracks.
    pub fn supports_transceiver_reuse(&self) -> bool {
        !self.is_safari() && self.protocol().supports_transceiver_reuse()
    }

    /// Strips packet trailers itself.
    pub fn supports_packet_trailer(&self) -> bool {
        let capability = i32::from(client_info::Capability::CapPacketTrailer);
        self.info.capabilities.contains(&capability) && self.protocol().supports_packet_trailer()
    }

    /// Codecs this client must not use at all or must not publish. `None` when
    /// there are none.
    pub fn disabled_codecs(&self) -> Option<DisabledCodecs> {
        let codec = |mime: &str| Codec { mime: mime.into(), ..Codec::default() };
        let mut disabled = DisabledCodecs::default();
        if self.is_safari() {
            disabled.codecs.push(codec("video/AV1"));
            if version_after(&self.info.browser_version, [18, 3, 0]) {
                disabled.publish.push(codec("video/VP9"));
            }
        }
        let old_phone = self.os_is("android") && self.info.device_model.eq_ignore_ascii_case("xiaomi 2201117ti");
        if old_phone || !self.complies_with_codec_order() {
            disabled.publish.push(codec("video/H264"));
        }
        Some(disabled).filter(|disabled| *disabled != DisabledCodecs::default())
    }

    /// The `client_configuration` of a join or reconnect response. `None` when
    /// this client needs none.
    pub fn client_configuration(&self) -> Option<ClientConfiguration> {
        self.disabled_codecs()
            .map(|disabled| ClientConfiguration { disabled_codecs: Some(disabled), ..ClientConfiguration::default() })
    }

    /// Whether the SDK's version is `version` or newer. Parts that are not
    /// numbers count as zero.
    pub fn version_at_least(&self, version: [u64; 3]) -> bool {
        parse_version(&self.info.version) >= version
    }

    fn browser_is(&self, family: &str) -> bool {
        self.info.browser.eq_ignore_ascii_case(family)
    }

    fn os_is(&self, family: &str) -> bool {
        self.info.os.eq_ignore_ascii_case(family)
    }
}

fn version_after(version: &str, limit: [u64; 3]) -> bool {
    parse_version(version) > limit
}

fn parse_version(version: &str) -> [u64; 3] {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    [(); 3].map(|()| parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quirks(browser: &str, browser_version: &str, os: &str) -> ClientQuirks {
        ClientQuirks::new(&ClientInfo {
            sdk: client_info::Sdk::Js.into(),
            protocol: 17,
            version: "2.23.0".into(),
            browser: browser.into(),
            browser_version: browser_version.into(),
            os: os.into(),
            ..ClientInfo::default()
        })
    }

    fn native(sdk: client_info::Sdk, version: &str, protocol: i32) -> ClientQuirks {
        ClientQuirks::new(&ClientInfo { sdk: sdk.into(), version: version.into(), protocol, ..ClientInfo::default() })
    }

    #[test]
    fn firefox_gets_neither_red_nor_ice_lite() {
        let firefox = quirks("Firefox", "140.0", "Windows");
        assert!(!firefox.supports_audio_red() && !firefox.supports_ice_lite());
        assert!(firefox.complies_with_codec_order());
        assert_eq!(firefox.disabled_codecs(), None);
        let chrome = quirks("Chrome", "139.0", "Linux");
        assert!(chrome.supports_audio_red() && chrome.supports_ice_lite());
    }

    #[test]
    fn firefox_on_linux_and_android_must_not_publish_h264() {
        for quirks in [quirks("firefox", "1", "Linux"), quirks("Firefox Mobile", "1", "android")] {
            let disabled = quirks.disabled_codecs().expect("disabled codecs");
            assert_eq!(disabled.publish[0].mime, "video/H264");
            assert!(disabled.codecs.is_empty());
        }
    }

    #[test]
    fn safari_loses_av1_and_newer_ones_vp9_publishing() {
        let old = quirks("Safari", "18.3", "Mac OS X").disabled_codecs().expect("codecs");
        assert_eq!((old.codecs.len(), old.publish.len()), (1, 0));
        let new = quirks("Safari", "18.4", "Mac OS X").disabled_codecs().expect("codecs");
        assert_eq!(new.publish[0].mime, "video/VP9");
    }

    #[test]
    fn old_rust_is_spared_messages_it_cannot_decode() {
        assert!(!native(client_info::Sdk::Rust, "0.1.0", 9).supports_request_response());
        assert!(native(client_info::Sdk::Rust, "0.8.2", 17).supports_request_response());
        assert!(native(client_info::Sdk::Go, "2.0.0", 9).supports_request_response());
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(native(client_info::Sdk::Go, "2.10.0", 16).supports_sctp_zero_checksum());
        assert!(!native(client_info::Sdk::Go, "2.3.9", 16).supports_sctp_zero_checksum());
        assert!(!native(client_info::Sdk::Js, "1.6.2", 9).handles_reconnect_response());
        assert!(native(client_info::Sdk::Js, "1.6.3", 9).handles_reconnect_response());
    }
}
