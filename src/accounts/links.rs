//! Links that come by mail: to sign in, to reset a password, to confirm an address. Each works once.
//!
//! They are opened by POST alone (the page behind a link has a button), so that what scans mail for harmful links
//! uses none up.

use std::time::Duration;

use rusqlite::{OptionalExtension, Row};
use serde_json::json;

use super::secrets::{hash_of, new_secret, presented};
use super::sessions::{self, Owner};
use super::{Accounts, AccountsError, Device, Email, Person, SignedIn, credentials, password, people, subject};
use crate::config::{AccountSettings, Secret};
use crate::ids::{RecordId, UserId};
use crate::store::{Actor, Channel, Outgoing, Reader, Role, RowExt, StoreError, Tx};
use crate::units::UnixTime;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const RESET_TTL: Duration = HOUR;
const VERIFY_TTL: Duration = Duration::from_secs(2 * 24 * 60 * 60);
const INVITATION_TTL: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Most open links of a kind. Those that came before go on working, so nobody can keep another one out by asking.
const MAX_OPEN: i64 = 3;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkKind {
    /// To sign in.
    Magic,
    /// To set another password.
    Reset,
    /// To set the first password.
    Invitation,
    /// To confirm an address.
    Verify,
}

impl LinkKind {
    /// The kind as the database spells it. An invitation does what a reset does.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Magic => "magic",
            Self::Reset | Self::Invitation => "reset",
            Self::Verify => "verify",
        }
    }

    /// How long a link works.
    const fn ttl(self, settings: &AccountSettings) -> Duration {
        match self {
            Self::Magic => settings.magic_link_ttl,
            Self::Reset => RESET_TTL,
            Self::Invitation => INVITATION_TTL,
            Self::Verify => VERIFY_TTL,
        }
    }

    /// How whoever writes the mail knows it.
    const fn mail(self) -> &'static str {
        match self {
            Self::Magic => "magic_link",
            Self::Reset => "password_reset",
            Self::Invitation => "invitation",
            Self::Verify => "verify_email",
        }
    }
}

/// A link that somebody presents.
struct Link {
    id: RecordId,
    user: UserId,
    email: String,
    role: Role,
}

impl Accounts {
    /// Sends a link that signs in, where there is such an account. Whoever asks learns nothing of that: the answer is
    /// given before the work is done.
    ///
    /// # Errors
    ///
    /// [`AccountsError::InvalidEmail`].
    pub fn request_magic_link(&self, email: &str) -> Result<(), AccountsError> {
        self.request(LinkKind::Magic, email.parse()?);
        Ok(())
    }

    /// Sends a link that sets another password, where there is such an account; as [`Self::request_magic_link`].
    ///
    /// # Errors
    ///
    /// [`AccountsError::InvalidEmail`].
    pub fn request_password_reset(&self, email: &str) -> Result<(), AccountsError> {
        self.request(LinkKind::Reset, email.parse()?);
        Ok(())
    }

    /// Sends the mail that asks to confirm one's address once more.
    ///
    /// # Errors
    ///
    /// [`AccountsError::NotFound`].
    pub async fn request_verification(&self, user: UserId) -> Result<(), AccountsError> {
        let person = self.person(Actor::System, user).await?;
        if person.email_verified_at.is_some() {
            return Ok(());
        }
        let (now, expires_at) = self.link_times(LinkKind::Verify);
        self.store().write(move |tx| make(tx, now, user, LinkKind::Verify, &person.email, expires_at)).await
    }

    /// Sends the invitation of an account that nobody has signed in to yet once more.
    ///
    /// # Errors
    ///
    /// [`AccountsError::WrongRole`], [`AccountsError::NotFound`].
    pub async fn invite(&self, actor: Actor, user: UserId) -> Result<(), AccountsError> {
        super::require_admin(actor)?;
        let person = self.person(actor, user).await?;
        let (now, expires_at) = self.link_times(LinkKind::Invitation);
        self.store().write(move |tx| make(tx, now, user, LinkKind::Invitation, &person.email, expires_at)).await
    }

    /// Signs in by a link. It proves the address; a password that was set by whoever had not proved it goes.
    ///
    /// # Errors
    ///
    /// [`AccountsError::LinkInvalid`], [`AccountsError::LinkUsed`], [`AccountsError::AccountDisabled`].
    pub async fn open_magic_link(&self, token: &str, device: Device) -> Result<SignedIn, AccountsError> {
        let hash = presented(token).ok_or(AccountsError::LinkInvalid)?;
        let (now, ttl) = (self.now(), self.settings().session_ttl);
        let open = move |tx: &mut Tx<'_>| {
            let link = take(tx, now, &hash, LinkKind::Magic)?;
            prove_address(tx, now, link.user)?;
            let actor = Actor::User(link.user, link.role);
            tx.audit(now, actor, "user.signed_in", &subject(link.user), &json!({ "by": "link" }))?;
            sessions::open(tx, now, Owner::User(link.user), now.plus(ttl), &device)
        };
        let session = self.store().write(open).await?;
        self.signed_in(session).await
    }

    /// Sets a password by a link, of a reset or an invitation, and signs in. All other devices are signed out.
    ///
    /// # Errors
    ///
    /// [`AccountsError::LinkInvalid`], [`AccountsError::LinkUsed`], [`AccountsError::AccountDisabled`],
    /// [`AccountsError::WeakPassword`] (the link works on, then).
    pub async fn reset_password(&self, token: &str, new: &str, device: Device) -> Result<SignedIn, AccountsError> {
        let hash = presented(token).ok_or(AccountsError::LinkInvalid)?;
        let now = self.now();
        // Nobody makes us hash without a link that works.
        let person = self.holder(hash.clone(), now).await?;
        password::check(new, &person.email, &person.name)?;
        let kept = self.hasher().hash(new).await?;
        let ttl = self.settings().session_ttl;
        let reset = move |tx: &mut Tx<'_>| {
            let link = take(tx, now, &hash, LinkKind::Reset)?;
            prove_address(tx, now, link.user)?;
            credentials::store_password(tx, now, link.user, &kept)?;
            let actor = Actor::User(link.user, link.role);
            tx.audit(now, actor, "user.password_reset", &subject(link.user), &json!({}))?;
            sessions::open(tx, now, Owner::User(link.user), now.plus(ttl), &device)
        };
        let session = self.store().write(reset).await?;
        self.signed_in(session).await
    }

    /// Confirms an address by a link: the account's own, or the one that it is to have from now on.
    ///
    /// # Errors
    ///
    /// [`AccountsError::LinkInvalid`], [`AccountsError::LinkUsed`], [`AccountsError::EmailTaken`] where somebody else
    /// has taken the address meanwhile.
    pub async fn verify_email(&self, token: &str) -> Result<Person, AccountsError> {
        let hash = presented(token).ok_or(AccountsError::LinkInvalid)?;
        let now = self.now();
        let verify = move |tx: &mut Tx<'_>| {
            let link = take(tx, now, &hash, LinkKind::Verify)?;
            if people::is_taken(tx, &link.email, Some(link.user))? {
                return Err(AccountsError::EmailTaken);
            }
            let sql = "SELECT email = ?2 FROM users WHERE id = ?1";
            let same: bool = tx.prepare_cached(sql)?.query_row((link.user, &link.email), |row| row.get(0))?;
            let sql = "UPDATE users SET email = ?2, email_verified_at = ?3, updated_at = ?3 WHERE id = ?1";
            tx.prepare_cached(sql)?.execute((link.user, &link.email, now.0))?;
            if !same {
                // What lies in the old mailbox opens this account no more.
                drop_all(tx, link.user)?;
            }
            let action = if same { "user.email_verified" } else { "user.email_changed" };
            tx.audit(now, Actor::User(link.user, link.role), action, &subject(link.user), &json!({}))?;
            Ok(link.user)
        };
        let user = self.store().write(verify).await?;
        self.person(Actor::System, user).await
    }

    /// A link that signs somebody in, for whoever has the machine: it is not mailed. Good for one day, once.
    ///
    /// # Errors
    ///
    /// [`AccountsError::NotFound`].
    pub async fn sign_in_link(&self, user: UserId) -> Result<Secret, AccountsError> {
        let person = self.person(Actor::System, user).await?;
        let now = self.now();
        let make = move |tx: &mut Tx<'_>| {
            tx.audit(now, Actor::System, "user.link_made", &subject(user), &json!({}))?;
            issue(tx, now, user, LinkKind::Magic, &person.email, now.plus(DAY)).map(|(_, token)| token)
        };
        self.store().write(make).await
    }

    fn request(&self, kind: LinkKind, email: Email) {
        let this = self.clone();
        tokio::spawn(async move {
            match this.send(kind, email).await {
                Ok(()) => {}
                // Whoever asks too often does not write into the log as well.
                Err(AccountsError::Store(StoreError::Busy)) => tracing::debug!("a link is not sent: too much waits"),
                Err(error) => tracing::error!(%error, kind = kind.mail(), "a link cannot be sent"),
            }
        });
    }

    /// Sends a link to an address, where there is an account of it.
    pub(super) async fn send(&self, kind: LinkKind, email: Email) -> Result<(), AccountsError> {
        let (now, expires_at) = self.link_times(kind);
        let send = move |tx: &mut Tx<'_>| {
            let sql = "SELECT id FROM users WHERE email = ?1 AND status = 'active'";
            let user = tx.prepare_cached(sql)?.query_row([email.as_str()], |row| row.get(0)).optional()?;
            user.map_or(Ok(()), |user| make(tx, now, user, kind, email.as_str(), expires_at))
        };
        self.store().write(send).await
    }

    /// Now, and when a link that is made now stops to work.
    pub(super) fn link_times(&self, kind: LinkKind) -> (UnixTime, UnixTime) {
        let now = self.now();
        (now, now.plus(kind.ttl(self.settings())))
    }

    /// Whose a link is that sets a password.
    async fn holder(&self, hash: String, now: UnixTime) -> Result<Person, AccountsError> {
        let query = move |reader: &Reader<'_>| {
            let sql =
                "SELECT user_id, expires_at, used_at FROM system_login_tokens WHERE token_hash = ?1 AND kind = 'reset'";
            let row = |row: &Row<'_>| Ok((row.get::<_, UserId>(0)?, row.time(1)?, row.maybe_time(2)?));
            match reader.prepare_cached(sql)?.query_row([hash], row).optional()? {
                Some((_, _, Some(_))) => Err(AccountsError::LinkUsed),
                Some((user, expires_at, None)) if expires_at > now => people::find(reader, user),
                _ => Err(AccountsError::LinkInvalid),
            }
        };
        self.store().read(Actor::System, query).await
    }
}

/// Makes a link and puts the mail that carries it into the outbox, unless enough are open.
pub(super) fn make(
    tx: &mut Tx<'_>,
    now: UnixTime,
    user: UserId,
    kind: LinkKind,
    email: &str,
    expires_at: UnixTime,
) -> Result<(), AccountsError> {
    let sql =
        "SELECT count(*) FROM login_tokens WHERE user_id = ?1 AND kind = ?2 AND used_at IS NULL AND expires_at > ?3";
    let open: i64 = tx.prepare_cached(sql)?.query_row((user, kind.as_str(), now.0), |row| row.get(0))?;
    if open >= MAX_OPEN {
        return Ok(());
    }
    let sql = "SELECT name, locale FROM users WHERE id = ?1";
    let (name, locale): (String, String) =
        tx.prepare_cached(sql)?.query_row([user], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (id, token) = issue(tx, now, user, kind, email, expires_at)?;
    let payload = json!({
        "kind": kind.mail(), "token": token.reveal(), "email": email, "name": name, "locale": locale,
        "expires_at": expires_at.0,
    });
    let dedupe_key = outbox_key(id);
    tx.send(
        now,
        &Outgoing {
            channel: Channel::Mail,
            dedupe_key: &dedupe_key,
            user: Some(user),
            appointment: None,
            payload: &payload,
            due_at: now,
        },
    )?;
    Ok(())
}

/// Makes a link, of which only the hash is kept.
fn issue(
    tx: &mut Tx<'_>,
    now: UnixTime,
    user: UserId,
    kind: LinkKind,
    email: &str,
    expires_at: UnixTime,
) -> Result<(RecordId, Secret), AccountsError> {
    let (id, token) = (RecordId::new(now, tx.rng()), new_secret(tx.rng()));
    tx.prepare_cached(
        "INSERT INTO login_tokens (id, token_hash, user_id, kind, email, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute((id, hash_of(token.reveal()), user, kind.as_str(), email, now.0, expires_at.0))?;
    Ok((id, token))
}

/// Uses a link up.
fn take(tx: &mut Tx<'_>, now: UnixTime, hash: &str, kind: LinkKind) -> Result<Link, AccountsError> {
    let sql = "SELECT t.id, t.user_id, t.email, u.role, t.expires_at, t.used_at, u.status
         FROM login_tokens t JOIN users u ON u.id = t.user_id WHERE t.token_hash = ?1 AND t.kind = ?2";
    let row = |row: &Row<'_>| {
        let link = Link { id: row.get(0)?, user: row.get(1)?, email: row.get(2)?, role: row.get(3)? };
        Ok((link, row.time(4)?, row.maybe_time(5)?, row.get::<_, String>(6)?))
    };
    let found = tx.prepare_cached(sql)?.query_row((hash, kind.as_str()), row).optional()?;
    let (link, expires_at, used_at, status) = found.ok_or(AccountsError::LinkInvalid)?;
    if used_at.is_some() {
        return Err(AccountsError::LinkUsed);
    }
    if expires_at <= now {
        return Err(AccountsError::LinkInvalid);
    }
    if status != "active" {
        return Err(AccountsError::AccountDisabled);
    }
    tx.prepare_cached("UPDATE login_tokens SET used_at = ?2 WHERE id = ?1")?.execute((link.id, now.0))?;
    Ok(link)
}

/// Notes that somebody has shown to read the account's mail. What was set up before by whoever had not shown it (the
/// account may have been made in another one's name) goes: password and sessions.
pub(super) fn prove_address(tx: &Tx<'_>, now: UnixTime, user: UserId) -> Result<(), AccountsError> {
    let sql = "UPDATE users SET email_verified_at = ?2, password_hash = NULL, updated_at = ?2
         WHERE id = ?1 AND email_verified_at IS NULL";
    if tx.prepare_cached(sql)?.execute((user, now.0))? > 0 {
        sessions::revoke_all(tx, now, user, None)?;
    }
    Ok(())
}

/// Lets no open link of an account work any more. Used ones stay, so that who opens one again is told so.
pub(super) fn drop_all(tx: &Tx<'_>, user: UserId) -> Result<(), AccountsError> {
    forget_tokens(tx, "user_id = ?1 AND used_at IS NULL", [user])
}

/// [`drop_all`] of one kind.
pub(super) fn drop_kind(tx: &Tx<'_>, user: UserId, kind: LinkKind) -> Result<(), AccountsError> {
    forget_tokens(tx, "user_id = ?1 AND kind = ?2 AND used_at IS NULL", (user, kind.as_str()))
}

/// Deletes links, and the mails that would carry them.
fn forget_tokens(tx: &Tx<'_>, which: &str, params: impl rusqlite::Params) -> Result<(), AccountsError> {
    let ids: Vec<RecordId> = tx
        .prepare_cached(&format!("DELETE FROM login_tokens WHERE {which} RETURNING id"))?
        .query_map(params, |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    ids.into_iter().try_for_each(|id| forget_mail(tx, id))
}

/// Takes the secret out of the mail that carried a link. One that has not been sent yet is not sent.
pub(super) fn forget_mail(tx: &Tx<'_>, link: RecordId) -> Result<(), AccountsError> {
    let sql = "UPDATE outbox SET payload = json_remove(payload, '$.token'),
           done_at = CASE state WHEN 'due' THEN due_at ELSE done_at END,
           state = CASE state WHEN 'due' THEN 'dropped' ELSE state END
         WHERE dedupe_key = ?1";
    tx.prepare_cached(sql)?.execute([outbox_key(link)])?;
    Ok(())
}

/// The key in the outbox of the mail that carries a link.
pub(super) fn outbox_key(link: RecordId) -> String {
    format!("link:{link}")
}
