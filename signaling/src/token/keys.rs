//! API keys and their secrets.

use std::fmt;

/// Secrets shorter than this are accepted but deserve a warning in the log, as
/// LiveKit gives one: 256 bits is the block the HMAC is built on.
pub const MIN_SECRET_LENGTH: usize = 32;

/// One API key with its secret. `Debug` shows the key and hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    id: String,
    secret: String,
}

impl ApiKey {
    /// A key named `id` signing with `secret`.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self { id: id.into(), secret: secret.into() }
    }

    /// The public name, which becomes the token's `iss`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether the secret is shorter than [`MIN_SECRET_LENGTH`] bytes.
    pub fn is_weak(&self) -> bool {
        self.secret.len() < MIN_SECRET_LENGTH
    }

    /// The signing secret. Callers must not log it.
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("id", &self.id).field("secret", &"***").finish()
    }
}

/// All API keys of a server, in the order of its configuration. Tokens of any of
/// them are accepted; the server itself signs with the first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRing {
    keys: Vec<ApiKey>,
}

impl KeyRing {
    /// An empty ring, which accepts no token.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key. One with the same name is replaced in its place.
    pub fn insert(&mut self, key: ApiKey) {
        match self.keys.iter_mut().find(|held| held.id == key.id) {
            Some(held) => *held = key,
            None => self.keys.push(key),
        }
    }

    /// The key named `id`. One with an empty secret counts as absent.
    pub fn get(&self, id: &str) -> Option<&ApiKey> {
        self.keys.iter().find(|key| key.id == id && !key.secret.is_empty())
    }

    /// The key the server signs its own tokens with.
    pub fn first(&self) -> Option<&ApiKey> {
        self.keys.iter().find(|key| !key.secret.is_empty())
    }

    /// All keys, in order.
    pub fn iter(&self) -> impl Iterator<Item = &ApiKey> {
        self.keys.iter()
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl FromIterator<ApiKey> for KeyRing {
    fn from_iter<I: IntoIterator<Item = ApiKey>>(keys: I) -> Self {
        let mut ring = Self::new();
        for key in keys {
            ring.insert(key);
        }
        ring
    }
}

impl<K: Into<String>, S: Into<String>> FromIterator<(K, S)> for KeyRing {
    fn from_iter<I: IntoIterator<Item = (K, S)>>(pairs: I) -> Self {
        pairs.into_iter().map(|(id, secret)| ApiKey::new(id, secret)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_never_shows_a_secret() {
        let ring: KeyRing = [("key", "very secret words")].into_iter().collect();
        let shown = format!("{ring:?}");
        assert!(shown.contains("key") && !shown.contains("very secret words"));
    }

    #[test]
    fn a_repeated_name_replaces_the_secret_and_keeps_the_order() {
        let ring: KeyRing = [("a", "1"), ("b", "2"), ("a", "3")].into_iter().collect();
        assert_eq!(ring.len(), 2);
        assert_eq!(ring.first().map(ApiKey::secret), Some("3"));
    }

    #[test]
    fn a_key_without_a_secret_counts_as_absent() {
        let ring: KeyRing = [("a", ""), ("b", "2")].into_iter().collect();
        assert!(ring.get("a").is_none());
        assert_eq!(ring.first().map(ApiKey::id), Some("b"));
    }
}
