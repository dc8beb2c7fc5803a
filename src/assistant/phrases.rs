//! Finding phrases in what a person typed.
//!
//! A pattern is a row of steps parted by single spaces. A step is `..` for up to [`GAP`] words
//! of any kind, or alternatives parted by `|`, each a whole word or, with a `*` at its end, the
//! beginning of one: `не .. хочу|хочется жить`, `суицид*`. Patterns are written as
//! [`Words::new`] leaves words: small letters, `е` for `ё`, no apostrophes (`dont`).

use std::collections::HashMap;

use super::spelling;

/// How many words `..` may skip: as many as people put between the parts of one thought
/// («хочу просто лечь и умереть»), not enough to join two sentences.
const GAP: usize = 4;

/// The words of a text, in the form patterns are written in.
#[derive(Clone)]
pub(super) struct Words(Vec<String>);

impl Words {
    /// Small letters, `е` for `ё`, without apostrophes and invisible marks; everything that is
    /// neither letter nor digit parts words.
    pub(super) fn new(text: &str) -> Self {
        // Some keyboards send й and ё as a letter and a combining mark.
        let text = text.to_lowercase().replace("и\u{306}", "й");
        let mut kept = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                'ё' => kept.push('е'),
                '\'' | '’' | 'ʼ' | '`' | '\u{300}'..='\u{36f}' => {}
                '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => {}
                c if c.is_alphanumeric() => kept.push(c),
                _ => kept.push(' '),
            }
        }
        Self(kept.split_whitespace().map(str::to_owned).collect())
    }

    /// The words, in their order.
    pub(super) fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// The words themselves.
    pub(super) fn into_vec(self) -> Vec<String> {
        self.0
    }

    /// What the words may have been meant to be, by [`spelling`]. `None` where that is what they
    /// are.
    pub(super) fn mended(mut self) -> Option<Self> {
        spelling::mend(&mut self.0).then_some(self)
    }

    /// The words read as Russian in Latin letters. `None` where there is nothing to read.
    pub(super) fn in_cyrillic(&self) -> Option<Self> {
        let latin = |word: &String| word.chars().all(|c| c.is_ascii_alphabetic());
        self.0.iter().any(latin).then(|| {
            let read = |word: &String| match latin(word) {
                true => spelling::to_cyrillic(word),
                false => word.clone(),
            };
            Self(self.0.iter().map(read).collect())
        })
    }

    /// Whether any of the patterns is found anywhere.
    pub(super) fn hold_any(&self, patterns: &[&str]) -> bool {
        patterns.iter().any(|pattern| {
            let steps = steps(pattern);
            (0..self.0.len()).any(|at| self.found_at(at, &steps).is_some())
        })
    }

    /// As [`Self::hold_any`], with patterns that were prepared.
    pub(super) fn hold_one_of(&self, patterns: &Patterns) -> bool {
        self.0.iter().enumerate().any(|(at, word)| {
            patterns.begun_by(word).any(|row| {
                let row = patterns.rows.get(row);
                row.is_some_and(|steps| self.found_at(at, steps).is_some())
            })
        })
    }

    /// The same words with everything the patterns match made unrecognisable, pattern by pattern.
    /// The places stay, so that words left and right of it do not become neighbours.
    pub(super) fn without(mut self, patterns: &Patterns) -> Self {
        let mut places: Vec<(usize, usize)> = self
            .0
            .iter()
            .enumerate()
            .flat_map(|(at, word)| patterns.begun_by(word).map(move |row| (row, at)))
            .collect();
        places.sort_unstable();
        for (row, at) in places {
            let steps = patterns.rows.get(row).map_or(&[][..], Vec::as_slice);
            // What an earlier pattern took is not there any more.
            if let Some(end) = self.found_at(at, steps) {
                for word in self.0.iter_mut().take(end).skip(at) {
                    word.clear();
                }
            }
        }
        self
    }

    /// Where the match of `steps` that begins at word `at` ends.
    fn found_at(&self, at: usize, steps: &[Step<'_>]) -> Option<usize> {
        match steps.split_first() {
            None => Some(at),
            Some((Step::Gap, later)) => (at..=at + GAP).find_map(|at| self.found_at(at, later)),
            Some((Step::OneOf(words, beginnings), later)) => {
                let word = self.0.get(at)?.as_str();
                let fits = words.contains(&word)
                    || beginnings
                        .iter()
                        .any(|beginning| word.starts_with(beginning));
                if fits {
                    self.found_at(at + 1, later)
                } else {
                    None
                }
            }
        }
    }
}

/// Many patterns, found by how they begin. None begins with a gap.
pub(super) struct Patterns {
    rows: Vec<Vec<Step<'static>>>,
    /// The patterns whose first step may be this word.
    by_word: HashMap<&'static str, Vec<usize>>,
    /// Those whose first step may be a word that begins so, by its first letter.
    by_letter: HashMap<char, Vec<(&'static str, usize)>>,
}

impl Patterns {
    pub(super) fn new<'a>(patterns: impl IntoIterator<Item = &'a &'static str>) -> Self {
        let rows: Vec<_> = patterns.into_iter().map(|pattern| steps(pattern)).collect();
        let mut by_word: HashMap<_, Vec<_>> = HashMap::new();
        let mut by_letter: HashMap<_, Vec<_>> = HashMap::new();
        for (number, row) in rows.iter().enumerate() {
            if let Some(Step::OneOf(words, beginnings)) = row.first() {
                for word in words {
                    by_word.entry(*word).or_default().push(number);
                }
                for beginning in beginnings {
                    if let Some(letter) = beginning.chars().next() {
                        by_letter
                            .entry(letter)
                            .or_default()
                            .push((*beginning, number));
                    }
                }
            }
        }
        Self {
            rows,
            by_word,
            by_letter,
        }
    }

    /// The patterns whose first step this word may be.
    fn begun_by<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        let whole = self.by_word.get(word).into_iter().flatten().copied();
        let letter = word.chars().next();
        let begun = letter
            .and_then(|letter| self.by_letter.get(&letter))
            .into_iter()
            .flatten()
            .filter(move |(beginning, _)| word.starts_with(beginning))
            .map(|(_, row)| *row);
        whole.chain(begun)
    }
}

/// A part of a pattern.
enum Step<'a> {
    /// Up to [`GAP`] words of any kind.
    Gap,
    /// One of these words, or a word that begins so.
    OneOf(Vec<&'a str>, Vec<&'a str>),
}

fn steps(pattern: &str) -> Vec<Step<'_>> {
    let step = |step| match step {
        ".." => Step::Gap,
        step => {
            let (beginnings, words): (Vec<&str>, Vec<&str>) =
                str::split(step, '|').partition(|one| one.ends_with('*'));
            let beginnings = beginnings
                .iter()
                .map(|one| one.trim_end_matches('*'))
                .collect();
            Step::OneOf(words, beginnings)
        }
    };
    pattern.split(' ').map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::{Patterns, Words};

    fn holds(text: &str, pattern: &str) -> bool {
        Words::new(text).hold_any(&[pattern])
    }

    #[test]
    fn steps_are_whole_words_or_beginnings() {
        assert!(holds("Суицидальные мысли", "суицид*"));
        assert!(!holds("антисуицид", "суицид*"));
        assert!(holds("my sleep", "sleep"));
        assert!(!holds("sleeping", "sleep"));
        assert!(holds("a b", "b|c"));
        assert!(!holds("a b", "c|d"));
        assert!(holds("x b c", "b c"));
        assert!(!holds("b x c", "b c"));
        assert!(!holds("b", "b c"));
        assert!(!holds("", "b"));
    }

    #[test]
    fn a_gap_takes_up_to_four_words() {
        assert!(holds("a z", "a .. z"));
        assert!(holds("a 1 2 3 4 z", "a .. z"));
        assert!(!holds("a 1 2 3 4 5 z", "a .. z"));
        assert!(holds("a 1 m 2 3 z", "a .. m .. z"));
    }

    #[test]
    fn spelling_is_evened_out() {
        assert!(holds("ВСЁ, хватит!", "все хватит"));
        assert!(holds("I don’t   WANT", "dont want"));
        assert!(holds("мои\u{306} све\u{308}т", "мой свет"));
        assert!(holds("kill\u{200b}ing", "killing"));
        assert!(holds("5-4-3-2-1", "5 4 3 2 1"));
    }

    #[test]
    fn what_is_taken_out_parts_its_neighbours() {
        let words =
            Words::new("want kill time die kill time").without(&Patterns::new(&["kill time"]));
        assert!(!words.hold_any(&["kill"]));
        assert!(!words.hold_any(&["want die"]));
        assert!(words.hold_any(&["want .. die"]));
    }
}
