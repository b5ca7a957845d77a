//! Limits of requests by address and by account: token buckets in a table of fixed size.
//!
//! A bucket is one instant, the moment at which it will be full again (the generic cell rate algorithm): what has not
//! been asked for lately needs no entry. The table has two halves. When the younger one is full it becomes the older
//! one, which is forgotten; entries in use move over. So the table never grows, finding room costs nothing, and what
//! is forgotten first was not used for longest. Whoever has thousands of addresses can flush it; that one the limits
//! by account stop, and the machine's own.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::ids::{SeatId, UserId};
use crate::store::Actor;

/// Buckets in each half of the table, some 60 bytes each.
const HALF: usize = 32_768;

/// What a request costs, and so how many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Looking something up.
    Read,
    /// Changing something.
    Write,
    /// Proving who one is: passwords, sign-in links, codes, registration.
    SignIn,
    /// Asking for an access token to a room.
    Token,
    /// Sending a file.
    Upload,
    /// Opening a stream of events.
    Stream,
    /// Loading a file of the web app.
    Asset,
}

/// How many at once, and how often after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Requests that may come at once.
    pub burst: u32,
    /// Time after which there may be one more.
    pub every: Duration,
}

const fn limit(burst: u32, every_millis: u64) -> Limit {
    Limit { burst, every: Duration::from_millis(every_millis) }
}

impl Class {
    /// Every class.
    pub const ALL: [Class; 7] =
        [Class::Read, Class::Write, Class::SignIn, Class::Token, Class::Upload, Class::Stream, Class::Asset];

    /// The class's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Class::Read => "read",
            Class::Write => "write",
            Class::SignIn => "sign_in",
            Class::Token => "token",
            Class::Upload => "upload",
            Class::Stream => "stream",
            Class::Asset => "asset",
        }
    }

    /// The limit of one address. A practice's whole staff may share one, so most are generous; guessing passwords is
    /// not what a staff does.
    const fn of_address(self) -> Limit {
        match self {
            Class::Read => limit(1_000, 10),
            Class::Write => limit(200, 50),
            Class::SignIn => limit(30, 3_000),
            Class::Token => limit(200, 20),
            Class::Upload => limit(40, 500),
            Class::Stream => limit(200, 100),
            // A page is dozens of files, and a file is next to nothing.
            Class::Asset => limit(5_000, 2),
        }
    }

    /// The limit of one account, guest's seat or name that is being signed in with.
    const fn of_account(self) -> Limit {
        match self {
            Class::Read => limit(300, 50),
            Class::Write => limit(60, 250),
            Class::SignIn => limit(10, 30_000),
            Class::Token => limit(30, 1_000),
            Class::Upload => limit(20, 3_000),
            Class::Stream => limit(30, 1_000),
            Class::Asset => limit(5_000, 2),
        }
    }
}

/// Whose bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Who {
    Address(u128),
    User(UserId),
    Seat(SeatId),
    /// The hash of a name under a key of this process.
    Name(u64),
}

type Half = HashMap<(Class, Who), Instant>;

#[derive(Default)]
struct Table {
    younger: Half,
    older: Half,
}

/// The buckets of everybody who asked lately.
pub struct RateLimits {
    enabled: bool,
    half: usize,
    names: RandomState,
    table: Mutex<Table>,
}

impl RateLimits {
    /// Nobody has asked yet. Without `enabled` everybody may ask as often as they like.
    pub fn new(enabled: bool) -> Self {
        Self::with_capacity(enabled, 2 * HALF)
    }

    fn with_capacity(enabled: bool, capacity: usize) -> Self {
        Self { enabled, half: capacity / 2, names: RandomState::new(), table: Mutex::default() }
    }

    /// Takes one request out of an address's bucket. An IPv6 client has a whole /64 to choose addresses from.
    ///
    /// # Errors
    ///
    /// How long to wait until there is one in it.
    pub fn address(&self, class: Class, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let network = match address.to_canonical() {
            // An IPv6 network has nothing in its lower half, so the two never meet.
            IpAddr::V4(ip) => u128::from(ip.to_bits()),
            IpAddr::V6(ip) => ip.to_bits() >> 64 << 64,
        };
        self.take(class, Who::Address(network), class.of_address(), now)
    }

    /// Takes one request out of the bucket of an account or a guest's seat; others have none.
    ///
    /// # Errors
    ///
    /// How long to wait until there is one in it.
    pub fn account(&self, class: Class, actor: Actor, now: Instant) -> Result<(), Duration> {
        match actor {
            Actor::User(user, _) => self.take(class, Who::User(user), class.of_account(), now),
            Actor::Guest(seat) => self.take(class, Who::Seat(seat), class.of_account(), now),
            Actor::Anonymous | Actor::System => Ok(()),
        }
    }

    /// Takes one request out of the bucket of a name that somebody claims, such as the e-mail address of a sign-in.
    ///
    /// # Errors
    ///
    /// How long to wait until there is one in it.
    pub fn name(&self, class: Class, name: &str, now: Instant) -> Result<(), Duration> {
        self.take(class, Who::Name(self.names.hash_one(name)), class.of_account(), now)
    }

    /// How many buckets there are.
    pub fn len(&self) -> usize {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.younger.len() + table.older.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn take(&self, class: Class, who: Who, limit: Limit, now: Instant) -> Result<(), Duration> {
        if !self.enabled {
            return Ok(());
        }
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let Table { younger, older } = &mut *table;
        let key = (class, who);
        let full_at = younger.get(&key).copied().or_else(|| older.remove(&key)).unwrap_or(now).max(now);
        let after = full_at + limit.every;
        let depth = limit.every * limit.burst;
        let (kept, answer) = match after.duration_since(now).checked_sub(depth) {
            Some(wait) if wait > Duration::ZERO => (full_at, Err(wait)),
            _ => (after, Ok(())),
        };
        if younger.len() >= self.half && !younger.contains_key(&key) {
            std::mem::swap(younger, older);
            younger.clear();
        }
        younger.insert(key, kept);
        answer
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rand::SeedableRng;

    use super::*;
    use crate::clock::{Clock, ManualClock};
    use crate::store::Role;
    use crate::units::UnixTime;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_one_at_a_time() {
        let (limits, clock) = (RateLimits::new(true), ManualClock::new(UnixTime(0)));
        let ask = || limits.address(Class::SignIn, ip("192.0.2.1"), clock.now());
        let limit = Class::SignIn.of_address();
        for _ in 0..limit.burst {
            assert_eq!(ask(), Ok(()));
        }
        assert_eq!(ask(), Err(limit.every));
        // Asking in vain does not make the wait longer.
        assert_eq!(ask(), Err(limit.every));
        clock.advance(limit.every);
        assert_eq!((ask(), ask()), (Ok(()), Err(limit.every)));
        clock.advance(limit.every * limit.burst * 10);
        let given = (0..limit.burst * 2).filter(|_| ask().is_ok()).count();
        assert_eq!(given, limit.burst as usize);
    }

    #[test]
    fn classes_addresses_and_accounts_have_buckets_of_their_own() {
        let limits = RateLimits::new(true);
        let now = ManualClock::new(UnixTime(0)).now();
        let exhaust = |ask: &dyn Fn() -> Result<(), Duration>| (0..2_000).filter(|_| ask().is_ok()).count();
        let one = exhaust(&|| limits.address(Class::SignIn, ip("2001:db8::1"), now));
        assert_eq!(one, Class::SignIn.of_address().burst as usize);
        // Another address of the same network, and other networks, classes and names.
        assert!(limits.address(Class::SignIn, ip("2001:db8::ffff"), now).is_err());
        assert!(limits.address(Class::SignIn, ip("2001:db8:0:1::1"), now).is_ok());
        assert!(limits.address(Class::Read, ip("2001:db8::1"), now).is_ok());
        assert!(limits.address(Class::SignIn, ip("::ffff:192.0.2.1"), now).is_ok());
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let user = Actor::User(UserId::new(UnixTime(0), &mut rng), Role::Customer);
        assert_eq!(exhaust(&|| limits.account(Class::Write, user, now)), Class::Write.of_account().burst as usize);
        assert_eq!(exhaust(&|| limits.account(Class::Write, Actor::Anonymous, now)), 2_000);
        assert_eq!(exhaust(&|| limits.name(Class::SignIn, "a@b.c", now)), Class::SignIn.of_account().burst as usize);
        assert!(limits.name(Class::SignIn, "d@e.f", now).is_ok());
    }

    #[test]
    fn the_table_never_grows_beyond_its_size_and_keeps_who_is_in_use() {
        let (limits, clock) = (RateLimits::with_capacity(true, 64), ManualClock::new(UnixTime(0)));
        let busy = || limits.address(Class::SignIn, ip("192.0.2.1"), clock.now());
        while busy().is_ok() {}
        for i in 0..10_000_u32 {
            let other = IpAddr::V4((0x0a00_0000 + i).into());
            assert!(limits.address(Class::SignIn, other, clock.now()).is_ok());
            assert!(busy().is_err(), "forgotten after {i} others");
            assert!(limits.len() <= 64);
        }
    }

    #[test]
    fn without_limits_nothing_is_kept() {
        let limits = RateLimits::new(false);
        let now = ManualClock::new(UnixTime(0)).now();
        assert!((0..5_000).all(|_| limits.address(Class::SignIn, ip("192.0.2.1"), now).is_ok()));
        assert!(limits.is_empty());
    }
}
