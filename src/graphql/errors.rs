//! How an error looks to a GraphQL client, and the extension that makes it so.

use std::sync::Arc;

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextExecute, NextRequest, NextSubscribe,
};
use async_graphql::futures_util::StreamExt;
use async_graphql::futures_util::stream::BoxStream;
use async_graphql::{
    Data, ErrorExtensionValues, Name, Response, ServerError, Value, indexmap::IndexMap,
};
use uuid::Uuid;

use crate::app::App;
use crate::error::{Code, Error};
use crate::graphql::loaders::Loaders;

/// Names a failed request in the log and in the answer; in the request data.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Gives each execution fresh loaders, and each error its code.
pub struct Envelope;

impl ExtensionFactory for Envelope {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for Envelope {
    async fn request(&self, ctx: &ExtensionContext<'_>, next: NextRequest<'_>) -> Response {
        present_all(ctx, next.run(ctx).await)
    }

    fn subscribe<'s>(
        &self,
        ctx: &ExtensionContext<'_>,
        stream: BoxStream<'s, Response>,
        next: NextSubscribe<'_>,
    ) -> BoxStream<'s, Response> {
        let id = request_id(ctx);
        next.run(ctx, stream)
            .map(move |mut response| {
                for error in &mut response.errors {
                    present(error, &id);
                }
                response
            })
            .boxed()
    }

    async fn execute(
        &self,
        ctx: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        let mut data = Data::default();
        if let Some(app) = ctx.data_opt::<Arc<App>>() {
            data.insert(Loaders::new(app));
        }
        next.run_with_data(ctx, operation_name, data).await
    }
}

fn request_id(ctx: &ExtensionContext<'_>) -> String {
    ctx.data_opt::<RequestId>()
        .map_or_else(|| Uuid::new_v4().to_string(), |id| id.0.clone())
}

fn present_all(ctx: &ExtensionContext<'_>, mut response: Response) -> Response {
    if !response.errors.is_empty() {
        let id = request_id(ctx);
        for error in &mut response.errors {
            present(error, &id);
        }
    }
    response
}

/// Sets `extensions.code`, and `fields` or `requestId` beside it; logs what is internal.
fn present(error: &mut ServerError, request_id: &str) {
    let mut values = error.extensions.take().unwrap_or_default();
    if values.get("code").is_none() {
        match error.source::<Error>() {
            Some(source) => {
                let source = source as &Error;
                let code = source.code();
                values.set("code", code.parts().0);
                match source {
                    Error::Invalid(fields) => values.set("fields", field_list(fields)),
                    Error::Database(cause) => log_fault(&mut values, request_id, cause),
                    Error::Internal(cause) => log_fault(&mut values, request_id, cause),
                    _ => {}
                }
            }
            // The library's own, from inside a field: an input that does not fit its type.
            None if !error.path.is_empty() => {
                values.set("code", Code::BadUserInput.parts().0);
            }
            // The library's own, about the document: the transport gives it its code.
            None => {}
        }
    }
    error.extensions = Some(values);
}

fn log_fault(values: &mut ErrorExtensionValues, request_id: &str, cause: &dyn std::fmt::Display) {
    values.set("requestId", request_id);
    // `Display`, not `Debug`: PostgreSQL puts the offending values into the details.
    tracing::error!(request_id, %cause, "a request failed");
}

fn field_list(fields: &[crate::error::FieldError]) -> Value {
    Value::List(
        fields
            .iter()
            .map(|wrong| {
                let mut entry = IndexMap::new();
                entry.insert(Name::new("field"), Value::from(wrong.field));
                entry.insert(Name::new("message"), Value::from(wrong.problem.to_string()));
                Value::Object(entry)
            })
            .collect(),
    )
}
