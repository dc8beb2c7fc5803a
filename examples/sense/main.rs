//! Learns the weights of `haven::assistant::sense` from the phrases that it is trained on, and
//! writes them to `src/assistant/sense.bin`. The same phrases give the same weights.
//!
//! With `--check` it writes nothing, and fails where the weights there are not what the phrases
//! give. With `--folds` it writes nothing either, and prints what a classifier catches of the phrases that it
//! was not trained on, fold by fold, at several thresholds.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use haven::assistant::safety::{Found, rules_find};
use haven::assistant::sense::{
    DOUBT, LARGEST, SIZE, THRESHOLD, features, readings, share, windows,
};

const EPOCHS: usize = 20;
/// From which epoch on the weights are averaged: each by itself is a little off.
const SETTLED: usize = 10;
const RATE: f32 = 0.3;
/// How many of a hundred features are left out each time, so that no phrase hangs on one word.
const UNREAD: usize = 30;
/// How fast weights shrink that nothing speaks for.
const DECAY: f32 = 1e-4;
const FOLDS: usize = 5;
/// How often each variant is mistyped.
const TYPOS: usize = 3;
/// A text about danger of more words than this has harmless parts as well.
const LONG: usize = 20;

/// A phrase, its variants with it.
struct Phrase {
    danger: bool,
    /// Whether it is a line of a set, as people write, rather than one that only teaches.
    case: bool,
    /// What is learnt from: of each, the one that sounds most like danger. Of a long text about
    /// danger nobody says where in it the danger is, so that is found while learning.
    parts: Vec<Vec<Vec<u32>>>,
    /// What decides about the phrase as it stands.
    whole: Vec<Vec<u32>>,
    /// What the rules find in it.
    found: Found,
}

/// Numbers that look random and are the same every time (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end.max(1) as u64) as usize
    }
}

fn main() -> anyhow::Result<()> {
    let sets = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/redteam");
    let mut phrases = Vec::new();
    let mut dice = Dice(7);
    for (file, danger) in files(&sets)? {
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let kind_and_text = line.split_once('\t');
            let text = kind_and_text.map_or(line, |(_, text)| text);
            let mut phrase = phrase(text, danger, &mut dice);
            phrase.case = kind_and_text.is_some();
            phrases.push(phrase);
        }
    }
    println!("{} phrases", phrases.len());
    if std::env::args().any(|arg| arg == "--folds") {
        folds(&phrases);
        return Ok(());
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/assistant/sense.bin");
    let learnt = learnt(&phrases);
    if std::env::args().any(|arg| arg == "--check") {
        anyhow::ensure!(
            fs::read(&path)? == learnt,
            "src/assistant/sense.bin is not what its phrases give: cargo run --example sense"
        );
        return Ok(());
    }
    fs::write(&path, learnt)?;
    Ok(())
}

/// What `sense.bin` holds: the scale, the bias, and two weights a byte.
fn learnt(phrases: &[Phrase]) -> Vec<u8> {
    let all: Vec<&Phrase> = phrases.iter().collect();
    let (weights, bias) = learn(&all);
    let scale = scale(&weights);
    let mut bytes = Vec::with_capacity(SIZE / 2 + 8);
    bytes.extend(scale.to_le_bytes());
    bytes.extend(bias.to_le_bytes());
    let stored = |weight: f32| (coarse(weight, scale) + LARGEST) as u8;
    bytes.extend(
        weights
            .chunks_exact(2)
            .map(|two| stored(two[0]) | stored(two[1]) << 4),
    );
    bytes
}

/// What the largest stored weight is a multiple of: three times the usual weight fits, few are
/// larger.
fn scale(weights: &[f32]) -> f32 {
    let used = weights.iter().filter(|weight| **weight != 0.0);
    let (count, squares) = used.fold((0, 0.0_f64), |(count, sum), weight| {
        (count + 1, sum + f64::from(weight * weight))
    });
    (3.0 * (squares / f64::from(count.max(1))).sqrt() / f64::from(LARGEST)) as f32
}

/// The weight as it is stored.
fn coarse(weight: f32, scale: f32) -> i8 {
    let largest = f32::from(LARGEST);
    (weight / scale).round().clamp(-largest, largest) as i8
}

/// What is learnt from, crises first, always in the same order.
fn files(sets: &Path) -> anyhow::Result<Vec<(PathBuf, bool)>> {
    let mut files = vec![
        (sets.join("crisis.tsv"), true),
        (sets.join("benign.tsv"), false),
    ];
    for entry in fs::read_dir(sets.join("train"))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let danger = name.starts_with("crisis");
        anyhow::ensure!(danger || name.starts_with("benign"), "{name} is neither");
        files.push((path, danger));
    }
    files.sort_by(|one, other| (!one.1, &one.0).cmp(&(!other.1, &other.0)));
    Ok(files)
}

fn phrase(line: &str, danger: bool, dice: &mut Dice) -> Phrase {
    let variants = variants(line);
    let whole = judged(&variants[0]);
    let found = rules_find(&variants[0]);
    let mut parts = Vec::new();
    for variant in variants {
        let russian = variant
            .chars()
            .any(|c| ('\u{400}'..='\u{4ff}').contains(&c));
        let mut typed = vec![(variant.clone(), false)];
        typed.extend((0..TYPOS).map(|_| (mistyped(&variant, dice), false)));
        if russian {
            typed.push((in_latin(&variant), true));
        }
        for (text, latin) in &typed {
            if !danger {
                parts.extend(judged(text).into_iter().map(|part| vec![part]));
                continue;
            }
            let readings = readings(text);
            let read = if *latin {
                readings.last()
            } else {
                readings.first()
            };
            let Some(sentences) = read else { continue };
            let words: Vec<_> = sentences.iter().flatten().collect();
            parts.push(if words.len() > LONG {
                let windows = windows(sentences);
                windows.iter().map(|window| features(window)).collect()
            } else {
                vec![features(&words)]
            });
        }
    }
    Phrase {
        danger,
        case: false,
        parts,
        whole,
        found,
    }
}

fn judged(text: &str) -> Vec<Vec<u32>> {
    readings(text)
        .iter()
        .flat_map(|sentences| windows(sentences))
        .map(|window| features(&window))
        .collect()
}

/// `a {b|c} d` is `a b d` and `a c d`; several braces turn together.
fn variants(line: &str) -> Vec<String> {
    let choices: Vec<Vec<&str>> = line
        .split('{')
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('}')?.0.split('|').collect()))
        .collect();
    let count = choices.iter().map(Vec::len).max().unwrap_or(1);
    (0..count)
        .map(|turn| {
            let mut text = String::new();
            for (number, piece) in line.split('{').enumerate() {
                match piece.split_once('}') {
                    Some((_, rest)) if number > 0 => {
                        let choice = &choices[number - 1];
                        text.push_str(choice[turn % choice.len()]);
                        text.push_str(rest);
                    }
                    _ => text.push_str(piece),
                }
            }
            text
        })
        .collect()
}

/// As somebody types who is in a hurry or can't spell.
fn mistyped(text: &str, dice: &mut Dice) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..(letters.len() / 14).max(1) {
        if letters.len() < 3 {
            break;
        }
        let at = dice.below(letters.len() - 1);
        match dice.below(5) {
            0 => letters.swap(at, at + 1),
            1 => drop(letters.remove(at)),
            2 => letters.insert(at, letters[at]),
            _ => {
                let sounds = [
                    ('о', 'а'),
                    ('е', 'и'),
                    ('и', 'е'),
                    ('я', 'и'),
                    ('ю', 'у'),
                    ('a', 'e'),
                    ('e', 'a'),
                    ('i', 'e'),
                ];
                let from = dice.below(letters.len());
                let vowel = letters
                    .iter()
                    .skip(from)
                    .position(|c| sounds.iter().any(|(is, _)| is == c));
                if let Some(vowel) = vowel {
                    let letter = &mut letters[from + vowel];
                    *letter = sounds
                        .iter()
                        .find(|(is, _)| is == letter)
                        .map_or(*letter, |(_, typed)| *typed);
                }
            }
        }
    }
    letters.into_iter().collect()
}

fn in_latin(text: &str) -> String {
    text.to_lowercase()
        .chars()
        .map(|c| match c {
            'а' => "a",
            'б' => "b",
            'в' => "v",
            'г' => "g",
            'д' => "d",
            'е' => "e",
            'ё' => "e",
            'ж' => "zh",
            'з' => "z",
            'и' => "i",
            'й' => "y",
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
            'х' => "h",
            'ц' => "ts",
            'ч' => "ch",
            'ш' => "sh",
            'щ' => "sch",
            'ъ' | 'ь' => "",
            'ы' => "y",
            'э' => "e",
            'ю' => "yu",
            'я' => "ya",
            ' ' => " ",
            ',' => ",",
            '.' => ".",
            '?' => "?",
            '!' => "!",
            _ => " ",
        })
        .collect()
}

/// Logistic regression by gradient descent, every weight at its own pace (AdaGrad).
fn learn(phrases: &[&Phrase]) -> (Vec<f32>, f32) {
    let mut weights = vec![0.0_f32; SIZE];
    let (mut mean, mut mean_bias) = (vec![0.0_f32; SIZE], 0.0_f32);
    let mut pace = vec![1e-6_f32; SIZE];
    let (mut bias, mut bias_pace) = (0.0_f32, 1e-6_f32);
    // A phrase with many parts says no more than one with few, and both kinds weigh the same.
    let mass = |danger: bool| -> f32 {
        let all = phrases.iter().filter(|phrase| phrase.danger == danger);
        all.map(|phrase| (phrase.parts.len() as f32).sqrt()).sum()
    };
    let (grave, calm) = (mass(true), mass(false));
    let mut order: Vec<(usize, usize)> = phrases
        .iter()
        .enumerate()
        .flat_map(|(phrase, one)| (0..one.parts.len()).map(move |part| (phrase, part)))
        .collect();
    let mut dice = Dice(11);
    for epoch in 0..EPOCHS {
        for at in (1..order.len()).rev() {
            order.swap(at, dice.below(at + 1));
        }
        for (phrase, part) in &order {
            let phrase = phrases[*phrase];
            let sum = |part: &[u32]| -> f32 {
                let weights = part.iter().map(|feature| weights[*feature as usize]);
                weights.sum()
            };
            let part = phrase.parts[*part]
                .iter()
                .map(|part| (sum(part) * share(part.len()), part))
                .reduce(|most, one| if one.0 > most.0 { one } else { most })
                .map_or(&[][..], |(_, part)| part);
            let part: Vec<u32> = part
                .iter()
                .copied()
                .filter(|_| dice.below(100) >= UNREAD)
                .collect();
            let mass = if phrase.danger { grave } else { calm };
            let weight = phrases.len() as f32 / 2.0 / mass / (phrase.parts.len() as f32).sqrt();
            let each = share(part.len());
            let likely = 1.0 / (1.0 + exponential(-(sum(&part) * each + bias)));
            let error = (likely - f32::from(u8::from(phrase.danger))) * weight;
            for feature in part {
                let feature = feature as usize;
                let slope = error * each + DECAY * weights[feature];
                pace[feature] += slope * slope;
                weights[feature] -= RATE * slope / pace[feature].sqrt();
            }
            bias_pace += error * error;
            bias -= RATE * error / bias_pace.sqrt();
        }
        if epoch >= SETTLED {
            let part = 1.0 / (EPOCHS - SETTLED) as f32;
            for (mean, weight) in mean.iter_mut().zip(&weights) {
                *mean += weight * part;
            }
            mean_bias += bias * part;
        }
    }
    (mean, mean_bias)
}

/// e to the power of `x`, to about six digits, by additions and multiplications alone: those give
/// the same bits everywhere, while the exponential functions of mathematical libraries differ.
fn exponential(x: f32) -> f32 {
    const LN_2: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);
    let x = x.clamp(-80.0, 80.0);
    let doublings = (x * std::f32::consts::LOG2_E).round();
    let rest = x - doublings * LN_2.0 - doublings * LN_2.1;
    let series = (1..=7)
        .rev()
        .fold(1.0, |sum, term| 1.0 + rest / term as f32 * sum);
    series * f32::from_bits(((doublings as i32 + 127) as u32) << 23)
}

/// Prints what of the phrases not trained on is heard at a score: by the classifier alone, and by
/// all layers together where that score is the threshold, or the one that is in doubt.
fn folds(phrases: &[Phrase]) {
    let mut scored: Vec<(f32, &Phrase)> = Vec::new();
    for fold in 0..FOLDS {
        let (held, taught): (Vec<_>, Vec<_>) = phrases
            .iter()
            .enumerate()
            .partition(|(number, _)| number % FOLDS == fold);
        let taught: Vec<&Phrase> = taught.into_iter().map(|(_, phrase)| phrase).collect();
        let (mut weights, bias) = learn(&taught);
        let scale = scale(&weights);
        for weight in &mut weights {
            *weight = f32::from(coarse(*weight, scale)) * scale;
        }
        for (_, phrase) in held {
            let score = |part: &Vec<u32>| {
                let sum: f32 = part.iter().map(|feature| weights[*feature as usize]).sum();
                sum * share(part.len()) + bias
            };
            let most = phrase.whole.iter().map(score).fold(f32::MIN, f32::max);
            scored.push((most, phrase));
        }
    }
    for (name, cases) in [("phrases", false), ("lines of the sets", true)] {
        let of: Vec<_> = scored
            .iter()
            .filter(|(_, phrase)| phrase.case == cases)
            .copied()
            .collect();
        println!("{name}:");
        report(&of);
    }
}

fn report(scored: &[(f32, &Phrase)]) {
    let percent = |danger: bool, heard: &dyn Fn(f32, &Phrase) -> bool| {
        let all: Vec<_> = scored
            .iter()
            .filter(|(_, is)| is.danger == danger)
            .collect();
        let found = all
            .iter()
            .filter(|(score, phrase)| heard(*score, phrase))
            .count();
        found as f32 * 100.0 / all.len() as f32
    };
    for step in -8..=8 {
        let at = step as f32 * 0.25;
        let alone = |score: f32, _: &Phrase| score >= at;
        let threshold = |score: f32, phrase: &Phrase| match phrase.found {
            Found::Danger => true,
            Found::Ambiguous => score >= DOUBT,
            Found::Nothing => score >= at,
        };
        let doubt = |score: f32, phrase: &Phrase| match phrase.found {
            Found::Danger => true,
            Found::Ambiguous => score >= at,
            Found::Nothing => score >= THRESHOLD,
        };
        println!(
            "{at:5.2}: alone {:4.1} % hits, {:4.1} % false alarms; as threshold {:4.1} %, \
             {:4.1} %; as doubt {:4.1} %, {:4.1} %",
            percent(true, &alone),
            percent(false, &alone),
            percent(true, &threshold),
            percent(false, &threshold),
            percent(true, &doubt),
            percent(false, &doubt),
        );
    }
    let found = |least| move |_: f32, phrase: &Phrase| phrase.found >= least;
    println!(
        "rules: {:.1} % hits, {:.1} % false alarms; with the ambiguous ones {:.1} %, {:.1} %",
        percent(true, &found(Found::Danger)),
        percent(false, &found(Found::Danger)),
        percent(true, &found(Found::Ambiguous)),
        percent(false, &found(Found::Ambiguous)),
    );
}
