//! Which events webhooks are told of, and how one gets into their queue.

use serde_json::{Value, json};

use crate::ids::{DeliveryId, RecordId};
use crate::scheduler::Error;
use crate::store::Tx;
use crate::units::UnixTime;
use crate::units::rfc3339::format as rfc3339;

/// Every event that a webhook can subscribe to.
pub const WEBHOOK_EVENTS: [&str; 23] = [
    "appointment.requested",
    "appointment.approved",
    "appointment.rejected",
    "appointment.proposed",
    "appointment.proposal_declined",
    "appointment.rescheduled",
    "appointment.cancelled",
    "appointment.expired",
    "appointment.started",
    "appointment.completed",
    "appointment.no_show",
    "appointment.corrected",
    "appointment.opened_early",
    "appointment.extended",
    "appointment.window_changed",
    "appointment.joined",
    "appointment.left",
    "appointment.seat_added",
    "appointment.seat_removed",
    "lobby.waiting",
    "lobby.admitted",
    "call.started",
    "call.ended",
];

/// What a webhook is sent to see whether it works. Nobody subscribes to it.
pub(super) const PING: &str = "webhook.ping";

/// Queues an event for every webhook that wants it.
///
/// # Errors
///
/// [`Error::Store`].
pub(in crate::scheduler) fn webhook(tx: &mut Tx<'_>, now: UnixTime, event: &str, data: &Value) -> Result<(), Error> {
    debug_assert!(WEBHOOK_EVENTS.contains(&event), "nobody can subscribe to {event}");
    let hooks: Vec<(String, String)> = {
        let mut query = tx.prepare_cached("SELECT id, events FROM webhooks WHERE active = 1")?;
        query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?
    };
    let wanted: Vec<String> =
        hooks.into_iter().filter(|(_, patterns)| wants(patterns, event)).map(|(id, _)| id).collect();
    if wanted.is_empty() { Ok(()) } else { queue(tx, now, &wanted, event, data).map(drop) }
}

/// Queues an event for these webhooks. The deliveries, in their order.
pub(super) fn queue(
    tx: &mut Tx<'_>,
    now: UnixTime,
    hooks: &[String],
    event: &str,
    data: &Value,
) -> Result<Vec<DeliveryId>, Error> {
    let id = RecordId::new(now, tx.rng()).to_string();
    let payload = json!({ "id": id, "type": event, "createdAt": rfc3339(now), "data": data }).to_string();
    let mut deliveries = Vec::with_capacity(hooks.len());
    for hook in hooks {
        let delivery = DeliveryId::new(now, tx.rng());
        tx.prepare_cached(
            "INSERT INTO webhook_deliveries (id, webhook_id, event_id, event_type, payload, next_at, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        )?
        .execute((delivery, hook, &id, event, &payload, now.0))?;
        deliveries.push(delivery);
    }
    tx.stir();
    Ok(deliveries)
}

/// Whether a pattern names an event: `*`, all of a group (`appointment.*`), or the event itself.
fn names(pattern: &str, event: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(group) => group.ends_with('.') && event.starts_with(group),
        None => pattern == event,
    }
}

/// Whether a JSON array of patterns names an event.
fn wants(patterns: &str, event: &str) -> bool {
    let patterns: Vec<String> = serde_json::from_str(patterns).unwrap_or_default();
    patterns.iter().any(|pattern| names(pattern, event))
}

/// Whether a pattern names any event at all.
pub(super) fn means_something(pattern: &str) -> bool {
    WEBHOOK_EVENTS.iter().any(|event| names(pattern, event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_name_events_whole_by_their_group_or_all() {
        assert!(wants(r#"["*"]"#, "call.started"));
        assert!(wants(r#"["appointment.*"]"#, "appointment.approved"));
        assert!(!wants(r#"["appointment.*"]"#, "call.started"));
        assert!(wants(r#"["call.started", "call.ended"]"#, "call.ended"));
        assert!(!wants("[]", "call.ended") && !wants("no json", "call.ended"));
        for pattern in ["*", "lobby.*", "appointment.no_show"] {
            assert!(means_something(pattern), "{pattern}");
        }
        for pattern in ["", "app*", "**", "call", "call.", "call.*.x", "appointment.held", PING, "webhook.*"] {
            assert!(!means_something(pattern), "{pattern}");
        }
    }
}
