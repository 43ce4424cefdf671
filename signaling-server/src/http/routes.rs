//! A router that describes itself: what a route takes and gives is said where it is added, and `/openapi.json` (OpenAPI 3.1)
//! is made of that.

use axum::{Json, Router, routing::MethodRouter};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use sightline_protocol::Problem;

use super::Doors;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// No token is wanted.
    Everybody,
    /// A token changes what is given or allowed.
    Anybody,
    /// A room token.
    Room,
    /// The session token of an account.
    Account,
    /// The admin token, or the session token of an account that is an admin.
    Admin,
}

/// One method of a route.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    /// `get`, `post`, ...
    pub(super) method: &'static str,
    /// As axum writes it.
    pub(super) path: &'static str,
    pub(super) who: For,
    /// One sentence.
    pub(super) summary: &'static str,
    /// Of a success.
    pub(super) status: u16,
}

/// Nothing to take, or nothing to give.
pub(super) enum Nothing {}

/// Plain text of some kind.
pub(super) enum Text {}

/// What a route takes or gives.
pub(super) trait Content {
    /// The media type and its schema.
    fn content(generator: &mut SchemaGenerator) -> Option<Value>;
}

impl Content for Nothing {
    fn content(_: &mut SchemaGenerator) -> Option<Value> {
        None
    }
}

impl Content for Text {
    fn content(_: &mut SchemaGenerator) -> Option<Value> {
        Some(json!({"text/plain": {"schema": {"type": "string"}}}))
    }
}

impl<T: JsonSchema> Content for T {
    fn content(generator: &mut SchemaGenerator) -> Option<Value> {
        Some(json!({"application/json": {"schema": generator.subschema_for::<T>()}}))
    }
}

/// The routes so far, and what is said of them.
pub(super) struct Routes {
    router: Router<Doors>,
    paths: Map<String, Value>,
    schemas: SchemaGenerator,
}

impl Routes {
    pub(super) fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
        });
        Self { router: Router::new(), paths: Map::new(), schemas: settings.into_generator() }
    }

    /// Adds a method of a route, which takes `B` and gives `A`.
    pub(super) fn add<B: Content, A: Content>(mut self, route: Route, handler: MethodRouter<Doors>) -> Self {
        let Route { method, path, who, summary, status } = route;
        let parameters: Vec<Value> = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
            .collect();
        let mut success = json!({"description": "Done."});
        if let Some(content) = A::content(&mut self.schemas) {
            success["content"] = content;
        }
        let problem = self.schemas.subschema_for::<Problem>();
        let mut operation = json!({
            "summary": summary,
            "parameters": parameters,
            "responses": {
                status.to_string(): success,
                "default": {
                    "description": "Refused (RFC 9457).",
                    "content": {Problem::MEDIA_TYPE: {"schema": problem}},
                },
            },
        });
        if let Some(content) = B::content(&mut self.schemas) {
            operation["requestBody"] = json!({"content": content});
        }
        operation["security"] = match who {
            For::Everybody => json!([]),
            For::Anybody => json!([{}, {"bearer": []}]),
            For::Room | For::Account | For::Admin => json!([{"bearer": []}]),
        };
        operation["x-for"] = json!(format!("{who:?}").to_lowercase());
        let methods = self.paths.entry(path).or_insert_with(|| json!({}));
        methods[method] = operation;
        self.router = self.router.route(path, handler);
        self
    }

    /// The router, with the description of itself under `/openapi.json`.
    pub(super) fn finish(mut self) -> Router<Doors> {
        let schemas = self.schemas.take_definitions(true);
        let document = json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Sightline signaling server",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "PROTOCOL.md specifies the WebSocket under /ws, and explains what is listed here.",
            },
            "paths": self.paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            },
        });
        self.router.route("/openapi.json", axum::routing::get(async move || Json(document.clone())))
    }
}
