//! Pages of lists, batched.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use ::dataloader::BatchFn;
use ::dataloader::cached::Loader;
use sea_orm::{Condition, DbErr, EntityTrait};

use super::failed;
use crate::db::Db;
use crate::domain::page::{self, Direction, Page, Slice};
use crate::error::{Error, Result};

/// A page of one list.
type PageOf<M> = Result<Arc<Slice<M>>, Arc<DbErr>>;

/// Loads pages of lists of one entity, a list per value of one column, by id: of each list the
/// rows that the filter leaves.
pub struct PagesByColumn<E: EntityTrait, F> {
    db: Db,
    parent: E::Column,
    parent_of: fn(&E::Model) -> i64,
    id: E::Column,
    direction: Direction,
    condition: fn(F) -> Condition,
}

impl<E: EntityTrait, F> BatchFn<(i64, Page, F), PageOf<E::Model>> for PagesByColumn<E, F>
where
    E::Model: Send + Sync,
    F: Copy + Eq + Hash + Debug + Send + Sync + 'static,
{
    async fn load(&mut self, keys: &[(i64, Page, F)]) -> HashMap<(i64, Page, F), PageOf<E::Model>> {
        // As good as always a single page: that of one field in one document.
        let mut pages: HashMap<(Page, F), Vec<i64>> = HashMap::new();
        for (parent, page, filter) in keys {
            pages.entry((*page, *filter)).or_default().push(*parent);
        }
        let mut found = HashMap::new();
        for ((page, filter), parents) in pages {
            let read = page::read_many::<E>(
                self.db.read(),
                &parents,
                self.parent,
                self.parent_of,
                self.id,
                self.direction,
                (self.condition)(filter),
                page,
            );
            match read.await {
                Ok(slices) => found.extend(
                    slices
                        .into_iter()
                        .map(|(parent, slice)| ((parent, page, filter), Ok(Arc::new(slice)))),
                ),
                Err(error) => {
                    let error = Arc::new(match error {
                        Error::Database(error) => error,
                        other => DbErr::Custom(other.to_string()),
                    });
                    found.extend(
                        parents
                            .into_iter()
                            .map(|parent| ((parent, page, filter), Err(error.clone()))),
                    );
                }
            }
        }
        found
    }
}

type PageLoader<E, F> =
    Loader<(i64, Page, F), PageOf<<E as EntityTrait>::Model>, PagesByColumn<E, F>>;

/// A loader of pages of lists of one entity.
pub struct Paged<E: EntityTrait, F = ()>
where
    E::Model: Send + Sync,
    F: Copy + Eq + Hash + Debug + Send + Sync + 'static,
{
    loader: PageLoader<E, F>,
}

impl<E: EntityTrait, F> Paged<E, F>
where
    E::Model: Clone + Send + Sync,
    F: Copy + Eq + Hash + Debug + Send + Sync + 'static,
{
    pub(super) fn new(
        db: &Db,
        parent: E::Column,
        parent_of: fn(&E::Model) -> i64,
        id: E::Column,
        direction: Direction,
        condition: fn(F) -> Condition,
    ) -> Self {
        Self {
            loader: Loader::new(PagesByColumn {
                db: db.clone(),
                parent,
                parent_of,
                id,
                direction,
                condition,
            }),
        }
    }

    /// A page of the list of this parent, of the rows that the filter leaves.
    ///
    /// # Errors
    /// The database's.
    pub async fn page_of(&self, parent: i64, page: Page, filter: F) -> Result<Slice<E::Model>> {
        self.loader
            .try_load((parent, page, filter))
            .await
            .map_err(|error| Error::Internal(error.into()))?
            .map(|slice| Slice::clone(&slice))
            .map_err(|error| failed(&error))
    }
}

impl<E: EntityTrait> Paged<E>
where
    E::Model: Clone + Send + Sync,
{
    /// A page of the list of this parent.
    ///
    /// # Errors
    /// The database's.
    pub async fn page(&self, parent: i64, page: Page) -> Result<Slice<E::Model>> {
        self.page_of(parent, page, ()).await
    }
}
