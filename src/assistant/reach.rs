//! Taking out of a text by what people can be reached or recognised: numbers, links, addresses
//! of email, accounts, ids.

use super::crisis;

const NUMBER: &str = "[number]";
const EMAIL: &str = "[email]";
const LINK: &str = "[link]";
const HANDLE: &str = "[account]";
const ID: &str = "[id]";

/// The text without email addresses, links and names of accounts.
pub(super) fn without_addresses(text: &str) -> String {
    let text = without_gaps(text);
    let mut kept = String::with_capacity(text.len());
    for piece in text.split_inclusive(char::is_whitespace) {
        let body = piece.trim_end();
        let space = piece.get(body.len()..).unwrap_or_default();
        let core = body.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '@' | '/'));
        match address(core) {
            Some(placeholder) => kept.push_str(&body.replace(core, placeholder)),
            None => kept.push_str(body),
        }
        kept.push_str(space);
    }
    kept
}

/// «anna @ mail.ru» as it was meant: without the spaces around the sign.
fn without_gaps(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('@') {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
        let host = after.trim_start_matches(' ');
        let host_end = host.find(|c| !is_name(c)).unwrap_or(host.len());
        let has_host = host.get(..host_end).is_some_and(|host| host.contains('.'));
        let name = before.trim_end_matches(' ');
        let apart = name.len() < before.len() || host.len() < after.len();
        if apart && has_host && name.ends_with(is_name) {
            kept.push_str(name);
            rest = host;
        } else {
            kept.push_str(before);
            rest = after;
        }
        kept.push('@');
    }
    kept.push_str(rest);
    kept
}

fn address(core: &str) -> Option<&'static str> {
    if let Some((name, host)) = core.split_once('@') {
        return Some(if name.is_empty() || host.is_empty() {
            HANDLE
        } else {
            EMAIL
        });
    }
    let lower = core.to_lowercase();
    if lower.contains("://") || lower.starts_with("www.") {
        return Some(LINK);
    }
    let host = lower.split('/').next().unwrap_or_default();
    let (name, end) = host.rsplit_once('.')?;
    let cyrillic = matches!(end, "рф" | "рус" | "москва" | "онлайн" | "сайт");
    let is_host = name.chars().count() >= 1
        && name.chars().all(|c| {
            c.is_ascii_alphanumeric()
                || matches!(c, '-' | '.' | '_')
                || (cyrillic && c.is_alphabetic())
        })
        && end.len() >= 2
        && end
            .chars()
            .all(|c| c.is_ascii_alphabetic() || matches!(c, 'а'..='я'));
    (is_host && name.chars().any(char::is_alphabetic)).then_some(LINK)
}

/// The text without phone numbers, other long numbers and ids.
pub(super) fn without_numbers(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let get = |at: usize| chars.get(at).copied();
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(c) = get(at) {
        let starts_word = at == 0 || !get(at - 1).is_some_and(char::is_alphanumeric);
        if starts_word && let Some(end) = end_of_id(&chars, at) {
            kept.push_str(ID);
            at = end;
            continue;
        }
        if c.is_numeric() || (c == '+' && get(at + 1).is_some_and(char::is_numeric)) {
            let (end, digits, longest) = end_of_number(&chars, at);
            // 55°45′21″
            let degrees = chars
                .get(at..end)
                .is_some_and(|number| number.contains(&'°'));
            // 5-4-3-2-1 is an exercise, 112 and 988 are for everybody.
            let long = digits.len() >= 7 || (digits.len() >= 5 && longest >= 3) || degrees;
            if long && !crisis::is_public_number(&digits) {
                kept.push_str(NUMBER);
            } else {
                kept.extend(chars.get(at..end).unwrap_or_default());
            }
            at = end;
            continue;
        }
        kept.push(c);
        at += 1;
    }
    kept
}

/// Where a number ends that begins at `from`, its digits, and its longest group of them.
fn end_of_number(chars: &[char], from: usize) -> (usize, String, usize) {
    let (mut end, mut digits, mut group, mut longest) = (from, String::new(), 0, 0);
    let mut between = 0;
    for (at, c) in chars.iter().enumerate().skip(from) {
        if c.is_numeric() {
            digits.push(*c);
            group += 1;
            longest = longest.max(group);
            between = 0;
            end = at + 1;
        } else if between < 3
            && matches!(
                c,
                ' ' | '\u{a0}'
                    | '\u{2009}'
                    | '\u{202f}'
                    | '\t'
                    | '\n'
                    | '-'
                    | '‑'
                    | '−'
                    | '–'
                    | '—'
                    | '.'
                    | '('
                    | ')'
                    | '+'
                    | '/'
                    | '\\'
                    | ','
                    | ':'
                    | '_'
                    | '*'
                    | '~'
                    | '·'
                    | '='
                    | '|'
                    | '°'
                    | '′'
                    | '″'
                    | '\''
            )
        {
            group = 0;
            between += 1;
        } else {
            break;
        }
    }
    (end.max(from + 1), digits, longest)
}

/// Where a made-up name such as a UUID, a token or a document's number ends: letters and digits
/// mixed.
fn end_of_id(chars: &[char], from: usize) -> Option<usize> {
    let length = chars
        .iter()
        .skip(from)
        .take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        .count();
    let run = chars.get(from..from + length)?;
    let digits = run.iter().filter(|c| c.is_numeric()).count();
    let letters = run.iter().filter(|c| c.is_alphabetic()).count();
    // «2014-го», «1990х» are years and «25-летний» an age.
    let counts = run
        .iter()
        .skip_while(|c| c.is_numeric())
        .all(|c| !c.is_numeric())
        && run.first().is_some_and(|c| c.is_numeric());
    let made_up = length >= 6 && digits >= 3 && letters >= 1 && !(counts && digits <= 4);
    // `anna85`
    let account = !counts && letters >= 3 && digits >= 2;
    (made_up || account).then_some(from + length)
}
