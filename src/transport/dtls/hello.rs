//! The peer's ClientHello, put together before a DTLS machine exists, because its content decides which machine it
//! will be (RFC 6347 §4.2.2 and §4.2.3; RFC 8446 §4.2.1).
//!
//! Chromium's hello carries a post-quantum key share and comes in two datagrams, in any order and perhaps twice.

/// Longest ClientHello that is put together; Chromium's has 1.4 KB.
const MAX_HELLO: usize = 8 * 1024;

const RECORD_HEADER: usize = 13;
const HANDSHAKE_HEADER: usize = 12;
const CONTENT_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const EXTENSION_SUPPORTED_VERSIONS: u16 = 43;
const DTLS12: u16 = 0xFEFD;
const DTLS13: u16 = 0xFEFC;
const ECDHE_ECDSA_CHACHA20_POLY1305: u16 = 0xCCA9;
const ECDHE_ECDSA_AES_128_GCM: u16 = 0xC02B;
const ECDHE_ECDSA_AES_256_GCM: u16 = 0xC02C;

/// What a ClientHello offers, as far as it decides our configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) dtls12: bool,
    pub(super) dtls13: bool,
    /// Suites of DTLS 1.2: ECDHE_ECDSA with ChaCha20-Poly1305, and with AES-GCM.
    pub(super) chacha20: bool,
    pub(super) aes_gcm: bool,
}

/// Collects the fragments of one ClientHello.
#[derive(Default)]
pub(super) struct HelloBuffer {
    body: Vec<u8>,
    /// Which bytes of `body` have come, one flag each.
    have: Vec<bool>,
    /// Lowest number of the records that it came in.
    record: [u8; 6],
}

/// A datagram is no part of a ClientHello.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotAHello;

impl HelloBuffer {
    /// Takes one datagram. When the hello is complete, says what it offers, and [`HelloBuffer::whole`] has it.
    pub(super) fn push(&mut self, datagram: &[u8]) -> Result<Option<Offer>, NotAHello> {
        let mut found = false;
        let mut records = datagram;
        while let Some((fragment, rest)) = next_fragment(records) {
            records = rest;
            let Some(fragment) = fragment else { continue };
            found = true;
            if fragment.total != self.body.len() {
                // Another hello than the one begun: the peer has started anew.
                self.body = vec![0; fragment.total];
                self.have = vec![false; fragment.total];
                self.record = fragment.record;
            }
            self.record = self.record.min(fragment.record);
            let end = fragment.offset + fragment.data.len();
            self.body[fragment.offset..end].copy_from_slice(fragment.data);
            self.have[fragment.offset..end].fill(true);
        }
        if !found {
            return Err(NotAHello);
        }
        if self.have.contains(&false) {
            return Ok(None);
        }
        let offer = parse_offer(&self.body);
        if offer.is_none() {
            *self = Self::default();
        }
        offer.map(Some).ok_or(NotAHello)
    }

    /// The hello as one record with one fragment. Transcripts are over messages as if they came unfragmented (RFC
    /// 6347 §4.2.6), so the machine need not see how it came, nor in which order and how often.
    pub(super) fn whole(self) -> Vec<u8> {
        let length = (self.body.len() as u32).to_be_bytes();
        let mut datagram = vec![CONTENT_HANDSHAKE, 0xFE, 0xFD, 0, 0];
        datagram.extend(self.record);
        datagram.extend(((self.body.len() + HANDSHAKE_HEADER) as u16).to_be_bytes());
        datagram.push(CLIENT_HELLO);
        datagram.extend(&length[1..]);
        datagram.extend([0; 5]); // message number and offset
        datagram.extend(&length[1..]);
        datagram.extend(self.body);
        datagram
    }
}

struct Fragment<'a> {
    record: [u8; 6],
    total: usize,
    offset: usize,
    data: &'a [u8],
}

/// The next record of a datagram: its ClientHello fragment, if it is one, and what follows. `None` at the end.
fn next_fragment(records: &[u8]) -> Option<(Option<Fragment<'_>>, &[u8])> {
    let header = records.get(..RECORD_HEADER)?;
    let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
    let content = records.get(RECORD_HEADER..RECORD_HEADER + length)?;
    let rest = &records[RECORD_HEADER + length..];
    let in_clear = header[3] == 0 && header[4] == 0;
    let is_hello = header[0] == CONTENT_HANDSHAKE && in_clear && content.first() == Some(&CLIENT_HELLO);
    let record = [header[5], header[6], header[7], header[8], header[9], header[10]];
    Some((is_hello.then(|| parse_fragment(record, content)).flatten(), rest))
}

fn parse_fragment(record: [u8; 6], content: &[u8]) -> Option<Fragment<'_>> {
    let header = content.get(..HANDSHAKE_HEADER)?;
    let total = u24(&header[1..4]);
    let offset = u24(&header[6..9]);
    let length = u24(&header[9..12]);
    let data = content.get(HANDSHAKE_HEADER..HANDSHAKE_HEADER + length)?;
    // The first flight has message number 0; a second hello would follow a cookie, and we ask for none.
    let fits = header[4..6] == [0, 0] && length > 0 && total <= MAX_HELLO && offset + length <= total;
    fits.then_some(Fragment { record, total, offset, data })
}

fn u24(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |value, byte| value << 8 | usize::from(*byte))
}

fn parse_offer(body: &[u8]) -> Option<Offer> {
    let mut reader = Reader(body);
    reader.take(2 + 32)?; // legacy version, random
    reader.vector8()?; // session id
    reader.vector8()?; // cookie
    let suites = reader.vector16()?;
    reader.vector8()?; // compression methods
    let mut offer = Offer::default();
    for suite in suites.as_chunks::<2>().0 {
        match u16::from_be_bytes(*suite) {
            ECDHE_ECDSA_CHACHA20_POLY1305 => offer.chacha20 = true,
            ECDHE_ECDSA_AES_128_GCM | ECDHE_ECDSA_AES_256_GCM => offer.aes_gcm = true,
            _ => {}
        }
    }
    // Without the extension the legacy version counts, and that is 1.2 at most.
    offer.dtls12 = true;
    if let Some(extensions) = reader.vector16() {
        let mut extensions = Reader(extensions);
        while let (Some(kind), Some(value)) = (extensions.u16(), extensions.vector16()) {
            if kind == EXTENSION_SUPPORTED_VERSIONS {
                let versions = Reader(value).vector8()?.as_chunks::<2>().0;
                let offers = |wanted: u16| versions.iter().any(|version| u16::from_be_bytes(*version) == wanted);
                offer.dtls12 = offers(DTLS12);
                offer.dtls13 = offers(DTLS13);
            }
        }
    }
    Some(offer)
}

/// Reads length-prefixed fields of a TLS structure.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn vector8(&mut self) -> Option<&'a [u8]> {
        let len = self.take(1)?[0];
        self.take(len.into())
    }

    fn vector16(&mut self) -> Option<&'a [u8]> {
        let len = self.u16()?;
        self.take(len.into())
    }
}

#[cfg(test)]
pub(in crate::transport) mod test_hello {
    use super::*;

    /// Splits the single ClientHello record of `datagram` into datagrams of at most `size` body bytes each.
    pub fn split(datagram: &[u8], size: usize) -> Vec<Vec<u8>> {
        let body = &datagram[RECORD_HEADER + HANDSHAKE_HEADER..];
        let mut parts = Vec::new();
        for (n, chunk) in body.chunks(size).enumerate() {
            let mut part = datagram[..RECORD_HEADER + HANDSHAKE_HEADER].to_vec();
            part[10] = n as u8; // record sequence number
            part[11..13].copy_from_slice(&((HANDSHAKE_HEADER + chunk.len()) as u16).to_be_bytes());
            part[RECORD_HEADER + 6..RECORD_HEADER + 9].copy_from_slice(&((n * size) as u32).to_be_bytes()[1..]);
            part[RECORD_HEADER + 9..RECORD_HEADER + 12].copy_from_slice(&(chunk.len() as u32).to_be_bytes()[1..]);
            part.extend_from_slice(chunk);
            parts.push(part);
        }
        parts
    }

    /// A ClientHello in one record that offers these versions (the extension is left out when empty) and suites.
    pub fn hello(versions: &[u16], suites: &[u16]) -> Vec<u8> {
        let mut body = vec![0xFE, 0xFD];
        body.extend([7; 32]);
        body.extend([0, 0]);
        body.extend((suites.len() as u16 * 2).to_be_bytes());
        body.extend(suites.iter().flat_map(|suite| suite.to_be_bytes()));
        body.extend([1, 0]);
        if !versions.is_empty() {
            let list = versions.len() as u8 * 2;
            body.extend((u16::from(list) + 5).to_be_bytes());
            body.extend([0, 43, 0, list + 1, list]);
            body.extend(versions.iter().flat_map(|version| version.to_be_bytes()));
        }
        let mut datagram = vec![22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0];
        datagram.extend(((body.len() + HANDSHAKE_HEADER) as u16).to_be_bytes());
        let length = (body.len() as u32).to_be_bytes();
        datagram.push(CLIENT_HELLO);
        datagram.extend(&length[1..]);
        datagram.extend([0, 0, 0, 0, 0]);
        datagram.extend(&length[1..]);
        datagram.extend(body);
        datagram
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::test_hello::*;
    use super::*;

    const BOTH: &[u16] = &[DTLS13, DTLS12];

    #[test]
    fn the_offer_is_read_from_versions_and_suites() {
        let offer = |datagram: Vec<u8>| HelloBuffer::default().push(&datagram).unwrap().unwrap();
        let all = [0x1301, ECDHE_ECDSA_CHACHA20_POLY1305, ECDHE_ECDSA_AES_128_GCM];
        assert_eq!(offer(hello(BOTH, &all)), Offer { dtls12: true, dtls13: true, chacha20: true, aes_gcm: true });
        assert_eq!(offer(hello(&[DTLS13], &[0x1301])), Offer { dtls13: true, ..Default::default() });
        let old = offer(hello(&[], &[ECDHE_ECDSA_AES_256_GCM]));
        assert_eq!(old, Offer { dtls12: true, aes_gcm: true, ..Default::default() });
    }

    #[test]
    fn a_split_hello_is_put_together_in_any_order_and_with_repetitions() {
        let whole = hello(BOTH, &[ECDHE_ECDSA_CHACHA20_POLY1305; 20]);
        let parts = split(&whole, 40);
        assert!(parts.len() >= 3);
        let mut buffer = HelloBuffer::default();
        for part in parts.iter().skip(1).rev() {
            assert_eq!(buffer.push(part), Ok(None));
            assert_eq!(buffer.push(part), Ok(None), "again");
        }
        assert!(buffer.push(&parts[0]).unwrap().unwrap().chacha20);
        assert_eq!(buffer.whole(), whole);
    }

    #[test]
    fn hellos_that_lie_about_lengths_are_refused() {
        let whole = hello(BOTH, &[ECDHE_ECDSA_CHACHA20_POLY1305]);
        for at in 0..whole.len() {
            for value in [0, 1, 127, 255] {
                let mut bent = whole.clone();
                bent[at] = value;
                let _ = HelloBuffer::default().push(&bent);
            }
            let _ = HelloBuffer::default().push(&whole[..at]);
        }
        let mut huge = whole.clone();
        huge[RECORD_HEADER + 1] = 0xFF;
        assert_eq!(HelloBuffer::default().push(&huge), Err(NotAHello), "16 MB of memory for one datagram");
    }

    #[test]
    fn other_records_are_no_hello() {
        assert_eq!(HelloBuffer::default().push(&[23, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 9]), Err(NotAHello));
        assert_eq!(HelloBuffer::default().push(&[]), Err(NotAHello));
    }
}
