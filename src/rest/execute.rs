//! From a request to an execution of its row's document, and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_graphql::{Request as Operation_, Response as Executed, Variables};
use axum::RequestExt;
use axum::Router;
use axum::body::Body;
use axum::extract::{RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use serde_json::{Map, Value};

use super::body::{Fields, Unusable};
use super::endpoints::{ENDPOINTS, Endpoint};
use super::operation::{Operation, at};
use super::{body, errors, shape, variables};
use crate::auth::{Viewer, parse_id};
use crate::error::{Error, FieldError, Noun, Unauthenticated};
use crate::graphql::HavenSchema;
use crate::graphql::context::{BaseUrl, Refused};
use crate::graphql::errors::RequestId;

/// The variable that comes from the path.
const PATH_VARIABLE: &str = "user_id";
/// The variable that comes from a header, and the header.
const KEY_VARIABLE: &str = "idempotency_key";
const KEY_HEADER: &str = "idempotency-key";

/// A row with its document parsed.
struct Row {
    endpoint: Endpoint,
    operation: Operation,
}

/// The rows of one path.
struct Rows {
    schema: HavenSchema,
    rows: Vec<Row>,
}

/// The routes of every documented endpoint, with and without the slash at the end, and 404 for
/// the rest of `/api/`.
///
/// # Errors
/// If an operation document does not parse.
pub fn router(schema: &HavenSchema) -> anyhow::Result<Router> {
    let mut paths: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
    for endpoint in ENDPOINTS {
        paths.entry(endpoint.path).or_default().push(Row {
            operation: Operation::parse(endpoint.operation)?,
            endpoint,
        });
    }
    let mut router = Router::new();
    for (path, rows) in paths {
        let state = Arc::new(Rows {
            schema: schema.clone(),
            rows,
        });
        for path in [path.to_owned(), format!("{path}/")] {
            router = router.route(&path, any(serve).with_state(state.clone()));
        }
    }
    let nothing = any(|| async { errors::not_found() });
    Ok(router
        .route("/api", nothing.clone())
        .route("/api/", nothing.clone())
        .route("/api/{*rest}", nothing))
}

async fn serve(State(rows): State<Arc<Rows>>, mut request: Request) -> Response {
    let Ok(path) = request.extract_parts::<RawPathParams>().await else {
        return errors::not_found();
    };
    let user_id = path.iter().next().map(|(_, value)| value.to_owned());
    if user_id
        .as_deref()
        .is_some_and(|id| id != "me" && parse_id(id).is_none())
    {
        return errors::not_found();
    }
    let method = request.method();
    let row = rows.rows.iter().find(|row| {
        method.as_str() == row.endpoint.method || (*method == Method::HEAD && row.endpoint.head)
    });
    match row {
        Some(row) => rows.run(row, user_id, request).await,
        None => rows.refuse(method),
    }
}

impl Rows {
    /// 405, with what is allowed.
    fn refuse(&self, method: &Method) -> Response {
        let mut allowed = Vec::new();
        for row in &self.rows {
            allowed.push(row.endpoint.method);
            if row.endpoint.head {
                allowed.push("HEAD");
            }
        }
        let text = format!("Method \"{method}\" not allowed.");
        let mut response = errors::detail(StatusCode::METHOD_NOT_ALLOWED, &text);
        if let Ok(value) = HeaderValue::from_str(&allowed.join(", ")) {
            response.headers_mut().insert(header::ALLOW, value);
        }
        response
    }

    async fn run(&self, row: &Row, user_id: Option<String>, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let endpoint = &row.endpoint;
        let request_id = parts
            .extensions
            .get::<RequestId>()
            .map(|id| id.0.clone())
            .unwrap_or_default();
        let Gathered {
            variables,
            unusable,
            refused,
        } = gather(row, user_id.as_deref(), &parts, body).await;
        let spoiled = (unusable.is_some() || !refused.is_empty()).then_some(Refused(refused));
        let must_fail = spoiled.is_some();
        // Also with a body of no use: whoever may not, is told that before what is wrong with
        // the body.
        let executed = self.execute(row, &parts, variables, spoiled).await;
        if let Some(failed) = executed.errors.first() {
            return match (unusable, failed.source::<Error>()) {
                (Some(problem), Some(Error::Invalid(_))) => errors::unusable(endpoint, &problem),
                _ => errors::of_operation(endpoint, &row.operation, failed, &request_id),
            };
        }
        if must_fail {
            // An operation that doesn't go on from what was refused here. Nobody is to believe
            // that what they sent was taken.
            let (path, method) = (endpoint.path, endpoint.method);
            tracing::error!(
                request_id,
                method,
                path,
                "an operation took a refused input"
            );
            return errors::fault(&request_id);
        }
        let Some(data) = at(&executed.data, endpoint.at) else {
            // Only a user, or its profile, can be null without an error.
            return errors::missing(endpoint, Noun::User);
        };
        let (status, body) = shape::body(endpoint, data);
        let mut response = errors::answer(status, &body);
        let id = endpoint
            .user_id
            .and_then(|path| at(&executed.data, path))
            .and_then(|id| match id {
                async_graphql::Value::String(id) => HeaderValue::from_str(id).ok(),
                _ => None,
            });
        if let Some(id) = id {
            response.headers_mut().insert("x-user-id", id);
        }
        response
    }

    async fn execute(
        &self,
        row: &Row,
        parts: &Parts,
        variables: Map<String, Value>,
        refused: Option<Refused>,
    ) -> Executed {
        let Row {
            endpoint,
            operation,
        } = row;
        let viewer = parts
            .extensions
            .get::<Viewer>()
            .filter(|_| !endpoint.public);
        let viewer = viewer
            .cloned()
            .unwrap_or(Viewer::Nobody(Unauthenticated::NotProvided));
        let mut request = Operation_::new(String::new())
            .variables(Variables::from_json(Value::Object(variables)))
            .data(viewer);
        if let Some(base) = parts.extensions.get::<BaseUrl>() {
            request = request.data(base.clone());
        }
        if let Some(id) = parts.extensions.get::<RequestId>() {
            request = request.data(id.clone());
        }
        if let Some(refused) = refused {
            request = request.data(refused);
        }
        request.set_parsed_query(operation.document.clone());
        // On its own: a phone that loses its connection must not take its alarm with it.
        let schema = self.schema.clone();
        match tokio::spawn(async move { schema.execute(request).await }).await {
            Ok(executed) => executed,
            Err(error) => Executed::from_errors(vec![async_graphql::ServerError::new(
                format!("an operation died: {error}"),
                None,
            )]),
        }
    }
}

/// What a request amounts to.
struct Gathered {
    /// The variables, with stand-ins for those refused.
    variables: Map<String, Value>,
    /// Why the body can't be used, if it can't.
    unusable: Option<Unusable>,
    /// The fields that are wrong, by the schema's names.
    refused: Vec<FieldError>,
}

/// The variables of a row's operation, out of path, header and body.
async fn gather(row: &Row, user_id: Option<&str>, parts: &Parts, body: Body) -> Gathered {
    let mut gathered = Map::new();
    let mut unusable = None;
    let mut refused = Vec::new();
    let from_body = |name: &str| name != PATH_VARIABLE && name != KEY_VARIABLE;
    let declared = &row.operation.variables;
    let mut fields = Fields::default();
    if declared.iter().any(|variable| from_body(&variable.name)) {
        match body::read(&parts.headers, body).await {
            Ok(read) => fields = read,
            Err(problem) => unusable = Some(problem),
        }
    }
    for variable in declared {
        let name = variable.name.as_str();
        let value = if name == PATH_VARIABLE {
            user_id.map(|id| Value::String(id.to_owned()))
        } else if name == KEY_VARIABLE {
            // Byte for byte, so that different keys stay different. An empty header is no key:
            // it must not keep an alarm from being raised.
            parts
                .headers
                .get(KEY_HEADER)
                .map(|key| key.as_bytes().iter().copied().map(char::from).collect())
                .filter(|key: &String| !key.is_empty())
                .map(Value::String)
        } else {
            match variables::read(variable, &mut fields) {
                Ok(value) => value,
                Err(problem) => {
                    if unusable.is_none()
                        && let Some(field) = row.operation.schema_name(name)
                    {
                        refused.push(FieldError { field, problem });
                    }
                    variables::stand_in(variable)
                }
            }
        };
        if let Some(value) = value {
            gathered.insert(name.to_owned(), value);
        }
    }
    Gathered {
        variables: gathered,
        unusable,
        refused,
    }
}
