//! The operations of a socket.
//!
//! Each is a task of its own, so that none depends on how fast the client takes the answers of
//! another: an operation in the middle of a query holds a connection to the database, and must be
//! able to get on and give it back whatever the socket does. An operation has one answer on its
//! way at most, and asks for its next one only when that is written: to a subscription, being
//! asked for more says that what it said is on its way to the client.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use async_graphql::{Response as GraphQlResponse, ServerError};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::errors::classify;

/// What an operation has to say.
pub(super) enum Output {
    Next(Box<GraphQlResponse>, Passage),
    Error(Vec<ServerError>),
    Complete,
}

/// An operation that waits until its answer is written.
pub(super) struct Passage {
    written: oneshot::Sender<()>,
    asked: oneshot::Receiver<()>,
}

impl Passage {
    /// Says that the answer is written, and returns when the operation was asked for its next
    /// one: before anything else that happens to the socket is looked at.
    pub async fn written(self) {
        if self.written.send(()).is_ok() {
            // An error means that the operation is over, as it does above.
            let _ = self.asked.await;
        }
    }
}

/// Something said by the operation with this id.
struct Said {
    id: String,
    number: u64,
    output: Output,
}

/// A task that ends with its handle.
struct Task {
    /// Tells an operation from an earlier one with the same id.
    number: u64,
    handle: JoinHandle<()>,
}

impl Task {
    /// Returns when nothing of the operation is left.
    async fn stop(mut self) {
        self.handle.abort();
        let _ = (&mut self.handle).await;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// The running operations of a socket by their ids.
pub(super) struct Operations {
    running: HashMap<String, Task>,
    begun: u64,
    say: mpsc::Sender<Said>,
    said: mpsc::Receiver<Said>,
}

impl Operations {
    /// For as many as run at once at most.
    pub fn new(most: usize) -> Self {
        let (say, said) = mpsc::channel(most.max(1));
        Self {
            running: HashMap::new(),
            begun: 0,
            say,
            said,
        }
    }

    pub fn len(&self) -> usize {
        self.running.len()
    }

    pub fn contains(&self, id: &str) -> bool {
        self.running.contains_key(id)
    }

    /// Begins an operation under an id that is free.
    pub fn begin(&mut self, id: String, responses: BoxStream<'static, GraphQlResponse>) {
        self.begun += 1;
        let number = self.begun;
        let voice = Voice {
            id: id.clone(),
            number,
            say: self.say.clone(),
        };
        let handle = tokio::spawn(run(responses, voice).in_current_span());
        self.running.insert(id, Task { number, handle });
    }

    /// What is said next, and by which operation. What was said by one that was stopped since is
    /// passed over. The id of one that is over is free. Cancelling it loses nothing.
    pub async fn next(&mut self) -> (String, Output) {
        while let Some(said) = self.said.recv().await {
            let current = self.running.get(&said.id);
            if current.is_some_and(|task| task.number == said.number) {
                if !matches!(said.output, Output::Next(..)) {
                    self.running.remove(&said.id);
                }
                return (said.id, said.output);
            }
        }
        // Not reached: a sender is kept here.
        std::future::pending().await
    }

    /// Stops an operation, if it runs, and returns when nothing of it is left.
    pub async fn stop(&mut self, id: &str) {
        if let Some(task) = self.running.remove(id) {
            task.stop().await;
        }
    }

    /// Stops them all, and returns when nothing of them is left.
    pub async fn stop_all(&mut self) {
        for task in self.running.values() {
            task.handle.abort();
        }
        for (_, task) in self.running.drain() {
            task.stop().await;
        }
    }
}

/// How an operation makes itself heard.
struct Voice {
    id: String,
    number: u64,
    say: mpsc::Sender<Said>,
}

impl Voice {
    async fn say(&self, output: Output) {
        let said = Said {
            id: self.id.clone(),
            number: self.number,
            output,
        };
        // An error means that the socket is gone, which ends this task, too.
        let _ = self.say.send(said).await;
    }
}

/// The life of an operation. Whatever it holds is let go of before its last word.
async fn run(mut responses: BoxStream<'static, GraphQlResponse>, voice: Voice) {
    let mut asking: Option<oneshot::Sender<()>> = None;
    let last = loop {
        let response = {
            let mut next = pin!(responses.next());
            let polled = poll_fn(|context| Poll::Ready(next.as_mut().poll(context))).await;
            drop(asking.take());
            match polled {
                Poll::Ready(response) => response,
                Poll::Pending => next.await,
            }
        };
        let response = match response.map(classify) {
            Some(Ok(response)) => response,
            Some(Err(errors)) => break Output::Error(errors),
            None => break Output::Complete,
        };
        let (written, was_written) = oneshot::channel();
        let (asks, asked) = oneshot::channel();
        let passage = Passage { written, asked };
        voice.say(Output::Next(Box::new(response), passage)).await;
        if was_written.await.is_err() {
            return;
        }
        asking = Some(asks);
    };
    drop(responses);
    voice.say(last).await;
}
