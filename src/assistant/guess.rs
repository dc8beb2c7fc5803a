//! Guessing which words name people and places that haven doesn't know of.
//!
//! A guess that is wrong costs the model a word; one that is not made tells it a name. So a
//! capital letter within a sentence is enough, and for the rest there are lists ([`super::given`])
//! and what stands around a word.

use super::given::{Named, is_everyday, named};
use super::spelling::to_cyrillic;
use super::tokens::Token;
use super::whereabouts::is_place;

/// Words that are written with a capital letter and name nobody.
const CAPITALISED: &str = "\
я бог бога богу богом боже господь господи господа господу вы вас вам вами ваш ваша ваше ваши вашего \
вашей вашему вашим ваших вашу рождество рождества пасха интернет интернете иисус иисуса христос христа \
аллах аллаха аллаху коран библия библию телеграм телеграме ватсап вотсап инстаграм ютуб ютубе гугл \
яндекс ок тв \
i im ive id ill god gods lord jesus christ christmas easter allah internet tv ok okay english russian \
american british french german chinese monday tuesday wednesday thursday friday saturday sunday january \
february march april may june july august september october november december mom moms mum mums mama \
dad dads daddy mommy mummy papa grandma grandpa granny aunt auntie uncle doctor dr mr mrs ms miss sir \
army navy marine marines new year google facebook whatsapp telegram instagram youtube tiktok zoom";

/// What comes right before a name, whatever its letters.
const INTRODUCED: &[&str] = &[
    "имени",
    "фамилия",
    "фамилии",
    "фамилию",
    "кличка",
    "прозвище",
    "прозвищу",
    "позывной",
    "позывным",
    "никнейм",
    "ник",
    "логин",
    "отчество",
    "surname",
    "callsign",
    "username",
    "nickname",
    "nicknamed",
];

/// What comes right before a name that has a capital letter.
const CALLED: &[&str] = &[
    "зовут",
    "зовусь",
    "звать",
    "зовите",
    "named",
    "called",
    "имя",
];

/// Words after those of [`INTRODUCED`] that are no names.
const NO_NAMES: &[&str] = &[
    "не", "и", "у", "его", "ее", "мой", "моя", "мою", "был", "была", "мужа", "жены", "на", "в",
    "is", "was", "my", "the", "it",
];

/// Shortened words, after whose full stop a sentence goes on.
const SHORTENED: &[&str] = &[
    "г",
    "гор",
    "ул",
    "д",
    "им",
    "пр",
    "просп",
    "пер",
    "пос",
    "обл",
    "р",
    "гр",
    "проф",
    "ст",
    "с",
    "тов",
    "dr",
    "mr",
    "mrs",
    "ms",
    "st",
    "prof",
    "sgt",
    "capt",
    "lt",
];

/// Words that have a capital letter within a sentence only where all have.
const SMALL: &[&str] = &[
    "не", "на", "что", "как", "мне", "меня", "мой", "моя", "но", "это", "он", "она", "за", "из",
    "the", "my", "is", "to", "and", "me", "it", "of", "in", "not", "he", "she", "was", "with",
    "for",
];

/// Common words that end like names.
pub(super) const COMMON: &[&str] = &[
    "снова",
    "готова",
    "голова",
    "слова",
    "основа",
    "здорова",
    "сурова",
    "корова",
    "половина",
    "причина",
    "картина",
    "машина",
    "мужчина",
    "женщина",
    "витрина",
    "спина",
    "нова",
    "никакова",
    "какова",
    "такова",
    "одна",
    "темная",
    "людная",
    "шумная",
    "русская",
    "русской",
    "войска",
    "войске",
    "войску",
    "войск",
    "войском",
    "любовна",
    "любовной",
    "любовны",
];

/// Whether the word at `at` names somebody or something, and by which name it is known. `None`:
/// it names nothing; an empty name: it is its own.
pub(super) fn guess(tokens: &[Token<'_>], at: usize, titled: bool) -> Option<Named> {
    let token = tokens.get(at)?;
    let word = token.word()?;
    if word.chars().all(char::is_numeric) {
        return is_place(tokens, at, &word).then_some(Named::Place(""));
    }
    if is_public(&word) {
        return None;
    }
    if is_place(tokens, at, &word) {
        return Some(match named(&word) {
            Some(place @ Named::Place(_)) => place,
            _ => Named::Place(""),
        });
    }
    let capitalised = token.is_capitalised();
    let known = named(&word).or_else(|| latin(&word));
    if let Some(known) = known
        && (!is_everyday(&word) || (capitalised && !is_thanks(tokens, at, &word)))
    {
        return Some(known);
    }
    let is_name = is_introduced(tokens, at, &word)
        || is_patronymic(&word)
        || goes_with_a_name(tokens, at, &word)
        || (capitalised
            && !titled
            && !token.is_all_capitals()
            && word.chars().count() > 1
            && !begins_a_sentence(tokens, at))
        || (capitalised && !token.is_all_capitals() && is_family_name(&word));
    is_name.then_some(Named::Person(""))
}

/// Whether the text is Written Like This, so that capitals tell nothing.
pub(super) fn is_titled(tokens: &[Token<'_>]) -> bool {
    let small = |at: &usize| {
        let token = tokens.get(*at);
        token.is_some_and(|token| token.is_capitalised() && !begins_a_sentence(tokens, *at))
            && token
                .and_then(Token::word)
                .is_some_and(|word| SMALL.contains(&word.as_str()))
    };
    (0..tokens.len()).filter(small).count() >= 2
}

fn is_public(word: &str) -> bool {
    CAPITALISED.split_whitespace().any(|public| public == word)
}

/// A Russian given name in Latin letters, as `natasha`.
fn latin(word: &str) -> Option<Named> {
    if !word.is_ascii() || word.len() < 5 {
        return None;
    }
    let read = to_cyrillic(word);
    named(&read).filter(|_| !is_everyday(&read))
}

/// «Слава богу».
fn is_thanks(tokens: &[Token<'_>], at: usize, word: &str) -> bool {
    let next = tokens.get(at + 2).and_then(Token::word).unwrap_or_default();
    word == "слава" && matches!(next.as_str(), "богу" | "аллаху" | "тебе" | "господу")
}

/// The words before the token at `at`, nearest first.
pub(super) fn before<'a>(tokens: &'a [Token<'a>], at: usize) -> impl Iterator<Item = String> + 'a {
    tokens
        .get(..at)
        .unwrap_or_default()
        .iter()
        .rev()
        .filter_map(Token::word)
}

fn begins_a_sentence(tokens: &[Token<'_>], at: usize) -> bool {
    let Some(separator) = at.checked_sub(1).and_then(|at| tokens.get(at)) else {
        return true;
    };
    let text = separator.text;
    if text.trim() == "." {
        let word = at.checked_sub(2).and_then(|at| tokens.get(at));
        let is_shortened = word.and_then(Token::word).is_some_and(|word| {
            SHORTENED.contains(&word.as_str()) || (word.chars().count() == 1 && word != "я")
        });
        return !is_shortened;
    }
    // Before it, nothing but marks: a quotation, a list, a line of a dialogue.
    at == 1
        || text.chars().any(|c| {
            matches!(c, '.' | '!' | '?' | '…' | '\n' | ':' | ';' | '(' | ')' | '«' | '“' | '„' | '"' | '*' | '•')
                // A smile ends a sentence, too.
                || u32::from(c) > 0x2190
        })
}

fn is_introduced(tokens: &[Token<'_>], at: usize, word: &str) -> bool {
    let capitalised = tokens.get(at).is_some_and(Token::is_capitalised);
    let mut before = before(tokens, at);
    let (last, second, third) = (
        before.next().unwrap_or_default(),
        before.next().unwrap_or_default(),
        before.next(),
    );
    let (last, second) = (last.as_str(), second.as_str());
    (INTRODUCED.contains(&last) && !NO_NAMES.contains(&word))
        || (CALLED.contains(&last) && capitalised)
        || (matches!(last, "is" | "s") && second == "name" && !NO_NAMES.contains(&word))
        || (second == "зовут" && capitalised)
        || (matches!(last, "m" | "am") && third.is_none() && second == "i" && capitalised)
}

/// «Иванович», «Петровна», in any case.
fn is_patronymic(word: &str) -> bool {
    const MEN: &[&str] = &["", "а", "у", "ем", "е"];
    const WOMEN: &[&str] = &["а", "ы", "е", "у", "ой", "ою"];
    let father = |middle: &str, endings: &[&str]| {
        let at = word.rfind(middle)?;
        let ending = word.get(at + middle.len()..)?;
        word.get(..at).filter(|_| endings.contains(&ending))
    };
    let mens = ["ович", "евич", "аныч", "алыч", "еныч"];
    // «Основной», «уровне»: only a father's name makes it one.
    let is_father = |stem: &str| {
        ["", "й", "ий", "а", "я", "ь"].iter().any(|end| {
            matches!(
                named(&format!("{}{end}", stem.trim_end_matches('ь'))),
                Some(Named::Person(_))
            )
        })
    };
    mens.iter()
        .any(|middle| father(middle, MEN).is_some_and(|stem| !stem.is_empty()))
        || ["овн", "евн", "иничн"]
            .iter()
            .any(|middle| !COMMON.contains(&word) && father(middle, WOMEN).is_some_and(is_father))
}

/// How names of families end in the nominative and beyond, and hardly a word that could begin a
/// sentence.
fn is_family_name(word: &str) -> bool {
    const ENDS: &[&str] = &[
        "енко",
        "швили",
        "ова",
        "ева",
        "ову",
        "еву",
        "овым",
        "евым",
        "ский",
        "цкий",
        "ского",
        "скому",
        "янц",
        "ашвили",
        "дзе",
    ];
    const ADJECTIVES: &[&str] = &["ский", "цкий", "ского", "скому"];
    let long = word.chars().count() >= 6;
    let end = ENDS.iter().find(|end| word.ends_with(*end));
    // «Русский», «детский»: those of places and people are longer.
    long && !COMMON.contains(&word)
        && end.is_some_and(|end| !ADJECTIVES.contains(end) || word.chars().count() >= 9)
}

/// A family name or a patronymic beside a given name: «наташа нечипоренко».
fn goes_with_a_name(tokens: &[Token<'_>], at: usize, word: &str) -> bool {
    const ENDS: &[&str] = &[
        "ов",
        "ев",
        "ин",
        "ын",
        "ова",
        "ева",
        "ина",
        "ына",
        "ову",
        "еву",
        "ину",
        "овой",
        "евой",
        "иной",
        "овым",
        "евым",
        "иным",
        "ский",
        "ская",
        "скому",
        "ского",
        "ской",
        "енко",
        "чук",
        "юк",
        "ян",
        "дзе",
        "швили",
    ];
    let is_name = |at: Option<usize>| {
        let word = at.and_then(|at| tokens.get(at)).and_then(Token::word);
        word.is_some_and(|word| {
            matches!(named(&word), Some(Named::Person(_))) && !is_everyday(&word)
        })
    };
    let joined = |at: Option<usize>| {
        let separator = at.and_then(|at| tokens.get(at));
        separator.is_some_and(|separator| matches!(separator.text, " " | "\u{a0}" | "-"))
    };
    let after = joined(at.checked_sub(1)) && is_name(at.checked_sub(2));
    let capitalised = tokens.get(at).is_some_and(Token::is_capitalised);
    word.chars().count() >= 5
        && after
        && !COMMON.contains(&word)
        && (capitalised || ENDS.iter().any(|end| word.ends_with(end)))
}

/// Whether two folded words are one name in two cases, which share so many letters at least.
pub(super) fn same(one: &str, other: &str, least: usize) -> bool {
    let shared = one
        .chars()
        .zip(other.chars())
        .take_while(|(one, other)| one == other)
        .count();
    let rest = |word: &str| word.chars().count() - shared;
    one == other || (shared >= least && rest(one) <= 2 && rest(other) <= 2)
}
