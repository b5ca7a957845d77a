//! Passwords: which are taken, and how they are kept. Argon2id, few at a time, and never on the runtime's threads.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use rand::Rng;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::AccountsError;

/// Fewest characters.
pub const MIN_LENGTH: usize = 10;
/// Most characters; more would only be work.
pub const MAX_LENGTH: usize = 200;
/// How many may wait for each one that is being hashed.
const WAITING: usize = 32;

/// What everybody tries first, of ten characters and more.
const COMMON: &[&str] = &[
    "1234567890",
    "0123456789",
    "0987654321",
    "9876543210",
    "12345678910",
    "123456789a",
    "a123456789",
    "1q2w3e4r5t",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "q1w2e3r4t5",
    "qwertyuiop",
    "qwertyuiop123",
    "qwerty12345",
    "qwerty123456",
    "qwertzuiop",
    "azertyuiop",
    "asdfghjkl1",
    "asdfghjkl;",
    "zxcvbnm123",
    "password12",
    "password123",
    "password1234",
    "password12345",
    "passw0rd123",
    "p@ssw0rd123",
    "p@ssword123",
    "passwordpassword",
    "mypassword",
    "mypassword1",
    "changeme123",
    "changemenow",
    "letmein123",
    "letmeinnow",
    "iloveyou12",
    "iloveyou123",
    "iloveyou1234",
    "welcome123",
    "welcome1234",
    "admin12345",
    "admin123456",
    "administrator",
    "football123",
    "baseball123",
    "basketball",
    "sunshine123",
    "princess123",
    "superman123",
    "dragon12345",
    "monkey12345",
    "michael123",
    "charlie123",
    "abcdefghij",
    "abcdefghijk",
    "abcdef123456",
    "abcd123456",
    "abc1234567",
    "abc123456789",
    "1234567890a",
    "123123123123",
    "1231231231",
    "1212121212",
    "1122334455",
    "1111122222",
    "11223344556677",
    "987654321a",
    "qweasdzxc123",
    "1234qwerasdf",
    "q1w2e3r4t5y6",
    "secret1234",
    "secret12345",
    "computer123",
    "internet123",
    "starwars123",
    "whatever123",
    "trustno1trustno1",
    "correcthorsebatterystaple",
    "visavisvisavis",
    "consultation",
];

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// Fewer than [`MIN_LENGTH`] characters.
    TooShort,
    /// More than [`MAX_LENGTH`] characters.
    TooLong,
    /// Among those that everybody tries first.
    Common,
    /// The person's own name or address.
    Personal,
}

impl Weakness {
    /// The word by which callers know the reason.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::Common => "common",
            Self::Personal => "personal",
        }
    }
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => write!(f, "a password has at least {MIN_LENGTH} characters"),
            Self::TooLong => write!(f, "a password has at most {MAX_LENGTH} characters"),
            Self::Common => f.write_str("this password is among the first that are tried; choose another one"),
            Self::Personal => {
                f.write_str("a password that is one's own name or address is guessed; choose another one")
            }
        }
    }
}

/// Whether a password is good enough for somebody of this address and name.
///
/// # Errors
///
/// [`AccountsError::WeakPassword`].
pub fn check(password: &str, email: &str, name: &str) -> Result<(), AccountsError> {
    match weakness(password, email, name) {
        None => Ok(()),
        Some(weakness) => Err(AccountsError::WeakPassword(weakness)),
    }
}

fn weakness(password: &str, email: &str, name: &str) -> Option<Weakness> {
    let length = password.chars().count();
    if length < MIN_LENGTH {
        return Some(Weakness::TooShort);
    }
    if length > MAX_LENGTH {
        return Some(Weakness::TooLong);
    }
    let plain = squeezed(password);
    let different = plain.chars().collect::<std::collections::BTreeSet<_>>().len();
    if different < 4 || COMMON.iter().any(|common| squeezed(common) == plain) {
        return Some(Weakness::Common);
    }
    // Digits at the end are what people put there when a form wants more.
    let bare = plain.trim_end_matches(|c: char| c.is_ascii_digit() || c == '!');
    let (local, domain) = email.rsplit_once('@').unwrap_or((email, ""));
    let own = [email, local, domain, name].map(squeezed);
    let personal = own.iter().filter(|own| !own.is_empty()).any(|own| *own == plain || *own == bare);
    personal.then_some(Weakness::Personal)
}

/// Without case and spaces.
fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// What became of a password that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is another one, or there is none.
    Wrong,
    /// It is this one.
    Right,
    /// It is this one, kept by parameters of former times: here is how to keep it from now on.
    RightKeepAs(String),
}

/// Hashes passwords, a bounded number at a time with a bounded number behind them.
#[derive(Clone)]
pub struct Hasher {
    inner: Arc<Inner>,
}

struct Inner {
    argon2: Argon2<'static>,
    /// Checked where there is no hash, so that it takes as long to be told so.
    nobody: PasswordHash,
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    hashes: AtomicU64,
    refused: AtomicU64,
}

impl Hasher {
    /// OWASP's first choice for Argon2id: 19 MiB, two passes, one lane.
    pub const PARAMS: Params = Params::DEFAULT;

    /// A hasher of so many passwords at a time.
    pub fn new(params: Params, concurrent: u16) -> Self {
        let concurrent = usize::from(concurrent.max(1));
        let mut random = [0; 48];
        rand::rng().fill_bytes(&mut random);
        let (salt, output) = random.split_at(16);
        let nobody = PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).expect("sound parameters can be written"),
            salt: Some(Salt::new(salt).expect("16 bytes are a salt")),
            hash: Some(Output::new(output).expect("32 bytes are an output")),
        };
        let inner = Inner {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            nobody,
            running: Arc::new(Semaphore::new(concurrent)),
            admitted: Arc::new(Semaphore::new(concurrent * (1 + WAITING))),
            hashes: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// How a password is to be kept: a PHC string.
    ///
    /// # Errors
    ///
    /// [`AccountsError::Busy`].
    pub async fn hash(&self, password: &str) -> Result<String, AccountsError> {
        let (inner, password) = (Arc::clone(&self.inner), password.to_owned());
        self.run(move || inner.hash(&password)).await?
    }

    /// Whether it is the password that was kept so; where nothing was kept, an equal amount of work finds that out.
    ///
    /// # Errors
    ///
    /// [`AccountsError::Busy`].
    pub async fn verify(&self, password: &str, kept: Option<&str>) -> Result<Verdict, AccountsError> {
        let (inner, password, kept) = (Arc::clone(&self.inner), password.to_owned(), kept.map(str::to_owned));
        self.run(move || inner.verify(&password, kept.as_deref())).await?
    }

    /// How many hashes were computed, and how many refused because too many waited.
    pub fn counts(&self) -> (u64, u64) {
        (self.inner.hashes.load(Ordering::Relaxed), self.inner.refused.load(Ordering::Relaxed))
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AccountsError> {
        let Ok(admitted) = Arc::clone(&self.inner.admitted).try_acquire_owned() else {
            self.inner.refused.fetch_add(1, Ordering::Relaxed);
            return Err(AccountsError::Busy);
        };
        let running = Arc::clone(&self.inner.running).acquire_owned().await.map_err(|_| AccountsError::Busy)?;
        // The permits go along: whoever asked may leave, the work is done all the same.
        let permits: [OwnedSemaphorePermit; 2] = [admitted, running];
        let work = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permits);
            result
        });
        work.await.map_err(|_| AccountsError::Busy)
    }
}

impl Inner {
    fn hash(&self, password: &str) -> Result<String, AccountsError> {
        let mut salt = [0; 16];
        rand::rng().fill_bytes(&mut salt);
        self.hashes.fetch_add(1, Ordering::Relaxed);
        // It fails where there is no memory left.
        let hash: PasswordHash = self.argon2.hash_password_with_salt(password.as_bytes(), &salt).map_err(|error| {
            tracing::error!(%error, "a password cannot be hashed");
            AccountsError::Busy
        })?;
        Ok(hash.to_string())
    }

    fn verify(&self, password: &str, kept: Option<&str>) -> Result<Verdict, AccountsError> {
        let parsed = kept.map(PasswordHash::new);
        if let Some(Err(error)) = &parsed {
            tracing::error!(%error, "what is kept of a password cannot be read");
        }
        let known = parsed.and_then(Result::ok);
        let hash = known.as_ref().unwrap_or(&self.nobody);
        self.hashes.fetch_add(1, Ordering::Relaxed);
        let right = self.argon2.verify_password(password.as_bytes(), hash).is_ok();
        match known {
            Some(hash) if right && self.is_current(&hash) => Ok(Verdict::Right),
            Some(_) if right => Ok(Verdict::RightKeepAs(self.hash(password)?)),
            _ => Ok(Verdict::Wrong),
        }
    }

    fn is_current(&self, hash: &PasswordHash) -> bool {
        let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        hash.algorithm == ARGON2ID_IDENT
            && hash.version == Some(Version::V0x13.into())
            && Params::try_from(hash).is_ok_and(|params| costs(&params) == costs(self.argon2.params()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn cheap(memory_kib: u32) -> Params {
        Params::new(memory_kib, 1, 1, None).unwrap()
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other_one_is() {
        let hasher = Hasher::new(Hasher::PARAMS, 1);
        let kept = hasher.hash("correct horse battery").await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert_eq!(hasher.verify("correct horse battery", Some(&kept)).await.unwrap(), Verdict::Right);
        assert_eq!(hasher.verify("Correct horse battery", Some(&kept)).await.unwrap(), Verdict::Wrong);
        assert_eq!(hasher.verify("correct horse battery", Some("$argon2id$broken")).await.unwrap(), Verdict::Wrong);
        assert_eq!(hasher.verify("correct horse battery", None).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn whoever_has_no_hash_costs_the_same_work_as_a_wrong_password() {
        let hasher = Hasher::new(cheap(64), 1);
        let kept = hasher.hash("correct horse battery").await.unwrap();
        let work = |from: u64| hasher.counts().0 - from;
        for kept in [Some(kept.as_str()), None, Some("rubbish")] {
            let before = hasher.counts().0;
            hasher.verify("some other words", kept).await.unwrap();
            assert_eq!(work(before), 1, "{kept:?}");
        }
        // By the same parameters, too.
        assert!(hasher.inner.is_current(&hasher.inner.nobody));
    }

    #[tokio::test]
    async fn parameters_of_former_times_are_replaced_when_the_password_is_known() {
        let old = Hasher::new(cheap(64), 1).hash("correct horse battery").await.unwrap();
        let hasher = Hasher::new(cheap(128), 1);
        let Verdict::RightKeepAs(new) = hasher.verify("correct horse battery", Some(&old)).await.unwrap() else {
            panic!("it was kept as it was");
        };
        assert!(new.contains("m=128,"), "{new}");
        assert_eq!(hasher.verify("correct horse battery", Some(&new)).await.unwrap(), Verdict::Right);
        assert_eq!(hasher.verify("another horse", Some(&old)).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn so_many_are_hashed_so_many_wait_and_the_rest_is_refused() {
        let hasher = Hasher::new(cheap(8), 1);
        let held = Arc::clone(&hasher.inner.running).acquire_owned().await.unwrap();
        let mut waiting = Vec::new();
        for _ in 0..40 {
            let hasher = hasher.clone();
            waiting.push(tokio::spawn(async move { hasher.hash("correct horse battery").await }));
        }
        while hasher.counts().1 < 7 {
            tokio::task::yield_now().await;
        }
        drop(held);
        let mut done = 0;
        for handle in waiting {
            match handle.await.unwrap() {
                Ok(_) => done += 1,
                Err(error) => assert!(matches!(error, AccountsError::Busy), "{error}"),
            }
        }
        assert_eq!((done, hasher.counts()), (33, (33, 7)));
        hasher.hash("and the next one").await.unwrap();
    }

    #[test]
    fn weak_passwords_are_told_why() {
        let of = |password: &str| weakness(password, "ada@lovelace.example", "Ada Byron King");
        for (password, expected) in [
            ("short", Some(Weakness::TooShort)),
            ("ninechars", Some(Weakness::TooShort)),
            ("Password123", Some(Weakness::Common)),
            ("1234567890", Some(Weakness::Common)),
            ("aaaaaaaaaaaa", Some(Weakness::Common)),
            ("abababababab", Some(Weakness::Common)),
            ("ADA@lovelace.example", Some(Weakness::Personal)),
            ("lovelace.example1", Some(Weakness::Personal)),
            ("Ada Byron King!", Some(Weakness::Personal)),
            ("adabyronking1815", Some(Weakness::Personal)),
            ("ten chars!", None),
            ("пароль из слов", None),
        ] {
            assert_eq!(of(password), expected, "{password}");
        }
        assert_eq!(of(&"ab1ü".repeat(50)), None);
        assert_eq!(of(&"ab1ü".repeat(51)), Some(Weakness::TooLong));
        assert!(COMMON.iter().all(|common| common.chars().count() >= MIN_LENGTH), "a shorter one is refused anyway");
    }
}
