//! Reading an answer while the model writes it.

use std::time::Duration;

use serde::Deserialize;

use super::MAX_BODY_BYTES;
use super::model::Failure;

/// An answer that comes in.
pub(super) struct Writing {
    response: reqwest::Response,
    /// Server-sent events, rather than one JSON document from a server that doesn't stream.
    streams: bool,
    patience: Duration,
    received: usize,
    /// What came and is not read yet.
    unread: Vec<u8>,
    thoughts: Thoughts,
    /// The model said that it has finished.
    finished: bool,
    over: bool,
}

impl Writing {
    pub(super) fn new(response: reqwest::Response, streams: bool, patience: Duration) -> Self {
        Self {
            response,
            streams,
            patience,
            received: 0,
            unread: Vec::new(),
            thoughts: Thoughts::Undecided(String::new()),
            finished: false,
            over: false,
        }
    }

    /// The next piece of the answer, not empty and without NUL characters; `None` at its end.
    pub(super) async fn next(&mut self) -> Result<Option<String>, Failure> {
        if self.over {
            return Ok(None);
        }
        if !self.streams {
            self.over = true;
            return self.whole().await;
        }
        let mut deadline = tokio::time::Instant::now() + self.patience;
        loop {
            while let Some(line) = self.line() {
                let Some(data) = read_line(&line)? else {
                    continue;
                };
                if data == "[DONE]" {
                    self.over = true;
                    return Ok(self.thoughts.end());
                }
                // Whatever the event says, somebody is there.
                deadline = tokio::time::Instant::now() + self.patience;
                if let Some(text) = self.read_event(data)? {
                    return Ok(Some(text));
                }
            }
            let chunk = tokio::time::timeout_at(deadline, self.response.chunk())
                .await
                .map_err(|_| Failure::Stalled)??;
            let Some(chunk) = chunk else {
                self.over = true;
                // Some servers end without saying so, but none without having finished.
                return match (self.finished, self.unread.is_empty()) {
                    (true, true) => Ok(self.thoughts.end()),
                    _ => Err(Failure::Connection),
                };
            };
            self.take(&chunk)?;
        }
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        self.received += chunk.len();
        if self.received > MAX_BODY_BYTES {
            return Err(Failure::TooLarge);
        }
        self.unread.extend_from_slice(chunk);
        Ok(())
    }

    /// The next whole line, without its end.
    fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.unread.iter().position(|byte| *byte == b'\n')?;
        let mut line: Vec<u8> = self.unread.drain(..=end).collect();
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Some(line)
    }

    fn read_event(&mut self, data: &str) -> Result<Option<String>, Failure> {
        let event: Event = serde_json::from_str(data).map_err(|_| Failure::Malformed)?;
        // The last event may tell nothing but what it cost.
        let Some(choice) = event.choices.into_iter().next() else {
            return Ok(None);
        };
        self.finished |= choice.finish_reason.is_some();
        let text = choice.delta.and_then(|delta| delta.content);
        Ok(text.and_then(|text| self.thoughts.pass(&text)))
    }

    async fn whole(&mut self) -> Result<Option<String>, Failure> {
        loop {
            let chunk = tokio::time::timeout(self.patience, self.response.chunk())
                .await
                .map_err(|_| Failure::Stalled)??;
            match chunk {
                Some(chunk) => self.take(&chunk)?,
                None => break,
            }
        }
        let completion: Completion =
            serde_json::from_slice(&self.unread).map_err(|_| Failure::Malformed)?;
        let content = completion
            .choices
            .into_iter()
            .next()
            .ok_or(Failure::Malformed)?
            .message
            .content
            .ok_or(Failure::Empty)?;
        let begun = self.thoughts.pass(&content).unwrap_or_default();
        let text = begun + &self.thoughts.end().unwrap_or_default();
        Ok(Some(text).filter(|text| !text.is_empty()))
    }
}

/// The data of a line of an event stream; `None` for lines that carry none.
fn read_line(line: &[u8]) -> Result<Option<&str>, Failure> {
    let line = std::str::from_utf8(line).map_err(|_| Failure::Malformed)?;
    if line.is_empty() || line.starts_with(':') {
        return Ok(None);
    }
    match line.split_once(':') {
        Some(("data", data)) => Ok(Some(data.trim()).filter(|data| !data.is_empty())),
        Some(("event" | "id" | "retry", _)) => Ok(None),
        _ => Err(Failure::Malformed),
    }
}

#[derive(Deserialize)]
struct Event {
    choices: Vec<EventChoice>,
}

#[derive(Deserialize)]
struct EventChoice {
    delta: Option<Words>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Words,
}

#[derive(Deserialize)]
struct Words {
    content: Option<String>,
}

/// Some servers leave the reasoning of a model in its answer. It is not meant for the person,
/// who could take it for what the assistant thinks of them.
enum Thoughts {
    /// What came so far may yet be the mark of their beginning.
    Undecided(String),
    /// Thinking; what came may hold a part of the mark of their end.
    Thinking(String),
    /// Speaking.
    Over,
}

impl Thoughts {
    const BEGIN: &str = "<think>";
    const END: &str = "</think>";

    /// What of the next piece is said.
    fn pass(&mut self, piece: &str) -> Option<String> {
        // PostgreSQL can't store NUL characters.
        let piece = piece.replace('\0', "");
        let said = match self {
            Self::Over => piece,
            Self::Undecided(held) => {
                held.push_str(&piece);
                let begun = held.trim_start();
                if let Some(thoughts) = begun.strip_prefix(Self::BEGIN) {
                    let thoughts = thoughts.to_owned();
                    *self = Self::Thinking(String::new());
                    return self.pass(&thoughts);
                }
                if Self::BEGIN.starts_with(begun) {
                    return None;
                }
                let said = begun.to_owned();
                *self = Self::Over;
                said
            }
            Self::Thinking(held) => {
                held.push_str(&piece);
                let (_, said) = held.split_once(Self::END)?;
                let said = said.trim_start().to_owned();
                // White space after the thoughts is no answer yet.
                *self = if said.is_empty() {
                    Self::Undecided(String::new())
                } else {
                    Self::Over
                };
                said
            }
        };
        Some(said).filter(|said| !said.is_empty())
    }

    /// What was held back, when nothing more comes.
    fn end(&mut self) -> Option<String> {
        match std::mem::replace(self, Self::Over) {
            Self::Undecided(held) => Some(held.trim().to_owned()).filter(|held| !held.is_empty()),
            Self::Thinking(_) | Self::Over => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Thoughts;

    fn said(pieces: &[&str]) -> String {
        let mut thoughts = Thoughts::Undecided(String::new());
        let mut said: String = pieces
            .iter()
            .filter_map(|piece| thoughts.pass(piece))
            .collect();
        said.extend(thoughts.end());
        said
    }

    #[test]
    fn thoughts_are_not_said() {
        assert_eq!(said(&["Hel", "lo"]), "Hello");
        assert_eq!(
            said(&["<th", "ink>bad", "</thi", "nk>\n", "\nHello"]),
            "Hello"
        );
        assert_eq!(said(&["<think>never ends"]), "");
        assert_eq!(said(&["<", "3"]), "<3");
        assert_eq!(said(&[" ", "<"]), "<");
        assert_eq!(said(&["<think></think>"]), "");
        assert_eq!(said(&["a\0b"]), "ab");
    }
}
