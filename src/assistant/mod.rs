//! The assistant a person can talk to at any hour: a language model where one is configured,
//! and the built-in self-help guide where none is, or where it fails.
//!
//! A person in need always gets an answer, so [`Assistant::reply`] has no error.

pub mod guide;
mod model;

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::language::Language;
use model::Model;

/// How long a whole answer may take unless the deployment says otherwise. Longer than most
/// answers of a model need; shorter than a person in distress waits before giving up.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(20);

/// The greatest number of turns of the talk so far that the model is shown.
pub const MAX_HISTORY_TURNS: usize = 20;

/// The greatest number of characters of the talk so far that the model is shown. Some thousand
/// tokens: enough for a talk's thread, and no more of it sent away than that takes.
pub const MAX_HISTORY_CHARS: usize = 12_000;

/// The greatest number of characters of an answer.
pub const MAX_ANSWER_CHARS: usize = 8_000;

/// The greatest number of bytes read of what the model's server answers.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// The greatest number of calls to the model at one time; above it the guide answers.
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
}

impl Default for AssistantSettings {
    /// The built-in guide alone.
    fn default() -> Self {
        Self {
            url: None,
            key: None,
            model: String::new(),
            timeout: DEFAULT_TIMEOUT,
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
    pub fn new(settings: AssistantSettings) -> anyhow::Result<Self> {
        let AssistantSettings {
            url,
            key,
            model,
            timeout,
        } = settings;
        let model = url
            .map(|url| Model::new(&url, key, model, timeout))
            .transpose()?;
        Ok(Self { model })
    }

    /// Answers `text`, the newest message, after the `history` before it (oldest first; bounded
    /// here, so any length is fine). `language` is the person's, for when the text doesn't tell.
    ///
    /// Never fails: when the model does, its failure is logged by kind and the guide answers.
    /// A message that speaks of danger to life gets the guide's crisis lines first, whoever
    /// answers. Takes no longer than the configured timeout.
    pub async fn reply(&self, history: &[Turn], text: &str, language: Language) -> Reply {
        if let Some(model) = &self.model {
            match model.ask(history, text, language).await {
                Ok(answer) => {
                    return Reply {
                        text: match guide::crisis_lines(text, language) {
                            Some(lines) => cut(&format!("{lines}\n\n{answer}")),
                            None => cut(&answer),
                        },
                        source: Source::Model,
                    };
                }
                Err(failure) => {
                    tracing::warn!(%failure, "the model gave no answer, the guide answers");
                }
            }
        }
        Reply {
            text: guide::answer(text, language),
            source: Source::Guide,
        }
    }
}

/// The first [`MAX_ANSWER_CHARS`] characters of `text`.
fn cut(text: &str) -> String {
    let cut: String = text.chars().take(MAX_ANSWER_CHARS).collect();
    cut.trim_end().to_owned()
}
