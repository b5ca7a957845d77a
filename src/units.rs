//! Types with units: what a bare integer on the wire means is said here once.
//!
//! Sequence numbers and RTP timestamps wrap, so they have no `Ord`; compare them with
//! [`SeqNo::is_newer_than`] and [`RtpTime::is_newer_than`] (RFC 3550, RFC 1982).

pub mod rfc3339;

use std::fmt;
use std::time::Duration;

use arrayvec::ArrayString;
pub use visavis_signaling::UnixTime;

/// Bits per second.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bitrate(pub u64);

impl Bitrate {
    /// A rate given in kilobits (1000 bits) per second.
    pub const fn from_kbps(kbps: u64) -> Self {
        Self(kbps * 1000)
    }

    /// The rate of `bytes` sent in `time`; zero when no time has passed.
    pub fn of(bytes: u64, time: Duration) -> Self {
        let micros = time.as_micros().max(1) as u64;
        Self(bytes.saturating_mul(8_000_000) / micros)
    }

    /// Bits per second.
    pub const fn bps(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} kbit/s", self.0 / 1000)
    }
}

/// RTP sequence number, 16 bits, wrapping (RFC 3550 §5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SeqNo(pub u16);

impl SeqNo {
    /// True when `self` comes after `other` by less than half the number space.
    pub const fn is_newer_than(self, other: SeqNo) -> bool {
        let diff = self.0.wrapping_sub(other.0);
        diff != 0 && diff < 0x8000
    }

    /// `self + n`, wrapping.
    #[must_use]
    pub const fn add(self, n: u16) -> Self {
        Self(self.0.wrapping_add(n))
    }

    /// Signed distance from `other` to `self`, in `-32768..=32767`.
    pub const fn distance_from(self, other: SeqNo) -> i32 {
        self.0.wrapping_sub(other.0) as i16 as i32
    }

    /// The 64-bit extension of this number that lies nearest to `reference`
    /// (an already extended number of the same stream).
    pub const fn extend(self, reference: u64) -> u64 {
        let step = self.0.wrapping_sub(reference as u16) as i16 as i64;
        let extended = reference as i64 + step;
        if extended < 0 { (extended + 0x1_0000) as u64 } else { extended as u64 }
    }
}

/// RTP timestamp in units of the stream's clock rate, wrapping (RFC 3550 §5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RtpTime(pub u32);

impl RtpTime {
    /// True when `self` comes after `other` by less than half the number space.
    pub const fn is_newer_than(self, other: RtpTime) -> bool {
        let diff = self.0.wrapping_sub(other.0);
        diff != 0 && diff < 0x8000_0000
    }

    /// `self + ticks`, wrapping.
    #[must_use]
    pub const fn add(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    /// Signed distance from `other` to `self`, in ticks.
    pub const fn distance_from(self, other: RtpTime) -> i32 {
        self.0.wrapping_sub(other.0) as i32
    }
}

/// Synchronisation source of an RTP stream (RFC 3550 §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ssrc(pub u32);

/// RTP payload type, 7 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PayloadType(pub u8);

/// Ticks per second of an RTP clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClockRate(pub u32);

impl ClockRate {
    /// Ticks in `time`, rounded down, wrapping at 32 bits as RTP timestamps do.
    pub const fn ticks(self, time: Duration) -> u32 {
        (time.as_nanos() * self.0 as u128 / 1_000_000_000) as u32
    }

    /// The time that `ticks` take.
    pub const fn duration(self, ticks: u32) -> Duration {
        Duration::from_nanos((ticks as u64 * 1_000_000_000) / self.0 as u64)
    }
}

/// NTP timestamp, 32.32 fixed point seconds since 1900 (RFC 3550 §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// Seconds between the NTP epoch (1900) and the Unix epoch (1970).
    const UNIX_OFFSET: u64 = 2_208_988_800;

    /// The NTP time of a Unix time.
    pub fn from_unix(unix: UnixTime) -> Self {
        let millis = unix.0.max(0) as u64;
        let secs = millis / 1000 + Self::UNIX_OFFSET;
        let frac = ((millis % 1000) << 32) / 1000;
        Self((secs << 32) | frac)
    }

    /// `self + time`.
    #[must_use]
    pub const fn add(self, time: Duration) -> Self {
        let frac = ((time.subsec_nanos() as u64) << 32) / 1_000_000_000;
        Self(self.0.wrapping_add((time.as_secs() << 32) + frac))
    }

    /// The middle 32 bits, as sender and receiver reports carry them (RFC 3550 §6.4.1).
    pub const fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// Media identification of an SDP section (RFC 8843), at most 16 bytes as RTP header extensions carry it.
pub type Mid = ArrayString<16>;

/// RTP stream id of a simulcast layer (RFC 8852), at most 16 bytes.
pub type Rid = ArrayString<16>;

/// Audio or video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// An `m=audio` section.
    Audio,
    /// An `m=video` section.
    Video,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_compare_across_the_wrap() {
        assert!(SeqNo(2).is_newer_than(SeqNo(65_534)));
        assert!(!SeqNo(65_534).is_newer_than(SeqNo(2)));
        assert!(!SeqNo(7).is_newer_than(SeqNo(7)));
        assert_eq!(SeqNo(1).distance_from(SeqNo(65_535)), 2);
    }

    #[test]
    fn a_sequence_number_extends_to_the_nearest_cycle() {
        assert_eq!(SeqNo(3).extend(0x1_FFFE), 0x2_0003);
        assert_eq!(SeqNo(0xFFFE).extend(0x2_0003), 0x1_FFFE);
        assert_eq!(SeqNo(0xFFFE).extend(3), 0xFFFE);
    }

    #[test]
    fn ntp_time_keeps_milliseconds() {
        let ntp = NtpTime::from_unix(UnixTime(1_500));
        assert_eq!(ntp.0 >> 32, 2_208_988_801);
        assert_eq!(ntp.0 as u32, 1 << 31);
    }
}
