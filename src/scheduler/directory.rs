//! Experts as the public finds them.

use std::collections::BTreeMap;

use rusqlite::{OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::hours::version_of;
use super::offers::{NextFree, next_free};
use super::services::{Service, check_expert, manages};
use super::{Error, Scheduler, texts};
use crate::accounts::fields;
use crate::ids::UserId;
use crate::store::{Actor, RowExt};

/// The longest headline, in characters.
const MAX_HEADLINE: usize = 200;
/// The longest text about oneself.
const MAX_BIO: usize = 10_000;
/// The most specialities, and languages.
const MAX_ENTRIES: usize = 20;
/// The longest speciality.
const MAX_SPECIALITY: usize = 60;
/// Lengths of an address's last part.
const SLUG: std::ops::RangeInclusive<usize> = 3..=60;
/// The longest text that is searched for, in characters.
const MAX_SEARCH: usize = 200;
/// The most specialities, and languages, that there are to choose from.
const MAX_CHOICES: usize = 500;
/// The most experts that one question is answered with; each one's next free slot is looked for.
const MOST: usize = 51;

/// A profile as its expert writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProfileDraft {
    /// The last part of the public page's address: small letters, digits and hyphens.
    #[schema(min_length = 3, max_length = 60, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
    pub slug: String,
    /// One line.
    #[serde(default)]
    #[schema(max_length = 200)]
    pub headline: String,
    /// As much as there is to say.
    #[serde(default)]
    #[schema(max_length = 10000)]
    pub bio: String,
    /// What for.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub specialities: Vec<String>,
    /// Languages that are spoken, as tags (`de`, `pt-BR`).
    #[serde(default)]
    #[schema(max_items = 20)]
    pub languages: Vec<String>,
    /// Whether the public finds it.
    #[serde(default)]
    pub published: bool,
}

/// An expert's profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Whose.
    pub expert_id: UserId,
    /// What the expert has written.
    #[serde(flatten)]
    pub draft: ProfileDraft,
}

/// What a search can be narrowed down to, each in alphabetical order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Choices {
    /// What the experts know.
    pub specialities: Vec<String>,
    /// What they speak, as tags.
    pub languages: Vec<String>,
}

/// Which experts are looked for; nothing stands for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpertSearch {
    /// Words, each of which is in the name, the headline, a speciality or a language.
    pub text: String,
    /// Who speaks this.
    pub language: Option<String>,
    /// Who has this speciality, in whatever case.
    pub speciality: Option<String>,
}

/// An expert in the directory.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FoundExpert {
    /// Who.
    pub id: UserId,
    /// Name.
    pub name: String,
    /// The last part of the public page's address.
    pub slug: String,
    /// One line.
    pub headline: String,
    /// What for.
    pub specialities: Vec<String>,
    /// Languages that are spoken.
    pub languages: Vec<String>,
    /// The expert's zone.
    pub tz: String,
    /// How many have rated.
    pub rating_count: u32,
    /// Their mean; none without any.
    pub rating: Option<f64>,
    /// The next slot of any service; none within two months.
    pub next_free: Option<NextFree>,
}

impl Profile {
    /// Names what is written in it: another text has another one. For `If-Match`.
    pub fn version(&self) -> i64 {
        version_of(&self.draft)
    }
}

impl FoundExpert {
    /// The place of this expert in a list.
    pub fn mark(&self) -> (String, UserId) {
        (self.name.clone(), self.id)
    }
}

/// An expert's public page.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExpertPage {
    /// As in the directory.
    #[serde(flatten)]
    pub expert: FoundExpert,
    /// As much as there is to say.
    pub bio: String,
    /// What is offered.
    pub services: Vec<Service>,
}

impl Scheduler {
    /// The profile of an expert, published or not, for that expert and for administrators; none yet written is empty.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`].
    pub async fn profile(&self, actor: Actor, expert: UserId) -> Result<Option<Profile>, Error> {
        if !manages(actor, expert) {
            return Err(Error::NotYours);
        }
        self.read(actor, move |reader| {
            let sql = "SELECT * FROM my_expert_profiles WHERE user_id = ?1";
            Ok(reader.prepare_cached(sql)?.query_row([expert], profile).optional()?)
        })
        .await
    }

    /// Writes the profile of an expert.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`], [`Error::NotFound`] where there is no such expert, [`Error::Invalid`], also for an address
    /// that another expert has, [`Error::Stale`] where the present one is not of the [`Profile::version`] that is
    /// expected.
    pub async fn set_profile(
        &self,
        actor: Actor,
        expert: UserId,
        draft: ProfileDraft,
        expected: Option<i64>,
    ) -> Result<Profile, Error> {
        if !manages(actor, expert) {
            return Err(Error::NotYours);
        }
        let now = self.now();
        let draft = draft.settle()?;
        self.write(move |tx| {
            check_expert(tx, expert)?;
            if let Some(expected) = expected {
                let sql = "SELECT * FROM expert_profiles WHERE user_id = ?1";
                let before = tx.prepare_cached(sql)?.query_row([expert], profile).optional()?;
                if before.is_none_or(|before| before.version() != expected) {
                    return Err(Error::Stale);
                }
            }
            let sql = "SELECT 1 FROM expert_profiles WHERE slug = ?1 AND user_id <> ?2";
            if tx.prepare_cached(sql)?.query_row((&draft.slug, expert), |_| Ok(())).optional()?.is_some() {
                return Err(Error::invalid("slug", "another expert has this address"));
            }
            tx.prepare_cached(
                "INSERT INTO expert_profiles (user_id, slug, headline, bio, specialities, languages, published, updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 ON CONFLICT (user_id) DO UPDATE SET slug = ?2, headline = ?3, bio = ?4, specialities = ?5,
                   languages = ?6, published = ?7, updated_at = ?8",
            )?
            .execute((
                expert,
                &draft.slug,
                &draft.headline,
                &draft.bio,
                json!(draft.specialities).to_string(),
                json!(draft.languages).to_string(),
                draft.published,
                now.0,
            ))?;
            let detail = json!({ "slug": draft.slug, "published": draft.published });
            tx.audit(now, actor, "profile.written", &format!("expert:{expert}"), &detail)?;
            Ok(Profile { expert_id: expert, draft })
        })
        .await
    }

    /// The experts with a public page, by name, each with the next slot that is free; at most fifty at once.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a text that is too long.
    pub async fn experts(
        &self,
        search: ExpertSearch,
        after: Option<(String, UserId)>,
        limit: usize,
    ) -> Result<Vec<FoundExpert>, Error> {
        let (now, limit) = (self.now(), limit.min(MOST));
        let words = texts::prose("text", &search.text, MAX_SEARCH)?.to_lowercase();
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let (language, speciality) =
            (search.language.map(|it| it.to_lowercase()), search.speciality.map(|it| it.to_lowercase()));
        let (name, id) = after.map_or_else(Default::default, |(name, id)| (name, id.to_string()));
        self.read(Actor::Anonymous, move |reader| {
            // Compared here and not by LIKE, which knows upper and lower case of English only.
            let fits = |expert: &FoundExpert| {
                let lower = |texts: &[String]| texts.iter().map(|text| text.to_lowercase()).collect::<Vec<_>>();
                let (specialities, languages) = (lower(&expert.specialities), lower(&expert.languages));
                let mut texts = vec![expert.name.to_lowercase(), expert.headline.to_lowercase()];
                let speaks = |wanted: &String| {
                    languages.iter().any(|tag| tag == wanted || tag.split('-').next() == Some(wanted))
                };
                let knows = |wanted: &String| specialities.contains(wanted);
                if !language.as_ref().is_none_or(speaks) || !speciality.as_ref().is_none_or(knows) {
                    return false;
                }
                texts.extend(specialities);
                texts.extend(languages);
                words.iter().all(|word| texts.iter().any(|text| text.contains(word)))
            };
            let sql = "SELECT * FROM public_experts
                WHERE name > ?1 COLLATE NOCASE OR (name = ?1 COLLATE NOCASE AND id > ?2)
                ORDER BY name COLLATE NOCASE, id";
            let mut experts: Vec<FoundExpert> = Vec::new();
            {
                let mut statement = reader.prepare_cached(sql)?;
                let mut rows = statement.query((name, id))?;
                while let Some(row) = rows.next()? {
                    if experts.len() == limit {
                        break;
                    }
                    let expert = found(row)?;
                    if fits(&expert) {
                        experts.push(expert);
                    }
                }
            }
            for expert in &mut experts {
                expert.next_free = next_free(reader, expert.id, now)?;
            }
            Ok(experts)
        })
        .await
    }

    /// What the experts with a public page know and speak: what a search can be narrowed down to.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub async fn expert_choices(&self) -> Result<Choices, Error> {
        self.read(Actor::Anonymous, |reader| {
            let mut statement = reader.prepare_cached("SELECT * FROM public_experts")?;
            let experts = statement.query_map([], found)?;
            let (mut specialities, mut languages) = (BTreeMap::new(), BTreeMap::new());
            let add = |known: &mut BTreeMap<String, String>, texts: Vec<String>| {
                for text in texts {
                    // Two experts may write the same differently.
                    known.entry(text.to_lowercase()).or_insert(text);
                }
                while known.len() > MAX_CHOICES {
                    known.pop_last();
                }
            };
            for expert in experts {
                let expert = expert?;
                add(&mut specialities, expert.specialities);
                add(&mut languages, expert.languages);
            }
            Ok(Choices {
                specialities: specialities.into_values().collect(),
                languages: languages.into_values().collect(),
            })
        })
        .await
    }

    /// The public page of an expert, by its address or by the expert's id.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn expert_page(&self, slug: &str) -> Result<ExpertPage, Error> {
        let (now, slug) = (self.now(), slug.to_owned());
        self.read(Actor::Anonymous, move |reader| {
            let sql = "SELECT * FROM public_experts WHERE slug = ?1 OR id = ?1 ORDER BY slug = ?1 LIMIT 1";
            let page = |row: &Row<'_>| Ok((found(row)?, row.get("bio")?));
            let (mut expert, bio): (FoundExpert, String) =
                reader.prepare_cached(sql)?.query_row([slug], page).optional()?.ok_or(Error::NotFound)?;
            expert.next_free = next_free(reader, expert.id, now)?;
            let sql = "SELECT * FROM my_services WHERE expert_id = ?1 ORDER BY title COLLATE NOCASE, id";
            let mut statement = reader.prepare_cached(sql)?;
            let services = statement.query_map([expert.id], Service::from_row)?.collect::<Result<_, _>>()?;
            Ok(ExpertPage { expert, bio, services })
        })
        .await
    }
}

impl ProfileDraft {
    /// Checks it and brings it into one form.
    fn settle(self) -> Result<Self, Error> {
        let letters =
            |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        if !SLUG.contains(&self.slug.len()) || !self.slug.split('-').all(letters) {
            return Err(Error::invalid("slug", "it has 3 to 60 small letters and digits, with single hyphens between"));
        }
        let headline = match self.headline.trim() {
            "" => String::new(),
            headline => texts::line("headline", headline, MAX_HEADLINE)?,
        };
        if self.specialities.len() > MAX_ENTRIES {
            return Err(Error::invalid("specialities", format!("there are at most {MAX_ENTRIES}")));
        }
        if self.languages.len() > MAX_ENTRIES {
            return Err(Error::invalid("languages", format!("there are at most {MAX_ENTRIES}")));
        }
        let speciality = |text: &String| texts::line("specialities", text, MAX_SPECIALITY);
        let language = |tag: &String| {
            fields::locale(tag).map_err(|_| Error::invalid("languages", "tags like de or pt-BR are expected"))
        };
        Ok(Self {
            headline,
            bio: texts::prose("bio", &self.bio, MAX_BIO)?,
            specialities: self.specialities.iter().map(speciality).collect::<Result<_, _>>()?,
            languages: self.languages.iter().map(language).collect::<Result<_, _>>()?,
            ..self
        })
    }
}

fn profile(row: &Row<'_>) -> rusqlite::Result<Profile> {
    Ok(Profile {
        expert_id: row.get("user_id")?,
        draft: ProfileDraft {
            slug: row.get("slug")?,
            headline: row.get("headline")?,
            bio: row.get("bio")?,
            specialities: row.json("specialities")?,
            languages: row.json("languages")?,
            published: row.get("published")?,
        },
    })
}

fn found(row: &Row<'_>) -> rusqlite::Result<FoundExpert> {
    let (sum, count): (u32, u32) = (row.get("rating_sum")?, row.get("rating_count")?);
    Ok(FoundExpert {
        id: row.get("id")?,
        name: row.get("name")?,
        slug: row.get("slug")?,
        headline: row.get("headline")?,
        specialities: row.json("specialities")?,
        languages: row.json("languages")?,
        tz: row.get("tz")?,
        rating_count: count,
        rating: (count > 0).then(|| f64::from(sum) / f64::from(count)),
        next_free: None,
    })
}
