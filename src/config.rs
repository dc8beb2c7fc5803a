//! Every setting of haven.
//!
//! Read from `haven.toml` in the working folder where there is one, and over it from
//! environment variables named `HAVEN_` and the setting in capitals. An empty value counts as
//! not set.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use url::{Host, Url};

use crate::assistant::crisis::Country;

/// The least length of a secret that somebody made up: beyond guessing where it is random.
const SHORTEST_SECRET: usize = 16;

/// The settings, checked. Field names are the setting names.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The folder for the embedded database and for mails written as files.
    pub data_dir: PathBuf,
    /// `sqlite://PATH` or `postgres://…`; not set: `haven.sqlite3` in the data folder.
    #[serde(deserialize_with = "empty_is_none")]
    pub database_url: Option<SecretString>,
    /// Connections to the database for requests at most. Beside them, alarms have
    /// [`crate::db::FOR_ALARMS`] and the sender [`crate::db::FOR_SENDER`] of their own.
    pub database_connections: u32,
    /// The URL under which clients reach this server; not set: taken from each request. Messages
    /// need it, see [`Config::ensure_reachable`].
    #[serde(deserialize_with = "web_address")]
    pub public_url: Option<Url>,
    /// Proxies whose `Forwarded` and `X-Forwarded-*` headers are believed: addresses or
    /// networks, separated by commas.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// The mail server, in lettre's URL form: `smtp://`, `smtps://`, with `?tls=required` for
    /// STARTTLS; not set: mails are written as files.
    #[serde(deserialize_with = "empty_is_none")]
    pub smtp_url: Option<SecretString>,
    /// The sender of every mail.
    pub mail_from: String,
    /// The secret with which the operator's mail server posts mails that came back; not set: they
    /// are not taken.
    #[serde(deserialize_with = "empty_is_none")]
    pub bounce_token: Option<SecretString>,
    /// The base URL of an SMS gateway with the API of Twilio; not set: no SMS is sent.
    #[serde(deserialize_with = "web_address")]
    pub sms_url: Option<Url>,
    /// The account at the gateway (Twilio's account SID).
    #[serde(deserialize_with = "empty_is_none")]
    pub sms_account: Option<String>,
    /// The account's secret, with which the gateway signs its receipts too (Twilio's auth token).
    #[serde(deserialize_with = "empty_is_none")]
    pub sms_token: Option<SecretString>,
    /// The sender of every SMS: a number, or the SID of a messaging service.
    #[serde(deserialize_with = "empty_is_none")]
    pub sms_from: Option<String>,
    /// The base URL of an OpenAI-compatible API; not set: the built-in guide answers.
    #[serde(deserialize_with = "web_address")]
    pub assistant_url: Option<Url>,
    /// The key for it.
    #[serde(deserialize_with = "empty_is_none")]
    pub assistant_key: Option<SecretString>,
    /// The model to ask for.
    pub assistant_model: String,
    /// How long an answer of the model may take, in seconds, before the guide answers.
    pub assistant_timeout: u64,
    /// How long the model may be silent within an answer, in seconds, before it counts as stalled.
    pub assistant_token_timeout: u64,
    /// Answers of the model per user and hour; beyond them the guide answers.
    pub assistant_per_user: u32,
    /// Answers that the model writes at one time, for everybody together; beyond them the guide
    /// answers.
    pub assistant_concurrent: u32,
    /// The country, as a code such as `RU`, whose emergency and crisis numbers are shown to people
    /// whose profile doesn't tell where they are. Not set: Russia to those who write Russian, and
    /// to others how to find theirs.
    #[serde(deserialize_with = "empty_is_none")]
    pub country: Option<String>,
    /// Hours after which an alarm that nobody ended is closed.
    pub alarm_hours: i64,
    /// Days without use after which a login ends.
    pub session_days: i64,
    /// A file of passwords that registration refuses, one a line.
    #[serde(deserialize_with = "empty_is_none")]
    pub refused_passwords: Option<PathBuf>,
    /// A manifest of the GraphQL operations that alone may run, in Apollo's or Relay's form; not
    /// set: any operation may.
    #[serde(deserialize_with = "empty_is_none")]
    pub operations_manifest: Option<PathBuf>,
    /// Whom the GraphQL schema describes itself to.
    #[serde(deserialize_with = "empty_is_default")]
    pub introspection: Introspection,
    /// Where Prometheus may ask for figures, apart from the clients' address; not set: nowhere.
    #[serde(deserialize_with = "empty_is_none")]
    pub metrics_listen: Option<SocketAddr>,
    /// What is asked every 30 s while notifications go out in time, so that an outside monitor
    /// notices when they do not; not set: nothing.
    #[serde(deserialize_with = "web_address")]
    pub heartbeat_url: Option<Url>,
    /// Whether the support chat URL carries a one-time ticket, for apps that open it as it is.
    pub support_tickets: bool,
}

/// Whom the GraphQL schema describes itself to.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Introspection {
    /// Whoever asks.
    #[default]
    Everybody,
    /// Admins that are logged in.
    Admins,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8000)),
            data_dir: PathBuf::from("./data"),
            database_url: None,
            database_connections: 16,
            public_url: None,
            trusted_proxies: Vec::new(),
            smtp_url: None,
            mail_from: "haven <haven@localhost>".to_owned(),
            bounce_token: None,
            sms_url: None,
            sms_account: None,
            sms_token: None,
            sms_from: None,
            assistant_url: None,
            assistant_key: None,
            assistant_model: "gpt-4o-mini".to_owned(),
            assistant_timeout: 20,
            assistant_token_timeout: 8,
            assistant_per_user: 60,
            assistant_concurrent: 32,
            country: None,
            alarm_hours: 24,
            session_days: 180,
            refused_passwords: None,
            operations_manifest: None,
            introspection: Introspection::Everybody,
            metrics_listen: None,
            heartbeat_url: None,
            support_tickets: false,
        }
    }
}

impl Config {
    /// Reads file and environment.
    ///
    /// # Errors
    /// If a setting is unknown or makes no sense; the text names it.
    pub fn load() -> anyhow::Result<Self> {
        let mut builder = config::Config::builder();
        if Path::new("haven.toml").exists() {
            builder = builder.add_source(config::File::with_name("haven.toml"));
        }
        // What is not Unicode panics in `vars`, and need not be haven's at all.
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str() else { continue };
            if let Some(setting) = name.strip_prefix("HAVEN_")
                && !setting.starts_with("TEST_")
            {
                let value = value
                    .to_str()
                    .with_context(|| format!("the setting {name} is not UTF-8"))?;
                if value.trim().is_empty() {
                    continue;
                }
                builder = builder
                    .set_override(setting.to_ascii_lowercase(), value)
                    .with_context(|| format!("the setting {name} can't be read"))?;
            }
        }
        let config: Self = builder
            .build()
            .and_then(config::Config::try_deserialize)
            .context("the settings don't fit")?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.mail_from.parse::<lettre::message::Mailbox>().is_ok(),
            "HAVEN_MAIL_FROM must be an address, as in `haven <haven@example.org>`"
        );
        if let Some(token) = &self.bounce_token {
            let token = token.expose_secret();
            anyhow::ensure!(
                token.len() >= SHORTEST_SECRET && token.bytes().all(|byte| byte.is_ascii_graphic()),
                "HAVEN_BOUNCE_TOKEN must have at least {SHORTEST_SECRET} letters, digits and signs, \
                 and no spaces"
            );
        }
        anyhow::ensure!(
            (1..=36_500).contains(&self.session_days),
            "HAVEN_SESSION_DAYS must be from 1 to 36500"
        );
        anyhow::ensure!(
            (1..=720).contains(&self.alarm_hours),
            "HAVEN_ALARM_HOURS must be from 1 to 720"
        );
        anyhow::ensure!(
            (1..=600).contains(&self.assistant_timeout),
            "HAVEN_ASSISTANT_TIMEOUT must be from 1 to 600 seconds"
        );
        anyhow::ensure!(
            (1..=600).contains(&self.assistant_token_timeout),
            "HAVEN_ASSISTANT_TOKEN_TIMEOUT must be from 1 to 600 seconds"
        );
        anyhow::ensure!(
            self.assistant_per_user <= 100_000,
            "HAVEN_ASSISTANT_PER_USER must be from 0 to 100000 answers an hour"
        );
        anyhow::ensure!(
            (1..=10_000).contains(&self.assistant_concurrent),
            "HAVEN_ASSISTANT_CONCURRENT must be from 1 to 10000"
        );
        if let Some(code) = &self.country {
            anyhow::ensure!(
                Country::from_code(code).is_some(),
                "HAVEN_COUNTRY is not a country whose crisis numbers are known: one of {}",
                Country::codes().join(", ")
            );
        }
        anyhow::ensure!(
            (1..=1000).contains(&self.database_connections),
            "HAVEN_DATABASE_CONNECTIONS must be from 1 to 1000"
        );
        for (name, url) in [
            ("HAVEN_PUBLIC_URL", &self.public_url),
            ("HAVEN_ASSISTANT_URL", &self.assistant_url),
            ("HAVEN_HEARTBEAT_URL", &self.heartbeat_url),
        ] {
            if let Some(url) = url {
                anyhow::ensure!(
                    matches!(url.scheme(), "http" | "https") && url.has_host(),
                    "{name} must be an http or https URL"
                );
            }
        }
        // Every client is given links below it.
        anyhow::ensure!(
            self.public_url
                .as_ref()
                .is_none_or(|url| url.username().is_empty() && url.password().is_none()),
            "HAVEN_PUBLIC_URL must hold no user and no password"
        );
        Ok(())
    }

    /// What sends messages to people elsewhere needs the URL under which they reach this server: else
    /// their links would lead nowhere. A server on this machine is one to try haven with. `setting`
    /// is what names the server.
    ///
    /// # Errors
    /// In words for the operator, where it is missing.
    pub fn ensure_reachable(&self, setting: &str, server: &Url) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.public_url.is_some() || is_this_machine(server),
            "{setting} needs HAVEN_PUBLIC_URL, the URL under which people reach haven: the links in \
             messages, by which they answer and see the place, are made of it, and so is where an \
             SMS gateway sends its receipts. Only where {setting} names this machine (localhost) it \
             may be missing"
        );
        Ok(())
    }

    /// The URL of the database, the embedded one included. Holds a password where one is set.
    #[must_use]
    pub fn database_url(&self) -> String {
        match &self.database_url {
            Some(url) => url.expose_secret().to_owned(),
            None => format!("sqlite://{}", self.data_dir.join("haven.sqlite3").display()),
        }
    }

    /// How long an answer of the model may take.
    #[must_use]
    pub const fn assistant_timeout(&self) -> Duration {
        Duration::from_secs(self.assistant_timeout)
    }
}

/// Whether a URL, of whatever scheme, names this machine.
#[must_use]
pub fn is_this_machine(url: &Url) -> bool {
    // Of a scheme that it does not know, the URL has any host as a name.
    match url.host_str().map(Host::parse) {
        Some(Ok(Host::Domain(name))) => name == "localhost",
        Some(Ok(Host::Ipv4(address))) => address.is_loopback(),
        Some(Ok(Host::Ipv6(address))) => address.is_loopback(),
        _ => false,
    }
}

fn empty_is_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let text = Option::<String>::deserialize(deserializer)?;
    match text.as_deref().map(str::trim) {
        None | Some("") => Ok(None),
        Some(text) => {
            T::deserialize(serde::de::value::StrDeserializer::<D::Error>::new(text)).map(Some)
        }
    }
}

/// As [`empty_is_none`]; the error does not repeat the address, which may hold a password.
fn web_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    let text: Option<String> = empty_is_none(deserializer)?;
    text.map(|text| Url::parse(&text).map_err(serde::de::Error::custom))
        .transpose()
}

fn empty_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    empty_is_none(deserializer).map(Option::unwrap_or_default)
}

fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            part.parse::<IpNet>()
                .or_else(|_| part.parse::<std::net::IpAddr>().map(IpNet::from))
                .map_err(|_| serde::de::Error::custom("not an address or a network"))
        })
        .collect()
}
