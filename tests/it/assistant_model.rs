//! The assistant against a real HTTP server on loopback: good answers, slow ones, wrong ones,
//! broken connections.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::Listener;
use axum::{Json, Router};
use futures_util::{StreamExt, future, stream};
use haven::assistant::privacy::Private;
use haven::assistant::{
    Assistant, AssistantSettings, DEFAULT_TIMEOUT, MAX_ANSWER_CHARS, MAX_BODY_BYTES,
    MAX_CONCURRENT_CALLS, MAX_HISTORY_CHARS, MAX_HISTORY_TURNS, Question, Reply, Source, Speaker,
    Turn,
};
use haven::language::Language;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

const KEY: &str = "sk-key-of-the-test";
const QUESTION: &str = "Как справиться с тревогой?";
const CRY: &str = "Я не хочу жить";

/// How the server treats a request.
#[derive(Clone)]
enum Manner {
    /// This JSON.
    Json(Value),
    /// This status and body.
    Plain(StatusCode, Vec<u8>),
    /// To another path of the same server, which would answer well.
    Redirect,
    /// No answer at all.
    Silent,
    /// The head of an answer, and no end of it.
    Unending,
    /// Body without end and without declared length.
    Flood,
    /// The connection closed in the middle of this many answers, with or without their length
    /// declared; later ones are good.
    HalfAnswers { halves: usize, declared: bool },
    /// A good answer once a permit is given.
    Gated(Arc<Semaphore>),
}

struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Received>>>,
    arrived: watch::Receiver<usize>,
    connections: Arc<AtomicUsize>,
}

struct Received {
    uri: Uri,
    headers: HeaderMap,
    body: Value,
}

#[derive(Clone)]
struct Shared {
    manner: Manner,
    requests: Arc<Mutex<Vec<Received>>>,
    arrived: watch::Sender<usize>,
}

/// How a connection ends before any answer.
#[derive(Clone, Copy)]
enum Break {
    /// Closed after the request was read.
    Closed,
    /// Reset.
    Reset,
}

/// Breaks its first connections.
struct Breaking {
    inner: TcpListener,
    breaks: VecDeque<Break>,
    connections: Arc<AtomicUsize>,
}

impl Listener for Breaking {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            let (mut stream, address) = Listener::accept(&mut self.inner).await;
            self.connections.fetch_add(1, Ordering::SeqCst);
            match self.breaks.pop_front() {
                None => return (stream, address),
                Some(Break::Closed) => {
                    let _ = stream.read(&mut [0; 64 * 1024]).await;
                }
                Some(Break::Reset) => {
                    stream.readable().await.unwrap();
                    stream.set_zero_linger().unwrap();
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

impl Server {
    async fn start(manner: Manner) -> Self {
        Self::start_breaking(&[], manner).await
    }

    async fn start_breaking(breaks: &[Break], manner: Manner) -> Self {
        let inner = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = inner.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let requests = Arc::default();
        let (sender, arrived) = watch::channel(0);
        let router = Router::new()
            .route("/v1/chat/completions", post(respond))
            .route("/elsewhere", post(|| async { Json(says("elsewhere")) }))
            .with_state(Shared {
                manner,
                requests: Arc::clone(&requests),
                arrived: sender,
            });
        let listener = Breaking {
            inner,
            breaks: VecDeque::from_iter(breaks.iter().copied()),
            connections: Arc::clone(&connections),
        };
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            requests,
            arrived,
            connections,
        }
    }

    fn settings(&self) -> AssistantSettings {
        AssistantSettings {
            url: Some(format!("http://{}/v1", self.address).parse().unwrap()),
            key: Some(SecretString::from(KEY)),
            model: "quiet-1".into(),
            timeout: DEFAULT_TIMEOUT,
            // What is counted here is the requests for answers.
            screening_timeout: Duration::ZERO,
            ..AssistantSettings::default()
        }
    }

    fn requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn respond(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let number = {
        let mut requests = shared.requests.lock().unwrap();
        requests.push(Received {
            uri: parts.uri,
            headers: parts.headers,
            body: serde_json::from_slice(&body).unwrap(),
        });
        requests.len()
    };
    shared.arrived.send_modify(|arrived| *arrived += 1);
    match shared.manner {
        Manner::Json(value) => Json(value).into_response(),
        Manner::Plain(status, body) => (status, body).into_response(),
        Manner::Redirect => (
            StatusCode::TEMPORARY_REDIRECT,
            [(header::LOCATION, "/elsewhere")],
        )
            .into_response(),
        Manner::Silent => future::pending().await,
        Manner::Unending => Body::from_stream(
            stream::iter([Ok::<_, io::Error>(Bytes::from("{\"choices\":"))])
                .chain(stream::pending()),
        )
        .into_response(),
        Manner::Flood => Body::from_stream(stream::repeat_with(|| {
            Ok::<_, io::Error>(Bytes::from(vec![b' '; 16 * 1024]))
        }))
        .into_response(),
        Manner::HalfAnswers { halves, declared } if number <= halves => {
            let end = stream::once(async {
                // The server sends what it has before it comes back to the body.
                tokio::task::yield_now().await;
                Err(io::Error::other("cut off"))
            });
            let half =
                Body::from_stream(stream::iter([Ok(Bytes::from("{\"choices\":"))]).chain(end));
            if declared {
                ([(header::CONTENT_LENGTH, "1000")], half).into_response()
            } else {
                half.into_response()
            }
        }
        Manner::HalfAnswers { .. } => Json(says("whole")).into_response(),
        Manner::Gated(gate) => {
            gate.acquire().await.unwrap().forget();
            Json(says("let through")).into_response()
        }
    }
}

fn says(text: &str) -> Value {
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
        }],
        "usage": {"total_tokens": 7},
    })
}

fn assistant(settings: AssistantSettings) -> Assistant {
    // Installed once per process; whoever comes second finds it there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Assistant::new(&settings).unwrap()
}

/// Asks with a guard against hanging that is far above every timeout under test.
async fn ask(assistant: &Assistant, history: &[Turn], text: &str) -> Reply {
    tokio::time::timeout(
        Duration::from_secs(60),
        assistant.reply(&question(history, text)),
    )
    .await
    .expect("an answer")
}

fn question(history: &[Turn], text: &str) -> Question {
    Question {
        history: history.to_vec(),
        text: text.to_owned(),
        language: Language::Ru,
        country: None,
        private: Private::default(),
        in_crisis: false,
        ask_model: true,
    }
}

async fn ask_server(server: &Server, text: &str) -> Reply {
    ask(&assistant(server.settings()), &[], text).await
}

fn guide(text: &str) -> String {
    haven::assistant::guide::answer(text, Language::Ru, None)
}

#[track_caller]
fn is_guide(reply: &Reply, text: &str) {
    assert_eq!(reply.source, Source::Guide);
    assert_eq!(reply.text, guide(text));
}

#[track_caller]
fn is_model(reply: &Reply, text: &str) {
    assert_eq!(reply.source, Source::Model);
    assert_eq!(reply.text, text);
}

fn turn(speaker: Speaker, text: impl Into<String>) -> Turn {
    Turn {
        speaker,
        text: text.into(),
    }
}

#[tokio::test]
async fn without_a_model_the_guide_answers() {
    let assistant = assistant(AssistantSettings::default());
    is_guide(&ask(&assistant, &[], QUESTION).await, QUESTION);
    is_guide(&ask(&assistant, &[], CRY).await, CRY);
}

#[tokio::test]
async fn a_good_answer_and_what_the_model_was_asked() {
    let server = Server::start(Manner::Json(says("  Я с вами.\n"))).await;
    let assistant = assistant(server.settings());
    let history = [
        turn(Speaker::User, "первое"),
        turn(Speaker::Assistant, "второе"),
        turn(Speaker::User, "третье \u{0} \"кавычки\""),
    ];
    is_model(&ask(&assistant, &history, QUESTION).await, "Я с вами.");
    is_model(&ask(&assistant, &[], QUESTION).await, "Я с вами.");

    let requests = server.requests.lock().unwrap();
    assert_eq!(requests.len(), 2);
    let first = &requests[0];
    assert_eq!(first.uri.path(), "/v1/chat/completions");
    assert_eq!(
        first.headers[header::AUTHORIZATION].to_str().unwrap(),
        format!("Bearer {KEY}")
    );
    assert_eq!(first.headers[header::CONTENT_TYPE], "application/json");
    assert_eq!(first.body["model"], "quiet-1");
    assert_eq!(first.body["stream"], true);
    let messages = first.body["messages"].as_array().unwrap();
    assert_eq!(messages[0]["role"], "system");
    let prompt = messages[0]["content"].as_str().unwrap();
    for must in ["alarm button", "112", "diagnose", "medication", "Russian"] {
        assert!(prompt.contains(must), "{must}");
    }
    assert_eq!(
        messages[1..],
        [
            json!({"role": "user", "content": "первое"}),
            json!({"role": "assistant", "content": "второе"}),
            json!({"role": "user", "content": "третье \u{0} \"кавычки\""}),
            json!({"role": "user", "content": QUESTION}),
        ]
    );
    assert_eq!(requests[1].body["messages"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn without_a_key_no_authorization_is_sent_and_the_base_may_end_in_a_slash() {
    let server = Server::start(Manner::Json(says("ok"))).await;
    for key in [None, Some(SecretString::from(""))] {
        let reply = ask(
            &assistant(AssistantSettings {
                url: Some(
                    format!("http://{}/v1/?version=2", server.address)
                        .parse()
                        .unwrap(),
                ),
                key,
                ..server.settings()
            }),
            &[],
            QUESTION,
        )
        .await;
        is_model(&reply, "ok");
    }
    for request in server.requests.lock().unwrap().iter() {
        assert!(!request.headers.contains_key(header::AUTHORIZATION));
        assert_eq!(request.uri, "/v1/chat/completions?version=2");
    }
}

#[tokio::test]
async fn history_is_bounded_by_turns() {
    let server = Server::start(Manner::Json(says("ok"))).await;
    let history: Vec<_> = (0..MAX_HISTORY_TURNS + 5)
        .map(|n| turn(Speaker::User, n.to_string()))
        .collect();
    ask(&assistant(server.settings()), &history, "now").await;
    let requests = server.requests.lock().unwrap();
    let sent: Vec<_> = requests[0].body["messages"].as_array().unwrap()[1..]
        .iter()
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect();
    let mut expected: Vec<_> = (5..MAX_HISTORY_TURNS + 5).map(|n| n.to_string()).collect();
    expected.push("now".into());
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn history_is_bounded_by_characters_and_not_by_bytes() {
    let server = Server::start(Manner::Json(says("ok"))).await;
    let third = "ж".repeat(MAX_HISTORY_CHARS / 3);
    let history: Vec<_> = ["a", "b", "", "", ""]
        .iter()
        .map(|mark| {
            let text = if mark.is_empty() {
                third.clone()
            } else {
                (*mark).to_owned()
            };
            turn(Speaker::Assistant, text)
        })
        .collect();
    let assistant = assistant(server.settings());
    ask(&assistant, &history, "now").await;
    ask(&assistant, &[turn(Speaker::User, third.repeat(4))], "now").await;
    let requests = server.requests.lock().unwrap();
    let messages = requests[0].body["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 5, "prompt, three turns, newest");
    for message in &messages[1..4] {
        assert_eq!(message["content"], third);
    }
    let messages = requests[1].body["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2, "a turn over the bound is left out");
}

#[tokio::test]
async fn a_slow_server_is_not_waited_for_and_not_asked_again() {
    for manner in [Manner::Silent, Manner::Unending] {
        let server = Server::start(manner).await;
        let assistant = assistant(AssistantSettings {
            timeout: Duration::from_millis(300),
            ..server.settings()
        });
        is_guide(&ask(&assistant, &[], QUESTION).await, QUESTION);
        assert_eq!(server.requests(), 1);
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn the_timeout_holds_for_the_retry_too() {
    let server = Server::start_breaking(&[Break::Closed], Manner::Silent).await;
    let assistant = assistant(AssistantSettings {
        timeout: Duration::from_millis(300),
        ..server.settings()
    });
    is_guide(&ask(&assistant, &[], QUESTION).await, QUESTION);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_status_other_than_success_is_a_failure_and_asked_again_where_the_server_erred() {
    for (status, requests) in [(401, 1), (404, 1), (429, 1), (500, 2), (503, 2)] {
        let status = StatusCode::from_u16(status).unwrap();
        let body = says("not to be shown").to_string().into_bytes();
        let server = Server::start(Manner::Plain(status, body)).await;
        is_guide(&ask_server(&server, QUESTION).await, QUESTION);
        assert_eq!(server.requests(), requests, "{status}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let server = Server::start(Manner::Redirect).await;
    is_guide(&ask_server(&server, QUESTION).await, QUESTION);
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn rubbish_is_a_failure_and_asked_again_once() {
    let rubbish: [&[u8]; 14] = [
        b"",
        b"<html>502 Bad Gateway</html>",
        b"{\"choices\":[{\"message\":{\"content\":\"cut",
        b"null",
        b"[]",
        b"{}",
        b"{\"choices\":[]}",
        b"{\"choices\":[{}]}",
        b"{\"choices\":[{\"message\":{\"content\":7}}]}",
        b"{\"choices\":[{\"message\":{\"content\":null}}]}",
        b"{\"choices\":[{\"message\":{\"content\":\" \\n\\u0000 \"}}]}",
        b"{\"choices\":[{\"message\":{\"content\":\"\\ud800\"}}]}",
        b"{\"choices\":[{\"message\":{\"content\":\"\xff\"}}]}",
        b"{\"choices\":[{\"message\":{\"content\":\"<think>what to say\"}}]}",
    ];
    for body in rubbish {
        let server = Server::start(Manner::Plain(StatusCode::OK, body.to_vec())).await;
        let reply = ask_server(&server, QUESTION).await;
        assert_eq!(
            reply.source,
            Source::Guide,
            "{}",
            String::from_utf8_lossy(body)
        );
        is_guide(&reply, QUESTION);
        assert_eq!(server.requests(), 2);
    }
    let deep = "[".repeat(100_000).into_bytes();
    let server = Server::start(Manner::Plain(StatusCode::OK, deep)).await;
    is_guide(&ask_server(&server, QUESTION).await, QUESTION);
}

#[tokio::test]
async fn something_that_is_no_http_is_a_failure_and_asked_again_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 64 * 1024]).await;
            let _ = stream.write_all(b"220 mail.example ESMTP\r\n\r\n").await;
        }
    });
    let assistant = assistant(AssistantSettings {
        url: Some(format!("http://{address}/v1").parse().unwrap()),
        model: "m".into(),
        screening_timeout: Duration::ZERO,
        ..AssistantSettings::default()
    });
    is_guide(&ask(&assistant, &[], QUESTION).await, QUESTION);
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_huge_body_is_not_read_to_its_end() {
    let server = Server::start(Manner::Flood).await;
    is_guide(&ask_server(&server, QUESTION).await, QUESTION);

    let padded = |length: usize| {
        let mut body = says("fits").to_string().into_bytes();
        body.resize(length, b' ');
        Manner::Plain(StatusCode::OK, body)
    };
    let server = Server::start(padded(MAX_BODY_BYTES)).await;
    is_model(&ask_server(&server, QUESTION).await, "fits");
    let server = Server::start(padded(MAX_BODY_BYTES + 1)).await;
    is_guide(&ask_server(&server, QUESTION).await, QUESTION);
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn answers_are_cleaned_and_cut_between_characters() {
    for (said, shown) in [
        ("\u{0}Ды\u{0}шите.\u{0} ", "Дышите.".to_owned()),
        (
            "<think>\nthey are upset\n</think>\n\nBreathe.",
            "Breathe.".to_owned(),
        ),
        (
            &"ё".repeat(MAX_ANSWER_CHARS + 1),
            "ё".repeat(MAX_ANSWER_CHARS),
        ),
        (
            &format!("{} end", "😀".repeat(MAX_ANSWER_CHARS - 1)),
            "😀".repeat(MAX_ANSWER_CHARS - 1),
        ),
    ] {
        let server = Server::start(Manner::Json(says(said))).await;
        is_model(&ask_server(&server, QUESTION).await, &shown);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_once_is_tried_again() {
    for how in [Break::Closed, Break::Reset] {
        let server = Server::start_breaking(&[how], Manner::Json(says("here now"))).await;
        is_model(&ask_server(&server, QUESTION).await, "here now");
        assert_eq!(server.connections(), 2);
    }
    for declared in [false, true] {
        let server = Server::start(Manner::HalfAnswers {
            halves: 1,
            declared,
        })
        .await;
        is_model(&ask_server(&server, QUESTION).await, "whole");
        assert_eq!(server.requests(), 2);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_twice_is_left_alone() {
    for breaks in [[Break::Closed; 2], [Break::Reset; 2]] {
        let server = Server::start_breaking(&breaks, Manner::Json(says("too late"))).await;
        is_guide(&ask_server(&server, QUESTION).await, QUESTION);
        assert_eq!(server.connections(), 2);
    }
    for declared in [false, true] {
        let server = Server::start(Manner::HalfAnswers {
            halves: 2,
            declared,
        })
        .await;
        is_guide(&ask_server(&server, QUESTION).await, QUESTION);
        assert_eq!(server.requests(), 2);
    }
}

#[tokio::test]
async fn nobody_listening_is_a_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let assistant = assistant(AssistantSettings {
        url: Some(format!("http://{address}/v1").parse().unwrap()),
        model: "m".into(),
        ..AssistantSettings::default()
    });
    is_guide(&ask(&assistant, &[], QUESTION).await, QUESTION);
}

/// A host that neither takes nor refuses a connection, as behind a firewall that drops packets:
/// its queue of connections is full, and nobody takes any.
#[tokio::test]
async fn a_server_that_cannot_be_connected_to_in_time_is_tried_again_once() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    let patience = Duration::from_millis(200);
    while let Ok(connection) = tokio::time::timeout(patience, TcpStream::connect(address)).await {
        waiting.push(connection.unwrap());
    }
    let assistant = assistant(AssistantSettings {
        url: Some(format!("http://{address}/v1").parse().unwrap()),
        model: "m".into(),
        connect_timeout: patience,
        screening_timeout: Duration::ZERO,
        ..AssistantSettings::default()
    });
    ask(&assistant, &[], QUESTION).await;
    let (log, _guard) = listen();
    is_guide(&ask(&assistant, &[], QUESTION).await, QUESTION);
    let log = log.text();
    let tries = |said: &str| log.matches(said).count();
    assert_eq!(
        tries("it is asked again failure=broken connection"),
        1,
        "{log}"
    );
    assert_eq!(
        tries("the guide answers failure=broken connection"),
        1,
        "{log}"
    );
}

#[tokio::test]
async fn calls_at_one_time_are_bounded_and_free_again_afterwards() {
    let gate = Arc::new(Semaphore::new(0));
    let mut server = Server::start(Manner::Gated(Arc::clone(&gate))).await;
    let assistant = Arc::new(assistant(server.settings()));
    let calls: Vec<_> = (0..MAX_CONCURRENT_CALLS)
        .map(|_| {
            let assistant = Arc::clone(&assistant);
            tokio::spawn(async move { ask(&assistant, &[], QUESTION).await })
        })
        .collect();
    server
        .arrived
        .wait_for(|arrived| *arrived == MAX_CONCURRENT_CALLS)
        .await
        .unwrap();
    is_guide(&ask(&assistant, &[], QUESTION).await, QUESTION);
    assert_eq!(server.requests(), MAX_CONCURRENT_CALLS);

    gate.add_permits(MAX_CONCURRENT_CALLS + 1);
    for call in calls {
        is_model(&call.await.unwrap(), "let through");
    }
    is_model(&ask(&assistant, &[], QUESTION).await, "let through");
}

#[tokio::test]
async fn danger_gets_the_crisis_lines_whoever_answers() {
    let lines = haven::assistant::guide::crisis_lines(CRY, Language::Ru, None).unwrap();
    assert!(lines.contains("112"));

    let server = Server::start(Manner::Json(says("Мне жаль."))).await;
    is_model(
        &ask_server(&server, CRY).await,
        &format!("{lines}\n\nМне жаль."),
    );

    let server = Server::start(Manner::Json(says(&"ж".repeat(MAX_ANSWER_CHARS)))).await;
    let reply = ask_server(&server, CRY).await;
    assert!(reply.text.starts_with(&lines));
    assert_eq!(reply.text.chars().count(), MAX_ANSWER_CHARS);

    let body = b"no".to_vec();
    let server = Server::start(Manner::Plain(StatusCode::OK, body)).await;
    is_guide(&ask_server(&server, CRY).await, CRY);
    assert!(guide(CRY).starts_with(&lines));
}

/// What the log was given, by this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Listens to what this thread logs.
///
/// tracing remembers for each place that logs whether anybody listens. Other tests run in other
/// threads without a subscriber: whoever listens makes the place known by a call before, and a
/// second subscriber keeps tracing from taking the opinion of one thread for that of all.
fn listen() -> (Log, impl Sized) {
    let second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish());
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    (log, (second, tracing::subscriber::set_default(subscriber)))
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_failure_is_logged_by_its_kind_and_nothing_said_reaches_the_log() {
    let body = says("private answer").to_string().into_bytes();
    let manner = Manner::Plain(StatusCode::BAD_REQUEST, body);
    let server = Server::start(manner).await;
    ask_server(&server, QUESTION).await;
    let (log, _guard) = listen();

    let history = [turn(Speaker::User, "private history")];
    ask(&assistant(server.settings()), &history, "private question").await;
    let url = format!("http://user:pa55word@{}/v1", server.address);
    let with_credentials = AssistantSettings {
        url: Some(url.parse().unwrap()),
        key: None,
        ..server.settings()
    };
    ask(&assistant(with_credentials), &history, "private question").await;

    let log = log.text();
    assert_eq!(log.matches("HTTP status 400").count(), 2, "{log}");
    assert!(log.contains("WARN"), "{log}");
    for secret in ["private", KEY, "pa55word"] {
        assert!(!log.contains(secret), "{log}");
    }
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused_without_showing_secrets() {
    let server = Server::start(Manner::Silent).await;
    let good = server.settings();
    assistant(good.clone());
    let wrong = [
        AssistantSettings {
            url: Some("ftp://user:pa55word@example.org/".parse().unwrap()),
            ..good.clone()
        },
        AssistantSettings {
            url: Some("http://user:pa55word@example.org/".parse().unwrap()),
            ..good.clone()
        },
        AssistantSettings {
            key: Some(SecretString::from("sk-key\n")),
            ..good.clone()
        },
        AssistantSettings {
            model: " ".into(),
            ..good.clone()
        },
        AssistantSettings {
            timeout: Duration::ZERO,
            ..good
        },
    ];
    for settings in wrong {
        let error = format!("{:?}", Assistant::new(&settings).err().expect("refused"));
        assert!(
            !error.contains("pa55word") && !error.contains("sk-key"),
            "{error}"
        );
    }
}
