//! An SMS gateway on loopback that speaks Twilio's API for messages and keeps what it takes, or
//! fails in the way that a test asks for.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use haven::config::Config;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha1::Sha1;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::client::Answer;
use super::haven::Haven;

pub const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
pub const TOKEN: &str = "the-secret-of-the-account";
pub const FROM: &str = "+15005550006";
pub const PUBLIC: &str = "https://haven.example/app";

/// What the gateway does with the messages it reads from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gateway {
    /// Takes them.
    Accept,
    /// Refuses them with this status and error code.
    Refuse(u16, i64),
    /// Takes them, and closes the connection without saying so.
    TakeThenClose,
    /// Closes the connection before the answer, without taking them.
    Close,
    /// Answers 201 and something that is no JSON.
    Rubbish,
    /// Says nothing until the behaviour changes; then goes on by the new one.
    Hang,
}

/// A message as it was posted.
#[derive(Clone, Debug)]
pub struct Sms {
    /// The gateway's id of it.
    pub sid: String,
    /// The path that it was posted to.
    pub path: String,
    /// Headers, by their names in small letters.
    pub headers: HashMap<String, String>,
    /// The fields of the form.
    pub fields: HashMap<String, String>,
    /// Whether the gateway took it.
    pub taken: bool,
    /// When it was posted or, where the gateway took it, when it did.
    pub at: SystemTime,
}

impl Sms {
    pub fn to(&self) -> &str {
        &self.fields["To"]
    }

    pub fn text(&self) -> &str {
        &self.fields["Body"]
    }

    /// The path for its receipts at haven itself, behind the proxy that serves [`PUBLIC`].
    pub fn receipts(&self) -> &str {
        self.fields["StatusCallback"].strip_prefix(PUBLIC).unwrap()
    }
}

#[derive(Clone)]
struct Ledger {
    behaviour: Gateway,
    posted: Vec<Sms>,
}

/// The gateway; it ends with the value.
pub struct SmsServer {
    address: SocketAddr,
    ledger: Arc<watch::Sender<Ledger>>,
    accepting: JoinHandle<()>,
}

impl Drop for SmsServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl SmsServer {
    pub async fn start(behaviour: Gateway) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let posted = Vec::new();
        let ledger = Arc::new(watch::Sender::new(Ledger { behaviour, posted }));
        let shared = ledger.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                // A client that breaks off ends only its own conversation.
                tokio::spawn(async move { converse(stream, &shared).await });
            }
        });
        Self {
            address,
            ledger,
            accepting,
        }
    }

    /// Settings that send SMS here.
    pub fn configure(&self, config: &mut Config) {
        config.sms_url = Some(self.url().parse().unwrap());
        config.sms_account = Some(ACCOUNT.to_owned());
        config.sms_token = Some(TOKEN.to_owned().into());
        config.sms_from = Some(FROM.to_owned());
        config.public_url = Some(PUBLIC.parse().unwrap());
    }

    /// Where messages are posted.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn set_behaviour(&self, behaviour: Gateway) {
        self.ledger
            .send_modify(|ledger| ledger.behaviour = behaviour);
    }

    /// Every message posted, taken or not, oldest first.
    pub fn posted(&self) -> Vec<Sms> {
        self.ledger.borrow().posted.clone()
    }

    /// Waits until so many messages were posted.
    pub async fn wait_for(&self, count: usize) {
        let mut ledger = self.ledger.subscribe();
        let waiting = ledger.wait_for(|ledger| ledger.posted.len() >= count);
        let patience = std::time::Duration::from_secs(10);
        let posted = tokio::time::timeout(patience, waiting).await;
        posted.expect("too few SMS").unwrap();
    }

    /// The messages taken, oldest first.
    pub fn taken(&self) -> Vec<Sms> {
        let posted = self.posted().into_iter();
        posted.filter(|sms| sms.taken).collect()
    }
}

async fn converse(mut stream: TcpStream, ledger: &watch::Sender<Ledger>) -> Option<()> {
    let (path, headers, body) = read(&mut stream).await?;
    let mut behaviours = ledger.subscribe();
    let mut sms = Sms {
        sid: String::new(),
        path,
        headers,
        fields: url::form_urlencoded::parse(&body).into_owned().collect(),
        taken: false,
        at: SystemTime::now(),
    };
    let mut place = 0;
    ledger.send_modify(|ledger| {
        place = ledger.posted.len();
        sms.sid = format!("SM{place:032x}");
        sms.taken = takes(&ledger.behaviour);
        ledger.posted.push(sms.clone());
    });
    let behaviour = behaviours
        .wait_for(|ledger| ledger.behaviour != Gateway::Hang)
        .await
        .ok()?
        .behaviour
        .clone();
    ledger.send_modify(|ledger| {
        let posted = &mut ledger.posted[place];
        posted.at = if posted.taken {
            posted.at
        } else {
            SystemTime::now()
        };
        posted.taken = takes(&behaviour);
    });
    let (status, answer) = match behaviour {
        Gateway::Accept => (
            201,
            json!({"sid": sms.sid, "status": "queued", "error_code": null, "to": sms.to()})
                .to_string(),
        ),
        Gateway::Refuse(status, code) => (status, refusal(status, code).to_string()),
        Gateway::Rubbish => (201, "<html>It works!</html>".to_owned()),
        Gateway::TakeThenClose | Gateway::Close | Gateway::Hang => return None,
    };
    let text = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{answer}",
        answer.len()
    );
    stream.write_all(text.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

fn takes(behaviour: &Gateway) -> bool {
    matches!(behaviour, Gateway::Accept | Gateway::TakeThenClose)
}

fn refusal(status: u16, code: i64) -> Value {
    json!({"code": code, "message": "no", "more_info": "https://www.twilio.com/docs/errors", "status": status})
}

/// Reads one request: path, headers, body.
async fn read(stream: &mut TcpStream) -> Option<(String, HashMap<String, String>, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length")?.parse().ok()?;
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some((path, headers, bytes[end..].to_vec()))
}

/// What the gateway signs a receipt with, for the URL that it was told.
pub fn signature(url: &str, fields: &[(&str, &str)]) -> String {
    let mut fields = fields.to_vec();
    fields.sort_unstable();
    let mut mac = Hmac::<Sha1>::new_from_slice(TOKEN.as_bytes()).unwrap();
    mac.update(url.as_bytes());
    for (name, value) in fields {
        mac.update(format!("{name}{value}").as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The signature and the body of a receipt for a message as the gateway makes it, with the id `sid`.
pub fn signed(sms: &Sms, sid: &str, status: &str) -> (String, String) {
    let fields = [
        ("MessageSid", sid),
        ("SmsSid", sid),
        ("SmsStatus", status),
        ("MessageStatus", status),
        ("To", sms.to()),
        ("From", FROM),
        ("AccountSid", ACCOUNT),
        ("ApiVersion", "2010-04-01"),
    ];
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    (signature(&sms.fields["StatusCallback"], &fields), form)
}

/// Sends a receipt for a message as the gateway does, with the id `sid`.
pub async fn receipt(haven: &Haven, sms: &Sms, sid: &str, status: &str) -> Answer {
    let (signature, form) = signed(sms, sid, status);
    haven
        .call("POST", sms.receipts())
        .header("x-twilio-signature", &signature)
        .body("application/x-www-form-urlencoded", form)
        .send()
        .await
}
