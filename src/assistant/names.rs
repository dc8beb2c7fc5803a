//! Recognising a name however it is written: in any Russian case, in its short forms, in the
//! other alphabet.

use super::spelling::to_cyrillic;

/// Full names and what people are called by them.
pub(super) const SHORT_FORMS: &[(&str, &[&str])] = &[
    ("александр", &["саша", "саня", "сашка", "шура", "алекс"]),
    ("александра", &["саша", "сашка", "шура", "аля"]),
    ("алексей", &["леша", "лешка", "алеша", "леха"]),
    ("анастасия", &["настя", "настенька", "ася"]),
    ("андрей", &["андрюша", "андрюха"]),
    ("анна", &["аня", "анечка", "анюта", "нюра"]),
    ("антон", &["тоша", "антоша", "тоха"]),
    ("борис", &["боря"]),
    ("валентина", &["валя"]),
    ("валерий", &["валера"]),
    ("василий", &["вася"]),
    ("виктор", &["витя"]),
    ("виктория", &["вика"]),
    ("виталий", &["виталик"]),
    ("владимир", &["вова", "володя", "вовка"]),
    ("владислав", &["влад", "славик"]),
    ("галина", &["галя"]),
    ("георгий", &["гоша", "жора"]),
    ("григорий", &["гриша"]),
    ("дарья", &["даша"]),
    ("денис", &["дэн"]),
    ("дмитрий", &["дима", "димка", "митя", "димон"]),
    ("евгений", &["женя", "женька"]),
    ("евгения", &["женя", "женька"]),
    ("екатерина", &["катя", "катюша", "катерина"]),
    ("елена", &["лена", "леночка", "алена"]),
    ("елизавета", &["лиза"]),
    ("иван", &["ваня", "ванька"]),
    ("игорь", &["игорек", "гоша"]),
    ("ирина", &["ира", "ириша"]),
    ("константин", &["костя", "костик"]),
    ("ксения", &["ксюша"]),
    ("людмила", &["люда", "мила"]),
    ("максим", &["макс"]),
    ("маргарита", &["рита"]),
    ("мария", &["маша", "маруся", "машенька"]),
    ("михаил", &["миша", "мишка", "миха"]),
    ("надежда", &["надя"]),
    ("наталья", &["наташа", "ната"]),
    ("наталия", &["наташа", "ната"]),
    ("николай", &["коля", "колян"]),
    ("олег", &["олежка"]),
    ("ольга", &["оля", "оленька"]),
    ("павел", &["паша", "пашка"]),
    ("петр", &["петя", "петька"]),
    ("роман", &["рома", "ромка"]),
    ("светлана", &["света"]),
    ("сергей", &["сережа", "серега", "серый"]),
    ("софия", &["соня"]),
    ("софья", &["соня"]),
    ("станислав", &["стас"]),
    ("татьяна", &["таня", "танюша"]),
    ("федор", &["федя"]),
    ("юлия", &["юля"]),
    ("юрий", &["юра"]),
    ("ярослав", &["ярик"]),
];

/// What follows the stem of a Russian name: case endings, and those of short and family names.
const ENDINGS: &[&str] = &[
    "",
    "а",
    "я",
    "о",
    "е",
    "и",
    "ы",
    "у",
    "ю",
    "й",
    "ь",
    "ой",
    "ей",
    "ою",
    "ею",
    "ом",
    "ем",
    "им",
    "ым",
    "ам",
    "ям",
    "ами",
    "ями",
    "ах",
    "ях",
    "ов",
    "ев",
    "ий",
    "ия",
    "ию",
    "ией",
    "ии",
    "ием",
    "ого",
    "его",
    "ому",
    "ему",
    "ых",
    "их",
    "ыми",
    "ими",
    "ая",
    "ую",
    "ин",
    "ина",
    "ину",
    "иной",
    "иного",
    "ка",
    "ки",
    "ке",
    "ку",
    "кой",
    "ова",
    "овой",
    "ову",
    "ыч",
    "ич",
    "очка",
    "очки",
    "очке",
    "очку",
    "очкой",
    "енька",
    "еньки",
    "еньке",
    "еньку",
    "енькой",
    "ешка",
    "ечка",
    "ечки",
    "ечке",
    "ечку",
    "ечкой",
    "ушка",
    "ушке",
    "ушку",
    "ушки",
];

/// A beginning by which a name is recognised, with what may follow it.
pub(super) struct Stem {
    beginning: String,
    endings: &'static [&'static str],
}

impl Stem {
    /// Whether a folded word is a form of the name.
    pub(super) fn fits(&self, word: &str) -> bool {
        word.strip_prefix(&self.beginning)
            .is_some_and(|ending| self.endings.contains(&ending))
    }
}

/// The words of a name that tell something: of two letters and more. `anna_petrova85` and
/// `AnnaPetrova` are two words.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small_before = false;
    for c in name.chars() {
        if !c.is_alphabetic() || (c.is_uppercase() && small_before) {
            words.push(String::new());
        }
        small_before = c.is_lowercase();
        if c.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.push(c);
        }
    }
    words.retain(|word| word.chars().count() >= 2);
    // As typed, where that is one word too: digits in the middle don't hide it.
    let whole = name.trim();
    if !words.iter().any(|word| word == whole)
        && whole.chars().count() >= 2
        && whole.chars().all(char::is_alphanumeric)
        && whole.chars().any(char::is_alphabetic)
    {
        words.push(whole.to_owned());
    }
    words
}

/// How a folded name is recognised.
pub(super) fn stems(name: &str) -> Vec<Stem> {
    let mut spellings = vec![name.to_owned()];
    if name.is_ascii() {
        spellings.push(to_cyrillic(name));
    } else {
        spellings.extend(to_latin(name));
    }
    let short: Vec<&str> = SHORT_FORMS
        .iter()
        .filter(|(full, short)| {
            let is_known = |form: &str| spellings.iter().any(|name| name == form);
            is_known(full) || short.iter().any(|short| is_known(short))
        })
        .flat_map(|(full, short)| short.iter().chain([full]).copied())
        .collect();
    spellings.extend(short.into_iter().map(str::to_owned));
    spellings.sort_unstable();
    spellings.dedup();
    spellings
        .iter()
        .flat_map(|spelling| of_spelling(spelling))
        .collect()
}

fn of_spelling(name: &str) -> Vec<Stem> {
    let whole = |name: &str| Stem {
        beginning: name.to_owned(),
        endings: &["", "s"],
    };
    let letters: Vec<char> = name.chars().collect();
    if name.is_ascii() || letters.len() < 2 {
        return vec![whole(name)];
    }
    let mut beginnings = Vec::new();
    let without = |count: usize| -> String {
        letters
            .iter()
            .take(letters.len().saturating_sub(count))
            .collect()
    };
    let ends_in = |letters_: &str| name.chars().last().is_some_and(|c| letters_.contains(c));
    beginnings.push(if ends_in("аяоеиыуюйь") {
        without(1)
    } else {
        name.to_owned()
    });
    if letters.len() >= 5
        && ["ий", "ый", "ой", "ая", "яя"]
            .iter()
            .any(|end| name.ends_with(end))
    {
        beginnings.push(without(2));
    }
    // Павел, Павла; Лев, Льва.
    if let [.., first, vowel @ ('е' | 'о'), last] = letters.as_slice()
        && !"аеиоуыэюя".contains(*first)
        && !"аеиоуыэюяйь".contains(*last)
    {
        let kept = without(3);
        let soft = if *vowel == 'е' && *first == 'л' {
            "ь"
        } else {
            ""
        };
        beginnings.push(format!("{kept}{first}{soft}{last}"));
    }
    beginnings.retain(|beginning| beginning.chars().count() >= 2);
    let mut stems: Vec<Stem> = beginnings
        .into_iter()
        .map(|beginning| Stem {
            beginning,
            endings: ENDINGS,
        })
        .collect();
    stems.push(whole(name));
    stems
}

/// A Russian name in the usual Latin spellings.
fn to_latin(name: &str) -> Vec<String> {
    let spell = |soft: &str, iy: &str| -> String {
        name.chars()
            .map(|c| match c {
                'а' => "a",
                'б' => "b",
                'в' => "v",
                'г' => "g",
                'д' => "d",
                'е' | 'э' => "e",
                'ж' => "zh",
                'з' => "z",
                'и' => "i",
                'й' => iy,
                'к' => "k",
                'л' => "l",
                'м' => "m",
                'н' => "n",
                'о' => "o",
                'п' => "p",
                'р' => "r",
                'с' => "s",
                'т' => "t",
                'у' => "u",
                'ф' => "f",
                'х' => "kh",
                'ц' => "ts",
                'ч' => "ch",
                'ш' => "sh",
                'щ' => "shch",
                'ы' => "y",
                'ю' => {
                    if soft == "y" {
                        "yu"
                    } else {
                        "iu"
                    }
                }
                'я' => {
                    if soft == "y" {
                        "ya"
                    } else {
                        "ia"
                    }
                }
                _ => "",
            })
            .collect()
    };
    let mut spellings = vec![spell("y", "y"), spell("i", "i")];
    // Мария is Maria and not Mariia, Дмитрий also Dmitry.
    for (long, short) in [("iya", "ia"), ("iia", "ia"), ("iy", "y"), ("ii", "y")] {
        let shorter: Vec<String> = spellings
            .iter()
            .filter_map(|name| Some(format!("{}{short}", name.strip_suffix(long)?)))
            .collect();
        spellings.extend(shorter);
    }
    spellings
}

#[cfg(test)]
mod tests {
    use super::{stems, words};

    fn fits(name: &str, word: &str) -> bool {
        stems(name).iter().any(|stem| stem.fits(word))
    }

    #[test]
    fn names_are_recognised_in_every_case() {
        for (name, forms) in [
            (
                "мария",
                "мария марии марию марией маша маше машу машей машенька maria mariya",
            ),
            ("анна", "анна анны анне анну анной аня аню ане anna"),
            (
                "иван",
                "иван ивана ивану иваном иване ваня ваней ivan ivans",
            ),
            ("павел", "павел павла павлу павлом павле паша pavel"),
            ("лев", "лев льва льву львом льве lev"),
            (
                "дмитрий",
                "дмитрий дмитрия дмитрию дмитрием дима диму dmitriy dmitry",
            ),
            ("иванова", "иванова ивановой иванову"),
            ("петров", "петров петрова петрову петровым петровой"),
            ("достоевский", "достоевского достоевскому достоевским"),
            ("илья", "илья ильи илье илью ильей"),
            ("anna", "anna annas анна анну анной аня"),
            ("smith", "smith smiths"),
        ] {
            for form in forms.split(' ') {
                assert!(fits(name, form), "{name}: {form}");
            }
        }
        for (name, other) in [
            ("анна", "аналог"),
            ("иван", "диван"),
            ("петр", "метр"),
            ("maria", "marriage"),
        ] {
            assert!(!fits(name, other), "{name}: {other}");
        }
    }

    #[test]
    fn a_username_may_be_several_words() {
        assert_eq!(words("anna_petrova85"), ["anna", "petrova"]);
        assert_eq!(words("AnnaPetrova"), ["Anna", "Petrova", "AnnaPetrova"]);
        assert_eq!(words("Мария И. Козлова"), ["Мария", "Козлова"]);
        assert_eq!(words("w0lf"), ["lf", "w0lf"]);
    }
}
