//! Sign-in by OpenID Connect: the authorization code flow with PKCE (OpenID Connect Core 1.0 §3.1, RFC 7636).
//!
//! [`Oidc::begin`] gives the address to send the browser to, [`Oidc::finish`] takes what it comes back with. In
//! between everything hangs on a state that works once, for ten minutes, in the browser that began.

mod error;
mod id_token;
mod pending;
mod provider;

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Client, Url};
use rusqlite::{OptionalExtension, Row};
use serde_json::json;

use super::secrets::{hash_of, new_secret, presented};
use super::sessions::{self, Owner};
use super::{Accounts, AccountsError, Device, Email, SignedIn, fields, links, people, subject};
use crate::config::{BaseUrl, OidcSettings, Registration, Secret};
use crate::ids::UserId;
use crate::store::{Actor, Role, Tx};
use crate::units::UnixTime;

pub use error::OidcError;

use id_token::Claims;
use pending::{Pending, Started};
use provider::Provider;

/// Where the provider sends browsers back to, on our host; it is registered there.
pub const CALLBACK: &str = "/api/auth/oidc/callback";
const MAX_RETURN: usize = 512;
/// Longest code; providers write some hundred characters.
const MAX_CODE: usize = 4096;

/// Sign-in at one provider. Clones share it all.
#[derive(Clone)]
pub struct Oidc {
    inner: Arc<Inner>,
}

struct Inner {
    accounts: Accounts,
    name: String,
    client_id: String,
    redirect_uri: String,
    provider: Provider,
    pending: Pending,
}

/// A sign-in that has begun.
#[derive(Clone, Debug)]
pub struct Begun {
    /// Where to send the browser.
    pub url: String,
    /// What the browser keeps in a cookie and brings back: a sign-in ends in the browser that it began in.
    pub binding: Secret,
}

/// What the browser comes back with.
#[derive(Clone, Debug, Default)]
pub struct Callback {
    /// The state of [`Begun::url`].
    pub state: String,
    /// The code, where the person was let in.
    pub code: Option<String>,
    /// The provider's word for why not.
    pub error: Option<String>,
    /// Who the provider says it is (RFC 9207).
    pub iss: Option<String>,
}

impl Oidc {
    /// Sign-in at the provider of the settings, for a server at `base`. The client follows no redirects.
    pub fn new(accounts: Accounts, settings: &OidcSettings, base: &BaseUrl, client: Client) -> Self {
        let inner = Inner {
            accounts,
            name: settings.name.clone(),
            client_id: settings.client_id.clone(),
            redirect_uri: base.link(CALLBACK),
            provider: Provider::new(settings, client),
            pending: Pending::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// What the button says.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Begins a sign-in that is to lead back to the page `return_to`.
    ///
    /// # Errors
    ///
    /// [`OidcError`], when the provider does not answer or not as it must.
    pub async fn begin(&self, return_to: &str) -> Result<Begun, OidcError> {
        let now = self.inner.accounts.now();
        let metadata = self.inner.provider.metadata(now).await?;
        let mut rng = rand::rng();
        let [state, nonce, verifier, binding] = std::array::from_fn(|_| new_secret(&mut rng));
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.reveal().as_bytes()));
        let mut url = metadata.authorization_endpoint.0.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.inner.client_id)
            .append_pair("redirect_uri", &self.inner.redirect_uri)
            .append_pair("scope", "openid email profile")
            .append_pair("state", state.reveal())
            .append_pair("nonce", nonce.reveal())
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        let return_to = local_page(return_to).unwrap_or("/").to_owned();
        let started = Started { nonce, verifier, binding: hash_of(binding.reveal()), return_to, at: now };
        self.inner.pending.put(hash_of(state.reveal()), started, now);
        Ok(Begun { url: url.into(), binding })
    }

    /// Ends a sign-in: who it was, and the page to go on with.
    ///
    /// # Errors
    ///
    /// [`AccountsError::Oidc`]; [`AccountsError::AccountDisabled`]; [`AccountsError::RegistrationClosed`] where there
    /// is no account and accounts are by invitation.
    pub async fn finish(
        &self,
        callback: &Callback,
        binding: &str,
        device: Device,
    ) -> Result<(SignedIn, String), AccountsError> {
        let Inner { accounts, provider, pending, .. } = &*self.inner;
        let now = accounts.now();
        // Taken whatever comes of it: a state works once.
        let started = presented(&callback.state).and_then(|state| pending.take(&state, now));
        let started = started.filter(|started| presented(binding).as_ref() == Some(&started.binding));
        let started = started.ok_or(OidcError::StateInvalid)?;
        let metadata = provider.metadata(now).await?;
        match &callback.iss {
            Some(iss) if *iss != metadata.issuer => {
                return Err(OidcError::TokenInvalid("comes from another issuer").into());
            }
            None if metadata.names_itself => {
                return Err(OidcError::TokenInvalid("does not say which issuer it comes from").into());
            }
            _ => {}
        }
        if let Some(error) = &callback.error {
            return Err(OidcError::denied(error).into());
        }
        let code = callback.code.as_deref().filter(|code| !code.is_empty() && code.len() <= MAX_CODE);
        let code = code.ok_or(OidcError::StateInvalid)?;
        let claims = self.claims(&started, code).await?;
        // The provider may have taken its time.
        let session = self.sign_in(claims, &metadata.issuer, accounts.now(), device).await?;
        Ok((accounts.signed_in(session).await?, started.return_to))
    }

    /// Exchanges a code for what the provider says of the person.
    async fn claims(&self, started: &Started, code: &str) -> Result<Claims, OidcError> {
        let Inner { accounts, provider, client_id, redirect_uri, .. } = &*self.inner;
        let now = accounts.now();
        let tokens = provider.exchange(code, &started.verifier, redirect_uri, now).await?;
        let metadata = provider.metadata(now).await?;
        let kid = id_token::key_id(tokens.id_token.reveal())?;
        let keys = provider.keys(kid.as_deref(), now).await?;
        let expected = id_token::Expected {
            issuer: &metadata.issuer,
            client_id,
            nonce: started.nonce.reveal(),
            begun_at: started.at,
            now: accounts.now(),
        };
        let mut claims = id_token::verify(tokens.id_token.reveal(), &keys, &expected)?;
        if claims.email.is_none()
            && let Some(more) = provider.user_info(&tokens, &claims.sub, now).await?
        {
            claims.add(more);
        }
        Ok(claims)
    }

    async fn sign_in(
        &self,
        claims: Claims,
        issuer: &str,
        now: UnixTime,
        device: Device,
    ) -> Result<sessions::NewSession, AccountsError> {
        let accounts = &self.inner.accounts;
        let identity = format!("{issuer}#{}", claims.sub);
        let (ttl, open) = (accounts.settings().session_ttl, accounts.settings().registration == Registration::Open);
        let work = move |tx: &mut Tx<'_>| {
            let (user, role) = account_of(tx, now, &identity, &claims, open)?;
            let actor = Actor::User(user, role);
            tx.audit(now, actor, "user.signed_in", &subject(user), &json!({ "by": "oidc" }))?;
            sessions::open(tx, now, Owner::User(user), now.plus(ttl), &device)
        };
        accounts.store().write(work).await
    }
}

/// An account as it is found.
struct Found {
    id: UserId,
    role: Role,
    status: String,
    linked: bool,
}

impl Found {
    fn by(tx: &Tx<'_>, column: &str, value: &str) -> Result<Option<Self>, AccountsError> {
        let sql = format!("SELECT id, role, status, oidc_subject IS NOT NULL FROM users WHERE {column} = ?1");
        let row =
            |row: &Row<'_>| Ok(Self { id: row.get(0)?, role: row.get(1)?, status: row.get(2)?, linked: row.get(3)? });
        Ok(tx.prepare_cached(&sql)?.query_row([value], row).optional()?)
    }

    fn active(self) -> Result<(UserId, Role), AccountsError> {
        if self.status == "active" { Ok((self.id, self.role)) } else { Err(AccountsError::AccountDisabled) }
    }
}

/// The account of an identity: the one that it is linked to, else the one of its address, else a new one.
fn account_of(
    tx: &mut Tx<'_>,
    now: UnixTime,
    identity: &str,
    claims: &Claims,
    open: bool,
) -> Result<(UserId, Role), AccountsError> {
    if let Some(found) = Found::by(tx, "oidc_subject", identity)? {
        return found.active();
    }
    // An address that the provider has not verified would let anybody in as anybody.
    let email = claims.email.as_deref().filter(|_| claims.email_verified).and_then(|email| email.parse::<Email>().ok());
    let email = email.ok_or(OidcError::EmailUnverified)?;
    let (user, role) = match Found::by(tx, "email", email.as_str())? {
        Some(found) if found.linked => return Err(OidcError::Conflict.into()),
        Some(found) => {
            let (user, role) = found.active()?;
            links::prove_address(tx, now, user)?;
            (user, role)
        }
        None if !open => return Err(AccountsError::RegistrationClosed),
        None => {
            let name = claims.names().find_map(|name| fields::name(name).ok());
            let name = name.unwrap_or_else(|| email.local_part().to_owned());
            let locale = claims.locale.as_deref().and_then(|locale| fields::locale(locale).ok());
            let tz = claims.zoneinfo.as_deref().and_then(|zone| fields::time_zone(zone).ok());
            let (locale, tz) = (locale.unwrap_or_else(|| "en".into()), tz.unwrap_or_else(|| "UTC".into()));
            let user = people::insert_vouched(tx, now, &email, &name, &locale, &tz)?;
            let actor = Actor::User(user, Role::Customer);
            tx.audit(now, actor, "user.registered", &subject(user), &json!({ "by": "oidc" }))?;
            (user, Role::Customer)
        }
    };
    tx.prepare_cached("UPDATE users SET oidc_subject = ?2, updated_at = ?3 WHERE id = ?1")?
        .execute((user, identity, now.0))?;
    tx.audit(now, Actor::User(user, role), "user.oidc_linked", &subject(user), &json!({}))?;
    Ok((user, role))
}

/// A page of ours. What browsers would read as another host's is none.
fn local_page(text: &str) -> Option<&str> {
    let base = Url::parse("https://here.invalid/").ok()?;
    let here = text.len() <= MAX_RETURN
        && text.starts_with('/')
        && text.bytes().all(|c| c.is_ascii_graphic())
        && base.join(text).is_ok_and(|url| url.origin() == base.origin());
    here.then_some(text)
}

#[cfg(test)]
mod tests;
