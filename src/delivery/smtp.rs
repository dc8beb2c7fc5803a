//! One mail to one recipient over SMTP.
//!
//! The conversation is led step by step on lettre's connection, for two reasons: lettre's own
//! transport has no time limit on replies, and its errors don't tell a refused recipient, which
//! is final, from a refused login or sender, which the operator can mend within the day.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use lettre::address::Address;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Quit, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::{Error as SmtpError, SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT};
use percent_encoding::percent_decode_str;
use tokio::time::timeout;
use url::{Host, Url};

use super::Failure;

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
const KEPT: usize = 8;

/// Why a mail did not go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Trying again can't help.
    Permanent(Failure),
    /// It may work later; the recipient may even have it already.
    Temporary(Failure),
}

use Refusal::{Permanent, Temporary};

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
    kept: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
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
            kept: Mutex::default(),
        })
    }

    /// Sends one mail. Once it is `Ok`, the server has taken the mail.
    ///
    /// # Errors
    /// Whether trying again makes sense, and why it failed.
    pub async fn send(&self, from: &Address, to: &Address, mail: &[u8]) -> Result<(), Refusal> {
        timeout(WHOLE, self.converse(from, to, mail))
            .await
            .unwrap_or(Err(Temporary(Failure::Timeout)))
    }

    async fn converse(&self, from: &Address, to: &Address, mail: &[u8]) -> Result<(), Refusal> {
        // A kept connection may have been closed by the server meanwhile. Nothing was sent on
        // it yet, so a new one takes its place at once.
        let mut connection = match self.take() {
            Some(mut kept) => match begin(&mut kept, from, to, mail).await {
                Ok(()) => kept,
                Err(_) => self.begin_anew(from, to, mail).await?,
            },
            None => self.begin_anew(from, to, mail).await?,
        };
        let recipient = Rcpt::new(to.clone(), Vec::new());
        reply(connection.command(recipient), REPLY)
            .await
            .map_err(|broken| match broken {
                // Of these the recipient is not the cause: no login, commands out of order.
                Broken::Refused(503 | 530) => Temporary(Failure::ServerRefused),
                Broken::Refused(500..) => Permanent(Failure::AddressRejected),
                other => other.temporary(),
            })?;
        let message = async {
            reply(connection.command(Data), REPLY).await?;
            reply(connection.message(mail), WHOLE).await
        };
        message.await.map_err(|broken| match broken {
            Broken::Refused(500..) => Permanent(Failure::MessageRejected),
            other => other.temporary(),
        })?;
        self.keep(connection);
        Ok(())
    }

    async fn begin_anew(
        &self,
        from: &Address,
        to: &Address,
        mail: &[u8],
    ) -> Result<AsyncSmtpConnection, Refusal> {
        let mut connection = self.connect().await.map_err(Broken::temporary)?;
        begin(&mut connection, from, to, mail).await?;
        Ok(connection)
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

    fn take(&self) -> Option<AsyncSmtpConnection> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(_, since)| since.elapsed() < IDLE);
        kept.pop().map(|(connection, _)| connection)
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push((connection, Instant::now()));
        }
    }

    /// Says goodbye on every kept connection.
    pub async fn close(&self) {
        let kept = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        for (mut connection, _) in kept {
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
    if !(from.to_string().is_ascii() && to.to_string().is_ascii()) {
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
    /// The server answered no, with this code.
    Refused(u16),
    /// The connection failed, or the answer made no sense.
    Lost,
    /// No answer in time.
    Late,
}

impl Broken {
    const fn temporary(self) -> Refusal {
        Temporary(match self {
            Self::Refused(_) => Failure::ServerRefused,
            Self::Lost => Failure::ServerUnreachable,
            Self::Late => Failure::Timeout,
        })
    }
}

async fn reply<T>(
    step: impl Future<Output = Result<T, SmtpError>>,
    limit: Duration,
) -> Result<T, Broken> {
    match timeout(limit, step).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(match error.status() {
            Some(code) => Broken::Refused(code.into()),
            None if error.is_timeout() => Broken::Late,
            None => Broken::Lost,
        }),
        Err(_) => Err(Broken::Late),
    }
}
