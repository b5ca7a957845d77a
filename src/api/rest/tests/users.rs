//! Accounts, for administrators.

use axum::http::Method;

use super::*;

#[tokio::test]
async fn accounts_are_administrators_business() {
    let world = World::new().await;
    let id = world.person(Who::Customer(2)).id;
    let paths = [
        (Method::GET, "/api/users".to_owned()),
        (Method::POST, "/api/users".to_owned()),
        (Method::GET, format!("/api/users/{id}")),
        (Method::PATCH, format!("/api/users/{id}")),
        (Method::DELETE, format!("/api/users/{id}")),
        (Method::POST, format!("/api/users/{id}/disable")),
        (Method::POST, format!("/api/users/{id}/enable")),
        (Method::GET, format!("/api/users/{id}/sessions")),
        (Method::DELETE, format!("/api/users/{id}/sessions")),
        (Method::POST, format!("/api/users/{id}/password-link")),
        (Method::GET, format!("/api/users/{id}/export")),
    ];
    for (method, path) in paths {
        for (who, status, code) in [
            (Who::Anonymous, 401, "sign_in_required"),
            (Who::Guest(1), 403, "account_required"),
            (Who::Customer(2), 403, "wrong_role"),
            (Who::Expert(1), 403, "wrong_role"),
        ] {
            let answer = world.as_(who).request(method.clone(), &path, Some(json!({ "role": "admin" }))).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{who:?} {method} {path}");
        }
    }
    let nobody = "00000000-0000-7000-8000-000000000001";
    world.as_(Who::Admin).get(&format!("/api/users/{nobody}")).await.refused(404, "not_found");
    world.as_(Who::Admin).get(&format!("/api/users/{nobody}/sessions")).await.refused(404, "not_found");
    world.as_(Who::Admin).get(&format!("/api/users/{nobody}/export")).await.refused(404, "not_found");
}

#[tokio::test]
async fn accounts_are_listed_in_pieces_and_found() {
    let world = World::new().await;
    let admin = world.as_(Who::Admin);
    let (mut names, mut path) = (Vec::new(), "/api/users?limit=2".to_owned());
    loop {
        let piece = admin.get(&path).await.expect(200).json;
        names.extend(piece["items"].as_array().unwrap().iter().map(|item| item["email"].as_str().unwrap().to_owned()));
        let Some(next) = piece["nextCursor"].as_str() else { break };
        path = format!("/api/users?limit=2&cursor={next}");
    }
    let expected = ["admin", "customer1", "customer2", "expert1", "expert2"].map(|name| format!("{name}@example.org"));
    assert_eq!(names, expected);
    let count = async |query: &str| {
        admin.get(&format!("/api/users?{query}")).await.expect(200).json["items"].as_array().unwrap().len()
    };
    assert_eq!((count("role=expert").await, count("q=CUSTOMER1").await, count("status=disabled").await), (2, 1, 0));
    for (query, code) in [
        ("role=boss", "invalid_query"),
        ("limit=0", "invalid_query"),
        ("limit=101", "invalid_query"),
        ("x=1", "invalid_query"),
        ("cursor=!", "invalid_cursor"),
    ] {
        admin.get(&format!("/api/users?{query}")).await.refused(400, code);
    }
}

#[tokio::test]
async fn who_is_given_an_account_is_invited_to_choose_a_password() {
    let world = World::new().await;
    let admin = world.as_(Who::Admin);
    let body = json!({ "email": "new@example.org", "name": "New Expert", "role": "expert" });
    let made = admin.post("/api/users", body.clone()).await.expect(201);
    assert_eq!((&made.json["role"], &made.json["hasPassword"]), (&json!("expert"), &json!(false)));
    admin.post("/api/users", body).await.refused(409, "email_taken");
    let token = world.mailed("invitation", "new@example.org").await;
    let choose = json!({ "token": token, "password": "four words that follow" });
    let answer = world.as_(Who::Anonymous).post("/api/links/reset/open", choose).await.expect(200);
    assert_eq!((&answer.json["role"], &answer.json["emailVerified"]), (&json!("expert"), &json!(true)));
    let id = made.json["id"].as_str().unwrap();
    admin.request(Method::POST, &format!("/api/users/{id}/password-link"), None).await.expect(202);
}

#[tokio::test]
async fn a_closed_account_is_out_at_once_and_comes_back_when_it_is_opened() {
    let mut world = World::new().await;
    let id = world.person(Who::Customer(1)).id;
    let post = async |world: &World, what: &str| {
        world.as_(Who::Admin).request(Method::POST, &format!("/api/users/{id}/{what}"), None).await
    };
    world.as_(Who::Customer(1)).get("/api/me").await.expect(200);
    assert_eq!(post(&world, "disable").await.expect(200).json["status"], "disabled");
    world.as_(Who::Customer(1)).get("/api/me").await.refused(401, "session_expired");
    assert_eq!(world.as_(Who::Customer(1)).get("/api/session").await.expect(200).json.get("user"), None);
    let credentials = json!({ "email": "customer1@example.org", "password": PASSWORD });
    let stranger = world.as_(Who::Anonymous);
    stranger.post("/api/session", credentials).await.refused(403, "account_disabled");
    let guess = json!({ "email": "customer1@example.org", "password": "a guess" });
    stranger.post("/api/session", guess).await.refused(401, "invalid_credentials");
    assert_eq!(post(&world, "enable").await.expect(200).json["status"], "active");
    world.as_(Who::Customer(1)).get("/api/me").await.refused(401, "session_expired");
    world.sign_in(Who::Customer(1)).await;
    world.as_(Who::Customer(1)).get("/api/me").await.expect(200);
}

#[tokio::test]
async fn another_role_signs_out_and_the_last_administrator_stays() {
    let mut world = World::new().await;
    let id = world.person(Who::Customer(2)).id;
    let path = format!("/api/users/{id}");
    let change =
        async |world: &World, path: &str, role: &str| world.as_(Who::Admin).patch(path, json!({ "role": role })).await;
    assert_eq!(change(&world, &path, "admin").await.expect(200).json["role"], "admin");
    world.as_(Who::Customer(2)).get("/api/me").await.refused(401, "session_expired");
    world.sign_in(Who::Customer(2)).await;
    world.as_(Who::Customer(2)).get("/api/users").await.expect(200);
    change(&world, &path, "customer").await.expect(200);
    change(&world, &path, "boss").await.refused(422, "invalid_body");
    world
        .as_(Who::Admin)
        .patch(&path, json!({ "role": "admin", "email": "x@y.z" }))
        .await
        .refused(422, "unknown_field");

    let own = format!("/api/users/{}", world.person(Who::Admin).id);
    change(&world, &own, "customer").await.refused(409, "last_admin");
    world.as_(Who::Admin).request(Method::POST, &format!("{own}/disable"), None).await.refused(409, "last_admin");
    world.as_(Who::Admin).delete(&own).await.refused(409, "last_admin");
    let expert = format!("/api/users/{}", world.person(Who::Expert(1)).id);
    change(&world, &expert, "customer").await.refused(409, "has_appointments");
    world.as_(Who::Admin).delete(&expert).await.refused(409, "has_appointments");
}

#[tokio::test]
async fn administrators_see_and_end_the_sessions_of_others() {
    let world = World::new().await;
    let path = format!("/api/users/{}/sessions", world.person(Who::Expert(1)).id);
    let devices = world.as_(Who::Admin).get(&path).await.expect(200).json;
    assert_eq!((devices.as_array().unwrap().len(), &devices[0]["current"]), (1, &json!(false)));
    assert_eq!(world.as_(Who::Admin).delete(&path).await.expect(200).json, json!({ "signedOut": 1 }));
    world.as_(Who::Expert(1)).get("/api/me").await.refused(401, "session_expired");
    world.as_(Who::Admin).get("/api/me").await.expect(200);
}
