//! The one place where the parts of haven are put together.

use std::sync::Arc;

use crate::auth::Passwords;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::delivery::Delivery;
use crate::events::Events;

/// Everything the domain works with. Shared by reference through an [`Arc`].
pub struct App {
    /// The settings.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// What tells subscribers that something happened.
    pub events: Events,
    /// The time.
    pub clock: Clock,
    /// Sends notifications.
    pub delivery: Delivery,
    /// Hashes and checks passwords.
    pub passwords: Passwords,
}

impl App {
    /// Opens the database and wires the parts; migrates nothing and starts nothing.
    ///
    /// # Errors
    /// If the database can't be opened or a setting can't be followed.
    pub async fn new(config: Config, clock: Clock) -> anyhow::Result<Arc<Self>> {
        let db = Db::open(&config.database_url(), config.database_connections).await?;
        Ok(Arc::new(Self {
            db,
            events: Events::default(),
            clock,
            delivery: Delivery::new(&config)?,
            passwords: Passwords::new()?,
            config,
        }))
    }
}
