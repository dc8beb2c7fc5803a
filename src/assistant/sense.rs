//! A classifier that has read many phrases of people in danger and of people who are not, and
//! hears what the rules (`danger`) have no pattern for.
//!
//! It is linear: every feature of a text (parts of words, words, pairs of words near each other)
//! is hashed to one of [`SIZE`] weights, and their mean decides. The weights are learnt from the
//! phrases in `tests/data/redteam/train` by `cargo run --example sense`, which is deterministic,
//! and lie beside this file. It adds to the rules and takes nothing away from them.

use super::concepts;
use super::phrases::Words;

/// How many weights there are; 128 KiB of them.
pub const SIZE: usize = 1 << 17;

/// From this score on a text is taken for one about danger. Chosen by cross-validation on the
/// phrases trained on (`cargo run --example sense -- --folds`), not on those held out.
pub const THRESHOLD: f32 = 1.25;

/// A sentence of more words is read in overlapping parts.
const LONG: usize = 28;

/// Neighbouring sentences are read together up to this many words.
const TOGETHER: usize = 36;

/// Meanings of words so far from each other are taken together.
const PAIRED: usize = 5;

/// One byte a weight, signed, after the number that every one is to be multiplied by and the
/// bias, both as little-endian `f32`.
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
        .filter_map(|feature| weights.get(*feature as usize))
        .map(|weight| i64::from(i8::from_le_bytes([*weight])))
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

/// The sentences of the text as words: as typed, and where they differ as they may have been
/// meant, and read as Russian in Latin letters.
#[must_use]
pub fn readings(text: &str) -> Vec<Vec<Vec<String>>> {
    let typed: Vec<Words> = text
        .split(['.', '!', '?', '…', '\n', ';'])
        .map(Words::new)
        .filter(|words| !words.as_slice().is_empty())
        .collect();
    let read = |words: Vec<Words>| words.into_iter().map(Words::into_vec).collect();
    let mended: Vec<Words> = typed
        .iter()
        .map(|words| words.clone().mended().unwrap_or_else(|| words.clone()))
        .collect();
    let mut readings = vec![read(typed.clone())];
    let differs = |a: &[Words], b: &[Words]| {
        a.iter()
            .zip(b)
            .any(|(one, other)| one.as_slice() != other.as_slice())
    };
    if differs(&typed, &mended) {
        readings.push(read(mended));
    }
    let cyrillic: Vec<Words> = typed
        .iter()
        .map(|words| words.in_cyrillic().unwrap_or_else(|| words.clone()))
        .collect();
    // Who writes Cyrillic as well as Latin letters means the Latin ones.
    let only_latin = !text.chars().any(|c| ('\u{400}'..='\u{4ff}').contains(&c));
    if only_latin && differs(&typed, &cyrillic) {
        readings.push(read(cyrillic));
    }
    readings
}

/// The parts of a text that are judged by themselves.
#[must_use]
pub fn windows(sentences: &[Vec<String>]) -> Vec<Vec<&str>> {
    let mut windows = Vec::new();
    for (at, sentence) in sentences.iter().enumerate() {
        if sentence.len() > LONG {
            let parts = (0..sentence.len()).step_by(LONG / 2);
            for from in parts.take_while(|from| from + LONG / 2 < sentence.len()) {
                let part = sentence.iter().skip(from).take(LONG);
                windows.push(part.map(String::as_str).collect());
            }
        }
        let mut window: Vec<&str> = Vec::new();
        for sentence in sentences.iter().skip(at).take(4) {
            window.extend(sentence.iter().map(String::as_str));
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
pub fn features(words: &[&str]) -> Vec<u32> {
    let mut found = Vec::with_capacity(words.len() * 24);
    let stems: Vec<&str> = words.iter().map(|word| beginning(word, 5)).collect();
    for (at, word) in words.iter().enumerate() {
        found.push(hashed(b'w', word, ""));
        found.push(hashed(b's', stems.get(at).copied().unwrap_or_default(), ""));
        grams(word, &mut found);
        if let Some(next) = words.get(at + 1) {
            found.push(hashed(b'b', word, next));
        }
        let stem = stems.get(at).copied().unwrap_or_default();
        for near in stems.iter().skip(at + 1).take(3) {
            let (first, second) = if stem <= *near { (stem, *near) } else { (*near, stem) };
            found.push(hashed(b'p', first, second));
        }
    }
    meanings(words, &mut found);
    if let (Some(first), Some(last)) = (words.first(), words.last()) {
        found.push(hashed(b'^', first, ""));
        found.push(hashed(b'$', last, ""));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The meanings of the words, alone, in pairs and in threes that are near each other.
fn meanings(words: &[&str], found: &mut Vec<u32>) {
    let meant: Vec<Vec<usize>> = words.iter().map(|word| concepts::of(word).collect()).collect();
    let mut add = |numbers: &mut [usize]| {
        numbers.sort_unstable();
        let name: Vec<String> = numbers.iter().map(usize::to_string).collect();
        found.push(hashed(b'c', &name.join(" "), ""));
    };
    for (at, first) in meant.iter().enumerate() {
        for one in first {
            add(&mut [*one]);
            for (later, second) in meant.iter().enumerate().skip(at + 1).take(PAIRED) {
                for other in second {
                    add(&mut [*one, *other]);
                    for third in meant.iter().skip(later + 1).take(2) {
                        for last in third {
                            add(&mut [*one, *other, *last]);
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
            found.push(hashed(b'g', gram, ""));
        }
    }
}

fn beginning(word: &str, letters: usize) -> &str {
    word.char_indices()
        .nth(letters)
        .and_then(|(end, _)| word.get(..end))
        .unwrap_or(word)
}

/// FNV-1a, folded to the number of weights.
fn hashed(kind: u8, one: &str, other: &str) -> u32 {
    let bytes = [kind]
        .into_iter()
        .chain(one.bytes())
        .chain([0])
        .chain(other.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let folded = (hash ^ (hash >> 29)) & (SIZE as u64 - 1);
    u32::try_from(folded).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{LEARNT, SIZE, features, hears_danger, readings, score, windows};

    #[test]
    fn there_is_a_weight_for_every_feature() {
        assert_eq!(LEARNT.len(), SIZE + 8);
        let all = features(&["хочу", "жить", "to", "be"]);
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
        assert!(windows.iter().any(|window| window.last() == Some(&"w99")));
    }
}
