//! Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01).
//!
//! [`TwccRecorder`] is the receiver of media: it notes when packets arrived and builds feedback. [`TwccSender`] is the
//! sender: it numbers packets, remembers them, and matches them with the [`TwccFeedback`] that comes back.

mod feedback;
mod recorder;
mod sender;

pub use feedback::{MAX_STATUSES, TwccError, TwccFeedback};
pub use recorder::TwccRecorder;
pub use sender::{PacketResult, TwccSender};

use std::time::Duration;

/// Receive deltas count units of 250 µs.
const TICK: Duration = Duration::from_micros(250);
/// The reference time counts units of 64 ms.
const TICKS_PER_REFERENCE: i64 = 256;
/// Most packets that one run-length chunk stands for (13 bits).
const MAX_RUN: usize = 0x1FFF;
