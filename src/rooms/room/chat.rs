//! Chat for the observer, in rooms whose admission says that it is kept.

use std::sync::Arc;

use visavis_signaling::data::{Channel, ChatFault, Packet};

use super::Room;
use crate::rooms::observer::{ChatLine, FactKind, Who};
use crate::rooms::participant::ParticipantKey;

impl Room {
    /// Looks for chat in a message that is about to be passed on. The others get it whatever becomes of it here.
    ///
    /// Only what comes in order and for certain is kept, and nothing of whom nobody sees.
    pub(super) fn tap(&mut self, key: ParticipantKey, channel: Channel, packet: &Packet) {
        if !self.keeps_chat || channel != Channel::Reliable {
            return;
        }
        let now = self.steady_time();
        let Some(participant) = self.participants.get_mut(&key).filter(|it| !it.is_hidden()) else { return };
        let chat = match participant.chat.take(packet, now) {
            Ok(Some(chat)) => chat,
            Ok(None) => return,
            Err(fault) => return self.chat_not_kept(key, fault),
        };
        // Agents speak for others.
        let identity = packet.message().participant_identity.as_str();
        let name = self.by_identity.get(identity).and_then(|named| self.participants.get(named));
        let Some(participant) = self.participants.get(&key) else { return };
        let line = ChatLine {
            who: Who { sid: participant.sid.clone(), identity: identity.into() },
            name: name.unwrap_or(participant).claims.name.clone(),
            stream_id: chat.id,
            text: chat.text,
            reply_to: chat.reply_to,
            operation: chat.operation,
        };
        self.observe(FactKind::Chat(line));
    }

    /// Forgets texts that never came to their end.
    pub(super) fn expire_chat(&mut self) {
        let now = self.steady_time();
        let late: Vec<_> = self.participants.iter_mut().map(|(key, it)| (*key, it.chat.expire(now))).collect();
        for (key, count) in late {
            for _ in 0..count {
                self.chat_not_kept(key, ChatFault::Expired);
            }
        }
    }

    fn chat_not_kept(&self, key: ParticipantKey, fault: ChatFault) {
        self.shared.metrics.signal_errors.count("chat_not_kept");
        let identity = self.participants.get(&key).map(|it| Arc::clone(&it.identity));
        tracing::info!(room = %self.name, ?identity, %fault, "a chat message is not kept");
    }
}
