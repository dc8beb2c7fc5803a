//! The one place where the parts of haven are put together.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use url::Url;

use crate::assistant::{Assistant, AssistantSettings, CONNECT_TIMEOUT, DEFAULT_SCREENING_TIMEOUT};
use crate::auth::Passwords;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::delivery::Delivery;
use crate::domain::accounts::LastUses;
use crate::domain::alarms::Looks;
use crate::domain::assistant::Answers;
use crate::domain::support::{Presence, Rooms};
use crate::events::Events;
use crate::links::Links;
use crate::metrics::Metrics;

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
    /// What operators can count.
    pub metrics: Metrics,
    /// Sends notifications.
    pub delivery: Delivery,
    /// What answers people who talk to the assistant.
    pub assistant: Assistant,
    /// The answers of the assistant that this process writes.
    pub answers: Answers,
    /// Makes and checks the signed links in messages.
    pub links: Links,
    /// Where this server listens, for links where nothing better is known.
    pub local_url: Url,
    /// Hashes and checks passwords.
    pub passwords: Passwords,
    /// Which users are connected.
    pub presence: Presence,
    /// The last uses of login sessions that are being written down.
    pub last_uses: LastUses,
    /// Whose alarms somebody follows here.
    pub looks: Looks,
    /// What this process remembers about support rooms.
    pub rooms: Rooms,
}

impl App {
    /// Opens the database and wires the parts; migrates nothing and starts nothing.
    ///
    /// # Errors
    /// If the database can't be opened or a setting can't be followed.
    pub async fn new(config: Config, clock: Clock) -> anyhow::Result<Arc<Self>> {
        let db = Db::open(&config.database_url(), config.database_connections).await?;
        let refused = match &config.refused_passwords {
            Some(path) => std::fs::read_to_string(path)
                .with_context(|| {
                    format!("HAVEN_REFUSED_PASSWORDS: cannot read {}", path.display())
                })?
                .lines()
                .map(|line| line.trim().to_lowercase())
                .filter(|line| !line.is_empty())
                .collect(),
            None => HashSet::new(),
        };
        let events = Events::default();
        let local_url = Url::parse(&format!("http://{}", config.listen))?;
        Ok(Arc::new(Self {
            metrics: Metrics::new(db.counter()),
            links: Links::new(&config, &local_url),
            local_url,
            db,
            assistant: Assistant::new(&AssistantSettings {
                url: config.assistant_url.clone(),
                key: config.assistant_key.clone(),
                model: config.assistant_model.clone(),
                timeout: config.assistant_timeout(),
                connect_timeout: CONNECT_TIMEOUT,
                token_timeout: Duration::from_secs(config.assistant_token_timeout),
                screening_timeout: DEFAULT_SCREENING_TIMEOUT,
                concurrent: config.assistant_concurrent as usize,
            })?,
            answers: Answers::default(),
            presence: Presence::new(events.clone()),
            last_uses: LastUses::default(),
            looks: Looks::default(),
            rooms: Rooms::default(),
            events,
            clock,
            delivery: Delivery::new(&config)?,
            passwords: Passwords::new(refused)?,
            config,
        }))
    }
}
