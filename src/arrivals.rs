//! What the other end of a connection is known to have got: a connection asks its other end
//! whether it is there, and the answer says that everything written before the question arrived.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::watch;

/// What both sides count.
#[derive(Default)]
struct Questions {
    asked: AtomicU64,
    wanted: AtomicBool,
}

/// For whoever writes to the connection.
pub struct Answers {
    questions: Arc<Questions>,
    answered: watch::Sender<u64>,
}

/// For whoever has something written: in the request data of connections that can tell.
#[derive(Clone)]
pub struct Arrivals {
    questions: Arc<Questions>,
    answered: watch::Receiver<u64>,
}

impl Answers {
    /// The number under which to ask now, if anybody wants to know.
    #[must_use]
    pub fn question(&self) -> Option<u64> {
        let wanted = self.questions.wanted.swap(false, Ordering::Relaxed);
        wanted.then(|| self.questions.asked.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// The question with this number was answered.
    pub fn answered(&self, number: u64) {
        self.answered.send_if_modified(|answered| {
            let more = number > *answered;
            *answered = number.max(*answered);
            more
        });
    }

    /// The other end ended the connection in order, and so has everything.
    pub fn all(&self) {
        self.answered(u64::MAX);
    }

    /// The other side of this.
    #[must_use]
    pub fn arrivals(&self) -> Arrivals {
        Arrivals {
            questions: self.questions.clone(),
            answered: self.answered.subscribe(),
        }
    }
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            questions: Arc::default(),
            answered: watch::channel(0).0,
        }
    }
}

impl Arrivals {
    /// The number of the answer that will say that what is written by now has arrived.
    #[must_use]
    pub fn mark(&self) -> u64 {
        self.questions.wanted.store(true, Ordering::Relaxed);
        self.questions.asked.load(Ordering::Relaxed) + 1
    }

    /// The number of the last answer.
    #[must_use]
    pub fn reached(&mut self) -> u64 {
        *self.answered.borrow_and_update()
    }

    /// Waits for another answer; for ever once the connection is gone. Cancelling it loses nothing.
    pub async fn more(&mut self) {
        if self.answered.changed().await.is_err() {
            std::future::pending().await
        }
    }
}
