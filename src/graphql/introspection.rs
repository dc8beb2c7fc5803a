//! Keeps the schema's description of itself for admins, where the deployment wants it so.

use std::sync::Arc;

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextParseQuery};
use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Pos, ServerResult, Variables};

use crate::auth::Viewer;
use crate::error::Unauthenticated;

/// Refuses `__schema` and `__type` to all but admins, by `UNAUTHENTICATED` or `FORBIDDEN`.
/// `__typename` describes data and is anybody's.
pub struct AdminsIntrospect;

impl ExtensionFactory for AdminsIntrospect {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for AdminsIntrospect {
    async fn parse_query(
        &self,
        ctx: &ExtensionContext<'_>,
        query: &str,
        variables: &Variables,
        next: NextParseQuery<'_>,
    ) -> ServerResult<ExecutableDocument> {
        let document = next.run(ctx, query, variables).await?;
        let operations = document.operations.iter();
        let operations = operations.map(|(_, operation)| &operation.node.selection_set.node);
        let fragments = document.fragments.values();
        let fragments = fragments.map(|fragment| &fragment.node.selection_set.node);
        let asked = operations.chain(fragments).find_map(introspection);
        if let Some(pos) = asked {
            let viewer = ctx.data_opt::<Viewer>().cloned();
            let viewer = viewer.unwrap_or(Viewer::Nobody(Unauthenticated::NotProvided));
            viewer
                .admin()
                .map_err(|error| async_graphql::Error::from(error).into_server_error(pos))?;
        }
        Ok(document)
    }
}

/// Where introspection is asked for, if it is. Recurses once per nested selection set, of which
/// the parser lets 64 pass.
fn introspection(selection_set: &SelectionSet) -> Option<Pos> {
    let mut items = selection_set.items.iter();
    items.find_map(|selection| match &selection.node {
        Selection::Field(field) => match field.node.name.node.as_str() {
            "__schema" | "__type" => Some(field.pos),
            _ => introspection(&field.node.selection_set.node),
        },
        Selection::InlineFragment(fragment) => introspection(&fragment.node.selection_set.node),
        Selection::FragmentSpread(_) => None,
    })
}
