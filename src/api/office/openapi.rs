//! The API's description: what the handlers say of themselves, who may call them and the problems they answer with.

use axum::http::StatusCode;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, Parameter, ParameterBuilder, ParameterIn, PathItem, Paths};
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, Content, Info, OpenApi, OpenApiBuilder, Ref, RefOr, Required, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

use super::access::Access;
use super::rate::Class;
use crate::api::problem::{CONTENT_TYPE, Code, Problem, ProblemBody};

/// The name of the scheme in the description.
const SESSION: &str = "session";

/// A description without routes.
pub(super) fn empty() -> OpenApi {
    let mut components = Components::new();
    let cookie = ApiKeyValue::with_description(
        "__Host-visavis",
        "The session's cookie; `visavis` where the server is reached without TLS.",
    );
    components.add_security_scheme(SESSION, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    components.schemas.insert(Code::name().into_owned(), Code::schema());
    components.schemas.insert(Problem::name().into_owned(), ProblemBody::schema());
    let mut info = Info::new("visavis", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Appointments, accounts and access to calls. Errors are problem details (RFC 9457) with a stable `code` and a \
         `nextStep`. Requests that change something come from pages of this site, or from programs that send JSON."
            .to_owned(),
    );
    OpenApiBuilder::new().info(info).components(Some(components)).build()
}

/// Takes in what handlers say of themselves, and notes who may call them.
pub(super) fn add(
    document: &mut OpenApi,
    schemas: Vec<(String, RefOr<utoipa::openapi::Schema>)>,
    paths: &Paths,
    access: Access,
    class: impl Fn(&HttpMethod) -> Class,
) {
    for (path, item) in &paths.paths {
        let mut item = item.clone();
        for (method, operation) in operations(&mut item) {
            describe(operation, access, class(&method));
            complete(operation, path);
        }
        match document.paths.paths.get_mut(path) {
            Some(known) => known.merge_operations(item),
            None => drop(document.paths.paths.insert(path.clone(), item)),
        }
    }
    components(document).schemas.extend(schemas);
}

/// The types that are described.
pub(super) fn components(document: &mut OpenApi) -> &mut Components {
    document.components.get_or_insert_with(Components::new)
}

fn describe(operation: &mut Operation, access: Access, class: Class) {
    let session = || SecurityRequirement::new(SESSION, Vec::<String>::new());
    operation.security = Some(match access {
        Access::Public | Access::Development => Vec::new(),
        // Nothing at all is one of the ways.
        Access::Anyone => vec![SecurityRequirement::default(), session()],
        _ => vec![session()],
    });
    let said = ExtensionsBuilder::new().add("x-access", access.as_str()).add("x-rate-class", class.as_str()).build();
    operation.extensions.get_or_insert_with(Default::default).merge(said);
    let problem = ResponseBuilder::new()
        .description("A problem; `code` says which.")
        .content(CONTENT_TYPE, Content::new(Some(Ref::from_schema_name(Problem::name()))))
        .build();
    operation.responses.responses.entry("default".to_owned()).or_insert(RefOr::T(problem));
}

/// What the standard wants to be there, and handlers need not repeat: the path's parameters, which are ids where they
/// are called so, and a word on each answer.
fn complete(operation: &mut Operation, path: &str) {
    let parameters = operation.parameters.get_or_insert_default();
    for name in path.split(['{', '}']).skip(1).step_by(2).map(|name| name.trim_start_matches('*')) {
        let described = |known: &RefOr<Parameter>| matches!(known, RefOr::T(known) if known.name == name);
        if parameters.iter().any(described) {
            continue;
        }
        let id = name == "id" || name.ends_with("_id");
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(id.then_some(SchemaFormat::Custom("uuid".to_owned())));
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .schema(Some(schema));
        parameters.push(RefOr::T(parameter.build()));
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            let status = status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok());
            response.description = status.and_then(|status| status.canonical_reason()).unwrap_or("Answer").to_owned();
        }
    }
}

/// Every operation of a path, with its method.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = (HttpMethod, &mut Operation)> {
    let all = [
        (HttpMethod::Get, &mut item.get),
        (HttpMethod::Put, &mut item.put),
        (HttpMethod::Post, &mut item.post),
        (HttpMethod::Delete, &mut item.delete),
        (HttpMethod::Options, &mut item.options),
        (HttpMethod::Head, &mut item.head),
        (HttpMethod::Patch, &mut item.patch),
        (HttpMethod::Trace, &mut item.trace),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

impl PartialSchema for Problem {
    fn schema() -> RefOr<utoipa::openapi::Schema> {
        ProblemBody::schema()
    }
}

impl ToSchema for Problem {
    fn name() -> std::borrow::Cow<'static, str> {
        "Problem".into()
    }
}
