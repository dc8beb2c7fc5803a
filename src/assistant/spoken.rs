//! Numbers, dates, units and addresses as people say them: «восемь девятьсот шестнадцать …»,
//! "anna at mail dot ru", «12 марта 1985», «45-я бригада».

use super::tokens::{Token, tokens};

const NUMBER: &str = "[number]";
const DATE: &str = "[date]";
const UNIT: &str = "[unit]";
const EMAIL: &str = "[email]";
const LINK: &str = "[link]";
const ID: &str = "[id]";
const ACCOUNT: &str = "[account]";

/// What counts, and for how much.
const NUMBERS: &[(&str, u16)] = &[
    ("ноль", 0),
    ("нуль", 0),
    ("один", 1),
    ("одна", 1),
    ("раз", 1),
    ("два", 2),
    ("две", 2),
    ("три", 3),
    ("четыре", 4),
    ("пять", 5),
    ("шесть", 6),
    ("семь", 7),
    ("восемь", 8),
    ("девять", 9),
    ("десять", 10),
    ("одиннадцать", 11),
    ("двенадцать", 12),
    ("тринадцать", 13),
    ("четырнадцать", 14),
    ("пятнадцать", 15),
    ("шестнадцать", 16),
    ("семнадцать", 17),
    ("восемнадцать", 18),
    ("девятнадцать", 19),
    ("двадцать", 20),
    ("тридцать", 30),
    ("сорок", 40),
    ("пятьдесят", 50),
    ("шестьдесят", 60),
    ("семьдесят", 70),
    ("восемьдесят", 80),
    ("девяносто", 90),
    ("сто", 100),
    ("двести", 200),
    ("триста", 300),
    ("четыреста", 400),
    ("пятьсот", 500),
    ("шестьсот", 600),
    ("семьсот", 700),
    ("восемьсот", 800),
    ("девятьсот", 900),
    ("тысяча", 1000),
    ("тысячи", 1000),
    ("тысяч", 1000),
    ("zero", 0),
    ("oh", 0),
    ("one", 1),
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("ten", 10),
    ("eleven", 11),
    ("twelve", 12),
    ("thirteen", 13),
    ("fourteen", 14),
    ("fifteen", 15),
    ("sixteen", 16),
    ("seventeen", 17),
    ("eighteen", 18),
    ("nineteen", 19),
    ("twenty", 20),
    ("thirty", 30),
    ("forty", 40),
    ("fifty", 50),
    ("sixty", 60),
    ("seventy", 70),
    ("eighty", 80),
    ("ninety", 90),
    ("hundred", 100),
    ("thousand", 1000),
];

/// So many numbers in words are one that somebody can be reached by.
const LONG_RUN: usize = 5;

const MONTHS: &[&str] = &[
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
];

/// Beginnings of the words for what has a number and is a place to serve in.
const UNITS: &[&str] = &[
    "дивизи",
    "бригад",
    "полк",
    "батальон",
    "взвод",
    "отряд",
    "омсбр",
    "омсп",
    "одшб",
    "дшбр",
    "гвардейск",
    "мотострелк",
    "десантн",
    "танков",
    "regiment",
    "battalion",
    "brigade",
    "division",
    "platoon",
    "squadron",
    "infantry",
    "airborne",
    "cavalry",
    "armored",
    "armoured",
];
const COMPANIES: &[&str] = &["рота", "роты", "роте", "роту", "ротой", "company"];

/// What comes before the number of a unit or of a document.
const NUMBERED: &[(&str, &str)] = &[
    ("часть", UNIT),
    ("части", UNIT),
    ("ч", UNIT),
    ("вч", UNIT),
    ("unit", UNIT),
    ("айди", ID),
    ("id", ID),
    ("ид", ID),
    ("паспорт", ID),
    ("паспорта", ID),
    ("серия", ID),
    ("снилс", ID),
    ("инн", ID),
    ("полис", ID),
    ("карта", ID),
    ("карты", ID),
    ("passport", ID),
    ("ssn", ID),
    ("card", ID),
    ("cvv", ID),
    ("пин", ID),
    ("pin", ID),
    ("код", ID),
];

/// Where accounts have names.
const NETWORKS: &[&str] = &[
    "ник",
    "никнейм",
    "логин",
    "скайп",
    "телеграм",
    "телеграме",
    "тг",
    "инста",
    "инстаграм",
    "вк",
    "дискорд",
    "skype",
    "telegram",
    "instagram",
    "insta",
    "discord",
    "snapchat",
    "username",
    "nickname",
];

/// The number that a word is.
pub(super) fn value(word: &str) -> Option<u16> {
    NUMBERS
        .iter()
        .find_map(|(name, value)| (*name == word).then_some(*value))
}

/// The text with such things replaced. It has no long numbers and no usual addresses any more.
pub(super) fn without_what_is_spoken(text: &str) -> String {
    let tokens = tokens(text);
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        // Placeholders made before stay.
        let made = at.checked_sub(1).and_then(|at| tokens.get(at));
        if made.is_some_and(|before| before.text.ends_with('[')) {
            kept.push_str(token.text);
            at += 1;
            continue;
        }
        let found = address(&tokens, at)
            .or_else(|| date(&tokens, at))
            .or_else(|| unit(&tokens, at))
            .or_else(|| numbered(&tokens, at))
            .or_else(|| run(&tokens, at));
        match found {
            Some((placeholder, end)) if end > at => {
                kept.push_str(placeholder);
                at = end;
            }
            _ => {
                kept.push_str(token.text);
                at += 1;
            }
        }
    }
    kept
}

/// A placeholder, and the token after what it stands for.
type Found = Option<(&'static str, usize)>;

/// The word so many words after the one at `at`.
fn word(tokens: &[Token<'_>], at: usize, later: usize) -> Option<String> {
    tokens.get(at + later * 2).and_then(Token::word)
}

fn digits(word: &str) -> usize {
    word.chars().filter(|c| c.is_numeric()).count()
}

/// Numbers in words, digits among them.
fn run(tokens: &[Token<'_>], from: usize) -> Found {
    let (mut values, mut at, mut end) = (Vec::new(), from, from);
    let mut spelled = 0;
    while let Some(word) = tokens.get(at).and_then(Token::word) {
        if let Some(value) = value(&word) {
            values.push(value);
            spelled += 1;
        } else if word.chars().all(char::is_numeric) {
            values.push(word.parse().unwrap_or(u16::MAX));
        } else {
            break;
        }
        end = at + 1;
        let near = tokens
            .get(end)
            .is_some_and(|between| between.text.chars().count() <= 3);
        if !near {
            break;
        }
        at = end + 1;
    }
    // Counting up or down calms: 5, 4, 3, 2, 1.
    let counting = values
        .windows(2)
        .all(|pair| matches!(pair, [one, two] if one.abs_diff(*two) <= 1));
    (values.len() >= LONG_RUN && spelled >= 2 && !counting).then_some((NUMBER, end))
}

/// «12 марта 1985», "March 12, 1985", 12.03.85; a day without a year where it is of a birth.
fn date(tokens: &[Token<'_>], at: usize) -> Found {
    let number = |later: usize, most: usize| {
        word(tokens, at, later).is_some_and(|word| {
            let digits = digits(&word);
            (1..=most).contains(&digits) && word.chars().count() <= digits + 2
        })
    };
    let month =
        |later: usize| word(tokens, at, later).is_some_and(|word| MONTHS.contains(&word.as_str()));
    let close = |later: usize| {
        let between = tokens.get(at + later * 2 + 1);
        between.is_some_and(|between| between.text.chars().count() <= 2)
    };
    let year = |later: usize| {
        number(later, 4)
            && word(tokens, at, later).is_some_and(|word| digits(&word) != 3 && digits(&word) >= 2)
    };
    if (number(0, 2) && month(1)) || (month(0) && number(1, 2)) {
        if close(1) && year(2) {
            return Some((DATE, at + 5));
        }
        let born = (0..6).any(|back| {
            let word = at.checked_sub(back * 2).and_then(|at| word(tokens, at, 0));
            word.is_some_and(|word| {
                word.starts_with("родил")
                    || word.starts_with("рожд")
                    || word == "born"
                    || word.starts_with("birth")
            })
        });
        return born.then_some((DATE, at + 3));
    }
    let dotted = |later: usize| {
        let between = tokens.get(at + later * 2 + 1);
        between.is_some_and(|between| matches!(between.text, "." | "/" | "-" | " " | "\\"))
    };
    let goes_on = tokens.get(at + 6).is_some_and(Token::is_number) && dotted(2);
    let two_or_four = word(tokens, at, 2).is_some_and(|word| matches!(word.chars().count(), 2 | 4));
    let all = [0, 1, 2]
        .iter()
        .all(|later| tokens.get(at + later * 2).is_some_and(Token::is_number));
    (all && number(0, 2) && number(1, 2) && two_or_four && dotted(0) && dotted(1) && !goes_on)
        .then_some((DATE, at + 5))
}

/// «45-я бригада», "101st Airborne".
fn unit(tokens: &[Token<'_>], at: usize) -> Found {
    let first = word(tokens, at, 0)?;
    if !first.chars().next().is_some_and(char::is_numeric) {
        return None;
    }
    (1..=3).find_map(|later| {
        let word = word(tokens, at, later)?;
        let found =
            UNITS.iter().any(|unit| word.starts_with(unit)) || COMPANIES.contains(&word.as_str());
        found.then_some((UNIT, at + later * 2 + 1))
    })
}

/// What stands after «паспорт», «в/ч», «ник».
fn numbered(tokens: &[Token<'_>], at: usize) -> Found {
    let this = word(tokens, at, 0)?;
    let last = at
        .checked_sub(2)
        .and_then(|at| word(tokens, at, 0))
        .unwrap_or_default();
    let before_last = at
        .checked_sub(4)
        .and_then(|at| word(tokens, at, 0))
        .unwrap_or_default();
    if digits(&this) >= 2 {
        let by = |word: &str| NUMBERED.iter().find(|(name, _)| *name == word);
        let found = by(&last).or_else(|| {
            matches!(
                last.as_str(),
                "номер" | "n" | "number" | "is" | "это" | "мой"
            )
            .then(|| by(&before_last))
            .flatten()
        });
        return found.map(|(_, placeholder)| (*placeholder, at + 1));
    }
    let latin = this.len() >= 3
        && this.is_ascii()
        && !matches!(this.as_str(), "and" | "the" | "is" | "was" | "but");
    let mixed = latin && digits(&this) >= 1;
    let named = NETWORKS.contains(&last.as_str())
        || (NETWORKS.contains(&before_last.as_str())
            && matches!(last.as_str(), "это" | "мой" | "is"));
    // «anna_k85»: an underscore is nowhere else.
    let joined = tokens
        .get(at + 1)
        .is_some_and(|between| between.text == "_")
        && tokens.get(at + 2).is_some_and(|next| next.word().is_some());
    if joined {
        let mut end = at + 1;
        while tokens.get(end).is_some_and(|between| between.text == "_")
            && tokens
                .get(end + 1)
                .is_some_and(|next| next.word().is_some())
        {
            end += 2;
        }
        return Some((ACCOUNT, end));
    }
    let russian = !last.is_ascii();
    (named
        && latin
        && (russian
            || mixed
            || tokens
                .get(at - 1)
                .is_some_and(|between| between.text.contains(':'))))
    .then_some((ACCOUNT, at + 1))
}

/// «anna собака mail точка ru», "anna at mail dot ru".
fn address(tokens: &[Token<'_>], at: usize) -> Found {
    const DOTS: &[&str] = &["точка", "dot"];
    const AT: &[&str] = &["собака", "собачка", "at", "эт"];
    const ENDS: &[&str] = &[
        "ru", "ру", "com", "ком", "net", "org", "рф", "ua", "by", "kz", "uk",
    ];
    let is = |token: usize, words: &[&str]| {
        tokens
            .get(token)
            .and_then(Token::word)
            .is_some_and(|word| words.contains(&word.as_str()))
    };
    // The host after `from`: words parted by dots of either kind, up to one of the ends.
    let host = |from: usize| -> Option<usize> {
        let mut at = from;
        for _ in 0..4 {
            tokens.get(at).and_then(Token::word)?;
            let dot = tokens.get(at + 1)?;
            at = if dot.text.trim() == "." {
                at + 2
            } else if dot.text.trim().is_empty() && is(at + 2, DOTS) {
                at + 4
            } else {
                return None;
            };
            if is(at, ENDS) {
                return Some(at + 1);
            }
        }
        None
    };
    tokens.get(at).and_then(Token::word)?;
    if is(at + 2, AT)
        && let Some(end) = host(at + 4)
    {
        return Some((EMAIL, end));
    }
    // «сайт anna точка ру»
    let spoken = is(at + 2, DOTS) && is(at + 4, ENDS);
    spoken.then_some((LINK, at + 5))
}
