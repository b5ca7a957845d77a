//! Signing in by password, and changing what one signs in with.

use std::time::Duration;

use rusqlite::{OptionalExtension, Row};
use serde_json::json;

use super::links::{self, LinkKind};
use super::password::{self, Verdict};
use super::sessions::{self, NewSession, Owner};
use super::{Accounts, AccountsError, Device, Email, Person, people, subject};
use crate::ids::{SessionId, UserId};
use crate::store::{Actor, Reader, Role, Tx};
use crate::units::UnixTime;

/// How long a sign-in stands for the password that somebody does not have.
const FRESH: Duration = Duration::from_secs(15 * 60);

/// Somebody who has just signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who.
    pub person: Person,
    /// The session that was opened.
    pub session: NewSession,
}

/// What a password is checked against.
struct Kept {
    id: UserId,
    role: Role,
    email: String,
    name: String,
    hash: Option<String>,
}

impl Kept {
    const COLUMNS: &str = "id, role, email, name, password_hash";

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, role: row.get(1)?, email: row.get(2)?, name: row.get(3)?, hash: row.get(4)? })
    }
}

impl Accounts {
    /// Signs in by password. Who has no account learns the same as who has the password wrong, after the same work.
    ///
    /// # Errors
    ///
    /// [`AccountsError::InvalidCredentials`]; with the right password also [`AccountsError::AccountDisabled`];
    /// [`AccountsError::Busy`].
    pub async fn sign_in(&self, email: &str, password: &str, device: Device) -> Result<SignedIn, AccountsError> {
        if password.chars().count() > password::MAX_LENGTH {
            return Err(AccountsError::InvalidCredentials);
        }
        let kept = match email.parse::<Email>() {
            Ok(email) => self.kept_by_email(email).await?,
            Err(_) => None,
        };
        let hash = kept.as_ref().and_then(|kept| kept.hash.as_deref());
        let verdict = self.hasher().verify(password, hash).await?;
        let Some(kept) = kept.filter(|_| verdict != Verdict::Wrong) else {
            return Err(AccountsError::InvalidCredentials);
        };
        let (now, ttl) = (self.now(), self.settings().session_ttl);
        let sign_in = move |tx: &mut Tx<'_>| {
            // What was checked may have changed while the password was hashed.
            let sql = "SELECT status FROM users WHERE id = ?1 AND password_hash = ?2";
            let status = tx.prepare_cached(sql)?.query_row((kept.id, &kept.hash), |row| row.get::<_, String>(0));
            match status.optional()?.as_deref() {
                Some("active") => {}
                Some("disabled") => return Err(AccountsError::AccountDisabled),
                _ => return Err(AccountsError::InvalidCredentials),
            }
            if let Verdict::RightKeepAs(hash) = &verdict {
                let sql = "UPDATE users SET password_hash = ?2 WHERE id = ?1";
                tx.prepare_cached(sql)?.execute((kept.id, hash))?;
            }
            let actor = Actor::User(kept.id, kept.role);
            tx.audit(now, actor, "user.signed_in", &subject(kept.id), &json!({ "by": "password" }))?;
            sessions::open(tx, now, Owner::User(kept.id), now.plus(ttl), &device)
        };
        let session = self.store().write(sign_in).await?;
        self.signed_in(session).await
    }

    /// Whether it is really the person who asks, for what a session alone is not enough for: by the password, or by a
    /// fresh sign-in where there is none.
    ///
    /// # Errors
    ///
    /// [`AccountsError::InvalidCredentials`], [`AccountsError::SignInAgain`].
    pub async fn confirm(&self, user: UserId, session: SessionId, password: Option<&str>) -> Result<(), AccountsError> {
        match self.confirmed(user, password.unwrap_or_default()).await {
            Ok(_) => Ok(()),
            Err(AccountsError::NoPassword) => self.fresh(user, session).await,
            Err(error) => Err(error),
        }
    }

    /// Changes the password. The old one is needed; other devices are signed out, and open links stop to work.
    ///
    /// # Errors
    ///
    /// [`AccountsError::InvalidCredentials`] where the old one is wrong, [`AccountsError::NoPassword`] where there is
    /// none, [`AccountsError::WeakPassword`].
    pub async fn change_password(
        &self,
        user: UserId,
        session: SessionId,
        old: &str,
        new: &str,
    ) -> Result<(), AccountsError> {
        let kept = self.confirmed(user, old).await?;
        password::check(new, &kept.email, &kept.name)?;
        let hash = self.hasher().hash(new).await?;
        let now = self.now();
        let change = move |tx: &mut Tx<'_>| {
            let sql = "UPDATE users SET password_hash = ?3, updated_at = ?4
                 WHERE id = ?1 AND password_hash = ?2 AND status = 'active'";
            if tx.prepare_cached(sql)?.execute((user, &kept.hash, &hash, now.0))? == 0 {
                return Err(AccountsError::InvalidCredentials);
            }
            sessions::revoke_all(tx, now, user, Some(session))?;
            links::drop_all(tx, user)?;
            tx.audit(now, Actor::User(user, kept.role), "user.password_changed", &subject(user), &json!({}))?;
            Ok(())
        };
        self.store().write(change).await
    }

    /// Sets a password, for whoever has a shell. All devices are signed out, and open links stop to work.
    ///
    /// # Errors
    ///
    /// [`AccountsError::WrongRole`], [`AccountsError::NotFound`], [`AccountsError::WeakPassword`].
    pub async fn set_password(&self, actor: Actor, user: UserId, new: &str) -> Result<(), AccountsError> {
        super::require_admin(actor)?;
        let person = self.person(actor, user).await?;
        password::check(new, &person.email, &person.name)?;
        let hash = self.hasher().hash(new).await?;
        let now = self.now();
        let set = move |tx: &mut Tx<'_>| {
            store_password(tx, now, user, &hash)?;
            tx.audit(now, actor, "user.password_set", &subject(user), &json!({}))?;
            Ok(())
        };
        self.store().write(set).await
    }

    /// Asks for another address. A mail goes to the new one, and the change is made when its link is opened: whoever
    /// mistypes it takes no account away. The password is needed, or a fresh sign-in where there is none: whoever
    /// finds an open browser has neither.
    ///
    /// # Errors
    ///
    /// [`AccountsError::InvalidEmail`], [`AccountsError::EmailTaken`], [`AccountsError::InvalidCredentials`],
    /// [`AccountsError::SignInAgain`].
    pub async fn change_email(
        &self,
        user: UserId,
        session: SessionId,
        password: Option<&str>,
        email: &str,
    ) -> Result<(), AccountsError> {
        let email: Email = email.parse()?;
        self.confirm(user, session, password).await?;
        let (now, expires_at) = self.link_times(LinkKind::Verify);
        let ask = move |tx: &mut Tx<'_>| {
            if people::is_taken(tx, email.as_str(), Some(user))? {
                return Err(AccountsError::EmailTaken);
            }
            // One change at a time: the link of an earlier one does not undo a later one.
            links::drop_kind(tx, user, LinkKind::Verify)?;
            links::make(tx, now, user, LinkKind::Verify, email.as_str(), expires_at)
        };
        self.store().write(ask).await
    }

    async fn confirmed(&self, user: UserId, password: &str) -> Result<Kept, AccountsError> {
        let query = move |reader: &Reader<'_>| {
            let sql = format!("SELECT {} FROM system_users WHERE id = ?1 AND status = 'active'", Kept::COLUMNS);
            let found = reader.prepare_cached(&sql)?.query_row([user], Kept::from_row).optional()?;
            found.ok_or(AccountsError::NotFound)
        };
        let kept = self.store().read(Actor::System, query).await?;
        let hash = kept.hash.as_deref().ok_or(AccountsError::NoPassword)?;
        if password.chars().count() > password::MAX_LENGTH
            || self.hasher().verify(password, Some(hash)).await? == Verdict::Wrong
        {
            return Err(AccountsError::InvalidCredentials);
        }
        Ok(kept)
    }

    /// Whether somebody has signed in just now, by whatever means.
    async fn fresh(&self, user: UserId, session: SessionId) -> Result<(), AccountsError> {
        let since = self.now().minus(FRESH);
        let query = move |reader: &Reader<'_>| {
            let sql = "SELECT 1 FROM system_sessions
                 WHERE id = ?1 AND user_id = ?2 AND created_at > ?3 AND revoked_at IS NULL";
            let found = reader.prepare_cached(sql)?.query_row((session, user, since.0), |_| Ok(())).optional()?;
            found.ok_or(AccountsError::SignInAgain)
        };
        self.store().read(Actor::System, query).await
    }

    async fn kept_by_email(&self, email: Email) -> Result<Option<Kept>, AccountsError> {
        let query = move |reader: &Reader<'_>| {
            let sql = format!("SELECT {} FROM system_users WHERE email = ?1", Kept::COLUMNS);
            Ok(reader.prepare_cached(&sql)?.query_row([email.as_str()], Kept::from_row).optional()?)
        };
        self.store().read(Actor::System, query).await
    }

    /// A session with the person whose it is.
    pub(super) async fn signed_in(&self, session: NewSession) -> Result<SignedIn, AccountsError> {
        let Owner::User(user) = session.owner else { return Err(AccountsError::NotFound) };
        let person = self.person(Actor::System, user).await?;
        Ok(SignedIn { person, session })
    }
}

/// Keeps a new password, signs every device out and lets no open link work any more.
pub(super) fn store_password(tx: &mut Tx<'_>, now: UnixTime, user: UserId, hash: &str) -> Result<(), AccountsError> {
    let sql = "UPDATE users SET password_hash = ?2, updated_at = ?3 WHERE id = ?1 AND status <> 'erased'";
    if tx.prepare_cached(sql)?.execute((user, hash, now.0))? == 0 {
        return Err(AccountsError::NotFound);
    }
    sessions::revoke_all(tx, now, user, None)?;
    links::drop_all(tx, user)
}
