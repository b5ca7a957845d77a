//! Packets that left together are one observation: how much later than its predecessor did it arrive than it left?

use std::time::{Duration, Instant};

/// Packets sent within this time of the first belong to its group.
const SPAN: Duration = Duration::from_millis(5);

/// The difference between two neighbouring groups.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delta {
    /// How much longer the second was on its way, in milliseconds; negative when it caught up.
    pub delay_ms: f64,
    /// When the second arrived, by the receiver's clock.
    pub arrived: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent: Instant,
    last_sent: Instant,
    first_arrived: Duration,
    last_arrived: Duration,
}

/// Gathers packets into groups.
#[derive(Debug, Default)]
pub struct Groups {
    previous: Option<Group>,
    current: Option<Group>,
}

impl Groups {
    /// Adds a packet; an answer comes when it opens a new group and two complete ones lie before it.
    pub fn add(&mut self, sent: Instant, arrived: Duration) -> Option<Delta> {
        let fresh = Group { first_sent: sent, last_sent: sent, first_arrived: arrived, last_arrived: arrived };
        let Some(current) = &mut self.current else {
            self.current = Some(fresh);
            return None;
        };
        // Sent before the group: out of order, and no observation.
        if sent < current.first_sent {
            return None;
        }
        if current.takes(sent, arrived) {
            current.last_sent = current.last_sent.max(sent);
            current.last_arrived = current.last_arrived.max(arrived);
            return None;
        }
        let complete = *current;
        self.current = Some(fresh);
        let previous = self.previous.replace(complete)?;
        let sent_ms = ms(complete.last_sent.saturating_duration_since(previous.last_sent));
        let arrived_ms = ms(complete.last_arrived) - ms(previous.last_arrived);
        Some(Delta { delay_ms: arrived_ms - sent_ms, arrived: complete.last_arrived })
    }
}

impl Group {
    /// Whether a packet belongs to it: sent with it, or released with it by a link that sends in bursts.
    fn takes(&self, sent: Instant, arrived: Duration) -> bool {
        if sent.saturating_duration_since(self.first_sent) <= SPAN {
            return true;
        }
        let arrived_ms = ms(arrived) - ms(self.last_arrived);
        let sent_ms = ms(sent.saturating_duration_since(self.last_sent));
        arrived_ms - sent_ms < 0.0 && (0.0..=5.0).contains(&arrived_ms) && ms(arrived) - ms(self.first_arrived) < 100.0
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_train_is_one_observation_and_lateness_is_told_between_trains() {
        let start = Instant::now();
        let mut groups = Groups::default();
        let at = |ms: u64| Duration::from_millis(1000 + ms);
        let sent = |ms| start + Duration::from_millis(ms);
        let mut told = Vec::new();
        for (left, came) in [(0, 20), (1, 21), (20, 41), (21, 46), (40, 70), (60, 85)] {
            told.extend(groups.add(sent(left), at(came)));
        }
        // 21 → 46 after 1 → 21, then 40 → 70 after that.
        assert_eq!(told.iter().map(|delta| delta.delay_ms.round()).collect::<Vec<_>>(), [5.0, 5.0]);
    }

    #[test]
    fn what_comes_out_of_order_is_no_observation() {
        let start = Instant::now() + Duration::from_secs(1);
        let mut groups = Groups::default();
        assert_eq!(groups.add(start, Duration::from_secs(1)), None);
        assert_eq!(groups.add(start - Duration::from_millis(50), Duration::from_millis(1010)), None);
        assert_eq!(groups.add(start + Duration::from_millis(20), Duration::from_millis(1020)), None);
        assert!(groups.add(start + Duration::from_millis(40), Duration::from_millis(1040)).is_some());
    }
}
