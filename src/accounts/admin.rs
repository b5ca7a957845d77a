//! What administrators do to accounts: list them, close and open them, give them another role.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::OptionalExtension;
use serde_json::json;

use super::{Accounts, AccountsError, Person, Status, links, require_admin, sessions, subject};
use crate::ids::UserId;
use crate::store::{Actor, Reader, Role, RowExt, Tx};
use crate::units::UnixTime;

/// Most people on a page.
const MAX_PAGE: u16 = 200;
/// Longest text that is searched for.
const MAX_SEARCH: usize = 200;

/// Which people are listed.
#[derive(Clone, Debug, Default)]
pub struct PeopleFilter {
    /// Part of the name or of the address.
    pub search: Option<String>,
    /// Of one role.
    pub role: Option<Role>,
    /// Of one status; all but those that were erased where none is given.
    pub status: Option<Status>,
}

/// A page of people, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct People {
    /// The people.
    pub people: Vec<Person>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

impl Accounts {
    /// People by name, a page at a time.
    ///
    /// # Errors
    ///
    /// [`AccountsError::WrongRole`], [`AccountsError::InvalidCursor`].
    pub async fn people(
        &self,
        actor: Actor,
        filter: PeopleFilter,
        cursor: Option<&str>,
        limit: u16,
    ) -> Result<People, AccountsError> {
        require_admin(actor)?;
        let after = cursor.map(Cursor::parse).transpose()?;
        let limit = usize::from(limit.clamp(1, MAX_PAGE));
        let query = move |reader: &Reader<'_>| {
            let search = filter.search.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(pattern);
            let (name, id) = after.map(|cursor| (cursor.name, cursor.id)).unzip();
            let sql = format!(
                "SELECT {} FROM my_users
                 WHERE (?1 IS NULL OR name LIKE ?1 ESCAPE '\\' OR email LIKE ?1 ESCAPE '\\')
                   AND (?2 IS NULL OR role = ?2) AND CASE WHEN ?3 IS NULL THEN status <> 'erased' ELSE status = ?3 END
                   AND (?4 IS NULL OR (name COLLATE NOCASE, id) > (?4, ?5))
                 ORDER BY name COLLATE NOCASE, id LIMIT ?6",
                Person::COLUMNS
            );
            let mut statement = reader.prepare_cached(&sql)?;
            let status = filter.status.map(Status::as_str);
            let rows =
                statement.query_map((search, filter.role, status, name, id, limit as i64 + 1), Person::from_row)?;
            let mut people: Vec<Person> = rows.collect::<Result<_, _>>()?;
            let more = people.len() > limit;
            people.truncate(limit);
            let next =
                people.last().filter(|_| more).map(|last| Cursor { name: last.name.clone(), id: last.id }.text());
            Ok(People { people, next })
        };
        self.store().read(actor, query).await
    }

    /// Closes an account, every session of it and every token for a room at once. Whoever is in a call is put out of
    /// it by the rooms.
    ///
    /// # Errors
    ///
    /// [`AccountsError::WrongRole`], [`AccountsError::NotFound`], [`AccountsError::LastAdmin`].
    pub async fn disable(&self, actor: Actor, user: UserId) -> Result<Person, AccountsError> {
        require_admin(actor)?;
        let now = self.now();
        let disable = move |tx: &mut Tx<'_>| {
            let (role, status) = standing(tx, user)?;
            if status == Status::Disabled {
                return Ok(());
            }
            keep_an_admin(tx, user, role)?;
            set_status(tx, now, user, Status::Disabled)?;
            sessions::revoke_all(tx, now, user, None)?;
            sessions::revoke_room_tokens(tx, now, user)?;
            links::drop_all(tx, user)?;
            tx.audit(now, actor, "user.disabled", &subject(user), &json!({}))?;
            Ok::<_, AccountsError>(())
        };
        self.store().write(disable).await?;
        self.person(actor, user).await
    }

    /// Opens an account again.
    ///
    /// # Errors
    ///
    /// [`AccountsError::WrongRole`], [`AccountsError::NotFound`].
    pub async fn enable(&self, actor: Actor, user: UserId) -> Result<Person, AccountsError> {
        require_admin(actor)?;
        let now = self.now();
        let enable = move |tx: &mut Tx<'_>| {
            if standing(tx, user)?.1 == Status::Active {
                return Ok(());
            }
            set_status(tx, now, user, Status::Active)?;
            tx.audit(now, actor, "user.enabled", &subject(user), &json!({}))?;
            Ok::<_, AccountsError>(())
        };
        self.store().write(enable).await?;
        self.person(actor, user).await
    }

    /// Gives somebody another role, and signs the person out: what is open in a browser was made for the old one.
    ///
    /// # Errors
    ///
    /// [`AccountsError::WrongRole`], [`AccountsError::NotFound`], [`AccountsError::LastAdmin`];
    /// [`AccountsError::HasAppointments`] where an expert would leave consultations without one.
    pub async fn set_role(&self, actor: Actor, user: UserId, role: Role) -> Result<Person, AccountsError> {
        require_admin(actor)?;
        let now = self.now();
        let change = move |tx: &mut Tx<'_>| {
            let (before, _) = standing(tx, user)?;
            if before == role {
                return Ok(());
            }
            keep_an_admin(tx, user, before)?;
            let sql = "SELECT EXISTS (SELECT 1 FROM appointments WHERE expert_id = ?1
                 AND status IN ('hold', 'pending', 'approved', 'in_progress'))";
            if tx.prepare_cached(sql)?.query_row([user], |row| row.get(0))? {
                return Err(AccountsError::HasAppointments);
            }
            let sql = "UPDATE users SET role = ?2, updated_at = ?3 WHERE id = ?1";
            tx.prepare_cached(sql)?.execute((user, role, now.0))?;
            sessions::revoke_all(tx, now, user, None)?;
            tx.audit(now, actor, "user.role_changed", &subject(user), &json!({ "from": before, "to": role }))?;
            Ok(())
        };
        self.store().write(change).await?;
        self.person(actor, user).await
    }
}

/// Role and status of somebody who was not erased.
pub(super) fn standing(tx: &Tx<'_>, user: UserId) -> Result<(Role, Status), AccountsError> {
    let sql = "SELECT role, status FROM users WHERE id = ?1 AND status <> 'erased'";
    let found = tx.prepare_cached(sql)?.query_row([user], |row| Ok((row.get(0)?, row.word(1)?))).optional()?;
    found.ok_or(AccountsError::NotFound)
}

/// Refuses what would leave nobody who can administer.
pub(super) fn keep_an_admin(tx: &Tx<'_>, user: UserId, role: Role) -> Result<(), AccountsError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND status = 'active' AND id <> ?1)";
    let others = role != Role::Admin || tx.prepare_cached(sql)?.query_row([user], |row| row.get(0))?;
    if others { Ok(()) } else { Err(AccountsError::LastAdmin) }
}

fn set_status(tx: &Tx<'_>, now: UnixTime, user: UserId, status: Status) -> Result<(), AccountsError> {
    let sql = "UPDATE users SET status = ?2, updated_at = ?3 WHERE id = ?1";
    tx.prepare_cached(sql)?.execute((user, status.as_str(), now.0))?;
    Ok(())
}

/// A pattern of SQL's `LIKE` for text that contains `search`, whatever characters that has.
fn pattern(search: &str) -> String {
    let mut pattern = String::from("%");
    for c in search.chars().take(MAX_SEARCH) {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// The last one of a page.
struct Cursor {
    name: String,
    id: UserId,
}

impl Cursor {
    fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{} {}", self.id, self.name))
    }

    fn parse(text: &str) -> Result<Self, AccountsError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(AccountsError::InvalidCursor)?;
        let (id, name) = text.split_once(' ').ok_or(AccountsError::InvalidCursor)?;
        let id = id.parse().map_err(|_| AccountsError::InvalidCursor)?;
        Ok(Self { name: name.to_owned(), id })
    }
}
