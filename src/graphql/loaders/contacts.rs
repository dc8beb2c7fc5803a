//! What became of the last messages to contacts, batched.

use std::collections::HashMap;
use std::sync::Arc;

use ::dataloader::BatchFn;
use ::dataloader::cached::Loader;
use entity::notification;

use crate::db::Db;
use crate::domain::contacts;
use crate::error::{Error, Result};

/// The last messages to a contact, one per channel.
type LastOf = Result<Arc<Vec<notification::Model>>, Arc<Error>>;

/// Loads the last messages to contacts.
struct LastDeliveries {
    db: Db,
}

impl BatchFn<i64, LastOf> for LastDeliveries {
    async fn load(&mut self, keys: &[i64]) -> HashMap<i64, LastOf> {
        match contacts::last_deliveries(&self.db, keys).await {
            Ok(mut found) => keys
                .iter()
                .map(|key| (*key, Ok(Arc::new(found.remove(key).unwrap_or_default()))))
                .collect(),
            Err(error) => {
                let error = Arc::new(error);
                keys.iter().map(|key| (*key, Err(error.clone()))).collect()
            }
        }
    }
}

/// A loader of the last messages to contacts.
pub struct Deliveries {
    loader: Loader<i64, LastOf, LastDeliveries>,
}

impl Deliveries {
    /// An empty loader over the application's database.
    #[must_use]
    pub fn new(db: &Db) -> Self {
        Self {
            loader: Loader::new(LastDeliveries { db: db.clone() }),
        }
    }

    /// The last message to a contact over each channel.
    ///
    /// # Errors
    /// The database's.
    pub async fn of(&self, contact_id: i64) -> Result<Arc<Vec<notification::Model>>> {
        self.loader
            .try_load(contact_id)
            .await
            .map_err(|error| Error::Internal(error.into()))?
            .map_err(|error| match &*error {
                Error::Unavailable => Error::Unavailable,
                other => Error::Internal(anyhow::anyhow!("a batch failed: {other}")),
            })
    }
}
