//! The built-in self-help guide, in Russian and English: what to do right now, when to press
//! the alarm, when to call the emergency services. It needs no network and never fails.
//!
//! It looks for phrases in what the person typed: danger first (`safety`), then the topics in
//! their order (`topics`). It does not understand; it only chooses among texts that are safe to
//! read for anybody.

#[cfg(test)]
mod tests;
mod topics;

use super::phrases::Words;
use super::{crisis, safety};
use crate::language::Language;
use crisis::Country;
use topics::{TOPICS, Topic, WELCOME, WHEN_IT_GETS_WORSE_EN, WHEN_IT_GETS_WORSE_RU};

/// The guide's whole answer to `text`, in the language it is written in, or in `language` where
/// its letters don't tell. Never empty. In danger it begins with [`crisis_lines`].
#[must_use]
pub fn answer(text: &str, language: Language, country: Option<Country>) -> String {
    let rest = after_the_lines(text, language);
    match crisis_lines(text, language, country) {
        Some(lines) => format!("{lines}\n\n{rest}"),
        None => rest,
    }
}

/// What has to be said first where `text` speaks of danger to somebody's life or safety:
/// emergency and crisis numbers, alarm button, a human. `None` where it doesn't.
#[must_use]
pub fn crisis_lines(text: &str, language: Language, country: Option<Country>) -> Option<String> {
    safety::speaks_of_danger(text).then(|| crisis::lines(country, language_of(text, language)))
}

/// What the guide says, the crisis lines left out.
pub(super) fn after_the_lines(text: &str, language: Language) -> String {
    let spoken = language_of(text, language);
    if safety::speaks_of_danger(text) {
        return safe_for_now(spoken).to_owned();
    }
    let topic = topic_of(text);
    match spoken {
        Language::Ru => format!("{}\n\n{WHEN_IT_GETS_WORSE_RU}", topic.ru),
        Language::En => format!("{}\n\n{WHEN_IT_GETS_WORSE_EN}", topic.en),
    }
}

/// How to get through the next minutes.
pub(super) const fn safe_for_now(language: Language) -> &'static str {
    match language {
        Language::Ru => SAFE_FOR_NOW_RU,
        Language::En => SAFE_FOR_NOW_EN,
    }
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
pub(super) fn language_of(text: &str, otherwise: Language) -> Language {
    let has = |range: std::ops::RangeInclusive<char>| text.chars().any(|c| range.contains(&c));
    if has('\u{400}'..='\u{52f}') {
        Language::Ru
    } else if has('a'..='z') || has('A'..='Z') {
        Language::En
    } else {
        otherwise
    }
}

/// What follows the crisis lines when the guide answers.
const SAFE_FOR_NOW_RU: &str = "\
То, что вы об этом написали, — важный шаг. Сейчас нужно одно: дожить в безопасности ближайшие \
минуты.
• Уйдите от опасности: туда, где есть люди, или за закрытую дверь.
• Отложите подальше всё, чем можно поранить себя или другого. Или сами отойдите от этого.
• Позвоните тому, кому доверяете, и скажите прямо: «Мне нужна помощь, побудь со мной».
• Пока ждёте: обе стопы на полу, медленный длинный выдох, и ещё один.
Самая сильная боль приходит волной. Волна спадает, и помощь рядом.";

/// [`SAFE_FOR_NOW_RU`] in English.
const SAFE_FOR_NOW_EN: &str = "\
Writing this was an important step. Only one thing matters now: getting through the next \
minutes safely.
• Get away from the danger: to where there are people, or behind a locked door.
• Put anything that could hurt you or somebody else far away. Or walk away from it yourself.
• Call somebody you trust and say it plainly: \"I need help, stay with me.\"
• While you wait: both feet on the floor, one slow, long breath out, and another.
The worst pain comes in waves. A wave goes down, and help is near.";
