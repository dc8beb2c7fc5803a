//! What somebody meant to type. People in distress type fast, and some spell so that no filter
//! finds it. Only words that the rules of danger live on are mended, because a mended word is
//! used for nothing else.

/// Mended when one letter is wrong, missing, too many or in its neighbour's place; two in words
/// of eleven letters and more. None of them is that close to a common word.
const KEYS: &[&str] = &[
    "умереть",
    "сдохнуть",
    "суицид",
    "самоубийство",
    "покончить",
    "повеситься",
    "застрелиться",
    "порезать",
    "собой",
    "нехочу",
    "просыпаться",
    "проснуться",
    "таблеток",
    "таблетки",
    "снотворного",
    "избивает",
    "изнасиловал",
    "прощайте",
    "застрелю",
    "зарезать",
    "задушить",
    "suicide",
    "suicidal",
    "myself",
    "himself",
    "herself",
    "overdose",
];

/// Mended when two neighbouring letters have changed places: short, or close to other words.
const SWAPPED: &[&str] = &[
    "хочу",
    "жить",
    "убить",
    "себя",
    "жизни",
    "умру",
    "больше",
    "want",
    "kill",
    "killing",
    "going",
    "wanna",
    "life",
    "live",
    "living",
    "alive",
    "dead",
    "hurt",
    "harm",
    "never",
];

/// Other spellings of words too short for the rule above.
const SPELLINGS: &[(&str, &[&str])] = &[
    ("хочу", &["хачу", "хочю", "хачю", "хчу", "хоч", "хочуу"]),
    ("нехочу", &["нихачу", "нихочу", "нехачу", "нехочю"]),
    (
        "хочется",
        &["хочеца", "хочится", "хочицца", "хочеться", "хочецца"],
    ),
    ("жить", &["жит", "жыть", "жзнь"]),
    ("умереть", &["умерть", "помиреть"]),
    ("сдохнуть", &["здохнуть", "здохнут", "сдохнут", "сдохнудь"]),
    ("себя", &["сибя", "себа", "сибе"]),
    ("с", &["со"]),
    ("смысла", &["смсла", "смысл", "смысала"]),
    ("убью", &["убю", "убъю"]),
    ("kill", &["kil", "kll", "k1ll", "kyll"]),
    ("die", &["dye", "dei", "diee", "dy"]),
    ("live", &["liv", "lve"]),
    ("life", &["lfe", "lief"]),
    ("hurt", &["hrt", "hurtt"]),
    ("want", &["wnt", "wana", "wanna", "wan", "whant"]),
    ("dont", &["dnt", "dunt", "donot"]),
    ("suicidal", &["sucidal", "suisidal"]),
    ("suicide", &["sucide", "suiside"]),
    ("myself", &["mysel", "meself", "myslf"]),
];

/// Mends the words in place; false where there was nothing to mend.
pub(super) fn mend(words: &mut Vec<String>) -> bool {
    let before = words.clone();
    join_letters(words);
    for word in words.iter_mut() {
        let plain = squeeze(&letters_for_digits(word));
        *word = meant(&plain).map_or(plain, str::to_owned);
    }
    *words != before
}

/// Puts a word that was typed letter by letter together.
fn join_letters(words: &mut Vec<String>) {
    let mut joined: Vec<String> = Vec::with_capacity(words.len());
    let mut run = String::new();
    let end = |run: &mut String, joined: &mut Vec<String>| {
        if run.chars().count() >= 3 {
            joined.push(std::mem::take(run));
        } else {
            joined.extend(run.drain(..).map(String::from));
        }
    };
    for word in words.drain(..) {
        let mut letters = word.chars();
        match (letters.next(), letters.next()) {
            (Some(letter), None) if letter.is_alphabetic() => run.push(letter),
            _ => {
                end(&mut run, &mut joined);
                joined.push(word);
            }
        }
    }
    end(&mut run, &mut joined);
    *words = joined;
}

fn letters_for_digits(word: &str) -> String {
    let has_letters = word.chars().any(char::is_alphabetic);
    word.chars()
        .map(|c| match c {
            '0' if has_letters => 'o',
            '1' if has_letters => 'i',
            '3' if has_letters => 'e',
            '4' if has_letters => 'a',
            '5' if has_letters => 's',
            '7' if has_letters => 't',
            other => other,
        })
        .collect()
}

/// Three of a letter and more are one: «хочуууу».
fn squeeze(word: &str) -> String {
    let mut kept = String::with_capacity(word.len());
    let mut letters = word.chars().peekable();
    while let Some(letter) = letters.next() {
        let mut more = 0;
        while letters.next_if_eq(&letter).is_some() {
            more += 1;
        }
        kept.push(letter);
        if more == 1 {
            kept.push(letter);
        }
    }
    kept
}

fn meant(word: &str) -> Option<&'static str> {
    if KEYS.contains(&word) || SWAPPED.contains(&word) {
        return None;
    }
    if let Some((meant, _)) = SPELLINGS.iter().find(|(_, typed)| typed.contains(&word)) {
        return Some(meant);
    }
    let typed: Vec<char> = word.chars().collect();
    // Hardly anybody gets the first letter wrong, and much begins otherwise: «отдохнуть».
    let alike = |key: &&&str| key.chars().next() == typed.first().copied();
    let key = KEYS.iter().filter(alike).find(|key| {
        let key: Vec<char> = key.chars().collect();
        let allowed = if key.len() >= 11 { 2 } else { 1 };
        key.len().abs_diff(typed.len()) <= allowed && distance(&key, &typed) <= allowed
    });
    key.or_else(|| {
        // The same letters, so as many bytes.
        let swapped = SWAPPED.iter().filter(|key| key.len() == word.len());
        swapped.into_iter().find(|key| {
            let key: Vec<char> = key.chars().collect();
            key.len() == typed.len() && is_swapped(&key, &typed)
        })
    })
    .copied()
}

fn is_swapped(key: &[char], typed: &[char]) -> bool {
    let wrong: Vec<usize> = (0..key.len())
        .filter(|at| key.get(*at) != typed.get(*at))
        .collect();
    match wrong.as_slice() {
        [first, second] => {
            *second == first + 1
                && key.get(*first) == typed.get(*second)
                && key.get(*second) == typed.get(*first)
        }
        _ => false,
    }
}

/// The optimal string alignment distance: insertions, deletions, substitutions, and swaps of
/// neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (row, x) in a.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, y) in b.iter().enumerate() {
            let get = |line: &[usize], at: usize| line.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut best = (get(&last, column) + usize::from(x != y))
                .min(get(&last, column + 1) + 1)
                .min(get(&next, column) + 1);
            let swapped =
                row > 0 && column > 0 && a.get(row - 1) == Some(y) && b.get(column - 1) == Some(x);
            if swapped {
                best = best.min(get(&before, column - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut last, next);
    }
    last.last().copied().unwrap_or(0)
}

/// Russian that was typed in Latin letters, as on a keyboard without others.
pub(super) fn to_cyrillic(word: &str) -> String {
    const SOUNDS: &[(&str, &str)] = &[
        ("shch", "щ"),
        ("sch", "щ"),
        ("zh", "ж"),
        ("kh", "х"),
        ("ts", "ц"),
        ("ch", "ч"),
        ("sh", "ш"),
        ("yu", "ю"),
        ("ya", "я"),
        ("yo", "е"),
        ("ye", "е"),
        ("ju", "ю"),
        ("ja", "я"),
        ("ij", "ий"),
        ("iy", "ий"),
        ("yj", "ый"),
        ("a", "а"),
        ("b", "б"),
        ("c", "ц"),
        ("d", "д"),
        ("e", "е"),
        ("f", "ф"),
        ("g", "г"),
        ("h", "х"),
        ("i", "и"),
        ("j", "й"),
        ("k", "к"),
        ("l", "л"),
        ("m", "м"),
        ("n", "н"),
        ("o", "о"),
        ("p", "п"),
        ("q", "к"),
        ("r", "р"),
        ("s", "с"),
        ("t", "т"),
        ("u", "у"),
        ("v", "в"),
        ("w", "в"),
        ("x", "кс"),
        ("y", "ы"),
        ("z", "з"),
    ];
    let mut rest = word;
    let mut read = String::with_capacity(word.len() * 2);
    while !rest.is_empty() {
        match SOUNDS
            .iter()
            .find_map(|(latin, sound)| Some((rest.strip_prefix(latin)?, sound)))
        {
            Some((later, sound)) => {
                // After a vowel, y is й.
                let short = *sound == "ы" && read.ends_with(['а', 'е', 'и', 'о', 'у', 'ы']);
                read.push_str(if short { "й" } else { sound });
                rest = later;
            }
            None => {
                let mut letters = rest.chars();
                read.extend(letters.next());
                rest = letters.as_str();
            }
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::{distance, mend, to_cyrillic};

    fn mended(text: &str) -> String {
        let mut words = text.split(' ').map(str::to_owned).collect();
        mend(&mut words);
        words.join(" ")
    }

    #[test]
    fn what_was_meant() {
        for (typed, meant) in [
            ("х о ч у умереть", "хочу умереть"),
            ("хочууууу умиреть", "хочу умереть"),
            ("пакончить с сабой", "покончить с собой"),
            ("i wnat to d1e", "i want to die"),
            ("suicde", "suicide"),
            ("5 4 3 2 1", "5 4 3 2 1"),
            ("я и ты", "я и ты"),
            ("шить", "шить"),
            ("doing well", "doing well"),
        ] {
            assert_eq!(mended(typed), meant);
        }
    }

    #[test]
    fn russian_in_latin_letters() {
        for (typed, read) in [
            ("hochu", "хочу"),
            ("khochu", "хочу"),
            ("zhit", "жит"),
            ("umeret", "умерет"),
            ("bolshe", "болше"),
            ("moy", "мой"),
        ] {
            assert_eq!(to_cyrillic(typed), read);
        }
    }

    #[test]
    fn distances() {
        let of = |a: &str, b: &str| {
            distance(
                &a.chars().collect::<Vec<_>>(),
                &b.chars().collect::<Vec<_>>(),
            )
        };
        assert_eq!(of("", "ab"), 2);
        assert_eq!(of("abc", "abc"), 0);
        assert_eq!(of("abc", "acb"), 1);
        assert_eq!(of("abc", "xbc"), 1);
        assert_eq!(of("suicide", "suicde"), 1);
        assert_eq!(of("kitten", "sitting"), 3);
    }
}
