//! From the parameters of a request to an operation that may run, and its run.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection,
};
use async_graphql::{Data, Executor, Name, Request, Response, ServerError, Variables};
use axum::http::StatusCode;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use serde_json::Value;
use tracing::Instrument;

use super::Endpoint;
use super::errors::{RequestError, coded, internal, shown};
use super::limits::at_most;
use super::params::Params;
use super::persisted::{Document, hash_of, requested_hash};
use super::subscriptions;
use super::variables::measure;

/// An operation within all limits, parsed, its variables coerced. It is not validated yet: the
/// executor does that.
#[derive(Debug)]
pub(super) struct Operation {
    pub kind: OperationType,
    /// The fields at its root.
    pub fields: Vec<Name>,
    request: Request,
}

impl<E: Executor> Endpoint<E> {
    /// Takes a request through everything that can be known before validation.
    ///
    /// # Errors
    /// The first reason to refuse it.
    pub(super) fn prepare(&self, params: Params) -> Result<Operation, RequestError> {
        let limits = &self.inner.settings.limits;
        let variable_bytes = measure(&params.variables, limits)?;
        let document = match &self.inner.settings.manifest {
            Some(manifest) => manifest.document(&params)?,
            None => self.document(params.query, requested_hash(&params.extensions)?)?,
        };
        let operation = select(&document.parsed, params.operation_name.as_deref())?;
        let defaults = operation.variable_definitions.iter();
        let defaults = defaults.filter_map(|variable| variable.node.default_value.as_ref());
        let default_bytes: usize = defaults.map(|value| value.node.to_string().len()).sum();
        at_most(
            "variable_copies",
            variable_bytes
                .saturating_add(default_bytes as u64)
                .saturating_mul(document.cost.variable_uses),
            limits.variable_copies,
        )?;
        let kind = operation.ty;
        let fields = root_fields(&document.parsed, operation);
        let variables = self
            .inner
            .types
            .coerce(operation, params.variables)
            .map_err(RequestError::refused)?;
        let parsed = &document.parsed;
        let outputs = &self.inner.outputs;
        outputs.check(parsed, operation, &variables, limits)?;

        // The text stays out: the executor needs the parsed document only.
        let mut request = Request::new(String::new());
        request.variables = Variables::from_json(Value::Object(variables));
        let mut parsed =
            Arc::try_unwrap(document).map_or_else(|shared| shared.parsed.clone(), |own| own.parsed);
        if kind == OperationType::Subscription {
            let name = params.operation_name.as_deref();
            subscriptions::gather(&mut parsed, name, outputs.subscription());
        }
        request.operation_name = params.operation_name;
        request.set_parsed_query(parsed);
        Ok(Operation {
            kind,
            fields,
            request,
        })
    }

    /// The document of a request: from its text, or by its hash from the store.
    fn document(
        &self,
        query: Option<String>,
        hash: Option<[u8; 32]>,
    ) -> Result<Arc<Document>, RequestError> {
        let query = query.filter(|text| !text.is_empty());
        let (text, store) = match (query, hash, &self.inner.persisted) {
            (None, None, _) => {
                return Err(RequestError::bad_request(
                    "Parameter `query` is missing: it holds the document to execute.",
                ));
            }
            (Some(text), None, _) => (text, None),
            (_, Some(_), None) => {
                return Err(RequestError::of_code(
                    "PERSISTED_QUERY_NOT_SUPPORTED",
                    "PersistedQueryNotSupported",
                ));
            }
            // The message is part of Apollo's protocol: its clients compare it.
            (None, Some(hash), Some(store)) => {
                return store.get(&hash).ok_or_else(|| {
                    RequestError::of_code("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
                });
            }
            (Some(text), Some(hash), Some(store)) => {
                at_most(
                    "document_bytes",
                    text.len() as u64,
                    self.inner.settings.limits.document_bytes,
                )?;
                if hash_of(&text) != hash {
                    return Err(RequestError::malformed(
                        StatusCode::BAD_REQUEST,
                        "PERSISTED_QUERY_HASH_MISMATCH",
                        "The hash of the persisted query is not the SHA-256 of its text.",
                    ));
                }
                (text, Some((store, hash)))
            }
        };
        let document = Arc::new(Document::read(&text, &self.inner.settings.limits)?);
        if let Some((store, hash)) = store {
            store.insert(hash, Arc::clone(&document));
        }
        Ok(document)
    }

    /// Runs a query or a mutation. A mutation that was begun is finished even when nobody waits
    /// for it any more: an alarm must not depend on the phone staying connected for the answer.
    pub(super) async fn run(&self, operation: Operation, data: Data) -> Response {
        let mut request = operation.request;
        request.data = data;
        let executor = self.inner.executor.clone();
        if operation.kind == OperationType::Mutation {
            let task = async move { executor.execute(request).await };
            return tokio::spawn(task.in_current_span())
                .await
                .unwrap_or_else(|_| internal());
        }
        AssertUnwindSafe(executor.execute(request))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| internal())
    }

    /// Runs an operation of any kind as a stream of responses: one for a query or a mutation.
    pub(super) fn stream(&self, operation: Operation, data: Data) -> BoxStream<'static, Response> {
        if operation.kind != OperationType::Subscription {
            let this = self.clone();
            return stream::once(async move { this.run(operation, data).await }).boxed();
        }
        let mut request = operation.request;
        request.data = data;
        let responses = self.inner.executor.execute_stream(request, None);
        AssertUnwindSafe(responses)
            .catch_unwind()
            .map(|response| response.unwrap_or_else(|_| internal()))
            .boxed()
    }
}

/// The fields at the root of an operation, fragments included.
fn root_fields(document: &ExecutableDocument, operation: &OperationDefinition) -> Vec<Name> {
    let mut fields = Vec::new();
    let mut spread = HashSet::new();
    let mut waiting = vec![&operation.selection_set.node];
    while let Some(selections) = waiting.pop() {
        for selection in &selections.items {
            match &selection.node {
                Selection::Field(field) => fields.push(field.node.name.node.clone()),
                Selection::InlineFragment(fragment) => {
                    waiting.push(&fragment.node.selection_set.node);
                }
                Selection::FragmentSpread(fragment) => {
                    let name = &fragment.node.fragment_name.node;
                    if let Some(fragment) = document.fragments.get(name)
                        && spread.insert(name)
                    {
                        waiting.push(&fragment.node.selection_set.node);
                    }
                }
            }
        }
    }
    fields
}

/// The operation to run, by its name or because it is the only one.
fn select<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a OperationDefinition, RequestError> {
    let failure = |text: String| {
        let error = ServerError::new(text, None);
        RequestError::refused(vec![coded(error, "OPERATION_RESOLUTION_FAILURE")])
    };
    let unknown = |name: &str| failure(format!("Unknown operation named \"{}\".", shown(name)));
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Ok(&operation.node),
        (DocumentOperations::Multiple(operations), Some(name)) => operations
            .get(name)
            .map(|operation| &operation.node)
            .ok_or_else(|| unknown(name)),
        (DocumentOperations::Multiple(operations), None) => {
            let mut operations = operations.values();
            match (operations.next(), operations.next()) {
                (Some(operation), None) => Ok(&operation.node),
                _ => Err(failure(
                    "The document has several operations: `operationName` must name one.".into(),
                )),
            }
        }
        (DocumentOperations::Single(_), Some(name)) => Err(unknown(name)),
    }
}
