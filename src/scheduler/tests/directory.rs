//! Profiles and the public directory.

use super::office::*;
use super::*;
use crate::ids::UserId;
use crate::store::Actor;

fn profile(slug: &str) -> ProfileDraft {
    serde_json::from_str(&format!(
        r#"{{"slug":"{slug}","headline":"Ärztin für Orthopädie","specialities":["Knie","100% Rücken"],
            "languages":["de","pt-BR"],"published":true}}"#
    ))
    .unwrap()
}

async fn found(desk: &Desk, text: &str) -> Vec<UserId> {
    let search = ExpertSearch { text: text.into(), ..ExpertSearch::default() };
    desk.scheduler.experts(search, None, 50).await.unwrap().into_iter().map(|it| it.id).collect()
}

#[tokio::test]
async fn a_profile_is_its_experts_to_write_and_its_address_is_unique() {
    let desk = Desk::empty();
    let kept = desk.scheduler.set_profile(expert(8), person(8), profile("dr-eight"), None).await.unwrap();
    assert_eq!(desk.scheduler.profile(admin(), person(8)).await.unwrap(), Some(kept));
    for stranger in [expert(9), customer(1), Actor::Anonymous] {
        assert_eq!(code(desk.scheduler.set_profile(stranger, person(8), profile("mine"), None).await), "not_yours");
        assert_eq!(code(desk.scheduler.profile(stranger, person(8)).await), "not_yours");
    }
    assert_eq!(code(desk.scheduler.set_profile(admin(), person(1), profile("nobody"), None).await), "not_found");
    match desk.scheduler.set_profile(expert(9), person(9), profile("dr-eight"), None).await {
        Err(Error::Invalid { field, .. }) => assert_eq!(field, "slug"),
        other => panic!("{other:?}"),
    }
    desk.scheduler.set_profile(expert(8), person(8), profile("dr-8"), None).await.unwrap();
    desk.scheduler.set_profile(expert(9), person(9), profile("dr-eight"), None).await.unwrap();
}

#[tokio::test]
async fn impossible_profiles_are_refused_with_the_field() {
    let desk = Desk::empty();
    type Change = fn(&mut ProfileDraft);
    let cases: &[(Change, &str)] = &[
        (|it| it.slug = "ab".into(), "slug"),
        (|it| it.slug = "Dr-Eight".into(), "slug"),
        (|it| it.slug = "-dr".into(), "slug"),
        (|it| it.slug = "dr--eight".into(), "slug"),
        (|it| it.slug = "../admin".into(), "slug"),
        (|it| it.headline = "two\nlines".into(), "headline"),
        (|it| it.bio = "x".repeat(10_001), "bio"),
        (|it| it.specialities = vec!["".into()], "specialities"),
        (|it| it.specialities = vec!["x".into(); 21], "specialities"),
        (|it| it.languages = vec!["german, please".into()], "languages"),
    ];
    for (change, field) in cases {
        let mut draft = profile("dr-eight");
        change(&mut draft);
        match desk.scheduler.set_profile(expert(8), person(8), draft, None).await {
            Err(Error::Invalid { field: found, .. }) => assert_eq!(&found, field),
            other => panic!("{field}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn experts_are_found_by_words_in_whatever_case_and_by_nothing_that_only_looks_like_a_pattern() {
    let desk = Desk::open().await;
    desk.scheduler.set_profile(expert(8), person(8), profile("dr-eight"), None).await.unwrap();
    let plain = ProfileDraft {
        headline: "Lawyer".into(),
        specialities: vec!["Contracts".into()],
        languages: vec!["en".into()],
        ..profile("nine")
    };
    desk.scheduler.set_profile(expert(9), person(9), plain, None).await.unwrap();
    let (eight, nine) = (person(8), person(9));
    for (text, expected) in [
        ("", vec![eight, nine]),
        ("person", vec![eight, nine]),
        ("ÄRZTIN", vec![eight]),
        ("orthopädie knie", vec![eight]),
        ("knie lawyer", vec![]),
        ("100%", vec![eight]),
        ("%", vec![eight]),
        ("_", vec![]),
        ("'; DROP TABLE users; --", vec![]),
        ("pt-br", vec![eight]),
    ] {
        assert_eq!(found(&desk, text).await, expected, "{text:?}");
    }
    let by = async |language: Option<&str>, speciality: Option<&str>| {
        let search = ExpertSearch {
            language: language.map(str::to_owned),
            speciality: speciality.map(str::to_owned),
            ..ExpertSearch::default()
        };
        desk.scheduler.experts(search, None, 50).await.unwrap().len()
    };
    assert_eq!((by(Some("pt"), None).await, by(Some("DE"), None).await, by(Some("fr"), None).await), (1, 1, 0));
    assert_eq!((by(None, Some("contracts")).await, by(None, Some("contract")).await), (1, 0));
    let endless = ExpertSearch { text: "x".repeat(201), ..ExpertSearch::default() };
    assert_eq!(code(desk.scheduler.experts(endless, None, 50).await), "invalid_body");
    let hidden = ProfileDraft { published: false, ..profile("dr-eight") };
    desk.scheduler.set_profile(expert(8), person(8), hidden, None).await.unwrap();
    assert_eq!(found(&desk, "").await, [nine]);
    assert_eq!(code(desk.scheduler.expert_page("dr-eight").await), "not_found");
}

#[tokio::test]
async fn the_directory_comes_in_pieces_with_what_is_free_next() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    desk.sql(&format!("UPDATE users SET name = 'person 8' WHERE id = '{}'", person(8)));
    let first = desk.scheduler.experts(ExpertSearch::default(), None, 1).await.unwrap();
    assert_eq!((first.len(), first[0].id), (1, person(8)));
    assert_eq!(
        first[0].next_free.as_ref().map(|next| (next.service, next.slot.starts_at)),
        Some((service, desk.scheduler.now()))
    );
    let second = desk.scheduler.experts(ExpertSearch::default(), Some(first[0].mark()), 1).await.unwrap();
    assert_eq!((second[0].id, &second[0].next_free), (person(9), &None));
    assert!(desk.scheduler.experts(ExpertSearch::default(), Some(second[0].mark()), 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_public_page_has_what_is_offered_and_nothing_else() {
    let desk = Desk::open().await;
    let service = desk.service(advice()).await;
    let switched_off = desk.service(advice()).await;
    desk.scheduler.set_service_active(expert(8), switched_off, false, None).await.unwrap();
    let page = desk.scheduler.expert_page("expert-8").await.unwrap();
    assert_eq!(page.services.iter().map(|it| it.id).collect::<Vec<_>>(), [service]);
    assert_eq!((page.expert.rating_count, page.expert.rating), (0, None));
    let text = serde_json::to_string(&page).unwrap();
    assert!(!text.contains("example.org"), "{text}");
    for slug in ["", "nobody", "' OR 1=1"] {
        assert_eq!(code(desk.scheduler.expert_page(slug).await), "not_found");
    }
}
