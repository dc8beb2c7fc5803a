//! One mail to one recipient over SMTP.
//!
//! The conversation is led step by step on lettre's connection, for two reasons: lettre's own
//! transport has no time limit on replies, and its errors don't tell a refused recipient, which
//! is final, from a refused login or sender, which the operator can mend within the day.

use std::error::Error as _;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use lettre::address::Address;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Quit, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::{Response, Severity};
use lettre::transport::smtp::{Error as SmtpError, SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use percent_encoding::percent_decode_str;
use tokio::sync::Notify;
use tokio::time::timeout;
use url::{Host, Url};

use super::Failure;
use super::fault::{self, Fault};

/// How long the server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the server may take for each reply. The last one, to the whole message, may take
/// what is left of [`WHOLE`], because giving up there risks a duplicate.
const REPLY: Duration = Duration::from_secs(10);
/// How long one send may take altogether.
pub(super) const WHOLE: Duration = Duration::from_secs(30);
/// How long a connection is kept for the next mail. Servers close idle ones after minutes.
const IDLE: Duration = Duration::from_secs(30);
/// Connections kept at most.
const KEPT: usize = 32;
/// How long a mail waits for the connection of another one, where the server allows no more of
/// them.
const WAITING: Duration = Duration::from_secs(10);

/// Why a mail did not go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Trying again can't help.
    Permanent(Failure),
    /// It was not taken, and may be later.
    Temporary(Failure),
    /// Nobody knows whether it was taken: the recipient may have it already. To be tried again.
    Unknown(Failure),
}

use Refusal::{Permanent, Temporary, Unknown};

enum Security {
    /// Plain, for a relay on the same machine or network.
    None,
    /// STARTTLS where the server offers it.
    Opportunistic(TlsParameters),
    /// STARTTLS or nothing.
    Required(TlsParameters),
    /// TLS from the first byte.
    Implicit(TlsParameters),
}

/// A mail server and the open connections to it.
pub struct Smtp {
    host: String,
    port: u16,
    security: Security,
    hello: ClientId,
    credentials: Option<Credentials>,
    connections: Mutex<Connections>,
    /// A turn is over.
    over: Notify,
}

/// The connections to a server.
#[derive(Default)]
struct Connections {
    /// Those that nobody uses, and since when.
    idle: Vec<(AsyncSmtpConnection, Instant)>,
    /// Turns that go on.
    turns: usize,
}

/// Using a connection, from before there is one until it is kept or closed.
struct Turn<'a> {
    smtp: &'a Smtp,
    /// To be kept.
    kept: Option<AsyncSmtpConnection>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut connections = self.smtp.connections();
        connections.turns = connections.turns.saturating_sub(1);
        if let Some(connection) = self.kept.take()
            && connections.idle.len() < KEPT
        {
            connections.idle.push((connection, Instant::now()));
        }
        drop(connections);
        self.smtp.over.notify_waiters();
    }
}

impl fmt::Display for Smtp {
    /// Host and port, no credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Smtp {
    /// Reads a mail server's URL in lettre's form: `smtp://` or `smtps://`, user and password
    /// percent-encoded, the name for EHLO as path, `?tls=required` or `?tls=opportunistic`.
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// If it is none; the text holds nothing of the URL, which has a password in it.
    pub fn new(url: &Url) -> anyhow::Result<Self> {
        let host = match url.host().context("HAVEN_SMTP_URL names no host")? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let tls = || TlsParameters::new(host.clone()).context("TLS can't be set up");
        let mode = url
            .query_pairs()
            .find(|(name, _)| name == "tls")
            .map(|(_, value)| value.into_owned());
        let (security, port) = match (url.scheme(), mode.as_deref()) {
            ("smtps", _) => (Security::Implicit(tls()?), SUBMISSIONS_PORT),
            ("smtp", None) => (Security::None, SMTP_PORT),
            ("smtp", Some("required")) => (Security::Required(tls()?), SUBMISSION_PORT),
            ("smtp", Some("opportunistic")) => (Security::Opportunistic(tls()?), SUBMISSION_PORT),
            _ => anyhow::bail!(
                "HAVEN_SMTP_URL must begin with smtp:// or smtps://, and `tls` may be `required` \
                 or `opportunistic`"
            ),
        };
        let decode = |text: &str| {
            percent_decode_str(text)
                .decode_utf8()
                .map(std::borrow::Cow::into_owned)
                .context("user and password of HAVEN_SMTP_URL must be UTF-8")
        };
        let credentials = match url.password() {
            Some(password) => Some(Credentials::new(decode(url.username())?, decode(password)?)),
            None => None,
        };
        let hello = match url.path().trim_matches('/') {
            "" => ClientId::default(),
            name => ClientId::Domain(name.to_owned()),
        };
        Ok(Self {
            port: url.port().unwrap_or(port),
            host,
            security,
            hello,
            credentials,
            connections: Mutex::default(),
            over: Notify::new(),
        })
    }

    /// Sends one mail. Once it is `Ok`, the server has taken the mail.
    ///
    /// # Errors
    /// Whether trying again makes sense, and why it failed.
    pub async fn send(&self, from: &Address, to: &Address, mail: &[u8]) -> Result<(), Refusal> {
        let handed_over = AtomicBool::new(false);
        let conversation = self.converse(from, to, mail, &handed_over);
        match timeout(WHOLE, conversation).await {
            Ok(outcome) => outcome,
            Err(_) if handed_over.into_inner() => Err(Unknown(Failure::Timeout)),
            Err(_) => Err(Temporary(Failure::Timeout)),
        }
    }

    async fn converse(
        &self,
        from: &Address,
        to: &Address,
        mail: &[u8],
        handed_over: &AtomicBool,
    ) -> Result<(), Refusal> {
        let (mut turn, mut connection) = self.begin(from, to, mail).await?;
        let recipient = Rcpt::new(to.clone(), Vec::new());
        reply(connection.command(recipient), REPLY)
            .await
            .and_then(Broken::unless_done)
            .map_err(Broken::of_recipient)?;
        reply(connection.command(Data), REPLY)
            .await
            .and_then(|answer| match answer.code().severity {
                Severity::PositiveIntermediate => Ok(()),
                _ => Err(Broken::Lost),
            })
            .map_err(Broken::of_message)?;
        handed_over.store(true, Ordering::Relaxed);
        reply(connection.message(mail), WHOLE)
            .await
            .and_then(Broken::unless_done)
            .map_err(|broken| match broken {
                Broken::Refused { .. } => broken.of_message(),
                Broken::Lost => Unknown(Failure::ServerUnreachable),
                Broken::Late => Unknown(Failure::Timeout),
            })?;
        turn.kept = Some(connection);
        Ok(())
    }

    async fn begin(
        &self,
        from: &Address,
        to: &Address,
        mail: &[u8],
    ) -> Result<(Turn<'_>, AsyncSmtpConnection), Refusal> {
        // A kept connection may have been closed by the server meanwhile. Nothing was sent on
        // it yet, so a new one takes its place at once.
        if let Some((turn, mut kept)) = self.take()
            && begin(&mut kept, from, to, mail).await.is_ok()
        {
            return Ok((turn, kept));
        }
        let turn = self.turn();
        let (turn, mut connection) = match self.connect().await {
            // Many servers allow a client only so many connections.
            Err(Broken::Refused { code: 421, .. }) => {
                drop(turn);
                let handed_on = timeout(WAITING, self.handed_on()).await;
                handed_on
                    .unwrap_or_default()
                    .ok_or(Temporary(Failure::ServerRefused))?
            }
            connected => (turn, connected.map_err(Broken::temporary)?),
        };
        begin(&mut connection, from, to, mail).await?;
        Ok((turn, connection))
    }

    /// The next connection that another mail is done with; `None` once there is no other mail.
    async fn handed_on(&self) -> Option<(Turn<'_>, AsyncSmtpConnection)> {
        loop {
            let mut over = std::pin::pin!(self.over.notified());
            // From here on nothing is missed.
            over.as_mut().enable();
            if let Some(kept) = self.take() {
                return Some(kept);
            }
            if self.connections().turns == 0 {
                return None;
            }
            over.await;
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Broken> {
        let implicit = match &self.security {
            Security::Implicit(tls) => Some(tls.clone()),
            _ => None,
        };
        // Connects, reads the greeting and says EHLO; the outer limit is for the latter two and
        // for the name server.
        let mut connection = reply(
            AsyncSmtpConnection::connect_tokio1(
                (self.host.as_str(), self.port),
                Some(CONNECT),
                &self.hello,
                implicit,
                None,
            ),
            CONNECT + REPLY,
        )
        .await?;
        let upgrade = match &self.security {
            Security::Required(tls) => Some(tls),
            Security::Opportunistic(tls) if connection.can_starttls() => Some(tls),
            _ => None,
        };
        if let Some(tls) = upgrade {
            reply(connection.starttls(tls.clone(), &self.hello), REPLY).await?;
        }
        if let Some(credentials) = &self.credentials {
            reply(connection.auth(DEFAULT_MECHANISMS, credentials), REPLY).await?;
        }
        Ok(connection)
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> Turn<'_> {
        self.connections().turns += 1;
        Turn {
            smtp: self,
            kept: None,
        }
    }

    /// Begins a turn with a connection that was kept, if there is any.
    fn take(&self) -> Option<(Turn<'_>, AsyncSmtpConnection)> {
        let mut connections = self.connections();
        connections.idle.retain(|(_, since)| since.elapsed() < IDLE);
        let (connection, _) = connections.idle.pop()?;
        // Before anybody else can find that there is neither a connection nor a turn.
        connections.turns += 1;
        let turn = Turn {
            smtp: self,
            kept: None,
        };
        Some((turn, connection))
    }

    /// Says goodbye on every kept connection.
    pub async fn close(&self) {
        let idle = std::mem::take(&mut self.connections().idle);
        for (mut connection, _) in idle {
            // Whoever does not answer a goodbye is not waited for.
            let _ = timeout(Duration::from_millis(200), connection.command(Quit)).await;
        }
    }
}

/// Opens the transaction: everything before the recipient, where nothing is the recipient's fault.
async fn begin(
    connection: &mut AsyncSmtpConnection,
    from: &Address,
    to: &Address,
    mail: &[u8],
) -> Result<(), Refusal> {
    let mut parameters = Vec::new();
    // The sender's is ASCII: see [`super::mail::Mailer::new`].
    if !to.to_string().is_ascii() {
        if !supports(connection, Extension::SmtpUtfEight) {
            return Err(Permanent(Failure::AddressRejected));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !mail.is_ascii() {
        if !supports(connection, Extension::EightBitMime) {
            return Err(Permanent(Failure::MessageRejected));
        }
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    let sender = Mail::new(Some(from.clone()), parameters);
    reply(connection.command(sender), REPLY)
        .await
        .map_err(Broken::temporary)?;
    Ok(())
}

fn supports(connection: &AsyncSmtpConnection, extension: Extension) -> bool {
    connection.server_info().supports_feature(extension)
}

/// How a step of the conversation failed.
enum Broken {
    /// The server answered no.
    Refused {
        /// The reply code.
        code: u16,
        /// Whose fault that is.
        fault: Fault,
        /// Whether it said so by an enhanced status code.
        plainly: bool,
    },
    /// The connection failed, or the answer made no sense.
    Lost,
    /// No answer in time.
    Late,
}

impl Broken {
    /// An answer that is a yes and of no other step: whoever asks for more at the end has not taken
    /// the mail.
    fn unless_done(answer: Response) -> Result<(), Self> {
        match answer.code().severity {
            Severity::PositiveCompletion => Ok(()),
            _ => Err(Self::Lost),
        }
    }

    const fn temporary(self) -> Refusal {
        Temporary(match self {
            Self::Refused { .. } => Failure::ServerRefused,
            Self::Lost => Failure::ServerUnreachable,
            Self::Late => Failure::Timeout,
        })
    }

    /// What an answer to the recipient means. Final is only what no state of the server changes.
    const fn of_recipient(self) -> Refusal {
        match self {
            Self::Refused {
                code: 500..,
                fault: Fault::Address,
                ..
            } => Permanent(Failure::AddressRejected),
            Self::Refused {
                code: 500..,
                fault: Fault::Message,
                ..
            } => Permanent(Failure::MessageRejected),
            other => other.temporary(),
        }
    }

    /// What an answer to the mail means: as one to the recipient, but the address is to blame only
    /// where the server says so plainly.
    const fn of_message(self) -> Refusal {
        match self {
            Self::Refused {
                code: 500..,
                fault: Fault::Address,
                plainly: false,
            } => Permanent(Failure::MessageRejected),
            other => other.of_recipient(),
        }
    }
}

async fn reply<T>(
    step: impl Future<Output = Result<T, SmtpError>>,
    limit: Duration,
) -> Result<T, Broken> {
    match timeout(limit, step).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(match error.status() {
            Some(code) => {
                let code = code.into();
                let text = error.source().map(ToString::to_string).unwrap_or_default();
                Broken::Refused {
                    code,
                    fault: fault::answered(code, &text),
                    plainly: fault::said(&text).is_some(),
                }
            }
            None if error.is_timeout() => Broken::Late,
            None => Broken::Lost,
        }),
        Err(_) => Err(Broken::Late),
    }
}
