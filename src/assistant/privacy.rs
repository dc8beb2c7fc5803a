//! What is kept back from the model: who and where people are, and how to reach them.
//!
//! A placeholder takes the place of every name and place known of the person, in any Russian
//! case, in a usual short form and in the other alphabet, of phone numbers, addresses, links,
//! email addresses and ids. In the answer the names and places come back.
//!
//! What haven doesn't know it can only guess: the name of somebody who is no contact is kept back
//! where the text introduces it («меня зовут …»), and else is sent.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::crisis;
use super::names;
use super::phrases::Words;
use super::reach::{without_addresses, without_numbers};

const PERSON: &str = "[person]";
const PLACE: &str = "[place]";

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

/// What follows introduces a name.
const NAMED: &[&str] = &["зовут", "зовусь", "named"];
const NAME_IS: &[&str] = &["name"];

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
        Self { secrets: all }
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
        let text = without_numbers(&text);
        self.without_names(&text)
    }

    /// The answer with the names and places in it again.
    #[must_use]
    pub fn restore(&self, answer: &str) -> String {
        self.secrets
            .iter()
            .fold(answer.to_owned(), |answer, secret| {
                answer.replace(&secret.placeholder, &secret.known_as)
            })
    }

    fn without_names(&self, text: &str) -> String {
        let tokens = tokens(text);
        let mut kept = String::with_capacity(text.len());
        for (at, token) in tokens.iter().enumerate() {
            let Some(word) = token.word() else {
                kept.push_str(token.text);
                continue;
            };
            // Placeholders made before stay.
            if at > 0
                && tokens
                    .get(at - 1)
                    .is_some_and(|token| token.text.ends_with('['))
            {
                kept.push_str(token.text);
                continue;
            }
            let secret = self
                .secrets
                .iter()
                .find(|secret| secret.stems.iter().any(|stem| stem.fits(&word)));
            if let Some(secret) = secret {
                kept.push_str(&secret.placeholder);
            } else if is_introduced(&tokens, at) {
                kept.push_str(PERSON);
            } else if is_place(&tokens, at, &word) {
                kept.push_str(PLACE);
            } else {
                kept.push_str(token.text);
            }
        }
        kept
    }
}

/// Letters as they are compared: small, `е` for `ё`, without accents.
fn fold(word: &str) -> String {
    word.nfc()
        .flat_map(char::to_lowercase)
        .flat_map(|c| match c {
            'ё' => vec!['е'],
            'й' => vec!['й'],
            c => c.nfkd().filter(|c| !is_combining_mark(*c)).collect(),
        })
        .collect()
}

/// A word, or what stands between two.
struct Token<'a> {
    text: &'a str,
    is_word: bool,
}

impl Token<'_> {
    fn word(&self) -> Option<String> {
        self.is_word.then(|| fold(self.text))
    }

    fn is_capitalised(&self) -> bool {
        self.text.chars().next().is_some_and(char::is_uppercase)
    }
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut of_word = None;
    for (at, c) in text.char_indices() {
        let word = c.is_alphanumeric() || is_combining_mark(c);
        if of_word.is_some_and(|of_word| of_word != word) {
            tokens.extend(text.get(start..at).map(|text| Token {
                text,
                is_word: !word,
            }));
            start = at;
        }
        of_word = Some(word);
    }
    tokens.extend(
        text.get(start..)
            .filter(|rest| !rest.is_empty())
            .map(|text| Token {
                text,
                is_word: of_word.unwrap_or(false),
            }),
    );
    tokens
}

/// The words before the token at `at`, nearest first.
fn before<'a>(tokens: &'a [Token<'a>], at: usize) -> impl Iterator<Item = String> + 'a {
    tokens
        .get(..at)
        .unwrap_or_default()
        .iter()
        .rev()
        .filter_map(Token::word)
}

fn is_introduced(tokens: &[Token<'_>], at: usize) -> bool {
    let mut before = before(tokens, at);
    let (last, second, third) = (before.next(), before.next(), before.next());
    let last = last.as_deref().unwrap_or_default();
    if NAMED.contains(&last) {
        return tokens.get(at).is_some_and(Token::is_capitalised);
    }
    (matches!(last, "is" | "s") && NAME_IS.contains(&second.as_deref().unwrap_or_default()))
        || (matches!(second.as_deref(), Some("зовут"))
            && tokens.get(at).is_some_and(Token::is_capitalised))
        || (last == "m" || last == "am")
            && third.is_none()
            && second.as_deref() == Some("i")
            && tokens.get(at).is_some_and(Token::is_capitalised)
}

/// Known cities and countries, what streets are called, and numbers of houses and flats.
fn is_place(tokens: &[Token<'_>], at: usize, word: &str) -> bool {
    const STREETS: &[&str] = &[
        "улица",
        "улице",
        "улицы",
        "улицу",
        "ул",
        "проспект",
        "проспекте",
        "проспекта",
        "пр",
        "переулок",
        "переулке",
        "пер",
        "бульвар",
        "бульваре",
        "шоссе",
        "набережная",
        "набережной",
        "площадь",
        "площади",
        "деревня",
        "деревне",
        "село",
        "селе",
        "поселок",
        "поселке",
    ];
    const HOUSES: &[&str] = &[
        "дом",
        "доме",
        "дома",
        "д",
        "квартира",
        "квартире",
        "квартиры",
        "кв",
        "корпус",
        "корп",
        "подъезд",
        "подъезде",
        "строение",
        "flat",
        "apartment",
        "apt",
        "house",
        "building",
    ];
    const ROADS: &[&str] = &[
        "street",
        "st",
        "road",
        "rd",
        "avenue",
        "ave",
        "lane",
        "drive",
        "blvd",
        "boulevard",
    ];
    let token = |at: usize| tokens.get(at);
    let capitalised = token(at).is_some_and(Token::is_capitalised);
    let digits = word.chars().any(|c| c.is_numeric());
    let next = token(at + 2).and_then(Token::word).unwrap_or_default();
    let mut before = before(tokens, at);
    let (last, second) = (
        before.next().unwrap_or_default(),
        before.next().unwrap_or_default(),
    );
    // «на улице Ленина», «ул. 8 Марта», «дом 5»
    let of_street = [&last, &second]
        .into_iter()
        .any(|word| STREETS.contains(&word.as_str()));
    (of_street && (capitalised || digits))
        || (HOUSES.contains(&last.as_str()) && digits)
        // «на Невском проспекте», «12 Baker Street»
        || (STREETS.contains(&next.as_str()) && capitalised && at > 0)
        || (ROADS.contains(&next.as_str()) && capitalised)
        || (digits
            && token(at + 2).is_some_and(Token::is_capitalised)
            && token(at + 4).and_then(Token::word).is_some_and(|word| ROADS.contains(&word.as_str())))
        || (word.chars().count() > 3
            && crisis::places().any(|pattern| {
                !pattern.contains(' ') && Words::new(word).hold_any(&[pattern])
            }))
        || (matches!((second.as_str(), last.as_str()), ("live", "in") | ("living", "in") | ("живу", "в"))
            && capitalised)
}
