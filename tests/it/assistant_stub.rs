//! A model's server on loopback that streams its answers, or fails in the way a test asks for.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::{Json, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::{StreamExt, future, stream};
use haven::config::Config;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// What an answer does, in its order.
#[derive(Clone)]
pub enum Act {
    /// Writes this.
    Say(&'static str),
    /// Sends this as it stands.
    Raw(&'static str),
    /// Goes on when the test lets it.
    Wait(Arc<Semaphore>),
    /// Never goes on.
    Hang,
    /// Breaks the connection off.
    Break,
    /// Ends well.
    Done,
    /// Answers with this status, before anything.
    Status(u16),
}

/// The server; what it was asked, and what it answers.
pub struct Stub {
    address: SocketAddr,
    state: Shared,
    asked: watch::Receiver<usize>,
}

#[derive(Clone)]
struct Shared {
    requests: Arc<Mutex<Vec<Value>>>,
    /// The requests whether a question speaks of danger, and what each is answered.
    screenings: Arc<Mutex<Vec<Value>>>,
    screened: Arc<Vec<Act>>,
    /// For one request each; the last one for all that follow.
    answers: Arc<Mutex<VecDeque<Vec<Act>>>>,
    asked: watch::Sender<usize>,
}

impl Stub {
    /// Answers by these, one after the other, and for ever by the last. Sees no danger.
    pub async fn start(answers: impl IntoIterator<Item = Vec<Act>>) -> Self {
        Self::screening(vec![Act::Say("NO"), Act::Done], answers).await
    }

    /// Answers so when asked whether a question speaks of danger.
    pub async fn screening(
        screened: Vec<Act>,
        answers: impl IntoIterator<Item = Vec<Act>>,
    ) -> Self {
        let (sender, asked) = watch::channel(0);
        let state = Shared {
            requests: Arc::default(),
            screenings: Arc::default(),
            screened: Arc::new(screened),
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            asked: sender,
        };
        let router = axum::Router::new()
            .route("/v1/chat/completions", post(answer))
            .with_state(state.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            state,
            asked,
        }
    }

    /// Settings that use it.
    pub fn settings(&self) -> impl FnOnce(&mut Config) + use<> {
        let url = self.url();
        move |config| config.assistant_url = Some(url.parse().unwrap())
    }

    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The questions it was asked to screen so far.
    pub fn screenings(&self) -> Vec<Value> {
        self.state.screenings.lock().unwrap().clone()
    }

    /// What it was asked to answer so far.
    pub fn requests(&self) -> Vec<Value> {
        self.state.requests.lock().unwrap().clone()
    }

    /// Waits until it was asked so often.
    pub async fn asked(&self, times: usize) {
        let mut asked = self.asked.clone();
        asked.wait_for(|asked| *asked >= times).await.unwrap();
    }
}

async fn answer(State(state): State<Shared>, Json(request): Json<Value>) -> Response {
    // Only screenings have so little to say.
    if request.get("max_tokens").is_some() {
        state.screenings.lock().unwrap().push(request);
        return perform(state.screened.to_vec());
    }
    state.requests.lock().unwrap().push(request);
    let acts = {
        let mut answers = state.answers.lock().unwrap();
        if answers.len() > 1 {
            answers.pop_front().unwrap()
        } else {
            answers[0].clone()
        }
    };
    state.asked.send_modify(|asked| *asked += 1);
    perform(acts)
}

fn perform(acts: Vec<Act>) -> Response {
    if let Some(Act::Status(status)) = acts.first() {
        return StatusCode::from_u16(*status).unwrap().into_response();
    }
    let body = stream::iter(acts).then(|act| async move {
        match act {
            Act::Say(text) => {
                let event = json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]});
                Ok(Bytes::from(format!("data: {event}\n\n")))
            }
            Act::Raw(text) => Ok(Bytes::from(text)),
            Act::Wait(gate) => {
                gate.acquire().await.unwrap().forget();
                Ok(Bytes::from(": go on\n\n"))
            }
            Act::Hang => future::pending().await,
            Act::Break => {
                // What was written before has to be sent before.
                tokio::task::yield_now().await;
                Err(io::Error::other("broken off"))
            }
            Act::Done => Ok(Bytes::from("data: [DONE]\n\n")),
            Act::Status(_) => unreachable!("a status comes first"),
        }
    });
    (
        [(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")],
        Body::from_stream(body),
    )
        .into_response()
}
