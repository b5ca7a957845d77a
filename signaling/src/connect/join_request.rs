//! The `join_request` parameter of the v1 endpoint.

use std::io::Read as _;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::read::MultiGzDecoder;
use livekit_protocol::{JoinRequest, WrappedJoinRequest, wrapped_join_request::Compression};
use prost::Message as _;

use super::ConnectError;

/// The largest join request, in bytes after inflation (LiveKit uses Go's
/// default header limit).
pub const MAX_JOIN_REQUEST_SIZE: usize = 1 << 20;

const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Decodes the value of `join_request`, after percent decoding: base64 (either
/// alphabet, padded or not) of a `WrappedJoinRequest` holding a `JoinRequest`,
/// plain or gzipped.
///
/// Inflation stops at [`MAX_JOIN_REQUEST_SIZE`], so memory stays bounded
/// whatever the stream claims.
///
/// # Errors
///
/// One of the `JoinRequest…` variants of [`ConnectError`], all status 400.
pub fn decode_join_request(value: &str) -> Result<JoinRequest, ConnectError> {
    let bytes = decode_base64(value).ok_or(ConnectError::JoinRequestBase64)?;
    let wrapped = WrappedJoinRequest::decode(bytes.as_slice()).map_err(|_| ConnectError::WrappedJoinRequest)?;
    let inner = match Compression::try_from(wrapped.compression) {
        Ok(Compression::None) if wrapped.join_request.len() > MAX_JOIN_REQUEST_SIZE => {
            return Err(ConnectError::JoinRequestTooLarge);
        }
        Ok(Compression::None) => wrapped.join_request,
        Ok(Compression::Gzip) => inflate(&wrapped.join_request)?,
        Err(_) => return Err(ConnectError::WrappedJoinRequest),
    };
    JoinRequest::decode(inner.as_slice()).map_err(|_| ConnectError::JoinRequest)
}

/// Decodes base64 in whatever form clients and proxies leave it: URL-safe or
/// standard alphabet, padding present, absent or escaped twice, a `+` that the
/// form decoding has turned into a space.
pub(super) fn decode_base64(value: &str) -> Option<Vec<u8>> {
    let mut trimmed = value;
    loop {
        let shorter = trimmed.trim_end_matches('=').trim_end_matches("%3D").trim_end_matches("%3d");
        if shorter.len() == trimmed.len() {
            break;
        }
        trimmed = shorter;
    }
    let standard: Vec<u8> = trimmed
        .bytes()
        .map(|byte| match byte {
            b'-' | b' ' => b'+',
            b'_' => b'/',
            other => other,
        })
        .collect();
    TOLERANT.decode(standard).ok()
}

fn inflate(compressed: &[u8]) -> Result<Vec<u8>, ConnectError> {
    let mut inflated = Vec::new();
    MultiGzDecoder::new(compressed)
        .take(MAX_JOIN_REQUEST_SIZE as u64 + 1)
        .read_to_end(&mut inflated)
        .map_err(|_| ConnectError::JoinRequestGzip)?;
    if inflated.len() > MAX_JOIN_REQUEST_SIZE {
        return Err(ConnectError::JoinRequestTooLarge);
    }
    Ok(inflated)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
    use flate2::{Compression as Level, write::GzEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Level::best());
        encoder.write_all(bytes).expect("writing to memory");
        encoder.finish().expect("writing to memory")
    }

    fn wrap(compression: Compression, join_request: Vec<u8>) -> Vec<u8> {
        WrappedJoinRequest { compression: compression.into(), join_request }.encode_to_vec()
    }

    fn request() -> JoinRequest {
        JoinRequest { metadata: "hello ÿþ?>".into(), participant_sid: "PA_x".into(), ..JoinRequest::default() }
    }

    #[test]
    fn every_spelling_of_base64_is_understood() {
        let plain = wrap(Compression::None, request().encode_to_vec());
        let safe = URL_SAFE.encode(&plain);
        for text in [
            safe.replace('=', "%3D"),
            safe,
            URL_SAFE_NO_PAD.encode(&plain),
            STANDARD.encode(&plain),
            STANDARD.encode(&plain).replace('+', " "),
        ] {
            assert_eq!(decode_join_request(&text), Ok(request()), "{text}");
        }
    }

    #[test]
    fn a_gzipped_request_is_inflated() {
        let wrapped = wrap(Compression::Gzip, gzip(&request().encode_to_vec()));
        assert_eq!(decode_join_request(&URL_SAFE.encode(wrapped)), Ok(request()));
    }

    #[test]
    fn a_gzip_bomb_is_refused_at_the_cap() {
        let bomb = gzip(&vec![0; 64 << 20]);
        assert!(bomb.len() < 100_000, "the bomb is small before it goes off");
        let wrapped = wrap(Compression::Gzip, bomb);
        assert_eq!(decode_join_request(&URL_SAFE.encode(wrapped)), Err(ConnectError::JoinRequestTooLarge));
    }

    #[test]
    fn a_request_of_exactly_the_cap_passes_and_one_byte_more_does_not() {
        let sized = |size: usize| {
            // A tag byte and three length bytes go before the text.
            let join = JoinRequest { metadata: "m".repeat(size - 4), ..JoinRequest::default() };
            assert_eq!(join.encoded_len(), size);
            let wrapped = wrap(Compression::Gzip, gzip(&join.encode_to_vec()));
            decode_join_request(&URL_SAFE.encode(wrapped)).map(|_| ())
        };
        assert_eq!(sized(MAX_JOIN_REQUEST_SIZE), Ok(()));
        assert_eq!(sized(MAX_JOIN_REQUEST_SIZE + 1), Err(ConnectError::JoinRequestTooLarge));
    }

    #[test]
    fn each_broken_layer_has_its_own_error() {
        assert_eq!(decode_join_request("!"), Err(ConnectError::JoinRequestBase64));
        let not_proto = URL_SAFE.encode([0xff; 8]);
        assert_eq!(decode_join_request(&not_proto), Err(ConnectError::WrappedJoinRequest));
        let bad_inner = URL_SAFE.encode(wrap(Compression::None, vec![0xff; 8]));
        assert_eq!(decode_join_request(&bad_inner), Err(ConnectError::JoinRequest));
        let bad_gzip = URL_SAFE.encode(wrap(Compression::Gzip, vec![1, 2, 3]));
        assert_eq!(decode_join_request(&bad_gzip), Err(ConnectError::JoinRequestGzip));
        let mut truncated = gzip(&request().encode_to_vec());
        truncated.truncate(truncated.len() - 6);
        let truncated = URL_SAFE.encode(wrap(Compression::Gzip, truncated));
        assert_eq!(decode_join_request(&truncated), Err(ConnectError::JoinRequestGzip));
    }
}
