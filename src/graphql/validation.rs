//! Whether a document fits the schema, without running it.

use std::fmt;
use std::sync::Arc;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextValidation};
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{Pos, Request, ServerError, ValidationResult};

use super::{HavenSchema, builder};

/// The schema without an application.
pub struct Validator {
    schema: HavenSchema,
}

impl Default for Validator {
    fn default() -> Self {
        Self {
            schema: builder().extension(NoFurther).finish(),
        }
    }
}

impl Validator {
    /// Validates every operation of a document by the rules of GraphQL.
    ///
    /// # Errors
    /// It doesn't fit the schema.
    pub async fn check(&self, document: &ExecutableDocument) -> Result<(), DoesNotFit> {
        let mut request = Request::new(String::new());
        request.set_parsed_query(document.clone());
        let response = self.schema.execute(request).await;
        if response.errors.is_empty() {
            return Ok(());
        }
        let operations = document.operations.iter();
        let mut names: Vec<String> = operations
            .filter_map(|(name, _)| name.map(ToString::to_string))
            .collect();
        names.sort_unstable();
        let errors = response.errors.iter();
        let mut places: Vec<Pos> = errors.flat_map(|error| error.locations.clone()).collect();
        places.sort_unstable();
        places.dedup();
        Err(DoesNotFit { names, places })
    }
}

/// Names of operations, and where in their text the schema says otherwise. The text itself, which
/// may hold what somebody typed, is not quoted.
#[derive(Debug)]
pub struct DoesNotFit {
    names: Vec<String>,
    places: Vec<Pos>,
}

impl fmt::Display for DoesNotFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.names.is_empty() {
            write!(f, "{} ", self.names.join(", "))?;
        }
        f.write_str("does not fit the schema")?;
        for (i, place) in self.places.iter().enumerate() {
            let before = if i == 0 { ": at" } else { "," };
            write!(f, "{before} {}:{}", place.line, place.column)?;
        }
        Ok(())
    }
}

impl std::error::Error for DoesNotFit {}

/// Ends every request after its validation: with the mistakes found, of which there may be none.
struct NoFurther;

impl ExtensionFactory for NoFurther {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for NoFurther {
    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        next.run(ctx).await?;
        Err(Vec::new())
    }
}
