//! An answer on its way from the question to its last word: crisis lines, model, guide.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::model::{Failure, Model, Prepared};
use super::privacy::Private;
use super::writing::Writing;
use super::{Assistant, MAX_ANSWER_CHARS, Source, Turn, crisis, cut, guide, safety};
use crate::assistant::crisis::Country;
use crate::language::Language;

/// A sentence that goes on for this many characters is shown in parts.
const LONG_SENTENCE: usize = 300;

/// A question, and what is known about the person who asks.
///
/// Has no `Debug`: chat text must not reach a log.
pub struct Question {
    /// What was said before, oldest first; bounded here, so any length is fine.
    pub history: Vec<Turn>,
    /// The newest message.
    pub text: String,
    /// The person's language, for when the text doesn't tell.
    pub language: Language,
    /// Where the person is, as far as known.
    pub country: Option<Country>,
    /// What must not leave in a request to the model.
    pub private: Private,
    /// Danger was spoken of earlier in this conversation.
    pub in_crisis: bool,
    /// The model may be asked; else the guide answers.
    pub ask_model: bool,
}

impl Question {
    /// Whether the question itself speaks of danger.
    #[must_use]
    pub fn is_crisis(&self) -> bool {
        safety::speaks_of_danger(&self.text)
    }

    /// What the answer begins with, before anybody is asked. Empty where nothing has to be said
    /// first.
    #[must_use]
    pub fn opening(&self) -> String {
        let language = guide::language_of(&self.text, self.language);
        if self.is_crisis() || (self.in_crisis && safety::is_denial(&self.text)) {
            crisis::lines(self.country, language)
        } else if self.in_crisis {
            crisis::reminder(self.country, language)
        } else {
            String::new()
        }
    }
}

/// How an answer stands.
///
/// Has no `Debug`: chat text must not reach a log.
#[derive(Clone)]
pub struct Progress {
    /// All that may be shown.
    pub text: String,
    /// Rises when text that was in an earlier progress is replaced instead of added to.
    pub revision: i32,
    /// Who finished it; `None` while it is written.
    pub source: Option<Source>,
    /// The model saw danger in the question, whatever was found in it before.
    pub danger: bool,
}

/// Who is writing.
enum Writer {
    /// Nobody yet.
    Nobody,
    /// The model was asked.
    Model(Box<Writing>),
    /// The answer is finished.
    Finished,
}

/// An answer that is being written.
pub struct Draft<'a> {
    model: Option<&'a Model>,
    question: &'a Question,
    prepared: Option<Prepared>,
    writer: Writer,
    retried: bool,
    deadline: Instant,
    opening: String,
    revision: i32,
    /// The model's word whether the question speaks of danger, while it is awaited.
    screening: JoinSet<bool>,
    /// What is shown once that word is there.
    waiting: Option<Progress>,
    danger: bool,
    /// What the model wrote and may be shown, with the placeholders in it.
    shown: String,
    /// What it wrote since: the beginning of a sentence.
    held: String,
}

impl Assistant {
    /// Begins an answer.
    #[must_use]
    pub fn draft<'a>(&'a self, question: &'a Question) -> Draft<'a> {
        let model = self.model.as_ref().filter(|_| question.ask_model);
        Draft {
            model,
            question,
            prepared: None,
            writer: Writer::Nobody,
            retried: false,
            deadline: Instant::now() + model.map_or(Duration::ZERO, |model| model.timeout),
            opening: question.opening(),
            revision: 0,
            screening: JoinSet::new(),
            waiting: None,
            danger: false,
            shown: String::new(),
            held: String::new(),
        }
    }
}

impl Draft<'_> {
    /// How the answer stands after the next step; `None` once it is finished. Never fails: where
    /// the model does, its failure is logged by kind and the guide goes on.
    ///
    /// A sentence is shown when all of it was written and the rules have seen it; the first one
    /// when the model has said whether the question speaks of danger, or has had the time to.
    ///
    /// May be dropped and called again: nothing is lost.
    pub async fn next(&mut self) -> Option<Progress> {
        if self.waiting.is_none() {
            self.waiting = self.written().await;
        }
        // Nothing to wait for, where it was asked nothing.
        let alarmed = matches!(self.screening.join_next().await, Some(Ok(true)));
        let progress = self.waiting.take()?;
        Some(if alarmed {
            self.alarmed(progress.source)
        } else {
            progress
        })
    }

    /// What can be shown after the next step.
    async fn written(&mut self) -> Option<Progress> {
        loop {
            if matches!(self.writer, Writer::Finished) {
                return None;
            }
            let Some(model) = self.model else {
                return Some(self.by_guide());
            };
            let step = tokio::time::timeout_at(self.deadline, self.step(model))
                .await
                .unwrap_or(Err(Failure::Timeout));
            match step {
                Ok(Some(piece)) => {
                    self.held.push_str(&piece);
                    if let Some(progress) = self.read() {
                        return Some(progress);
                    }
                }
                Ok(None) if self.nothing_written() => {
                    if let Some(progress) = self.failed(Failure::Empty) {
                        return Some(progress);
                    }
                }
                Ok(None) => return Some(self.by_model()),
                Err(failure) => {
                    if let Some(progress) = self.failed(failure) {
                        return Some(progress);
                    }
                }
            }
        }
    }

    /// Ends it now, by the guide.
    pub fn hand_over(&mut self) -> Progress {
        self.screening.abort_all();
        if let Some(finished) = self.waiting.take().filter(|last| last.source.is_some()) {
            return finished;
        }
        if self.nothing_written() {
            self.by_guide()
        } else {
            self.taken_over()
        }
    }

    /// Asks the model, or reads on.
    async fn step(&mut self, model: &Model) -> Result<Option<String>, Failure> {
        if let Writer::Model(writing) = &mut self.writer {
            return writing.next().await;
        }
        let prepared = match self.prepared.take() {
            Some(prepared) => prepared,
            None => {
                let prepared = self.prepare(model)?;
                self.screen(model);
                prepared
            }
        };
        let prepared = self.prepared.insert(prepared);
        let writing = model.ask(prepared).await?;
        self.writer = Writer::Model(Box::new(writing));
        // Not yet an end: the writer is there now.
        Ok(Some(String::new()))
    }

    /// Asks, beside the answer, whether the question speaks of danger, unless that is known.
    /// The place that the answer holds is for both.
    fn screen(&mut self, model: &Model) {
        if model.screening_timeout.is_zero() || self.question.is_crisis() {
            return;
        }
        let text = self.question.private.scrub(&self.question.text);
        match model.screening(&text, model.screening_timeout) {
            Ok(screening) => drop(self.screening.spawn(screening)),
            Err(failure) => tracing::info!(%failure, "the model did not screen a question"),
        }
    }

    /// Puts the crisis lines first: the model says that the question speaks of danger.
    fn alarmed(&mut self, source: Option<Source>) -> Progress {
        self.danger = true;
        let lines = self.lines();
        if self.opening != lines {
            // What was stored as the beginning is no longer one.
            self.revision += i32::from(!self.opening.is_empty());
            self.opening = lines;
        }
        let everyday = guide::after_the_lines(&self.question.text, self.question.language);
        if source == Some(Source::Guide) && self.shown == everyday {
            self.shown = guide::safe_for_now(self.spoken()).to_owned();
        }
        self.progress(source)
    }

    /// The question as it may leave.
    fn prepare(&self, model: &Model) -> Result<Prepared, Failure> {
        let Question {
            history,
            text,
            private,
            language,
            ..
        } = self.question;
        // What the question tells to be a name is one in the talk before it, too.
        private.learn(text);
        let history: Vec<Turn> = history
            .iter()
            .map(|turn| Turn {
                speaker: turn.speaker,
                text: private.scrub(&turn.text),
            })
            .collect();
        model.prepare(&history, &private.scrub(text), *language)
    }

    fn nothing_written(&self) -> bool {
        self.shown.trim().is_empty() && self.held.trim().is_empty()
    }

    /// What a failure leads to: another try, or the guide.
    fn failed(&mut self, failure: Failure) -> Option<Progress> {
        if !self.nothing_written() {
            tracing::warn!(%failure, "the model broke off, the guide goes on");
            return Some(self.taken_over());
        }
        if failure.may_pass() && !self.retried {
            tracing::info!(%failure, "the model gave no answer, it is asked again");
            self.retried = true;
            self.writer = Writer::Nobody;
            self.held.clear();
            return None;
        }
        tracing::warn!(%failure, "the model gave no answer, the guide answers");
        Some(self.by_guide())
    }

    /// Shows what may be shown of what was written so far.
    fn read(&mut self) -> Option<Progress> {
        let too_long = self.shown.len() + self.held.len() >= MAX_ANSWER_CHARS * 4
            || self.shown.chars().count() + self.held.chars().count() >= MAX_ANSWER_CHARS;
        if too_long {
            return Some(self.by_model());
        }
        let end = end_of_sentences(&self.held)?;
        let rest = self.held.split_off(end);
        let shown = self.show();
        self.held = rest;
        Some(if shown {
            self.progress(None)
        } else {
            self.replaced()
        })
    }

    /// Shows what was held, if the rules let it pass: `false` if they don't. Puts the crisis
    /// lines before an answer whose question had not called for them.
    fn show(&mut self) -> bool {
        // With what came before it, because a thought may begin in one sentence and end in the
        // next.
        let seen = format!("{}{}", end_of(&self.shown), self.held);
        if safety::is_harmful(&seen) {
            tracing::warn!("an answer of the model was held back, the guide answers");
            return false;
        }
        if self.opening.is_empty() && safety::sees_danger(&seen) {
            self.opening = self.lines();
            self.revision += 1;
            self.danger = true;
        }
        self.shown.push_str(&std::mem::take(&mut self.held));
        true
    }

    fn lines(&self) -> String {
        crisis::lines(self.question.country, self.spoken())
    }

    fn spoken(&self) -> Language {
        guide::language_of(&self.question.text, self.question.language)
    }

    fn progress(&self, source: Option<Source>) -> Progress {
        let said = self.question.private.restore(self.shown.trim_end());
        Progress {
            text: cut(&joined(&self.opening, said.trim_start())),
            revision: self.revision,
            source,
            danger: self.danger,
        }
    }

    /// The model has finished.
    fn by_model(&mut self) -> Progress {
        if !self.show() {
            return self.replaced();
        }
        self.finish();
        self.progress(Some(Source::Model))
    }

    /// The guide answers in place of the model.
    fn by_guide(&mut self) -> Progress {
        self.held.clear();
        self.shown = guide::after_the_lines(&self.question.text, self.question.language);
        self.finish();
        self.progress(Some(Source::Guide))
    }

    /// The guide answers in place of what the model wrote.
    fn replaced(&mut self) -> Progress {
        if !self.shown.is_empty() {
            self.revision += 1;
        }
        // Whatever was asked, the answer was about harm.
        let spoken = self.spoken();
        self.opening = self.lines();
        self.held.clear();
        self.shown = guide::safe_for_now(spoken).to_owned();
        self.finish();
        self.progress(Some(Source::Guide))
    }

    /// The guide goes on where the model broke off, and says so.
    fn taken_over(&mut self) -> Progress {
        if !self.show() {
            return self.replaced();
        }
        let written = cut_to(self.shown.trim_end(), MAX_ANSWER_CHARS / 2);
        if written.len() < self.shown.trim_end().len() {
            self.revision += 1;
        }
        self.shown = gone_on(written, &self.question.text, self.question.language);
        self.finish();
        self.progress(Some(Source::Guide))
    }

    fn finish(&mut self) {
        self.writer = Writer::Finished;
        // Somebody else's turn.
        self.prepared = None;
    }
}

/// What was written when its writer was gone for good, finished by the guide.
#[must_use]
pub fn left_behind(written: &str, question: &Question) -> String {
    let opening = question.opening();
    let text = if written.is_empty() || written == opening {
        let rest = guide::after_the_lines(&question.text, question.language);
        joined(&opening, &rest)
    } else {
        let written = cut_to(written, MAX_ANSWER_CHARS / 2);
        gone_on(written, &question.text, question.language)
    };
    cut(&text)
}

/// What the model wrote, and how the guide goes on.
fn gone_on(written: &str, text: &str, language: Language) -> String {
    let note = match guide::language_of(text, language) {
        Language::Ru => "… — на этом ответ прервался. Дальше отвечает встроенный справочник:",
        Language::En => "… — the answer broke off here. The built-in guide goes on:",
    };
    let rest = guide::after_the_lines(text, language);
    format!("{written}{note}\n\n{rest}")
}

/// The end of what was said, from a whole character on.
fn end_of(text: &str) -> &str {
    let start = text
        .char_indices()
        .rev()
        .nth(LONG_SENTENCE)
        .map_or(0, |(at, _)| at);
    text.get(start..).unwrap_or_default()
}

fn joined(opening: &str, text: &str) -> String {
    match (opening.is_empty(), text.is_empty()) {
        (true, _) => text.to_owned(),
        (false, true) => opening.to_owned(),
        (false, false) => format!("{opening}\n\n{text}"),
    }
}

fn cut_to(text: &str, chars: usize) -> &str {
    text.char_indices()
        .nth(chars)
        .and_then(|(end, _)| text.get(..end))
        .unwrap_or(text)
}

/// Where the last whole sentence ends; where the last word does in a very long one.
fn end_of_sentences(text: &str) -> Option<usize> {
    let mut end = None;
    let mut letters = text.char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        let next = letters.peek().map(|(_, next)| *next);
        let ends = match c {
            '\n' => true,
            // A dot may be inside of a number or a link.
            '.' | '!' | '?' | '…' => next.is_some_and(char::is_whitespace),
            _ => false,
        };
        if ends {
            end = Some(at + c.len_utf8());
        }
    }
    end.or_else(|| {
        (text.chars().count() > LONG_SENTENCE)
            .then(|| text.rfind(char::is_whitespace))
            .flatten()
            .filter(|end| *end > 0)
    })
}
