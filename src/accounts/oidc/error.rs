//! What goes wrong between a provider and us.

/// Why a sign-in at the provider led nowhere. What is shown says nothing of secrets; what the operator needs to know
/// is in the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OidcError {
    /// The provider does not answer.
    #[error("the identity provider cannot be reached: {0}")]
    Unavailable(String),
    /// The provider answers, and not as the protocol wants it, or refuses us.
    #[error("the identity provider and this server are not set up for each other: {0}")]
    Misconfigured(String),
    /// The person was not let in there, or did not want to.
    #[error("the identity provider says no: {0}")]
    Denied(String),
    /// The sign-in was not begun in this browser, more than ten minutes ago, or ended before.
    #[error("this sign-in was not begun here, or too long ago; begin again")]
    StateInvalid,
    /// What the provider says of the person cannot be trusted.
    #[error("the identity provider's answer {0}")]
    TokenInvalid(&'static str),
    /// The provider does not vouch for an address.
    #[error("the identity provider does not confirm an e-mail address")]
    EmailUnverified,
    /// The account of this address belongs to another identity.
    #[error("the account of this e-mail address belongs to another identity of the provider")]
    Conflict,
}

impl OidcError {
    /// The word by which callers know the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "oidc_unavailable",
            Self::Misconfigured(_) => "oidc_misconfigured",
            Self::Denied(_) => "oidc_denied",
            Self::StateInvalid => "oidc_state_invalid",
            Self::TokenInvalid(_) => "oidc_token_invalid",
            Self::EmailUnverified => "oidc_email_unverified",
            Self::Conflict => "oidc_conflict",
        }
    }

    /// The provider's own word, as far as it is one.
    pub(super) fn denied(error: &str) -> Self {
        let word: String = error.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
        Self::Denied(word)
    }
}
