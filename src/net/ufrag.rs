//! Our ICE user names. Their first two letters name the shard, so that whoever sees a first check knows who
//! answers it: that is how the one ICE-TCP port finds the right shard without asking anybody.

use arrayvec::ArrayString;
use rand::Rng;

use crate::transport::IceCredentials;

use super::ShardIndex;

/// Letters of our credentials, five bits each; all of them are `ice-char`s (RFC 8839 §5.4).
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Digits of the shard's number.
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// Random letters of a ufrag behind the shard's digits: 50 bits.
const UFRAG_LETTERS: usize = 10;
/// Letters of a password: 160 bits, where RFC 8445 §5.3 asks for 128.
const PASSWORD_LETTERS: usize = 32;

/// Shards that two digits can name.
pub const MAX_SHARDS: usize = DIGITS.len() * DIGITS.len();

/// New credentials of ours for a transport on `shard`. `rng` must be unpredictable: the password guards the
/// transport. A shard beyond [`MAX_SHARDS`] does not exist; its digits would wrap.
pub fn credentials(shard: ShardIndex, rng: &mut impl Rng) -> IceCredentials {
    let number = usize::from(shard.0) % MAX_SHARDS;
    let mut ufrag = ArrayString::new();
    ufrag.push(DIGITS[number / DIGITS.len()] as char);
    ufrag.push(DIGITS[number % DIGITS.len()] as char);
    push_letters(&mut ufrag, UFRAG_LETTERS, rng);
    let mut pwd = ArrayString::new();
    push_letters(&mut pwd, PASSWORD_LETTERS, rng);
    IceCredentials { ufrag, pwd }
}

/// The shard that a local ufrag names; `None` for one that is not of our making.
pub fn shard_of(ufrag: &str) -> Option<ShardIndex> {
    let [first, second, _, ..] = ufrag.as_bytes() else { return None };
    let digit = |letter: &u8| DIGITS.iter().position(|digit| digit == letter);
    Some(ShardIndex((digit(first)? * DIGITS.len() + digit(second)?) as u16))
}

fn push_letters(text: &mut ArrayString<256>, count: usize, rng: &mut impl Rng) {
    for _ in 0..count {
        text.push(LETTERS[(rng.next_u32() % 32) as usize] as char);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn a_ufrag_leads_back_to_its_shard() {
        let mut rng = StdRng::seed_from_u64(1);
        for shard in (0..MAX_SHARDS as u16).map(ShardIndex) {
            let ice = credentials(shard, &mut rng);
            assert_eq!(shard_of(&ice.ufrag), Some(shard));
            assert_eq!((ice.ufrag.len(), ice.pwd.len()), (12, 32));
        }
    }

    #[test]
    fn foreign_ufrags_name_no_shard() {
        for ufrag in ["", "0", "00", "A0xxxx", "0-xxxx", "ü0xxx"] {
            assert_eq!(shard_of(ufrag), None, "{ufrag:?}");
        }
    }

    #[test]
    fn no_two_credentials_are_alike() {
        let mut rng = StdRng::seed_from_u64(2);
        let (one, two) = (credentials(ShardIndex(0), &mut rng), credentials(ShardIndex(0), &mut rng));
        assert!(one.ufrag != two.ufrag && one.pwd != two.pwd);
    }
}
