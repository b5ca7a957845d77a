#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

/// A packet of one-packet picture `id` (15 bit) with TL0PICIDX, TID and KEYIDX.
fn payload(id: u16, tl0: u8, tid: u8, key_idx: u8) -> Vec<u8> {
    vec![0x90, 0xF0, 0x80 | (id >> 8) as u8, id as u8, tl0, tid << 6 | key_idx & 0x1F, 0x01, 0xAA]
}

fn packet(id: u16, tl0: u8, tid: u8) -> Vp8Descriptor {
    Vp8Descriptor::parse(&payload(id, tl0, tid, 3)).unwrap()
}

fn short(id: u8) -> Vp8Descriptor {
    Vp8Descriptor::parse(&[0x90, 0x80, id, 0x01]).unwrap()
}

fn pictures(munger: &mut Vp8Munger, packets: &[(u16, u8, Order)], max_tid: u8) -> Vec<Option<u16>> {
    let forward = |(id, tid, order): &(u16, u8, Order)| {
        munger.forward(&packet(*id, 7, *tid), *order, max_tid).ok().map(|fields| fields.picture_id)
    };
    packets.iter().map(forward).collect()
}

use Order::{Contiguous as C, Gap as G, Late as L};

#[test]
fn a_full_descriptor_is_read() {
    let mut bytes = payload(0x1234, 9, 2, 17);
    bytes[5] |= 0x20;
    let descriptor = Vp8Descriptor::parse(&bytes).unwrap();
    assert_eq!(descriptor.picture_id, Some(PictureId { value: 0x1234, long: true }));
    assert_eq!((descriptor.tl0_pic_idx, descriptor.tid, descriptor.key_idx), (Some(9), Some(2), Some(17)));
    assert!(descriptor.layer_sync && descriptor.start_of_partition && !descriptor.key_frame);
    assert_eq!((descriptor.len, descriptor.written_len()), (6, 6));
}

#[test]
fn a_descriptor_without_extension_is_one_byte() {
    let descriptor = Vp8Descriptor::parse(&[0x10, 0x00]).unwrap();
    assert_eq!(descriptor.len, 1);
    assert!(descriptor.key_frame);
    assert!(!Vp8Descriptor::parse(&[0x00, 0x00]).unwrap().key_frame, "continuation");
    assert!(!Vp8Descriptor::parse(&[0x11, 0x00]).unwrap().key_frame, "second partition");
    assert!(!Vp8Descriptor::parse(&[0x10, 0x01]).unwrap().key_frame, "delta frame");
}

#[test]
fn cut_off_descriptors_are_refused() {
    let bytes = payload(0x1234, 9, 2, 17);
    for len in 0..=6 {
        assert_eq!(Vp8Descriptor::parse(&bytes[..len]), None);
    }
    assert!(Vp8Descriptor::parse(&bytes[..7]).is_some());
}

#[test]
fn dimensions_stand_in_the_key_frame() {
    let bytes = [0x10, 0x50, 0x42, 0x00, 0x9D, 0x01, 0x2A, 0x00, 0x45, 0xD0, 0x02];
    assert_eq!(key_frame_dimensions(&bytes), Some((1280, 720)));
    assert_eq!(key_frame_dimensions(&bytes[..10]), None);
}

#[test]
fn a_short_picture_id_is_written_long() {
    let bytes = [0x90, 0xE0, 0x05, 0x07, 0x40, 0x01, 0xAA];
    let descriptor = Vp8Descriptor::parse(&bytes).unwrap();
    let fields = Vp8Fields { picture_id: 0x0102, tl0_pic_idx: 8, key_idx: 31 };
    let mut out = [0; 16];
    let len = descriptor.write_with(&fields, &bytes, &mut out).unwrap();
    assert_eq!(out[..len], [0x90, 0xE0, 0x81, 0x02, 0x08, 0x40, 0x01, 0xAA]);
    assert_eq!(descriptor.write_with(&fields, &bytes, &mut [0; 7]), None);
}

#[test]
fn the_first_source_keeps_its_numbers() {
    let mut munger = Vp8Munger::new();
    munger.switch_source(&packet(500, 9, 0));
    let fields = munger.forward(&packet(500, 9, 0), C, 3).unwrap();
    assert_eq!(fields, Vp8Fields { picture_id: 500, tl0_pic_idx: 9, key_idx: 3 });
}

#[test]
fn a_switch_continues_all_three_numbers() {
    let mut munger = Vp8Munger::new();
    munger.switch_source(&packet(32_767, 255, 0));
    munger.forward(&packet(32_767, 255, 0), C, 3).unwrap();
    munger.switch_source(&packet(77, 4, 0));
    let fields = munger.forward(&packet(77, 4, 0), C, 3).unwrap();
    assert_eq!(fields, Vp8Fields { picture_id: 0, tl0_pic_idx: 0, key_idx: 4 });
    let fields = munger.forward(&packet(78, 5, 0), C, 3).unwrap();
    assert_eq!(fields, Vp8Fields { picture_id: 1, tl0_pic_idx: 1, key_idx: 4 });
}

#[test]
fn pictures_of_unwanted_layers_close_up() {
    let mut munger = Vp8Munger::new();
    let got = pictures(&mut munger, &[(10, 0, C), (11, 2, C), (11, 2, C), (12, 1, C), (13, 2, C), (14, 0, C)], 1);
    assert_eq!(got, [Some(10), None, None, Some(11), None, Some(12)]);
}

#[test]
fn a_late_packet_gets_the_id_its_picture_had() {
    let mut munger = Vp8Munger::new();
    let got = pictures(&mut munger, &[(10, 0, C), (11, 2, C), (12, 0, C), (14, 0, G), (13, 0, L), (12, 0, L)], 1);
    assert_eq!(got, [Some(10), None, Some(11), Some(13), Some(12), Some(11)]);
}

#[test]
fn the_picture_behind_a_gap_is_forwarded_whole_whatever_its_layer() {
    let mut munger = Vp8Munger::new();
    let got = pictures(&mut munger, &[(10, 0, C), (12, 2, G), (12, 2, C), (13, 2, C), (14, 0, C)], 1);
    assert_eq!(got, [Some(10), Some(12), Some(12), None, Some(13)]);
}

#[test]
fn a_late_packet_of_a_dropped_picture_stays_out() {
    let mut munger = Vp8Munger::new();
    // 11 was dropped; its second packet is lost, and comes after 12 was seen behind the gap.
    let got = pictures(&mut munger, &[(10, 0, C), (11, 2, C), (12, 0, G), (11, 2, L), (13, 0, C)], 1);
    assert_eq!(got, [Some(10), None, Some(11), None, Some(12)]);
}

#[test]
fn a_late_packet_of_a_forgotten_picture_is_refused() {
    let mut munger = Vp8Munger::new();
    for id in 0..100 {
        munger.forward(&packet(id, 0, 0), C, 3).unwrap();
    }
    assert_eq!(munger.forward(&packet(20, 0, 0), L, 3), Err(Vp8Drop::Forgotten));
    assert!(munger.forward(&packet(60, 0, 0), L, 3).is_ok());
}

#[test]
fn seven_bit_ids_wrap_and_may_grow_to_fifteen() {
    let mut munger = Vp8Munger::new();
    let mut next = |packet: &Vp8Descriptor| munger.forward(packet, C, 3).unwrap().picture_id;
    assert_eq!(next(&short(126)), 126);
    assert_eq!(next(&short(127)), 127);
    assert_eq!(next(&short(0)), 128);
    for id in 1..128 {
        next(&short(id));
    }
    assert_eq!(next(&packet(128, 0, 0)), 256);
    assert_eq!(next(&packet(129, 0, 0)), 257);
}

#[test]
fn a_huge_gap_is_bounded_work() {
    let mut munger = Vp8Munger::new();
    munger.forward(&packet(0, 0, 0), C, 3).unwrap();
    munger.forward(&packet(16_000, 0, 0), G, 3).unwrap();
    assert_eq!(munger.forward(&packet(100, 0, 0), L, 3), Err(Vp8Drop::Forgotten));
    assert_eq!(munger.forward(&packet(15_990, 0, 0), L, 3).unwrap().picture_id, 15_990);
}

#[test]
fn layers_are_left_out_without_picture_ids_too() {
    let mut munger = Vp8Munger::new();
    let of_layer = |tid: u8| Vp8Descriptor::parse(&[0x90, 0x20, tid << 6, 0x01]).unwrap();
    assert!(munger.forward(&of_layer(0), C, 1).is_ok());
    assert_eq!(munger.forward(&of_layer(2), C, 1), Err(Vp8Drop::TemporalLayer));
}

proptest! {
    #[test]
    fn arbitrary_payloads_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..20), id: u16, tl0: u8, key: u8
    ) {
        key_frame_dimensions(&bytes);
        if let Some(descriptor) = Vp8Descriptor::parse(&bytes) {
            let fields = Vp8Fields { picture_id: id & 0x7FFF, tl0_pic_idx: tl0, key_idx: key & 0x1F };
            let mut out = [0; 32];
            let len = descriptor.write_with(&fields, &bytes, &mut out).unwrap();
            let again = Vp8Descriptor::parse(&out[..len]).unwrap();
            prop_assert_eq!(&out[usize::from(again.len)..len], &bytes[usize::from(descriptor.len)..]);
            prop_assert_eq!((again.tid, again.layer_sync, again.key_frame),
                (descriptor.tid, descriptor.layer_sync, descriptor.key_frame));
            prop_assert_eq!(again.picture_id.map(|id| id.value), descriptor.picture_id.map(|_| id & 0x7FFF));
            prop_assert_eq!(again.tl0_pic_idx, descriptor.tl0_pic_idx.map(|_| tl0));
            prop_assert_eq!(again.key_idx, descriptor.key_idx.map(|_| key & 0x1F));
        }
    }

    #[test]
    fn arbitrary_packet_series_never_panic(
        series in proptest::collection::vec((any::<u16>(), any::<u8>(), 0u8..4, 0u8..4, any::<bool>()), 0..100)
    ) {
        let mut munger = Vp8Munger::new();
        for (id, tl0, tid, order, switch) in series {
            let order = [Order::Contiguous, Order::Gap, Order::Late, Order::Duplicate][usize::from(order)];
            let packet = packet(id & 0x7FFF, tl0, tid);
            if switch {
                munger.switch_source(&packet);
            }
            if let Ok(fields) = munger.forward(&packet, order, 1) {
                prop_assert!(fields.picture_id < 0x8000 && fields.key_idx < 32);
            }
        }
    }

    /// Three temporal layers, random loss: what goes out in order never skips an id except over lost pictures,
    /// and never repeats one.
    #[test]
    fn ids_close_up_exactly_over_what_was_left_out(lost in proptest::collection::vec(any::<bool>(), 4..200)) {
        let mut munger = Vp8Munger::new();
        let mut expected: Option<u16> = None;
        let mut order = Order::Contiguous;
        let mut missing = 0;
        for (index, lost) in lost.into_iter().enumerate() {
            if lost && index > 0 {
                order = Order::Gap;
                missing += 1;
                continue;
            }
            let tid = [0, 2, 1, 2][index % 4];
            if let Ok(fields) = munger.forward(&packet(1_000 + index as u16, 0, tid), order, 0) {
                if let Some(expected) = expected {
                    prop_assert_eq!(fields.picture_id, expected + missing);
                }
                expected = Some(fields.picture_id + 1);
                missing = 0;
            }
            order = Order::Contiguous;
        }
    }
}
