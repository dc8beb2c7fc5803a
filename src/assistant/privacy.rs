//! What is kept back from the model: who and where people are, and how to reach them.
//!
//! A placeholder takes the place of every name and place known of the person, in any Russian
//! case, in a usual short form and in the other alphabet; of every word that looks like the name of
//! anybody or of any place ([`super::guess`]); of phone numbers, addresses, links, email addresses
//! and ids, in figures and in words. In the answer the names and places come back.
//!
//! What haven doesn't know it can only guess: a rare name in small letters that nothing introduces
//! is sent.

use std::sync::{Mutex, PoisonError};

use unicode_normalization::UnicodeNormalization as _;

use super::given::{Named, is_everyday};
use super::guess::{guess, is_titled, same};
use super::names;
use super::reach::{without_addresses, without_numbers};
use super::spoken::without_what_is_spoken;
use super::tokens::{fold, tokens};

/// What stands for people and places that were guessed.
const PERSON: &str = "name";
const PLACE: &str = "area";

/// Words in the names of contacts that say what somebody is and not who.
const NO_NAMES: &[&str] = &[
    "мама",
    "мать",
    "папа",
    "отец",
    "брат",
    "сестра",
    "муж",
    "жена",
    "сын",
    "дочь",
    "дочка",
    "бабушка",
    "дедушка",
    "дед",
    "тетя",
    "дядя",
    "друг",
    "подруга",
    "сосед",
    "соседка",
    "врач",
    "доктор",
    "психолог",
    "терапевт",
    "психотерапевт",
    "для",
    "мой",
    "моя",
    "the",
    "and",
    "mom",
    "mum",
    "mother",
    "dad",
    "father",
    "brother",
    "sister",
    "husband",
    "wife",
    "son",
    "daughter",
    "grandma",
    "grandmother",
    "grandpa",
    "friend",
    "neighbour",
    "neighbor",
    "doctor",
    "dr",
    "therapist",
    "ivan's",
    "my",
    "contact",
    "контакт",
    "user",
    "admin",
    "test",
    "улица",
    "город",
    "area",
    "city",
    "street",
    "район",
    "область",
    "область",
];

/// A name or place, and what stands for it.
struct Secret {
    placeholder: String,
    /// What comes back into answers.
    known_as: String,
    /// Beginnings and whole words by which it is recognised, folded.
    stems: Vec<names::Stem>,
}

/// What is known of a person and has to stay here.
///
/// Has no `Debug`: it is nothing but what must not reach a log.
#[derive(Default)]
pub struct Private {
    secrets: Vec<Secret>,
    /// Names that were guessed, with what stands for each, in the order in which they were met:
    /// the same one has the same placeholder in the question and in the talk before it.
    guessed: Mutex<Vec<Guessed>>,
}

/// A name that haven took a word for.
struct Guessed {
    kind: &'static str,
    /// As it was first met, folded.
    word: String,
    placeholder: String,
    /// What comes back into answers.
    known_as: String,
}

impl Private {
    /// Keeps back these `people` (usernames and full names) and these `places`.
    #[must_use]
    pub fn new(people: &[String], places: &[String]) -> Self {
        let secrets = |known: &[String], kind: &str| -> Vec<Secret> {
            known
                .iter()
                .flat_map(|name| names::words(name))
                .filter(|word| !NO_NAMES.contains(&fold(word).as_str()))
                .enumerate()
                .map(|(number, word)| Secret {
                    placeholder: format!("[{kind}{}]", number + 1),
                    stems: names::stems(&fold(&word)),
                    known_as: word,
                })
                .filter(|secret| !secret.stems.is_empty())
                .collect()
        };
        let mut all = secrets(people, "person");
        all.extend(secrets(places, "place"));
        Self {
            secrets: all,
            guessed: Mutex::default(),
        }
    }

    /// The text as it may leave.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        // Marks that nobody sees must not split what is looked for.
        let text: String = text
            .nfc()
            .filter(|c| {
                !matches!(
                    c,
                    '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'
                )
            })
            .collect();
        let text = without_addresses(&text);
        let text = without_what_is_spoken(&text);
        let text = without_numbers(&text);
        // A name that begins a sentence may be known for one only by where it stands later.
        let _ = self.without_names(&text);
        self.without_names(&text)
    }

    /// Remembers what is a name in this text, for texts that are scrubbed before it.
    pub fn learn(&self, text: &str) {
        let _ = self.scrub(text);
    }

    /// The answer with the names and places in it again.
    #[must_use]
    pub fn restore(&self, answer: &str) -> String {
        let answer = self
            .secrets
            .iter()
            .fold(answer.to_owned(), |answer, secret| {
                answer.replace(&secret.placeholder, &secret.known_as)
            });
        let guessed = self.guessed.lock().unwrap_or_else(PoisonError::into_inner);
        guessed.iter().fold(answer, |answer, guessed| {
            answer.replace(&guessed.placeholder, &guessed.known_as)
        })
    }

    fn without_names(&self, text: &str) -> String {
        let tokens = tokens(text);
        let titled = is_titled(&tokens);
        let mut kept = String::with_capacity(text.len());
        for (at, token) in tokens.iter().enumerate() {
            let Some(word) = token.word() else {
                kept.push_str(token.text);
                continue;
            };
            // Placeholders made before stay.
            let made = at.checked_sub(1).and_then(|at| tokens.get(at));
            if made.is_some_and(|before| before.text.ends_with('[')) {
                kept.push_str(token.text);
                continue;
            }
            let is_name = token.is_capitalised() || !is_everyday(&word);
            let secret = self
                .secrets
                .iter()
                .find(|secret| is_name && secret.stems.iter().any(|stem| stem.fits(&word)));
            if let Some(secret) = secret {
                kept.push_str(&secret.placeholder);
                continue;
            }
            match guess(&tokens, at, titled) {
                Some(named) => kept.push_str(&self.placeholder(named, word, token.text)),
                None => match self.met(&word, token.is_capitalised()) {
                    Some(placeholder) => kept.push_str(&placeholder),
                    None => kept.push_str(token.text),
                },
            }
        }
        kept
    }

    /// What stands for a word that was taken for a name elsewhere; in small letters, for a long one.
    fn met(&self, word: &str, capitalised: bool) -> Option<String> {
        let least = if capitalised { 3 } else { 6 };
        let guessed = self.guessed.lock().unwrap_or_else(PoisonError::into_inner);
        guessed
            .iter()
            .filter(|met| met.kind == PERSON && word.chars().count() > least)
            .find(|met| same(&met.word, word, least))
            .map(|met| met.placeholder.clone())
    }

    /// What stands for a guessed name.
    fn placeholder(&self, named: Named, word: String, typed: &str) -> String {
        let (kind, known) = match named {
            Named::Person(name) => (PERSON, name),
            Named::Place(name) => (PLACE, name),
        };
        let mut guessed = self.guessed.lock().unwrap_or_else(PoisonError::into_inner);
        let word = if known.is_empty() {
            word
        } else {
            known.to_owned()
        };
        let before = guessed
            .iter()
            .filter(|before| before.kind == kind)
            .find(|before| {
                before.word == word || (known.is_empty() && same(&before.word, &word, 3))
            });
        if let Some(before) = before {
            return before.placeholder.clone();
        }
        let number = guessed.iter().filter(|other| other.kind == kind).count() + 1;
        let placeholder = format!("[{kind}{number}]");
        guessed.push(Guessed {
            kind,
            known_as: if known.is_empty() {
                typed.to_owned()
            } else {
                capitalised(known)
            },
            word,
            placeholder: placeholder.clone(),
        });
        placeholder
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(letters)
        .collect()
}

#[cfg(test)]
mod tests;
