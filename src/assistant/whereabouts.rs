//! Where somebody is, by what stands around a word: streets, houses, towns.

use super::crisis;
use super::guess::{COMMON, before};
use super::phrases::Words;
use super::spoken;
use super::tokens::Token;

const STREETS: &[&str] = &[
    "улица",
    "улице",
    "улицы",
    "улицу",
    "улицей",
    "ул",
    "проспект",
    "проспекте",
    "проспекта",
    "пр",
    "просп",
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
    "деревни",
    "село",
    "селе",
    "поселок",
    "поселке",
    "станица",
    "станице",
    "аул",
    "ауле",
    "микрорайон",
    "микрорайоне",
    "мкр",
    "метро",
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
    "этаж",
    "палата",
    "палате",
    "flat",
    "apartment",
    "apt",
    "house",
    "building",
    "suite",
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
    "square",
    "court",
];

/// How the second word of a street's name ends: «улица ленина», and not «на улице темно».
const STREET_NAMES: &[&str] = &[
    "ина",
    "ева",
    "ова",
    "ского",
    "цкого",
    "ская",
    "цкая",
    "ской",
    "цкой",
    "ную",
    "ная",
    "ных",
];

/// Known cities and countries, what streets are called, and numbers of houses and flats.
pub(super) fn is_place(tokens: &[Token<'_>], at: usize, word: &str) -> bool {
    let token = |at: usize| tokens.get(at);
    let capitalised = token(at).is_some_and(Token::is_capitalised);
    let digits = word.chars().any(char::is_numeric);
    let next = token(at + 2).and_then(Token::word).unwrap_or_default();
    let mut before = before(tokens, at);
    let (last, second) = (
        before.next().unwrap_or_default(),
        before.next().unwrap_or_default(),
    );
    let ends = |ends: &[&str]| ends.iter().any(|end| word.ends_with(end));
    let long = word.chars().count() >= 5 && !COMMON.contains(&word);
    // «на улице Ленина», «ул. 8 Марта», «дом 5»
    let of_street = [&last, &second]
        .into_iter()
        .any(|word| STREETS.contains(&word.as_str()));
    (of_street && (capitalised || digits))
        || (STREETS.contains(&last.as_str()) && long && ends(STREET_NAMES))
        || (HOUSES.contains(&last.as_str()) && (digits || is_ordinal(word)))
        // «на Невском проспекте», «12 Baker Street»
        || (STREETS.contains(&next.as_str()) && at > 0
            && (capitalised || (long && ends(&["ском", "цком", "ской", "цкой", "ская", "ский"]))))
        || (ROADS.contains(&next.as_str()) && capitalised)
        || (digits
            && token(at + 2).is_some_and(Token::is_capitalised)
            && token(at + 4).and_then(Token::word).is_some_and(|word| ROADS.contains(&word.as_str())))
        || (word.chars().count() > 3
            // A language, or what is from there.
            && !word.contains("ийск")
            && crisis::places().any(|pattern| {
                !pattern.contains(' ') && Words::new(word).hold_any(&[pattern])
            }))
        || (matches!((second.as_str(), last.as_str()), ("live", "in") | ("living", "in") | ("живу", "в"))
            && capitalised)
        || is_town(word)
}

/// «Краснокаменск», «Ивангород»: a consonant before «ск» is hardly ever a word's.
fn is_town(word: &str) -> bool {
    const CASES: &[&str] = &["", "а", "у", "ом", "е"];
    const ENDS: &[&str] = &[
        "нск", "рск", "лск", "тск", "вск", "дск", "йск", "ьск", "град", "бург",
    ];
    word.chars().count() >= 6
        && !COMMON.contains(&word)
        && ENDS.iter().any(|end| {
            word.rfind(end).is_some_and(|at| {
                at > 2 && CASES.contains(&word.get(at + end.len()..).unwrap_or_default())
            })
        })
}

/// A number in words, as of a house.
fn is_ordinal(word: &str) -> bool {
    spoken::value(word).is_some()
}
