//! People who press the alarm again and again, as the app does: with a key of its own for each
//! press, and some times more with the same key where there is no answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long the app waits for an answer: longer than haven takes by contract (3 s).
const ANSWER: Duration = Duration::from_secs(5);
/// How long a person waits before the next press.
const REST: Duration = Duration::from_millis(150);
/// How long the app waits before it tries again.
const AGAIN: Duration = Duration::from_millis(50);
/// How often the app tries before the person presses anew: what a killed server had begun to send
/// is not known to be sent before its lease ends.
const TRIES: usize = 3;
/// How long a test waits for what must happen before it fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Whom each alarm tells: two contacts and the therapist.
pub const RECIPIENTS: usize = 3;

const TRIGGER: &str = "mutation($key: String!) { triggerAlarm(userId: \"me\", input: {idempotencyKey: $key}) { alarm { id messages result { messageSentToContacts therapistNotified musicPlayed voiceMessagePlayed completed } } } }";

/// What the app was told of a press.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The press.
    pub key: String,
    /// When the answer was there.
    pub at: SystemTime,
    /// The lines that the person reads.
    pub messages: Vec<String>,
    /// The flags of the result.
    pub result: Value,
}

type Answers = BTreeMap<i64, Answer>;

/// Those who press, and what they were answered.
pub struct Crowd {
    tokens: Vec<String>,
    at: watch::Sender<Vec<SocketAddr>>,
    /// The answers by the alarm.
    answered: Arc<watch::Sender<Answers>>,
    refused: Arc<Mutex<BTreeMap<String, usize>>>,
    pressing: JoinSet<()>,
    stop: watch::Sender<bool>,
}

/// One request over GraphQL; an error in words where nothing, or an error, came back in time.
async fn ask(
    within: Duration,
    client: &reqwest::Client,
    at: SocketAddr,
    token: &str,
    query: &str,
    variables: Value,
) -> Result<Value, String> {
    let mut request = client
        .post(format!("http://{at}/graphql"))
        .json(&json!({"query": query, "variables": variables}));
    if !token.is_empty() {
        request = request.header("authorization", format!("Token {token}"));
    }
    let answering = async {
        let answer = request.send().await?;
        let status = answer.status();
        Ok::<_, reqwest::Error>((status, answer.text().await?))
    };
    let (status, body) = timeout(within, answering)
        .await
        .map_err(|_| "no answer".to_owned())?
        .map_err(|_| "no connection".to_owned())?;
    if !status.is_success() {
        return Err(status.to_string());
    }
    let answer: Value = serde_json::from_str(&body).unwrap();
    match answer["errors"][0]["extensions"]["code"].as_str() {
        Some(code) => Err(code.to_owned()),
        None => Ok(answer["data"].clone()),
    }
}

/// Keeps what a press was answered.
fn note(answered: &watch::Sender<Answers>, key: &str, data: &Value) {
    let at = SystemTime::now();
    let alarm = &data["triggerAlarm"]["alarm"];
    let lines = alarm["messages"].as_array().unwrap().iter();
    let answer = Answer {
        key: key.to_owned(),
        at,
        messages: lines
            .map(|line| line.as_str().unwrap().to_owned())
            .collect(),
        result: alarm["result"].clone(),
    };
    let id = alarm["id"].as_str().unwrap().parse().unwrap();
    answered.send_modify(|answered| {
        let before = answered.insert(id, answer);
        assert!(
            before.as_ref().is_none_or(|before| before.key == key),
            "one alarm for two keys: {key}, {before:?}"
        );
    });
}

fn client() -> reqwest::Client {
    // The first to come installs it; everybody else finds it there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

impl Crowd {
    /// Registers people with their contacts and therapists; they press nothing yet.
    pub async fn gather(at: SocketAddr, people: usize) -> Self {
        let client = client();
        let mut tokens = Vec::new();
        for number in 0..people {
            let name = format!("person{number}");
            let joined = ask(PATIENCE, &client, at, "", "mutation($input: RegisterInput!, $login: LoginInput!) { register(input: $input) { id } login(input: $login) { token } }", json!({
                "input": {"username": name, "email": format!("{name}@example.com"), "password": "securepassword123"},
                "login": {"username": name, "password": "securepassword123"},
            })).await.unwrap();
            let token = joined["login"]["token"].as_str().unwrap().to_owned();
            let contact = |which: &str, digit: u32| json!({"name": which, "relationship": "Друг", "phone": format!("+7900123{digit}{number:03}"), "email": format!("{which}.{name}@example.com")});
            ask(PATIENCE, &client, at, &token, "mutation($a: EmergencyContactInput!, $b: EmergencyContactInput!, $t: SaveTherapistInput!) {
                a: createEmergencyContact(userId: \"me\", input: $a) { id } b: createEmergencyContact(userId: \"me\", input: $b) { id }
                saveTherapist(userId: \"me\", input: $t) { created } }", json!({
                "a": contact("first", 1), "b": contact("second", 2),
                "t": {"name": "Терапевт", "phone": format!("+79001233{number:03}"), "email": format!("therapist.{name}@example.com")},
            })).await.unwrap();
            tokens.push(token);
        }
        Self {
            tokens,
            at: watch::Sender::new(vec![at]),
            answered: Arc::new(watch::Sender::new(BTreeMap::new())),
            refused: Arc::default(),
            pressing: JoinSet::new(),
            stop: watch::Sender::new(false),
        }
    }

    /// Where haven is to be found from now on.
    pub fn move_to(&self, at: Vec<SocketAddr>) {
        self.at.send_replace(at);
    }

    /// Everybody presses, until [`Self::stop`].
    pub fn press(&mut self) {
        for (person, token) in self.tokens.iter().cloned().enumerate() {
            let (answered, refused) = (self.answered.clone(), self.refused.clone());
            let (at, stop) = (self.at.subscribe(), self.stop.subscribe());
            self.pressing.spawn(async move {
                let client = client();
                for press in 0_usize.. {
                    let key = format!("press {press} of {person}");
                    for attempt in 0..TRIES {
                        if *stop.borrow() {
                            return;
                        }
                        let node = {
                            let nodes = at.borrow();
                            nodes[(person + press + attempt) % nodes.len()]
                        };
                        let answer =
                            ask(ANSWER, &client, node, &token, TRIGGER, json!({"key": key})).await;
                        match answer {
                            Ok(data) => {
                                note(&answered, &key, &data);
                                break;
                            }
                            Err(why) => {
                                *refused.lock().unwrap().entry(why).or_default() += 1;
                                sleep(AGAIN).await;
                            }
                        }
                    }
                    sleep(REST).await;
                }
            });
        }
    }

    /// One press by the first person, who waits for as long as it takes.
    pub async fn press_once(&self, key: &str) -> Result<(), String> {
        let at = self.at.borrow()[0];
        let data = ask(
            PATIENCE,
            &client(),
            at,
            &self.tokens[0],
            TRIGGER,
            json!({"key": key}),
        )
        .await?;
        note(&self.answered, key, &data);
        Ok(())
    }

    /// Waits until this many more alarms were answered.
    pub async fn more(&self, count: usize) {
        let mut answered = self.answered.subscribe();
        let enough = answered.borrow().len() + count;
        let waiting = answered.wait_for(|answered| answered.len() >= enough);
        if timeout(PATIENCE, waiting).await.is_err() {
            panic!("alarms are not answered any more: {:?}", self.refusals());
        }
    }

    /// Nobody presses any more. What was not answered by then does not count.
    pub async fn stop(&mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.pressing.join_next().await {
            ended.unwrap();
        }
    }

    /// The alarms that were answered, and how.
    pub fn answered(&self) -> Answers {
        self.answered.borrow().clone()
    }

    /// How often there was no answer, or an error, and which.
    pub fn refusals(&self) -> BTreeMap<String, usize> {
        self.refused.lock().unwrap().clone()
    }
}
