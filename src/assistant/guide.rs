//! The built-in self-help guide, in Russian and English: what to do right now, when to press
//! the alarm, when to call the emergency services. It needs no network and never fails.
//!
//! It looks for phrases in what the person typed. Danger is looked for first and most broadly
//! (`danger`); then the topics in their order (`topics`). It does not understand; it only
//! chooses among texts that are safe to read for anybody.

mod danger;
mod phrases;
#[cfg(test)]
mod tests;
mod topics;

use crate::language::Language;
use danger::{CRISIS_EN, CRISIS_RU, DANGER, HARMLESS, SAFE_FOR_NOW_EN, SAFE_FOR_NOW_RU};
use phrases::Words;
use topics::{TOPICS, Topic, WELCOME, WHEN_IT_GETS_WORSE_EN, WHEN_IT_GETS_WORSE_RU};

/// The guide's answer to `text`, in the language it is written in, or in `language` where its
/// letters don't tell. Never empty.
#[must_use]
pub fn answer(text: &str, language: Language) -> String {
    let spoken = language_of(text, language);
    if let Some(lines) = crisis_lines(text, language) {
        let safe_for_now = match spoken {
            Language::Ru => SAFE_FOR_NOW_RU,
            Language::En => SAFE_FOR_NOW_EN,
        };
        return format!("{lines}\n\n{safe_for_now}");
    }
    let topic = topic_of(text);
    match spoken {
        Language::Ru => format!("{}\n\n{WHEN_IT_GETS_WORSE_RU}", topic.ru),
        Language::En => format!("{}\n\n{WHEN_IT_GETS_WORSE_EN}", topic.en),
    }
}

/// What has to be said first where `text` speaks of danger to somebody's life or safety:
/// emergency number, alarm button, a human. `None` where it doesn't.
#[must_use]
pub fn crisis_lines(text: &str, language: Language) -> Option<&'static str> {
    Words::new(text)
        .without(HARMLESS)
        .hold_any(DANGER)
        .then(|| match language_of(text, language) {
            Language::Ru => CRISIS_RU,
            Language::En => CRISIS_EN,
        })
}

fn topic_of(text: &str) -> &'static Topic {
    let words = Words::new(text);
    TOPICS
        .iter()
        .find(|topic| words.hold_any(topic.patterns))
        .unwrap_or(&WELCOME)
}

/// Russian where there is any Cyrillic letter (people put English words into Russian
/// sentences, hardly ever the other way), else English where there is a Latin one.
fn language_of(text: &str, otherwise: Language) -> Language {
    let has = |range: std::ops::RangeInclusive<char>| text.chars().any(|c| range.contains(&c));
    if has('\u{400}'..='\u{52f}') {
        Language::Ru
    } else if has('a'..='z') || has('A'..='Z') {
        Language::En
    } else {
        otherwise
    }
}
