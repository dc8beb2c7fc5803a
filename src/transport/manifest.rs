//! A list of operations that alone may run: what the clients of a deployment are made of, as
//! their build tools write it down.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use async_graphql::parser::types::ExecutableDocument;
use serde::Deserialize;
use serde_json::Value;

use super::errors::RequestError;
use super::limits::Limits;
use super::params::Params;
use super::persisted::{Document, Hash, hash_of};

/// The operations of a manifest, parsed and within the limits. Whether they fit a schema is for
/// the one who has it to say, at the start: see [`Self::documents`].
#[derive(Debug)]
pub struct Manifest {
    by_id: HashMap<String, Arc<Document>>,
    by_hash: HashMap<Hash, Arc<Document>>,
}

/// Why a text is no manifest.
#[derive(Debug)]
pub enum ManifestError {
    /// It is not JSON of either form.
    Form,
    /// An operation is no document, or exceeds a limit.
    Operation {
        /// The operation's id.
        id: String,
        /// What is wrong.
        problem: String,
    },
    /// Two operations have one id.
    Twice(String),
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str(
                "neither an `apollo-persisted-query-manifest` of version 1 nor an object of \
                 texts by their ids",
            ),
            Self::Operation { id, problem } => write!(f, "operation {id}: {problem}"),
            Self::Twice(id) => write!(f, "operation {id} is there twice"),
        }
    }
}

impl std::error::Error for ManifestError {}

/// The form that Apollo's `generate-persisted-query-manifest` writes. Names and types of the
/// operations are also in their texts, which alone count.
#[derive(Deserialize)]
struct ApolloManifest {
    format: String,
    version: u32,
    operations: Vec<ApolloOperation>,
}

#[derive(Deserialize)]
struct ApolloOperation {
    id: String,
    body: String,
}

impl Manifest {
    /// Reads Apollo's form, or Relay's: an object of texts by their ids.
    ///
    /// # Errors
    /// The text has neither form, or an operation can't run within `limits`.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, ManifestError> {
        let mut this = Self {
            by_id: HashMap::new(),
            by_hash: HashMap::new(),
        };
        let value: Value = serde_json::from_str(text).map_err(|_| ManifestError::Form)?;
        if value.get("operations").is_some_and(Value::is_array) {
            let manifest: ApolloManifest =
                serde_json::from_value(value).map_err(|_| ManifestError::Form)?;
            if manifest.format != "apollo-persisted-query-manifest" || manifest.version != 1 {
                return Err(ManifestError::Form);
            }
            for operation in manifest.operations {
                this.add(operation.id, &operation.body, limits)?;
            }
        } else {
            let texts: HashMap<String, String> =
                serde_json::from_value(value).map_err(|_| ManifestError::Form)?;
            for (id, text) in texts {
                this.add(id, &text, limits)?;
            }
        }
        Ok(this)
    }

    fn add(&mut self, id: String, text: &str, limits: &Limits) -> Result<(), ManifestError> {
        let hash = hash_of(text);
        let document = match self.by_hash.get(&hash) {
            Some(document) => Arc::clone(document),
            None => Arc::new(Document::read(text, limits).map_err(|error| {
                let problems = error.errors.into_iter().map(|error| error.message);
                ManifestError::Operation {
                    id: id.clone(),
                    problem: problems.collect::<Vec<_>>().join("; "),
                }
            })?),
        };
        self.by_hash.insert(hash, Arc::clone(&document));
        match self.by_id.insert(id.clone(), document) {
            Some(_) => Err(ManifestError::Twice(id)),
            None => Ok(()),
        }
    }

    /// Every document with its id, in the order of the ids.
    pub fn documents(&self) -> impl Iterator<Item = (&str, &ExecutableDocument)> {
        let by_id: BTreeMap<_, _> = self.by_id.iter().collect();
        let documents = by_id.into_iter();
        documents.map(|(id, document)| (id.as_str(), &document.parsed))
    }

    /// The document that a request names by `documentId`, by the hash of Apollo's protocol, or
    /// by its text, which must be the listed one to the byte.
    ///
    /// # Errors
    /// `PERSISTED_QUERY_NOT_IN_LIST` for an id, `QUERY_NOT_IN_SAFELIST` for a text that isn't
    /// listed, or isn't the id's; `BAD_REQUEST` where there is neither.
    pub(super) fn document(&self, params: &Params) -> Result<Arc<Document>, RequestError> {
        let hash = match params.extensions.get("persistedQuery") {
            None | Some(Value::Null) => None,
            Some(extension) => match extension.get("sha256Hash").and_then(Value::as_str) {
                Some(hash) => Some(hash),
                None => {
                    return Err(RequestError::bad_request(
                        "`persistedQuery.sha256Hash` must be a string.",
                    ));
                }
            },
        };
        let by_id = match params.document_id.as_deref().or(hash) {
            None => None,
            Some(id) => Some(self.by_id.get(id).ok_or_else(|| {
                RequestError::of_code(
                    "PERSISTED_QUERY_NOT_IN_LIST",
                    "Only listed operations run here, and none has this id.",
                )
            })?),
        };
        let query = params.query.as_deref().filter(|text| !text.is_empty());
        let Some(text) = query else {
            return by_id.cloned().ok_or_else(|| {
                RequestError::bad_request(
                    "Parameter `documentId` is missing: it names the operation to execute.",
                )
            });
        };
        self.by_hash
            .get(&hash_of(text))
            .filter(|document| by_id.is_none_or(|by_id| Arc::ptr_eq(by_id, document)))
            .cloned()
            .ok_or_else(|| {
                RequestError::of_code(
                    "QUERY_NOT_IN_SAFELIST",
                    "Only listed operations run here, and this is none of them.",
                )
            })
    }
}
