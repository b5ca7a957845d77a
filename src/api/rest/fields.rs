//! What bodies of requests are made of, beside the foundation's texts.

use std::borrow::Cow;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::api::office::Caller;
use crate::api::problem::Problem;
use crate::config::Secret;
use crate::ids::{SessionId, UserId};
use crate::units::{UnixTime, rfc3339};

/// A password or the token of a link, of 1 to `MAX` characters and exactly as it was written.
#[derive(Clone, Debug)]
pub(super) struct Hidden<const MAX: usize>(Secret);

/// What somebody types as a password; which ones are good enough, accounts know.
pub(super) type Password = Hidden<1_000>;

/// What a link ends with.
pub(super) type LinkToken = Hidden<128>;

impl<const MAX: usize> Hidden<MAX> {
    /// The text.
    pub(super) fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Hidden<MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(from)?;
        match text.chars().take(MAX + 1).count() {
            0 => Err(D::Error::custom("is empty")),
            length if length > MAX => Err(D::Error::custom(format_args!("is longer than {MAX} characters"))),
            _ => Ok(Self(Secret::new(text))),
        }
    }
}

impl<const MAX: usize> PartialSchema for Hidden<MAX> {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::Custom("password".into())));
        text.min_length(Some(1)).max_length(Some(MAX)).into()
    }
}

impl<const MAX: usize> ToSchema for Hidden<MAX> {
    fn name() -> Cow<'static, str> {
        format!("Hidden{MAX}").into()
    }
}

/// Whose calls or ratings.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct OfExpert {
    /// The expert; the caller, if left out.
    #[serde(default)]
    expert_id: Option<UserId>,
}

impl OfExpert {
    /// The expert that is meant.
    pub(super) fn or(self, caller: &Caller) -> Result<UserId, Problem> {
        self.expert_id.map_or_else(|| caller.user(), Ok)
    }
}

/// For fields where `null` takes something away and absence leaves it as it is.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// A device that somebody is signed in on.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeviceView {
    id: SessionId,
    /// What the browser calls itself.
    user_agent: String,
    /// The address that it signed in from.
    address: String,
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: UnixTime,
    /// To within five minutes.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    last_seen_at: UnixTime,
    /// When it ends unless it is used.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    expires_at: UnixTime,
    /// Whether it is the one that asks.
    current: bool,
}

impl DeviceView {
    pub(super) fn new(row: crate::accounts::SessionRow, asking: Option<SessionId>) -> Self {
        Self {
            current: asking == Some(row.id),
            id: row.id,
            user_agent: row.user_agent,
            address: row.address,
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            expires_at: row.expires_at,
        }
    }
}

/// How many devices were signed out.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SignedOut {
    pub(super) signed_out: usize,
}
