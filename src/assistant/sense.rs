//! A classifier that has read many phrases of people in danger and of people who are not, and
//! hears what the rules (`plain`, `danger`) have no pattern for.
//!
//! It is linear: every feature of a text (parts of words, words, pairs of words near each other)
//! is hashed to one of [`SIZE`] weights, and their mean decides. The weights are learnt from the
//! phrases in `tests/data/redteam/train` by `cargo run --example sense`, which gives the same bytes
//! everywhere (`-- --check` compares), and lie beside this file. It adds to the rules, and decides
//! where they are ambiguous (`ambiguous`); what they find otherwise stands whatever it hears.

use super::concepts;
use super::phrases::Words;

/// How many weights there are: twice as many as the features of all that is learnt from, because
/// words never read would otherwise count as much as those they share a weight with.
pub const SIZE: usize = 1 << 22;

/// The largest weight, as it is stored: in four bits.
pub const LARGEST: i8 = 7;

/// From this score on a text is taken for one about danger. Chosen by cross-validation on the
/// phrases trained on (`cargo run --example sense -- --folds`), not on those held out.
pub const THRESHOLD: f32 = 1.125;

/// From this score on, where a rule found words that may be danger: less is enough, and below
/// it the classifier overrules the rule. Chosen in the same way.
pub const DOUBT: f32 = 0.25;

/// A sentence of more words is read in overlapping parts.
const LONG: usize = 28;

/// Two neighbouring sentences are read together up to this many words.
const TOGETHER: usize = 36;

/// Meanings of words so far from each other are taken together.
const PAIRED: usize = 5;

/// The number that every weight is to be multiplied by and the bias, both as little-endian `f32`;
/// then two weights a byte, the first in the lower half, each as itself plus [`LARGEST`].
static LEARNT: &[u8] = include_bytes!("sense.bin");

/// How much `text` sounds like danger; above [`THRESHOLD`] it does. Its most alarming part
/// counts, so that a long text can't drown one sentence.
///
/// Takes time in proportion to the length of the text: a few milliseconds for 4,000 characters.
#[must_use]
pub fn score(text: &str) -> f32 {
    readings(text)
        .iter()
        .flat_map(|sentences| windows(sentences))
        .map(|window| score_of(&features(&window)))
        .fold(f32::MIN, f32::max)
}

/// Whether the score reaches the threshold.
#[must_use]
pub fn hears_danger(text: &str) -> bool {
    score(text) >= THRESHOLD
}

fn score_of(features: &[u32]) -> f32 {
    let Some(((scale, bias), weights)) = number(LEARNT, 0)
        .zip(number(LEARNT, 4))
        .zip(LEARNT.get(8..))
    else {
        return f32::MIN;
    };
    let sum: i64 = features
        .iter()
        .filter_map(|feature| {
            let two = weights.get(*feature as usize / 2)?;
            Some(i64::from(two >> (feature % 2 * 4) & 0xf) - i64::from(LARGEST))
        })
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "sums and counts are small")]
    let score = sum as f32 * scale * share(features.len()) + bias;
    score
}

fn number(bytes: &[u8], at: usize) -> Option<f32> {
    Some(f32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// What one of so many features counts.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
pub fn share(count: usize) -> f32 {
    1.0 / (count.max(12) as f32).sqrt()
}

/// A word, and what it says by itself.
pub struct Word {
    text: String,
    /// Where its first five letters end.
    stem: usize,
    /// The features that it has wherever it stands.
    own: Vec<u32>,
    meanings: Vec<u32>,
}

impl Word {
    fn new(text: String) -> Self {
        let stem = text
            .char_indices()
            .nth(5)
            .map_or(text.len(), |(end, _)| end);
        let mut own = vec![hashed(b'w', [text.as_bytes()])];
        own.push(hashed(
            b's',
            [text.get(..stem).unwrap_or_default().as_bytes()],
        ));
        grams(&text, &mut own);
        let meanings = concepts::of(&text);
        Self {
            text,
            stem,
            own,
            meanings,
        }
    }

    fn stem(&self) -> &str {
        self.text.get(..self.stem).unwrap_or_default()
    }
}

/// The sentences of the text as words: as typed, and where they differ as they may have been
/// meant, and read as Russian in Latin letters.
#[must_use]
pub fn readings(text: &str) -> Vec<Vec<Vec<Word>>> {
    let typed: Vec<Words> = text
        .split(['.', '!', '?', '…', '\n', ';'])
        .map(Words::new)
        .filter(|words| !words.as_slice().is_empty())
        .collect();
    let mended: Vec<Words> = typed
        .iter()
        .map(|words| words.clone().mended().unwrap_or_else(|| words.clone()))
        .collect();
    let cyrillic: Vec<Words> = typed
        .iter()
        .map(|words| words.in_cyrillic().unwrap_or_else(|| words.clone()))
        .collect();
    // Who writes Cyrillic as well as Latin letters means the Latin ones.
    let only_latin = !text.chars().any(|c| ('\u{400}'..='\u{4ff}').contains(&c));
    let differs = |read: &[Words]| {
        typed
            .iter()
            .zip(read)
            .any(|(one, other)| one.as_slice() != other.as_slice())
    };
    let (mends, reads) = (differs(&mended), only_latin && differs(&cyrillic));
    let words = |read: Vec<Words>| {
        read.into_iter()
            .map(|words| words.into_vec().into_iter().map(Word::new).collect())
            .collect()
    };
    [(typed, true), (mended, mends), (cyrillic, reads)]
        .into_iter()
        .filter_map(|(read, differs)| differs.then(|| words(read)))
        .collect()
}

/// The parts of a text that are judged by themselves.
#[must_use]
pub fn windows(sentences: &[Vec<Word>]) -> Vec<Vec<&Word>> {
    let mut windows = Vec::new();
    for (at, sentence) in sentences.iter().enumerate() {
        if sentence.len() > LONG {
            let parts = (0..sentence.len()).step_by(LONG / 2);
            for from in parts.take_while(|from| from + LONG / 2 < sentence.len()) {
                windows.push(sentence.iter().skip(from).take(LONG).collect());
            }
        }
        let mut window: Vec<&Word> = Vec::new();
        for sentence in sentences.iter().skip(at).take(2) {
            window.extend(sentence);
            if window.len() > TOGETHER {
                break;
            }
            windows.push(window.clone());
        }
    }
    windows
}

/// The features of these words, each once, as indices below [`SIZE`].
#[must_use]
pub fn features(words: &[&Word]) -> Vec<u32> {
    let mut found = Vec::with_capacity(words.len() * 24);
    for (at, word) in words.iter().enumerate() {
        found.extend(&word.own);
        if let Some(next) = words.get(at + 1) {
            found.push(hashed(b'b', [word.text.as_bytes(), next.text.as_bytes()]));
        }
        let stem = word.stem();
        for near in words.iter().skip(at + 1).take(3) {
            let pair = [stem.min(near.stem()), stem.max(near.stem())];
            found.push(hashed(b'p', pair.map(str::as_bytes)));
        }
    }
    meanings(words, &mut found);
    if let (Some(first), Some(last)) = (words.first(), words.last()) {
        found.push(hashed(b'^', [first.text.as_bytes()]));
        found.push(hashed(b'$', [last.text.as_bytes()]));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The meanings of the words, alone, in pairs and in threes that are near each other.
fn meanings(words: &[&Word], found: &mut Vec<u32>) {
    let mut add = |mut numbers: [u32; 3]| {
        numbers.sort_unstable();
        found.push(hashed(b'c', numbers.map(u32::to_le_bytes).each_ref()));
    };
    for (at, first) in words.iter().enumerate() {
        for one in &first.meanings {
            add([0, 0, *one]);
            for (later, second) in words.iter().enumerate().skip(at + 1).take(PAIRED) {
                for other in &second.meanings {
                    add([0, *one, *other]);
                    for third in words.iter().skip(later + 1).take(2) {
                        for last in &third.meanings {
                            add([*one, *other, *last]);
                        }
                    }
                }
            }
        }
    }
}

/// Four letters in a row, with marks for where a word begins and ends.
fn grams(word: &str, found: &mut Vec<u32>) {
    let marked: String = format!("^{word}$");
    let starts: Vec<usize> = marked
        .char_indices()
        .map(|(at, _)| at)
        .chain([marked.len()])
        .collect();
    // A word without end is no word.
    for (at, from) in starts.iter().enumerate().take(40) {
        if let Some(gram) = starts.get(at + 4).and_then(|to| marked.get(*from..*to)) {
            found.push(hashed(b'g', [gram.as_bytes()]));
        }
    }
}

/// FNV-1a, folded to the number of weights.
fn hashed<const N: usize>(kind: u8, parts: [impl AsRef<[u8]>; N]) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut mix = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    mix(kind);
    for part in &parts {
        part.as_ref().iter().copied().for_each(&mut mix);
        mix(0);
    }
    let folded = (hash ^ (hash >> 29)) & (SIZE as u64 - 1);
    u32::try_from(folded).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{LEARNT, SIZE, features, hears_danger, readings, score, windows};

    #[test]
    fn there_is_a_weight_for_every_feature() {
        assert_eq!(LEARNT.len(), SIZE / 2 + 8);
        let read = readings("хочу жить to be");
        let windows: Vec<_> = read.iter().flat_map(|one| windows(one)).collect();
        let all = features(&windows[0]);
        assert!(all.iter().all(|feature| (*feature as usize) < SIZE));
    }

    #[test]
    fn nothing_is_no_danger() {
        for text in ["", " ", "...", "\u{200b}", "😀", "5 4 3 2 1"] {
            assert!(!hears_danger(text), "{text:?}: {}", score(text));
        }
    }

    #[test]
    fn one_sentence_among_many_is_heard() {
        let calm = "Гуляли с собакой в парке. ".repeat(60);
        assert!(!hears_danger(&calm), "{}", score(&calm));
        assert!(hears_danger(&format!("{calm} Я решил умереть. {calm}")));
    }

    #[test]
    fn long_sentences_are_read_in_parts_to_their_end() {
        let text = (0..100).map(|n| format!("w{n} ")).collect::<String>();
        let read = readings(&text);
        let windows: Vec<_> = read.iter().flat_map(|one| windows(one)).collect();
        assert!(windows.iter().all(|window| window.len() <= 36));
        assert!(
            windows
                .iter()
                .any(|window| window.last().is_some_and(|word| word.text == "w99"))
        );
    }
}
