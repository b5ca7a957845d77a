//! SRTP, headers and numbers, each by itself.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use visavis::rtp::cache::PacketCache;
use visavis::rtp::munger::RtpMunger;
use visavis::rtp::vp8::Vp8Descriptor;
use visavis::rtp::write::{ForwardHeader, MAX_HEADER_LEN};
use visavis::rtp::{ExtensionTable, ExtensionValues, RtpHeader};
use visavis::transport::demux::classify;
use visavis::transport::srtp::{MasterKey, Profile, SrtpSession};
use visavis::units::{MediaKind, Mid, RtpTime, SeqNo};

use crate::packet::{PAYLOAD, extensions, fields, packet};

/// Sealing and opening, with a copy before each: packets are sealed in place.
pub fn srtp(criterion: &mut Criterion) {
    for (name, profile) in
        [("AEAD_AES_256_GCM", Profile::AeadAes256Gcm), ("AES_CM_128_HMAC_SHA1_80", Profile::AesCm128HmacSha1_80)]
    {
        let (key, salt) = (vec![1; profile.key_len()], vec![2; profile.salt_len()]);
        let session = || {
            let key = || MasterKey { key: &key, salt: &salt };
            SrtpSession::new(profile, key(), key()).unwrap()
        };
        for payload in [PAYLOAD, 100] {
            let mut plain = packet(0, 0, 0, false);
            plain.truncate(plain.len() - PAYLOAD + payload);
            let len = plain.len();
            let mut buffer = vec![0; 1500];
            let (mut sealing, mut seq) = (session(), 0u16);
            criterion.bench_function(&format!("seal/{name}/{payload}"), |bencher| {
                bencher.iter(|| {
                    buffer[..len].copy_from_slice(&plain);
                    seq = seq.wrapping_add(1);
                    buffer[2..4].copy_from_slice(&seq.to_be_bytes());
                    black_box(sealing.seal_rtp(&mut buffer, len))
                });
            });
            let (mut sealing, mut seq) = (session(), 0u16);
            let mut opening = session();
            criterion.bench_function(&format!("open/{name}/{payload}"), |bencher| {
                // Numbers that came before are refused, so each packet is sealed anew, outside the time.
                bencher.iter_custom(|rounds| {
                    let mut spent = Duration::ZERO;
                    let mut left = rounds;
                    while left > 0 {
                        let batch = left.min(512);
                        let mut sealed: Vec<(Vec<u8>, usize)> = (0..batch)
                            .map(|_| {
                                let mut buffer = plain.clone();
                                seq = seq.wrapping_add(1);
                                buffer[2..4].copy_from_slice(&seq.to_be_bytes());
                                buffer.resize(len + 16, 0);
                                let len = sealing.seal_rtp(&mut buffer, len).unwrap();
                                (buffer, len)
                            })
                            .collect();
                        let begin = Instant::now();
                        for (buffer, len) in &mut sealed {
                            black_box(opening.open_rtp(&mut buffer[..*len])).unwrap();
                        }
                        spent += begin.elapsed();
                        left -= batch;
                    }
                    spent
                });
            });
        }
    }
}

/// Demultiplexing, reading and writing of headers.
pub fn headers(criterion: &mut Criterion) {
    let bytes = packet(0, 0, 0, true);
    let table = ExtensionTable::new(&extensions());
    criterion.bench_function("demultiplex a datagram", |bencher| bencher.iter(|| classify(black_box(&bytes))));
    criterion.bench_function("read header, extensions and VP8 descriptor", |bencher| {
        bencher.iter(|| {
            let header = RtpHeader::parse(black_box(&bytes)).unwrap();
            black_box(ExtensionValues::read(header.extensions(&bytes), &table));
            black_box(Vp8Descriptor::parse(header.payload(&bytes)));
        });
    });
    let writer = ForwardHeader::new(&extensions(), Mid::from("0").unwrap());
    let fields = fields(1, 1, 0, false);
    let mut out = [0; MAX_HEADER_LEN];
    criterion.bench_function("write a forwarded header", |bencher| {
        bencher.iter(|| writer.write(&mut out, black_box(&fields), &ExtensionValues::default(), false));
    });
}

/// Rewriting of numbers, and what may be asked for again.
pub fn numbering(criterion: &mut Criterion) {
    let mut munger = RtpMunger::new(SeqNo(1));
    munger.switch_source(1, RtpTime(0), RtpTime(0));
    let mut seq = 0;
    criterion.bench_function("rewrite a forwarded packet's numbers", |bencher| {
        bencher.iter(|| {
            seq += 1;
            black_box(munger.forward(seq, RtpTime(seq as u32), false)).unwrap()
        });
    });
    let bytes = packet(0, 0, 0, false);
    let mut cache = PacketCache::new(MediaKind::Video, 500);
    let mut seq = 0;
    criterion.bench_function("keep a packet for retransmission", |bencher| {
        bencher.iter(|| {
            seq += 1;
            black_box(cache.insert(seq, &bytes));
        });
    });
}
