//! The table of routes and the API's description tell the same.

#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use serde_json::Value;

use super::super::*;
use super::world::{World, routes};
use crate::api::problem::Code;

fn document() -> Value {
    serde_json::to_value(routes(true).document()).unwrap()
}

/// That of these tests, and the one that is served.
fn documents() -> [Value; 2] {
    let served = crate::api::rest::routes(true);
    [document(), serde_json::to_value(served.document()).unwrap()]
}

/// Path, method and operation.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let methods = |(path, item): (&String, _)| {
        let item: &serde_json::Map<String, Value> = Value::as_object(item).unwrap();
        item.iter().map(move |(method, operation)| (path.clone(), method.clone(), operation)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(methods).collect()
}

#[test]
fn every_method_of_every_route_says_who_may_call_it() {
    let tables = [routes(true).table().to_vec(), crate::api::rest::routes(true).table().to_vec()];
    for (document, table) in documents().iter().zip(tables) {
        let described: HashSet<(String, String, String)> = operations(document)
            .into_iter()
            .map(|(path, method, operation)| {
                let access = operation["x-access"].as_str().unwrap_or_else(|| panic!("{method} {path}: no access"));
                (path, method, access.to_owned())
            })
            .collect();
        let table: Vec<Route> = table.into_iter().filter(|route| route.described).collect();
        let listed = table.iter().map(|route| {
            (route.path.clone(), route.method.as_str().to_ascii_lowercase(), route.access.as_str().to_owned())
        });
        assert_eq!(listed.collect::<HashSet<_>>(), described);
        assert_eq!(table.len(), described.len(), "a route is listed twice");
    }
}

#[test]
fn operations_have_names_of_their_own_and_answer_with_problems() {
    for document in documents() {
        let mut names = HashSet::new();
        for (path, method, operation) in operations(&document) {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{method} {path} has no summary");
            let schema = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"];
            assert_eq!(schema["$ref"], "#/components/schemas/Problem", "{path}");
            let anonymous = operation["security"].as_array().unwrap().is_empty();
            assert_eq!(anonymous, ["public", "development"].contains(&operation["x-access"].as_str().unwrap()));
        }
    }
}

#[test]
fn parameters_of_the_path_are_described_and_answers_have_words() {
    for document in documents() {
        for (path, method, operation) in operations(&document) {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path").count();
            assert_eq!(in_path, path.matches('{').count(), "{method} {path}");
            let responses = operation["responses"].as_object().unwrap();
            let words = |answer: &Value| !answer["description"].as_str().unwrap_or_default().is_empty();
            assert!(responses.values().all(words), "{method} {path}");
        }
    }
    let id = &document()["paths"]["/api/things/{id}"]["put"]["parameters"][0];
    assert_eq!((&id["name"], &id["required"], &id["schema"]["format"]), (&"id".into(), &true.into(), &"uuid".into()));
}

#[test]
fn every_reference_leads_somewhere() {
    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    for document in documents() {
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            let pointer = reference.trim_start_matches('#');
            // Parameters' types do not describe themselves: `OfficeRoutes::describe` does it.
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
    }
}

#[tokio::test]
async fn the_description_is_served_with_every_problem_in_it() {
    let world = World::new();
    let served = world.get("/api/openapi.json").await;
    assert_eq!((served.status.as_u16(), served.header("content-type")), (200, "application/json"));
    assert_eq!(served.json(), document());
    let schemas = &served.json()["components"]["schemas"];
    let listed: Vec<&str> =
        schemas["ProblemCode"]["enum"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    assert_eq!(listed, Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>());
    let text = schemas["ProblemCode"]["description"].as_str().unwrap();
    assert!(Code::ALL.iter().all(|code| text.contains(code.next_step())));
    assert_eq!(schemas["Line10"]["maxLength"], 10);
    let required: Vec<&str> =
        schemas["Problem"]["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(required, ["type", "title", "status", "code", "nextStep"]);
    let problems = world.get("/api/problems").await.json();
    assert_eq!(problems.as_array().unwrap().len(), Code::ALL.len());
    assert_eq!(problems[0]["code"], Code::ALL[0].as_str());
}

#[test]
fn requests_cost_what_their_methods_do_unless_something_else_is_said() {
    let class = |path: &str, method: &str| {
        let table = routes(true).table().to_vec();
        table.into_iter().find(|route| route.path == path && route.method == method).map(|route| route.class)
    };
    assert_eq!(class("/api/things/{id}", "GET"), Some(Class::Read));
    assert_eq!(class("/api/things/{id}", "PUT"), Some(Class::Write));
    assert_eq!(class("/api/sign-in", "POST"), Some(Class::SignIn));
    assert_eq!(class("/api/events", "GET"), Some(Class::Stream));
}
