//! Refreshed tokens: what a client in a session reconnects with.

use std::time::Duration;

use super::{ApiKey, Claims, TokenError, mint};
use crate::UnixTime;

/// A refreshed token is valid for at least this long (LiveKit's
/// `roommanager.go`), unless a limit says otherwise.
pub const MIN_REFRESH_TTL: Duration = Duration::from_secs(10 * 60);

/// How often a session is given a fresh token, besides at its start and when
/// its claims change.
pub const REFRESH_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// How to refresh a token.
#[derive(Clone, Copy, Debug)]
pub struct Refresh<'a> {
    /// The participant's claims as they are now: metadata, attributes and
    /// permissions changed since joining included.
    pub claims: &'a Claims,
    /// The key to sign with, the ring's first.
    pub key: &'a ApiKey,
    /// When the token the participant joined with expires.
    pub original_expiry: Option<UnixTime>,
    /// The latest expiry a refreshed token may have, whatever the original's.
    pub limit: Option<UnixTime>,
    /// The time.
    pub now: UnixTime,
}

/// Mints the refreshed token: the current claims, with `canPublish`,
/// `canPublishData` and `canSubscribe` stated even where they are defaults. It
/// is valid for [`MIN_REFRESH_TTL`] or as long as the original, whichever is
/// longer, but not beyond `limit`. `None` when the limit has passed: then
/// there is nothing to hand out.
///
/// # Errors
///
/// Those of [`mint`].
pub fn refresh(refresh: Refresh<'_>) -> Result<Option<String>, TokenError> {
    let Refresh { claims, key, original_expiry, limit, now } = refresh;
    let mut expiry = now.plus(MIN_REFRESH_TTL);
    if let Some(original) = original_expiry {
        expiry = expiry.max(original);
    }
    if let Some(limit) = limit {
        expiry = expiry.min(limit);
    }
    if expiry <= now {
        return Ok(None);
    }

    let mut claims = claims.clone();
    if let Some(video) = &mut claims.video {
        video.can_publish = Some(video.may_publish());
        video.can_publish_data = Some(video.may_publish_data());
        video.can_subscribe = Some(video.may_subscribe());
    }
    // A body hash belongs to one request only.
    claims.sha256.clear();
    mint(&claims, key, expiry.since(now), now).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{KeyRing, VerifiedToken, verify};

    const NOW: UnixTime = UnixTime::from_secs(1_000_000);

    fn refreshed(claims: &Claims, original_expiry: Option<UnixTime>, limit: Option<UnixTime>) -> Option<VerifiedToken> {
        let key = ApiKey::new("key", "secret");
        let token = refresh(Refresh { claims, key: &key, original_expiry, limit, now: NOW })
            .expect("claims that can be signed")?;
        let keys: KeyRing = [key].into_iter().collect();
        Some(verify(&keys, &token, NOW).expect("a valid token"))
    }

    #[test]
    fn a_refreshed_token_states_its_permissions() {
        let mut claims = Claims::join("alice", "room");
        claims.metadata = "changed at run time".into();
        if let Some(video) = &mut claims.video {
            video.can_publish = Some(false);
        }
        let token = refreshed(&claims, None, None).expect("a token");
        let video = token.claims.video.expect("grants");
        assert_eq!(video.can_publish, Some(false));
        assert_eq!(video.can_publish_data, Some(false));
        assert_eq!(video.can_subscribe, Some(true));
        assert_eq!(token.claims.metadata, "changed at run time");
        assert_eq!(token.claims.identity, "alice");
    }

    #[test]
    fn a_short_original_is_stretched_to_ten_minutes() {
        let claims = Claims::join("a", "r");
        let soon = NOW.plus(Duration::from_secs(5));
        let token = refreshed(&claims, Some(soon), None).expect("a token");
        assert_eq!(token.expires_at, NOW.plus(MIN_REFRESH_TTL));
    }

    #[test]
    fn a_long_original_keeps_its_expiry() {
        let claims = Claims::join("a", "r");
        let later = NOW.plus(Duration::from_secs(7_200));
        let token = refreshed(&claims, Some(later), None).expect("a token");
        assert_eq!(token.expires_at, later);
    }

    #[test]
    fn the_limit_has_the_last_word() {
        let claims = Claims::join("a", "r");
        let limit = NOW.plus(Duration::from_secs(60));
        let later = NOW.plus(Duration::from_secs(7_200));
        let token = refreshed(&claims, Some(later), Some(limit)).expect("a token");
        assert_eq!(token.expires_at, limit);
        assert!(refreshed(&claims, Some(later), Some(NOW)).is_none());
    }

    #[test]
    fn the_id_of_the_first_token_is_inherited_by_all_that_follow_it() {
        let mut claims = Claims::join("a", "r");
        claims.jti = Some("the first".into());
        for _ in 0..3 {
            claims = refreshed(&claims, None, None).expect("a token").claims;
            assert_eq!(claims.jti.as_deref(), Some("the first"));
        }
    }

    #[test]
    fn dates_in_whole_seconds_do_not_pass_the_limit_either() {
        let claims = Claims::join("a", "r");
        for millis in [1, 999, 1_001, 59_999] {
            let limit = NOW.plus(Duration::from_millis(millis));
            let token = refreshed(&claims, None, Some(limit)).expect("a token");
            assert!(token.expires_at <= limit, "{millis}");
        }
    }
}
