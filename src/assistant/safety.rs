//! The rules that look at a question before the model does, and at its answer after it.
//!
//! They find phrases (`phrases`), in what was typed as it stands and in what it may have been
//! meant to be: with common misspellings put right, spread or doubled letters put together, and
//! Russian in Latin letters read as Russian. They rather speak up once too often: what isn't
//! needed costs a moment.

use std::sync::LazyLock;

use super::danger::{DANGER, HARMLESS};
use super::harm::{GRAVE, HARM, REFUSALS};
use super::phrases::{Patterns, Words};
use super::sense;

/// Whether `text` speaks of danger to somebody's life or safety: a rule finds it, or the
/// classifier ([`sense`]) hears it.
#[must_use]
pub fn speaks_of_danger(text: &str) -> bool {
    rules_find_danger(text) || sense::hears_danger(text)
}

/// [`DANGER`], prepared once: there are hundreds.
static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| Patterns::new(DANGER));

/// Whether a rule finds danger, whatever the classifier hears.
#[must_use]
pub fn rules_find_danger(text: &str) -> bool {
    let read = |words: Words| words.without(HARMLESS).hold_one_of(&PATTERNS);
    let words = Words::new(text);
    if read(words.clone()) {
        return true;
    }
    if words.clone().mended().is_some_and(read) {
        return true;
    }
    words
        .in_cyrillic()
        .is_some_and(|words| read(words.clone()) || words.mended().is_some_and(read))
}

/// Whether `text` takes back what was said, as in «шучу». It closes nothing: the person may
/// have been frightened by the reaction.
#[must_use]
pub fn is_denial(text: &str) -> bool {
    let words = Words::new(text);
    words.hold_any(DENIALS) || words.mended().is_some_and(|words| words.hold_any(DENIALS))
}

/// Whether an answer of the model may not be shown: it encourages harm, or tells how to do it.
pub(super) fn is_harmful(answer: &str) -> bool {
    Words::new(answer).without(REFUSALS).hold_any(HARM)
}

/// Whether an answer of the model says that it sees danger, which the rules then have missed.
pub(super) fn sees_danger(answer: &str) -> bool {
    Words::new(answer).hold_any(GRAVE)
}

const DENIALS: &[&str] = &[
    "шучу|шутил|шутила|шутка|пошутил|пошутила|пошутили|прикол|прикалываюсь|прикололся|прикололась|разыграл|разыграла",
    "несерьезно|понарошку|приврал|приврала|преувеличил|преувеличила|погорячился|погорячилась",
    "не всерьез|серьезно",
    "не .. обращай|обращайте внимания",
    "забудь|забудьте|проехали|неважно",
    "не то имел|имела|хотел|хотела",
    "just|was|am|im|only kidding|joking",
    "kidding|jk|lol|haha",
    "a|just|only|bad joke",
    "didnt|not|dont .. mean it|that",
    "not serious",
    "never mind",
    "nevermind|forget it",
    "ignore|forget that|what|it|this",
];
