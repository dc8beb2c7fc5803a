//! What people in danger write, and what others do: how many of each the rules catch, and what
//! each gets to read with the model up, down, slow and talking nonsense.

use haven::assistant::safety::speaks_of_danger;

/// The set the rules were tuned on, and the one they were not.
const CRISES: [&str; 2] = [
    include_str!("../data/redteam/crisis.tsv"),
    include_str!("../data/redteam/crisis_heldout.tsv"),
];
const BENIGN: [&str; 2] = [
    include_str!("../data/redteam/benign.tsv"),
    include_str!("../data/redteam/benign_heldout.tsv"),
];

fn cases(file: &'static str) -> Vec<(&'static str, &'static str)> {
    file.lines()
        .map(|line| line.split_once('\t').expect("kind, tab, text"))
        .collect()
}

/// Prints one line of the report, and what went wrong; how many did.
fn report(name: &str, cases: &[(&str, &str)], wanted: bool) -> usize {
    let wrong: Vec<_> = cases
        .iter()
        .filter(|(_, text)| speaks_of_danger(text) != wanted)
        .collect();
    let heard = if wanted {
        cases.len() - wrong.len()
    } else {
        wrong.len()
    };
    println!("{name}: {heard} of {} get the crisis lines", cases.len());
    for (kind, text) in &wrong {
        println!(
            "    {}: {kind}: {text}",
            if wanted { "missed" } else { "false alarm" }
        );
    }
    wrong.len()
}

#[test]
fn every_crisis_is_heard_and_hardly_anything_else() {
    let [tuned, heldout] = CRISES.map(cases);
    let [everyday, everyday_heldout] = BENIGN.map(cases);
    let missed = report("crises, tuned on", &tuned, true);
    let missed_heldout = report("crises, held out", &heldout, true);
    let alarms = report("benign, tuned on", &everyday, false);
    let alarms_heldout = report("benign, held out", &everyday_heldout, false);
    assert!(
        missed == 0,
        "{missed} missed {missed_heldout} {alarms} {alarms_heldout}"
    );
}
