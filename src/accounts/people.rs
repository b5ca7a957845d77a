//! Who has an account: making one, reading it, changing what it says.

use std::fmt;
use std::str::FromStr;

use rusqlite::{OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::fields::{self, Email};
use super::links::{self, LinkKind};
use super::sessions::{self, Owner};
use super::{Accounts, AccountsError, Device, SignedIn, password, require_admin, require_self_or_admin, subject};
use crate::config::{QuietHours, Registration};
use crate::ids::UserId;
use crate::store::{Actor, Reader, Role, RowExt, StoreError, Tx};
use crate::units::UnixTime;

/// Whether somebody may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = AccountStatus)]
pub enum Status {
    /// Yes.
    Active,
    /// An administrator has closed the account.
    Disabled,
    /// The person is gone; what remains says nothing of who it was.
    Erased,
}

impl Status {
    /// The status as the database spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Erased => "erased",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let all = [Self::Active, Self::Disabled, Self::Erased];
        let known = all.into_iter().find(|status| status.as_str() == text);
        known.ok_or_else(|| StoreError::Internal(format!("`{text}` is no status of a person")))
    }
}

/// Somebody with an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Id.
    pub id: UserId,
    /// Address, of which there is one account.
    pub email: String,
    /// Name as others see it.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// Whether the person may sign in.
    pub status: Status,
    /// Time zone.
    pub tz: String,
    /// Language.
    pub locale: String,
    /// Telephone number, E.164.
    pub phone: Option<String>,
    /// Whether there is a password to sign in with.
    pub has_password: bool,
    /// Since when the address is known to be the person's.
    pub email_verified_at: Option<UnixTime>,
    /// Whether reminders come by mail.
    pub reminders_by_mail: bool,
    /// Whether reminders come by text message.
    pub reminders_by_sms: bool,
    /// When no text message comes.
    pub quiet_hours: Option<QuietHours>,
    /// Whether there is a calendar feed.
    pub has_feed: bool,
    /// Rises with each change.
    pub version: i64,
    /// When the account was made.
    pub created_at: UnixTime,
    /// When it was changed last.
    pub updated_at: UnixTime,
}

impl Person {
    /// The columns of [`Self::from_row`], of the view `my_users`.
    pub(super) const COLUMNS: &str =
        "id, email, name, role, status, tz, locale, phone, has_password, email_verified_at,
        reminders_by_mail, reminders_by_sms, quiet_from_min, quiet_to_min, has_feed, version, created_at, updated_at";

    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let quiet: (Option<u16>, Option<u16>) = (row.get(12)?, row.get(13)?);
        Ok(Self {
            id: row.get(0)?,
            email: row.get(1)?,
            name: row.get(2)?,
            role: row.get(3)?,
            status: row.word(4)?,
            tz: row.get(5)?,
            locale: row.get(6)?,
            phone: row.get(7)?,
            has_password: row.get(8)?,
            email_verified_at: row.maybe_time(9)?,
            reminders_by_mail: row.get(10)?,
            reminders_by_sms: row.get(11)?,
            quiet_hours: quiet.0.zip(quiet.1).map(|(from, until)| QuietHours { from, until }),
            has_feed: row.get(14)?,
            version: row.get(15)?,
            created_at: row.time(16)?,
            updated_at: row.time(17)?,
        })
    }
}

/// What an account begins with.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// Address.
    pub email: String,
    /// Name.
    pub name: String,
    /// Password; without one a link signs in.
    pub password: Option<String>,
    /// Role. Whoever registers is a customer, whatever this says.
    pub role: Role,
    /// Time zone; UTC where none is given.
    pub tz: Option<String>,
    /// Language; English where none is given.
    pub locale: Option<String>,
    /// Telephone number.
    pub phone: Option<String>,
}

/// A [`NewPerson`] whose fields are in order.
struct Checked {
    email: Email,
    name: String,
    tz: String,
    locale: String,
    phone: Option<String>,
}

impl NewPerson {
    fn check(&self) -> Result<Checked, AccountsError> {
        let email: Email = self.email.parse()?;
        let name = fields::name(&self.name)?;
        if let Some(password) = &self.password {
            password::check(password, email.as_str(), &name)?;
        }
        Ok(Checked {
            email,
            name,
            tz: self.tz.as_deref().map_or_else(|| Ok("UTC".to_owned()), fields::time_zone)?,
            locale: self.locale.as_deref().map_or_else(|| Ok("en".to_owned()), fields::locale)?,
            phone: self.phone.as_deref().map(fields::phone).transpose()?,
        })
    }
}

/// What somebody changes of an account; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ProfileChanges {
    /// The version that they are meant for; whichever there is where none is given.
    pub version: Option<i64>,
    /// Name.
    pub name: Option<String>,
    /// Time zone.
    pub tz: Option<String>,
    /// Language.
    pub locale: Option<String>,
    /// Telephone number, or none any more.
    pub phone: Option<Option<String>>,
    /// Whether reminders come by mail.
    pub reminders_by_mail: Option<bool>,
    /// Whether reminders come by text message.
    pub reminders_by_sms: Option<bool>,
    /// When no text message comes, or that it may always; minutes of the day.
    pub quiet_hours: Option<Option<(u16, u16)>>,
}

impl Accounts {
    /// An account as `actor` may see it: one's own, or anybody's to administrators.
    ///
    /// # Errors
    ///
    /// [`AccountsError::NotFound`].
    pub async fn person(&self, actor: Actor, id: UserId) -> Result<Person, AccountsError> {
        self.store().read(actor, move |reader| find(reader, id)).await
    }

    /// An account by its address, for whoever has a shell.
    ///
    /// # Errors
    ///
    /// [`AccountsError::NotFound`], or [`AccountsError::InvalidEmail`].
    pub async fn person_by_email(&self, actor: Actor, email: &str) -> Result<Person, AccountsError> {
        let email: Email = email.parse()?;
        let query = move |reader: &Reader<'_>| {
            let sql = format!("SELECT {} FROM my_users WHERE email = ?1", Person::COLUMNS);
            let found = reader.prepare_cached(&sql)?.query_row([email.as_str()], Person::from_row).optional()?;
            found.ok_or(AccountsError::NotFound)
        };
        self.store().read(actor, query).await
    }

    /// Somebody makes an account, where anybody may, and is signed in. A mail asks to confirm the address.
    ///
    /// # Errors
    ///
    /// [`AccountsError::RegistrationClosed`], [`AccountsError::EmailTaken`], and those of the fields.
    pub async fn register(&self, new: NewPerson, device: Device) -> Result<SignedIn, AccountsError> {
        if self.settings().registration != Registration::Open {
            return Err(AccountsError::RegistrationClosed);
        }
        let checked = new.check()?;
        let hash = self.hash_for(&checked.email, new.password.as_deref()).await?;
        let ((now, link_expiry), ttl) = (self.link_times(LinkKind::Verify), self.settings().session_ttl);
        let session = self
            .store()
            .write(move |tx| {
                let id = insert(tx, now, &checked, Role::Customer, hash.as_deref(), false)?;
                let actor = Actor::User(id, Role::Customer);
                tx.audit(now, actor, "user.registered", &subject(id), &json!({}))?;
                links::make(tx, now, id, LinkKind::Verify, checked.email.as_str(), link_expiry)?;
                sessions::open(tx, now, Owner::User(id), now.plus(ttl), &device)
            })
            .await?;
        self.signed_in(session).await
    }

    /// An administrator makes an account. Without a password a mail invites its owner to choose one.
    ///
    /// # Errors
    ///
    /// [`AccountsError::WrongRole`], [`AccountsError::EmailTaken`], and those of the fields.
    pub async fn create(&self, actor: Actor, new: NewPerson) -> Result<Person, AccountsError> {
        require_admin(actor)?;
        let checked = new.check()?;
        let hash = self.hash_for(&checked.email, new.password.as_deref()).await?;
        let ((now, link_expiry), role) = (self.link_times(LinkKind::Invitation), new.role);
        let id = self
            .store()
            .write(move |tx| {
                let id = insert(tx, now, &checked, role, hash.as_deref(), hash.is_some())?;
                tx.audit(now, actor, "user.created", &subject(id), &json!({ "role": role }))?;
                if hash.is_none() {
                    links::make(tx, now, id, LinkKind::Invitation, checked.email.as_str(), link_expiry)?;
                }
                Ok::<_, AccountsError>(id)
            })
            .await?;
        self.person(actor, id).await
    }

    /// Changes what an account says of its owner.
    ///
    /// # Errors
    ///
    /// [`AccountsError::WrongRole`] or [`AccountsError::NotFound`], [`AccountsError::Stale`], and those of the fields.
    pub async fn update(&self, actor: Actor, id: UserId, changes: ProfileChanges) -> Result<Person, AccountsError> {
        require_self_or_admin(actor, id)?;
        let changes = ProfileChanges {
            name: changes.name.as_deref().map(fields::name).transpose()?,
            tz: changes.tz.as_deref().map(fields::time_zone).transpose()?,
            locale: changes.locale.as_deref().map(fields::locale).transpose()?,
            phone: changes.phone.map(|phone| phone.as_deref().map(fields::phone).transpose()).transpose()?,
            ..changes
        };
        if let Some(Some((from, until))) = changes.quiet_hours {
            fields::quiet_hours(from, until)?;
        }
        let now = self.now();
        self.store().write(move |tx| apply(tx, now, id, &changes)).await?;
        self.person(actor, id).await
    }

    /// Refuses a taken address before the work of a hash, then hashes.
    async fn hash_for(&self, email: &Email, password: Option<&str>) -> Result<Option<String>, AccountsError> {
        match self.person_by_email(Actor::System, email.as_str()).await {
            Ok(_) => return Err(AccountsError::EmailTaken),
            Err(AccountsError::NotFound) => {}
            Err(error) => return Err(error),
        }
        match password {
            Some(password) => Ok(Some(self.hasher().hash(password).await?)),
            None => Ok(None),
        }
    }
}

pub(super) fn find(reader: &Reader<'_>, id: UserId) -> Result<Person, AccountsError> {
    let sql = format!("SELECT {} FROM my_users WHERE id = ?1", Person::COLUMNS);
    reader.prepare_cached(&sql)?.query_row([id], Person::from_row).optional()?.ok_or(AccountsError::NotFound)
}

/// Whether an address belongs to somebody other than `except`.
pub(super) fn is_taken(tx: &Tx<'_>, email: &str, except: Option<UserId>) -> Result<bool, AccountsError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM users WHERE email = ?1 AND id IS NOT ?2)";
    Ok(tx.prepare_cached(sql)?.query_row((email, except), |row| row.get(0))?)
}

fn insert(
    tx: &mut Tx<'_>,
    now: UnixTime,
    person: &Checked,
    role: Role,
    hash: Option<&str>,
    verified: bool,
) -> Result<UserId, AccountsError> {
    if is_taken(tx, person.email.as_str(), None)? {
        return Err(AccountsError::EmailTaken);
    }
    let id = UserId::new(now, tx.rng());
    tx.prepare_cached(
        "INSERT INTO users (id, email, name, role, tz, locale, phone, password_hash, email_verified_at, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)",
    )?
    .execute((
        id,
        person.email.as_str(),
        &person.name,
        role,
        &person.tz,
        &person.locale,
        &person.phone,
        hash,
        verified.then_some(now.0),
        now.0,
    ))?;
    Ok(id)
}

/// An account that a provider of identities vouches for.
#[cfg(feature = "oidc")]
pub(super) fn insert_vouched(
    tx: &mut Tx<'_>,
    now: UnixTime,
    email: &Email,
    name: &str,
    locale: &str,
    tz: &str,
) -> Result<UserId, AccountsError> {
    let (name, locale, tz) = (name.to_owned(), locale.to_owned(), tz.to_owned());
    let person = Checked { email: email.clone(), name, tz, locale, phone: None };
    insert(tx, now, &person, Role::Customer, None, true)
}

fn apply(tx: &mut Tx<'_>, now: UnixTime, id: UserId, changes: &ProfileChanges) -> Result<(), AccountsError> {
    let sql = "SELECT phone, reminders_by_sms, version FROM users WHERE id = ?1 AND status <> 'erased'";
    let row = tx.prepare_cached(sql)?.query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
    let (mut phone, mut by_sms, version): (Option<String>, bool, i64) = row.ok_or(AccountsError::NotFound)?;
    if changes.version.is_some_and(|meant| meant != version) {
        return Err(AccountsError::Stale);
    }
    if let Some(new) = &changes.phone {
        phone.clone_from(new);
        // Whoever takes the number away wants no more messages to it.
        by_sms &= new.is_some();
    }
    by_sms = changes.reminders_by_sms.unwrap_or(by_sms);
    if by_sms && phone.is_none() {
        return Err(AccountsError::PhoneMissing);
    }
    let set_quiet = changes.quiet_hours.is_some();
    let (from, until) = changes.quiet_hours.flatten().unzip();
    tx.prepare_cached(
        "UPDATE users SET name = coalesce(?2, name), tz = coalesce(?3, tz), locale = coalesce(?4, locale), phone = ?5,
           reminders_by_mail = coalesce(?6, reminders_by_mail), reminders_by_sms = ?7,
           quiet_from_min = CASE WHEN ?8 THEN ?9 ELSE quiet_from_min END,
           quiet_to_min = CASE WHEN ?8 THEN ?10 ELSE quiet_to_min END, updated_at = ?11
         WHERE id = ?1",
    )?
    .execute((
        id,
        &changes.name,
        &changes.tz,
        &changes.locale,
        phone,
        changes.reminders_by_mail,
        by_sms,
        set_quiet,
        from,
        until,
        now.0,
    ))?;
    Ok(())
}
