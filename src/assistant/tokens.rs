//! A text as words and what stands between them.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// A word, or what stands between two.
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    is_word: bool,
}

impl Token<'_> {
    /// The word, folded.
    pub(super) fn word(&self) -> Option<String> {
        self.is_word.then(|| fold(self.text))
    }

    pub(super) fn is_capitalised(&self) -> bool {
        self.is_word && self.text.chars().next().is_some_and(char::is_uppercase)
    }

    /// Written in capitals: an abbreviation, or somebody who shouts.
    pub(super) fn is_all_capitals(&self) -> bool {
        self.is_word
            && self.text.chars().filter(|c| c.is_uppercase()).count() > 1
            && !self.text.chars().any(char::is_lowercase)
    }

    pub(super) fn is_number(&self) -> bool {
        self.is_word && self.text.chars().all(char::is_numeric)
    }
}

/// Words and separators by turns.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
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

/// Letters as they are compared: small, `е` for `ё`, without accents.
pub(super) fn fold(word: &str) -> String {
    word.nfc()
        .flat_map(char::to_lowercase)
        .flat_map(|c| match c {
            'ё' => vec!['е'],
            'й' => vec!['й'],
            c => c.nfkd().filter(|c| !is_combining_mark(*c)).collect(),
        })
        .collect()
}
