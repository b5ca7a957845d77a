//! A client's SDP offers, with the payload types, header extensions and feedback that Chromium offers, as far as they
//! are used here.

use std::fmt::Write as _;

use crate::bench::scenario::Layer;
use crate::rtp::ExtensionKind;
use crate::transport::{Fingerprint, IceCredentials};
use crate::units::{MediaKind, Mid};

/// Sections for the server's tracks that the first offer holds, as livekit-client's does.
const PREPARED: u32 = 3;
/// Sections of one kind at most: a server that asks for more has gone astray.
const MAX_SECTIONS: usize = 120;

/// Header extensions, by the ids that Chromium gives them.
const AUDIO_EXTENSIONS: &[(u8, ExtensionKind)] = &[
    (1, ExtensionKind::AudioLevel),
    (2, ExtensionKind::AbsSendTime),
    (3, ExtensionKind::TransportCc),
    (4, ExtensionKind::Mid),
];
const VIDEO_EXTENSIONS: &[(u8, ExtensionKind)] = &[
    (14, ExtensionKind::TimeOffset),
    (2, ExtensionKind::AbsSendTime),
    (13, ExtensionKind::VideoOrientation),
    (3, ExtensionKind::TransportCc),
    (5, ExtensionKind::PlayoutDelay),
    (6, ExtensionKind::VideoContentType),
    (7, ExtensionKind::VideoTiming),
    (8, ExtensionKind::ColorSpace),
    (4, ExtensionKind::Mid),
    (10, ExtensionKind::Rid),
    (11, ExtensionKind::RepairedRid),
];

/// What is offered on one section.
#[derive(Clone, Debug, PartialEq)]
enum Section {
    /// A microphone of ours.
    Microphone { cid: String, ssrc: u32 },
    /// A camera of ours.
    Camera { cid: String, layers: Vec<Layer>, ssrcs: Vec<[u32; 2]> },
    /// Room for a track of the server's.
    Receiving(MediaKind),
    /// The data channels.
    Data,
}

/// The sections of one connection, which only grow.
#[derive(Debug)]
pub struct Sections {
    sections: Vec<Section>,
    session: u64,
    version: u32,
}

impl Sections {
    /// What livekit-client begins with: three sections for each kind of track, and the data channels.
    pub fn new(session: u64) -> Self {
        let mut sections = Vec::new();
        for kind in [MediaKind::Audio, MediaKind::Video] {
            sections.extend((0..PREPARED).map(|_| Section::Receiving(kind)));
        }
        sections.push(Section::Data);
        // 63 bits, as RFC 8829 §5.2.1 has it.
        Self { sections, session: session >> 1, version: 0 }
    }

    /// Adds a microphone; gives its mid.
    pub fn add_microphone(&mut self, cid: &str, ssrc: u32) -> Mid {
        self.push(Section::Microphone { cid: cid.to_owned(), ssrc })
    }

    /// Adds a camera with a pair of streams (media and retransmissions) for each layer; gives its mid.
    pub fn add_camera(&mut self, cid: &str, layers: &[Layer], ssrcs: &[[u32; 2]]) -> Mid {
        self.push(Section::Camera { cid: cid.to_owned(), layers: layers.to_vec(), ssrcs: ssrcs.to_vec() })
    }

    /// Adds room for so many more tracks of the server's.
    pub fn add_receiving(&mut self, audios: u32, videos: u32) {
        for (kind, count) in [(MediaKind::Audio, audios), (MediaKind::Video, videos)] {
            let room = MAX_SECTIONS.saturating_sub(self.count(kind));
            for _ in 0..room.min(count as usize) {
                self.sections.push(Section::Receiving(kind));
            }
        }
    }

    fn count(&self, kind: MediaKind) -> usize {
        self.sections.iter().filter(|section| **section == Section::Receiving(kind)).count()
    }

    fn push(&mut self, section: Section) -> Mid {
        self.sections.push(section);
        mid(self.sections.len() - 1)
    }

    /// The offer, newer than the one before.
    pub fn offer(&mut self, ice: &IceCredentials, fingerprint: Fingerprint) -> String {
        self.version += 1;
        let mut out = String::with_capacity(600 * self.sections.len());
        let hash: Vec<String> = fingerprint.0.iter().map(|byte| format!("{byte:02X}")).collect();
        // Writing to a String cannot fail, here and below.
        let _ = write!(out, "v=0\r\no=- {} {} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", self.session, self.version);
        let mids: Vec<String> = (0..self.sections.len()).map(|at| at.to_string()).collect();
        let _ = write!(out, "a=group:BUNDLE {}\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n", mids.join(" "));
        for (at, section) in self.sections.iter().enumerate() {
            let (line, formats) = match section {
                Section::Microphone { .. } | Section::Receiving(MediaKind::Audio) => ("audio", "UDP/TLS/RTP/SAVPF 111"),
                Section::Camera { .. } | Section::Receiving(MediaKind::Video) => ("video", "UDP/TLS/RTP/SAVPF 96 97"),
                Section::Data => ("application", "UDP/DTLS/SCTP webrtc-datachannel"),
            };
            let _ = write!(out, "m={line} 9 {formats}\r\nc=IN IP4 0.0.0.0\r\n");
            let _ = write!(out, "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\na=ice-options:trickle\r\n", ice.ufrag, ice.pwd);
            let _ = write!(out, "a=fingerprint:sha-256 {}\r\na=setup:actpass\r\na=mid:{at}\r\n", hash.join(":"));
            section.write(&mut out);
        }
        out
    }
}

impl Section {
    fn write(&self, out: &mut String) {
        match self {
            Self::Microphone { cid, ssrc } => {
                audio(out, "sendonly");
                let _ = write!(out, "a=msid:- {cid}\r\na=ssrc:{ssrc} cname:{cid}\r\na=ssrc:{ssrc} msid:- {cid}\r\n");
            }
            Self::Camera { cid, layers, ssrcs } => {
                video(out, "sendonly");
                let _ = write!(out, "a=msid:- {cid}\r\n");
                if layers.len() > 1 {
                    let rids: Vec<&str> = layers.iter().map(|layer| layer.rid).collect();
                    rids.iter().for_each(|rid| {
                        let _ = write!(out, "a=rid:{rid} send\r\n");
                    });
                    let _ = write!(out, "a=simulcast:send {}\r\n", rids.join(";"));
                } else if let Some([media, rtx]) = ssrcs.first() {
                    let _ = write!(out, "a=ssrc-group:FID {media} {rtx}\r\n");
                    for ssrc in [media, rtx] {
                        let _ = write!(out, "a=ssrc:{ssrc} cname:{cid}\r\na=ssrc:{ssrc} msid:- {cid}\r\n");
                    }
                }
            }
            Self::Receiving(MediaKind::Audio) => audio(out, "recvonly"),
            Self::Receiving(MediaKind::Video) => video(out, "recvonly"),
            Self::Data => out.push_str("a=sctp-port:5000\r\na=max-message-size:262144\r\n"),
        }
    }
}

fn audio(out: &mut String, direction: &str) {
    extensions(out, AUDIO_EXTENSIONS);
    let _ = write!(out, "a={direction}\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\n");
    out.push_str("a=rtcp-fb:111 transport-cc\r\na=rtcp-fb:111 nack\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n");
}

fn video(out: &mut String, direction: &str) {
    extensions(out, VIDEO_EXTENSIONS);
    let _ = write!(out, "a={direction}\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:96 VP8/90000\r\n");
    for feedback in ["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"] {
        let _ = write!(out, "a=rtcp-fb:96 {feedback}\r\n");
    }
    out.push_str("a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n");
}

fn extensions(out: &mut String, list: &[(u8, ExtensionKind)]) {
    for (id, kind) in list {
        let _ = write!(out, "a=extmap:{id} {}\r\n", kind.uri());
    }
}

fn mid(at: usize) -> Mid {
    // Three digits at most.
    Mid::from(&at.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use arrayvec::ArrayString;

    use super::*;
    use crate::bench::scenario::Resolution;
    use crate::transport::DtlsRole;
    use crate::transport::sdp::Answer;

    fn ice() -> IceCredentials {
        let text = |text| ArrayString::from(text).unwrap();
        IceCredentials { ufrag: text("abcd"), pwd: text("a-password-of-24-letters") }
    }

    #[test]
    fn an_offer_holds_every_section_and_grows() {
        let mut sections = Sections::new(5);
        assert_eq!(sections.add_microphone("mic", 7).as_str(), "7");
        let layers = Resolution::P720.layers(true);
        assert_eq!(sections.add_camera("cam", &layers, &[[1, 2], [3, 4], [5, 6]]).as_str(), "8");
        let first = sections.offer(&ice(), Fingerprint([0xAB; 32]));
        sections.add_receiving(1, 200);
        let second = sections.offer(&ice(), Fingerprint([0xAB; 32]));
        for line in ["a=simulcast:send q;h;f", "a=rid:f send", "a=ssrc:7 cname:mic", "a=msid:- cam"] {
            assert!(second.contains(line), "{line}");
        }
        assert!(second.contains("o=- 2 2 IN"), "{second}");
        // Our own reader takes it for what it is.
        let read = Answer::read(&second.replace("actpass", "passive")).unwrap();
        assert_eq!(read.transport.role, DtlsRole::Active);
        assert!(read.transport.sctp.is_some());
        let count = |sdp: &str| sdp.matches("m=video").count();
        assert_eq!((count(&first), count(&second)), (4, 4 + MAX_SECTIONS - 3));
        let camera = read.sections.iter().find(|section| section.mid.as_str() == "8").unwrap();
        assert!(camera.sends && !camera.receives);
        assert_eq!(camera.extensions.id(ExtensionKind::Rid), Some(10));
        assert_eq!(camera.codecs[0].rtx.unwrap().0, 97);
    }

    #[test]
    fn a_camera_without_simulcast_names_its_streams() {
        let mut sections = Sections::new(1);
        sections.add_camera("cam", &Resolution::P720.layers(false), &[[11, 12]]);
        let offer = sections.offer(&ice(), Fingerprint([1; 32]));
        assert!(offer.contains("a=ssrc-group:FID 11 12") && !offer.contains("simulcast"));
    }
}
