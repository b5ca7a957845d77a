//! How the place is called and what it looks like. Anybody may know.

use std::collections::HashMap;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::require_admin;
use crate::accounts::Email;
use crate::scheduler::texts::line;
use crate::scheduler::{Error, Scheduler};
use crate::store::{Actor, Tx};
use crate::units::UnixTime;

const MAX_NAME: usize = 80;
const MAX_LOGO_TEXT: usize = 24;

/// How the place is called and what it looks like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Branding {
    /// The name, as mails and pages say it.
    pub name: String,
    /// What stands where a logo would be.
    pub logo_text: String,
    /// The main colour, `#rrggbb`.
    pub primary_color: String,
    /// The colour beside it, `#rrggbb`.
    pub accent_color: String,
    /// Where to ask for help; empty for nowhere.
    pub support_email: String,
}

impl Default for Branding {
    fn default() -> Self {
        Self {
            name: "visavis".into(),
            logo_text: "visavis".into(),
            primary_color: "#1d4ed8".into(),
            accent_color: "#0f766e".into(),
            support_email: String::new(),
        }
    }
}

/// What is to be otherwise. What is absent stays; what is empty is as if nothing had ever been said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BrandingChanges {
    /// The name.
    #[serde(default)]
    #[schema(max_length = 80)]
    pub name: Option<String>,
    /// What stands where a logo would be.
    #[serde(default)]
    #[schema(max_length = 24)]
    pub logo_text: Option<String>,
    /// The main colour, `#rrggbb` or `#rgb`.
    #[serde(default)]
    #[schema(pattern = "^(#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}))?$")]
    pub primary_color: Option<String>,
    /// The colour beside it.
    #[serde(default)]
    #[schema(pattern = "^(#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}))?$")]
    pub accent_color: Option<String>,
    /// Where to ask for help.
    #[serde(default)]
    #[schema(max_length = 254)]
    pub support_email: Option<String>,
}

impl Branding {
    /// The branding, as readers of the settings see it.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn load(connection: &Connection) -> Result<Self, Error> {
        let sql = "SELECT substr(key, 10), value FROM public_settings WHERE key LIKE 'branding.%'";
        let mut query = connection.prepare_cached(sql)?;
        let mut said: HashMap<String, String> =
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        let mut branding = Self::default();
        if let Some(name) = said.remove("name") {
            // A place with a name and nothing else shows that.
            branding.logo_text = name.chars().take(MAX_LOGO_TEXT).collect();
            branding.name = name;
        }
        for (key, field) in [
            ("logo_text", &mut branding.logo_text),
            ("primary_color", &mut branding.primary_color),
            ("accent_color", &mut branding.accent_color),
            ("support_email", &mut branding.support_email),
        ] {
            if let Some(value) = said.remove(key) {
                *field = value;
            }
        }
        Ok(branding)
    }
}

impl BrandingChanges {
    /// Key and value of each change; no value where the default is to hold again.
    fn checked(self) -> Result<Vec<(&'static str, Option<String>)>, Error> {
        type Check = fn(&str) -> Result<String, Error>;
        let fields: [(&str, Option<String>, Check); 5] = [
            ("name", self.name, |text| line("name", text, MAX_NAME)),
            ("logo_text", self.logo_text, |text| line("logoText", text, MAX_LOGO_TEXT)),
            ("primary_color", self.primary_color, |text| color("primaryColor", text)),
            ("accent_color", self.accent_color, |text| color("accentColor", text)),
            ("support_email", self.support_email, |text| {
                let email: Result<Email, _> = text.parse();
                email.map(|email| email.to_string()).map_err(|error| Error::invalid("supportEmail", error.to_string()))
            }),
        ];
        let mut changes = Vec::new();
        for (key, value, check) in fields {
            let Some(value) = value else { continue };
            let value = if value.trim().is_empty() { None } else { Some(check(&value)?) };
            changes.push((key, value));
        }
        Ok(changes)
    }
}

impl Scheduler {
    /// How the place is called and what it looks like.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn branding(&self) -> Result<Branding, Error> {
        self.read(Actor::Anonymous, |reader| Branding::load(reader)).await
    }

    /// Changes that.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for all but administrators, [`Error::Invalid`].
    pub async fn set_branding(&self, actor: Actor, changes: BrandingChanges) -> Result<Branding, Error> {
        require_admin(actor)?;
        let changes = changes.checked()?;
        let now = self.now();
        self.write(move |tx| {
            for (key, value) in &changes {
                set(tx, &format!("branding.{key}"), value.as_deref(), now)?;
            }
            if !changes.is_empty() {
                let detail: serde_json::Map<_, _> =
                    changes.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
                tx.audit(now, actor, "branding.set", "server", &detail.into())?;
            }
            Branding::load(tx)
        })
        .await
    }
}

/// Keeps a setting, or forgets it.
fn set(tx: &Tx<'_>, key: &str, value: Option<&str>, now: UnixTime) -> Result<(), Error> {
    let Some(value) = value else {
        tx.prepare_cached("DELETE FROM settings WHERE key = ?1")?.execute([key])?;
        return Ok(());
    };
    tx.prepare_cached(
        "INSERT INTO settings (key, value, updated_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
    )?
    .execute((key, value, now.0))?;
    Ok(())
}

/// A colour in the one way that it is written here.
fn color(field: &'static str, text: &str) -> Result<String, Error> {
    let digits = text.trim().strip_prefix('#').filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    let long = match digits {
        Some(digits) if digits.len() == 6 => digits.to_owned(),
        Some(digits) if digits.len() == 3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
        _ => return Err(Error::invalid(field, "it is not a colour such as #1d4ed8")),
    };
    Ok(format!("#{}", long.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::testing::*;

    fn some(text: &str) -> Option<String> {
        Some(text.into())
    }

    #[tokio::test]
    async fn administrators_name_the_place_and_anybody_reads_the_name() {
        let desk = Desk::new();
        assert_eq!(desk.scheduler.branding().await.unwrap(), Branding::default());
        let changes = BrandingChanges {
            name: some(" Praxis Süd "),
            primary_color: some("#ABC"),
            support_email: some("Hilfe@Praxis.example"),
            ..BrandingChanges::default()
        };
        let set = desk.scheduler.set_branding(admin(), changes.clone()).await.unwrap();
        assert_eq!((set.name.as_str(), set.logo_text.as_str()), ("Praxis Süd", "Praxis Süd"));
        assert_eq!((set.primary_color.as_str(), set.accent_color.as_str()), ("#aabbcc", "#0f766e"));
        assert_eq!(desk.scheduler.branding().await.unwrap(), set);
        for other in [customer(1), expert(8), Actor::Anonymous] {
            let refused = desk.scheduler.set_branding(other, changes.clone()).await;
            assert!(matches!(refused, Err(Error::NotYours)));
        }
        // What is empty is as if nothing had been said.
        let back = BrandingChanges { name: some(""), primary_color: some(" "), ..BrandingChanges::default() };
        let back = desk.scheduler.set_branding(admin(), back).await.unwrap();
        assert_eq!((back.name.as_str(), back.primary_color.as_str()), ("visavis", "#1d4ed8"));
        assert!(back.support_email.ends_with("@praxis.example"));
        assert_eq!(desk.value::<i64>("SELECT count(*) FROM audit_log WHERE action = 'branding.set'"), 2);
    }

    #[tokio::test]
    async fn colours_names_and_addresses_that_are_none_change_nothing() {
        let desk = Desk::new();
        let none = BrandingChanges::default();
        for wrong in [
            BrandingChanges { primary_color: some("red"), ..none.clone() },
            BrandingChanges { accent_color: some("#12345"), ..none.clone() },
            BrandingChanges { accent_color: some("#12345g"), ..none.clone() },
            BrandingChanges { accent_color: some("#fff;}body{display:none"), ..none.clone() },
            BrandingChanges { name: some(&"x".repeat(81)), ..none.clone() },
            BrandingChanges { name: some("a\nb"), ..none.clone() },
            BrandingChanges { logo_text: some(&"x".repeat(25)), ..none.clone() },
            BrandingChanges { name: some("fine"), support_email: some("nobody"), ..none.clone() },
        ] {
            let refused = desk.scheduler.set_branding(admin(), wrong.clone()).await;
            assert!(matches!(refused, Err(Error::Invalid { .. })), "{wrong:?}");
        }
        assert_eq!(desk.scheduler.branding().await.unwrap(), Branding::default());
    }
}
