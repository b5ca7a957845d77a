//! The RFCs' own numbers.
#![allow(clippy::unwrap_used)]

use aws_lc_rs::cipher::{AES_128, EncryptingKey, UnboundCipherKey};

use super::cipher::{Cipher, apply_keystream};
use super::kdf::Prf;
use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

const MASTER_KEY: &str = "E1F97A0D3E018BE0D64FA32C06DE4139";
const MASTER_SALT: &str = "0EC675AD498AFEEBB6960B3AABE6";
const GCM_SALT: &str = "517569642070726f2071756f";
const GALLIA: &str = "47616c6c69612065 7374206f6d6e6973 2064697669736120 696e207061727465 7320747265 73";

#[test]
fn counter_mode_yields_the_key_stream_of_rfc_3711_b2() {
    let key = UnboundCipherKey::new(&AES_128, &hex("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
    let key = EncryptingKey::ctr(key).unwrap();
    let mut stream = [0; 48];
    let iv = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000").try_into().unwrap();
    apply_keystream(&key, iv, &mut stream).unwrap();
    let expected = "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0";
    assert_eq!(stream, hex(expected)[..]);
}

#[test]
fn session_keys_are_those_of_rfc_3711_b3() {
    let (key, salt) = (hex(MASTER_KEY), hex(MASTER_SALT));
    let prf = Prf::new(&MasterKey { key: &key, salt: &salt }).unwrap();
    let derive = |label, len| {
        let mut out = vec![0; len];
        prf.derive(label, &mut out).unwrap();
        out
    };
    assert_eq!(derive(0, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(derive(2, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(derive(1, 20), hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

#[test]
fn a_packet_under_cm_80_is_sealed_as_everybody_seals_it() {
    let (key, salt) = (hex(MASTER_KEY), hex(MASTER_SALT));
    let master = || MasterKey { key: &key, salt: &salt };
    let mut session = SrtpSession::new(Profile::AesCm128HmacSha1_80, master(), master()).unwrap();
    let plain = hex("800f1234 decafbad cafebabe abababab abababab abababab abababab");
    let sealed = hex("800f1234 decafbad cafebabe 4e55dc4c e79978d8 8ca4d215 949d2402 b78d6acc 99ea179b 8dbb");
    let mut packet = plain.clone();
    packet.resize(plain.len() + 10, 0);
    assert_eq!(session.seal_rtp(&mut packet, plain.len()), Some(sealed.len()));
    assert_eq!(packet, sealed);
    assert_eq!(session.open_rtp(&mut packet), Ok(plain.len()));
    assert_eq!(packet[..plain.len()], plain);

    session.rtcp_index = 1;
    let plain = hex("81c8000b cafebabe abababab abababab abababab abababab");
    let sealed = hex("81c8000b cafebabe 7128035b e487b9bd bef89041 f977a5a8 80000001 993e08cd 54d6c123 0798");
    let mut packet = Vec::new();
    session.seal_rtcp(&plain, &mut packet).unwrap();
    assert_eq!(packet, sealed);
    assert_eq!(session.open_rtcp(&mut packet), Ok(plain.len()));
    assert_eq!(packet[..plain.len()], plain);
}

#[test]
fn packets_under_gcm_are_those_of_rfc_7714_16_and_17() {
    let salt: [u8; 12] = hex(GCM_SALT).try_into().unwrap();
    let key: Vec<u8> = (0..32).collect();
    let header = hex("8040f17b 8041f8d3 5501a0b2");
    let plain = [header.clone(), hex(GALLIA)].concat();
    for (profile, expected) in [
        (
            Profile::AeadAes128Gcm,
            "f24de3a3fb34de6c acba861c9d7e4bca be633bd50d294e6f 42a5f47a51c7d19b 36de3adf8833
             899d7f27beb16a91 52cf765ee4390cce",
        ),
        (
            Profile::AeadAes256Gcm,
            "32b1de78a822fe12 ef9f78fa332e33aa b18012389a58e2f3 b50b2a0276ffae0f 1ba63799b87b
             7aa3db36dfffd6b0 f9bb7878d7a76c13",
        ),
    ] {
        let cipher = Cipher::gcm(profile, &key[..profile.key_len()], salt).unwrap();
        let mut packet = plain.clone();
        packet.resize(plain.len() + 16, 0);
        cipher.seal_rtp(&mut packet, 12, plain.len(), 0x5501_a0b2, 0xf17b).unwrap();
        assert_eq!(packet, [header.clone(), hex(expected)].concat(), "{profile:?}");
        assert_eq!(cipher.open_rtp(&mut packet, 12, 0x5501_a0b2, 0xf17b), Some(plain.len()));
        assert_eq!(packet[..plain.len()], plain);
    }

    let cipher = Cipher::gcm(Profile::AeadAes128Gcm, &key[..16], salt).unwrap();
    let plain = hex("81c8000d4d617273 4e5450314e545032 525450200000042a 0000e9304c756e61
         deadbeefdeadbeef deadbeefdeadbeef deadbeef");
    let sealed = hex("81c8000d4d617273 63e94885dcdab67c a727d7662f6b7e99 7ff5c0f76c06f32d c676a5f1730d6fda
         4ce09b4686303ded 0bb9275bc84aa458 96cf4d2fc5abf872 45d9eade800005d4");
    let mut packet = plain.clone();
    cipher.seal_rtcp(&mut packet, 0, 0x4d61_7273, 0x5d4).unwrap();
    assert_eq!(packet, sealed);
    let word = cipher.rtcp_index_word(&packet);
    assert_eq!(cipher.open_rtcp(&mut packet, 0x4d61_7273, word), Some(plain.len()));
    assert_eq!(packet[..plain.len()], plain);
}
