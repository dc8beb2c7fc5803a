//! What is printed: each step in plain words, with what was sent and received.

use std::sync::{Arc, Mutex};

/// The story so far. Whatever panics while it is told ends it loudly, with the step named.
#[derive(Clone, Default)]
pub struct Story(Arc<Mutex<Told>>);

#[derive(Default)]
struct Told {
    steps: usize,
    title: String,
    /// Whatever must not be printed, as in a real log.
    secrets: Vec<String>,
}

/// Longer texts are cut when printed; they are checked whole.
const LONGEST: usize = 600;

impl Story {
    /// Nothing told yet.
    pub fn begin() -> Self {
        let story = Self::default();
        let told = story.0.clone();
        std::panic::set_hook(Box::new(move |panic| {
            // What panicked may hold the lock.
            let (step, title) = match told.try_lock() {
                Ok(told) => (told.steps, told.title.clone()),
                Err(_) => (0, "?".to_owned()),
            };
            eprintln!("\nTHE WALKTHROUGH DIFFERS in step {step} ({title})\n{panic}");
        }));
        story
    }

    /// The next step begins.
    pub fn step(&self, title: &str) {
        let mut told = self.0.lock().unwrap();
        told.steps += 1;
        title.clone_into(&mut told.title);
        println!("\n{}. {title}", told.steps);
    }

    /// Steps so far.
    pub fn steps(&self) -> usize {
        self.0.lock().unwrap().steps
    }

    /// From now on, only the beginning of this is printed.
    pub fn hide(&self, secret: &str) {
        self.0.lock().unwrap().secrets.push(secret.to_owned());
    }

    /// What is hidden.
    pub fn secrets(&self) -> Vec<String> {
        self.0.lock().unwrap().secrets.clone()
    }

    /// Somebody sends something.
    pub fn sent(&self, who: &str, what: &str) {
        self.line(who, "→", what);
    }

    /// Somebody receives something.
    pub fn received(&self, who: &str, what: &str) {
        self.line(who, "←", what);
    }

    /// A remark on what was seen.
    pub fn seen(&self, what: &str) {
        println!("   {what}");
    }

    fn line(&self, who: &str, arrow: &str, what: &str) {
        // One line, however an operation or a mail is laid out.
        let mut text = what.split_whitespace().collect::<Vec<_>>().join(" ");
        for secret in &self.0.lock().unwrap().secrets {
            let beginning: String = secret.chars().take(4).collect();
            text = text.replace(secret, &format!("{beginning}…"));
        }
        if text.chars().count() > LONGEST {
            text = text.chars().take(LONGEST).collect();
            text.push('…');
        }
        println!("   {who:>14} {arrow} {text}");
    }
}
