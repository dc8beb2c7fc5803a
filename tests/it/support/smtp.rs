//! A mail server on loopback that speaks SMTP (RFC 5321) and keeps what it accepts, or fails in
//! the way that a test asks for. It is the far end of a real conversation, not a stand-in for
//! the mailer.

#[path = "smtp_conversation.rs"]
mod conversation;
#[path = "smtp_mail.rs"]
mod mail;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use tokio::{
    net::{TcpListener, TcpSocket},
    sync::{Mutex, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

use conversation::Seat;
pub use mail::ReceivedMail;

/// How long a test waits for what must happen before it fails. Nothing waits this long when all
/// is well; on a machine that builds at the same time, milliseconds become seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the server does, from its next reply on, in old conversations as in new ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Takes every mail.
    Accept,
    /// Refuses every recipient for good (550).
    RefuseRecipients,
    /// Refuses the recipients whose address contains this for good (550).
    RefuseRecipientsContaining(String),
    /// Puts every recipient off (451).
    DeferRecipients,
    /// Reads the mail, then puts it off (451).
    DeferMail,
    /// Refuses or puts off at this point with this reply, as in `554 5.7.1 not from here`.
    Answer(Stage, &'static str),
    /// Greets with this reply, as in `421 4.3.2 later`, and closes the connection.
    GreetWith(&'static str),
    /// Takes so many connections at once, and turns further ones away (421).
    TakeConnections(usize),
    /// Takes the connection and says nothing until the behaviour changes.
    HangAtGreeting,
    /// Says nothing at this point until the behaviour changes; then goes on by the new one.
    HangAt(Stage),
    /// Reads the mail and says nothing until the behaviour changes; then goes on by the new one.
    HangAfterData,
    /// Closes the connection after the first line of the mail.
    DropDuringData,
    /// Takes the mail, and closes the connection without saying so.
    AcceptThenDrop,
    /// Takes the mail, and says so only after this time.
    Slow(Duration),
}

/// A point of the conversation at which the server may refuse, or fall silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The sender is named.
    Mail,
    /// A recipient is named.
    Recipient,
    /// The client asks to send the mail.
    Data,
    /// The mail is read to its end.
    End,
}

/// How conversations are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all.
    None,
    /// On request of the client (STARTTLS); before that, no mail is taken.
    StartTls,
    /// From the first byte.
    Implicit,
}

/// What has happened so far; see [`SmtpServer::until`].
#[derive(Clone, Debug)]
pub struct Ledger {
    /// The mails taken, oldest first.
    pub mails: Vec<ReceivedMail>,
    /// Connections ever made.
    pub connections: usize,
    /// Conversations going on.
    pub open: usize,
    /// The most conversations that ever went on at once.
    pub most_open: usize,
    /// Conversations in which the server keeps silent, as its behaviour is.
    pub silent: usize,
    /// Mails read to their end, whatever became of them.
    pub bodies: usize,
    /// When each of these was, and its `Message-ID` without angle brackets.
    pub handed: Vec<(String, SystemTime)>,
    /// Recipients and mails refused or put off.
    pub refusals: usize,
    behaviour: Behaviour,
}

/// The server; it ends with the value.
pub struct SmtpServer {
    address: SocketAddr,
    encryption: Encryption,
    certificate: String,
    room: Room,
    door: Mutex<Door>,
    handed_out: AtomicUsize,
}

/// What every conversation shares.
#[derive(Clone)]
struct Room {
    ledger: Arc<watch::Sender<Ledger>>,
    encryption: Encryption,
    tls: TlsAcceptor,
}

enum Door {
    /// The task that accepts connections and owns the conversations.
    Open(JoinSet<()>),
    /// The socket that keeps the port ours without listening, so that nobody gets in, and
    /// nobody else gets the port.
    Closed(TcpSocket),
}

impl SmtpServer {
    /// Starts a server without encryption on a free port of 127.0.0.1.
    pub async fn start(behaviour: Behaviour) -> Self {
        Self::start_with(behaviour, Encryption::None).await
    }

    /// Starts a server on a free port of 127.0.0.1. Its certificate is made for this server alone.
    pub async fn start_with(behaviour: Behaviour, encryption: Encryption) -> Self {
        let issued =
            rcgen::generate_simple_self_signed(["127.0.0.1".into(), "localhost".into()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
        let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], PrivateKeyDer::from(key))
            .unwrap();
        let room = Room {
            ledger: Arc::new(watch::Sender::new(Ledger {
                mails: Vec::new(),
                connections: 0,
                open: 0,
                most_open: 0,
                silent: 0,
                bodies: 0,
                handed: Vec::new(),
                refusals: 0,
                behaviour,
            })),
            encryption,
            tls: TlsAcceptor::from(Arc::new(tls)),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        Self {
            address: listener.local_addr().unwrap(),
            encryption,
            certificate: issued.cert.pem(),
            door: Mutex::new(room.clone().open(listener)),
            room,
            handed_out: AtomicUsize::new(0),
        }
    }

    /// The server's URL in the form that `HAVEN_SMTP_URL` takes.
    pub fn url(&self) -> String {
        match self.encryption {
            Encryption::None => format!("smtp://{}", self.address),
            Encryption::StartTls => format!("smtp://{}?tls=required", self.address),
            Encryption::Implicit => format!("smtps://{}", self.address),
        }
    }

    /// The certificate, PEM, which is its own root: a client trusts the server by it.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Changes what the server does from its next reply on.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        self.room
            .ledger
            .send_modify(|ledger| ledger.behaviour = behaviour);
    }

    /// Stops listening and cuts every conversation: connections are refused from now on.
    pub async fn go_down(&self) {
        let mut door = self.door.lock().await;
        if let Door::Open(accepting) = &mut *door {
            accepting.shutdown().await;
            let socket = TcpSocket::new_v4().unwrap();
            // The cut conversations linger on this port.
            socket.set_reuseaddr(true).unwrap();
            socket.bind(self.address).unwrap();
            *door = Door::Closed(socket);
        }
    }

    /// Listens again, on the same port.
    pub async fn come_up(&self) {
        let mut door = self.door.lock().await;
        *door = match std::mem::replace(&mut *door, Door::Open(JoinSet::new())) {
            Door::Closed(socket) => self.room.clone().open(socket.listen(1024).unwrap()),
            open @ Door::Open(_) => open,
        };
    }

    /// What has happened so far.
    pub fn ledger(&self) -> Ledger {
        self.room.ledger.borrow().clone()
    }

    /// What has happened so far, and whatever happens from now on.
    pub fn follow(&self) -> watch::Receiver<Ledger> {
        self.room.ledger.subscribe()
    }

    /// The mails taken so far, oldest first.
    pub fn mails(&self) -> Vec<ReceivedMail> {
        self.ledger().mails
    }

    /// The oldest mail that this function has not returned yet; waits for it.
    ///
    /// # Panics
    /// It did not come within ten seconds.
    pub async fn next_mail(&self) -> ReceivedMail {
        let index = self.handed_out.fetch_add(1, Ordering::Relaxed);
        self.wait_for(index + 1).await.swap_remove(index)
    }

    /// Waits until `count` mails have been taken since the start, and returns all there are.
    ///
    /// # Panics
    /// They did not come within ten seconds.
    pub async fn wait_for(&self, count: usize) -> Vec<ReceivedMail> {
        let what = format!("{count} mails");
        self.until(&what, |ledger| ledger.mails.len() >= count)
            .await
            .mails
    }

    /// Waits until `reached` holds of what has happened; `what` names it in the failure.
    ///
    /// # Panics
    /// It did not come to hold within ten seconds.
    pub async fn until(&self, what: &str, reached: impl Fn(&Ledger) -> bool) -> Ledger {
        let mut ledger = self.follow();
        let found = timeout(PATIENCE, ledger.wait_for(|ledger| reached(ledger))).await;
        match found {
            Ok(ledger) => ledger.unwrap().clone(),
            Err(_) => {
                let Ledger {
                    mails,
                    connections,
                    open,
                    bodies,
                    refusals,
                    behaviour,
                    ..
                } = self.ledger();
                panic!(
                    "the mail server ({behaviour:?}) waited {PATIENCE:?} in vain for {what}: \
                     {} mails, {connections} connections ({open} open), {bodies} bodies read, \
                     {refusals} refusals",
                    mails.len()
                )
            }
        }
    }
}

impl Room {
    fn open(self, listener: TcpListener) -> Door {
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut conversations = JoinSet::new();
            loop {
                tokio::select! {
                    Ok((stream, _)) = listener.accept() => {
                        let seat = Seat::take(&self);
                        conversations.spawn(async move { seat.converse(stream).await });
                    }
                    // A client may break off as it likes; what came of it is in the ledger.
                    Some(_) = conversations.join_next() => {}
                }
            }
        });
        Door::Open(accepting)
    }
}
