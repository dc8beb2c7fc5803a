//! The assistant a person can talk to at any hour: a language model where one is configured,
//! and the built-in self-help guide where none is, or where it fails.
//!
//! A person in need always gets an answer, so a [`Draft`] has no error.

mod ambiguous;
mod concepts;
pub mod crisis;
mod danger;
mod draft;
mod given;
mod guess;
pub mod guide;
mod harm;
mod model;
mod names;
mod phrases;
mod plain;
pub mod privacy;
mod reach;
pub mod safety;
mod screening;
pub mod sense;
mod spelling;
mod spoken;
mod tokens;
mod whereabouts;
mod writing;

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use model::Model;

pub use draft::{Draft, Progress, Question, left_behind};

/// How long a whole answer may take unless the deployment says otherwise. Longer than most
/// answers of a model need; shorter than a person in distress waits before giving up.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a connection to the model's server may take: a host that is gone must leave time for
/// another try.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the model may be silent within an answer unless the deployment says otherwise.
pub const DEFAULT_TOKEN_TIMEOUT: Duration = Duration::from_secs(8);

/// How long an answer waits for the model to say whether the question speaks of danger. Enough
/// for one word; short enough not to be felt as silence.
pub const DEFAULT_SCREENING_TIMEOUT: Duration = Duration::from_secs(3);

/// The greatest number of turns of the talk so far that the model is shown.
pub const MAX_HISTORY_TURNS: usize = 20;

/// The greatest number of characters of the talk so far that the model is shown. Some thousand
/// tokens: enough for a talk's thread, and no more of it sent away than that takes.
pub const MAX_HISTORY_CHARS: usize = 12_000;

/// The greatest number of characters of an answer.
pub const MAX_ANSWER_CHARS: usize = 8_000;

/// The greatest number of bytes read of what the model's server answers.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// The greatest number of calls to the model at one time unless the deployment says otherwise;
/// above it the guide answers.
pub const MAX_CONCURRENT_CALLS: usize = 32;

/// Where the model is and how to ask it.
///
/// Has no `Debug`: the URL may hold credentials.
#[derive(Clone)]
pub struct AssistantSettings {
    /// The base of an OpenAI-compatible API, such as `http://127.0.0.1:9000/v1`. `None`: the
    /// built-in guide answers everything. A query in it is sent along.
    pub url: Option<Url>,
    /// Sent as bearer token. `None` or empty: no `Authorization` header.
    pub key: Option<SecretString>,
    /// The name of the model, as its server knows it.
    pub model: String,
    /// The time for a whole answer, a retry included.
    pub timeout: Duration,
    /// The time for making a connection.
    pub connect_timeout: Duration,
    /// The longest silence within an answer.
    pub token_timeout: Duration,
    /// How long the model may take to say whether a question speaks of danger; never longer than
    /// `timeout`. Zero: it is not asked.
    pub screening_timeout: Duration,
    /// The greatest number of questions that the model is asked at one time. Two requests at
    /// most are made for one: the screening and the answer.
    pub concurrent: usize,
}

impl Default for AssistantSettings {
    /// The built-in guide alone.
    fn default() -> Self {
        Self {
            url: None,
            key: None,
            model: String::new(),
            timeout: DEFAULT_TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            token_timeout: DEFAULT_TOKEN_TIMEOUT,
            screening_timeout: DEFAULT_SCREENING_TIMEOUT,
            concurrent: MAX_CONCURRENT_CALLS,
        }
    }
}

/// Who said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The person.
    User,
    /// The model or the guide.
    Assistant,
}

/// One message of the talk so far.
///
/// Has no `Debug`: chat text must not reach a log.
#[derive(Clone)]
pub struct Turn {
    /// Who said it.
    pub speaker: Speaker,
    /// What was said.
    pub text: String,
}

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The configured model.
    Model,
    /// The built-in guide.
    Guide,
}

/// An answer: never empty, without NUL characters, at most [`MAX_ANSWER_CHARS`] characters.
///
/// Has no `Debug`: chat text must not reach a log.
#[derive(Clone)]
pub struct Reply {
    /// What to tell the person.
    pub text: String,
    /// Who says it.
    pub source: Source,
}

/// Answers people, by the model or by the guide.
pub struct Assistant {
    model: Option<Model>,
}

impl Assistant {
    /// Prepares the assistant; talks to nobody yet. Where a URL is set, rustls' process-wide
    /// provider has to be installed before.
    ///
    /// # Errors
    /// With a URL set: it is neither `http` nor `https`, it holds credentials beside a key,
    /// the key can't be an HTTP header, the model has no name, the timeout is zero, or there
    /// is no TLS provider. No error text holds the URL or the key.
    pub fn new(settings: &AssistantSettings) -> anyhow::Result<Self> {
        let model = settings
            .url
            .as_ref()
            .map(|url| Model::new(url, settings))
            .transpose()?;
        Ok(Self { model })
    }

    /// Answers at once rather than step by step; see [`Draft::next`].
    ///
    /// Never fails and takes no longer than the configured timeout. A question that speaks of
    /// danger to life gets the crisis lines first, whoever answers.
    pub async fn reply(&self, question: &Question) -> Reply {
        let mut draft = self.draft(question);
        loop {
            let progress = match draft.next().await {
                Some(progress) => progress,
                None => draft.hand_over(),
            };
            if let Some(source) = progress.source {
                return Reply {
                    text: progress.text,
                    source,
                };
            }
        }
    }

    /// Whether a model is configured at all.
    #[must_use]
    pub const fn has_model(&self) -> bool {
        self.model.is_some()
    }
}

/// The first [`MAX_ANSWER_CHARS`] characters of `text`.
fn cut(text: &str) -> String {
    let cut: String = text.chars().take(MAX_ANSWER_CHARS).collect();
    cut.trim_end().to_owned()
}
