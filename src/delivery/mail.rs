//! Mails: putting one together, and handing it to a mail server or a folder.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{DateTime, Utc};
use lettre::address::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart};
use secrecy::ExposeSecret;
use url::Url;
use uuid::Uuid;

use super::Failure;
use super::smtp::{Refusal, Smtp};
use crate::config::Config;

/// What goes into one mail.
pub struct Letter<'a> {
    /// The name of the recipient.
    pub name: &'a str,
    /// The address of the recipient.
    pub address: &'a str,
    /// Where answers go, where that is an address.
    pub reply_to: &'a str,
    /// The subject line.
    pub subject: &'a str,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// Whether mail programs should show it as urgent.
    pub urgent: bool,
    /// The id of the message, without angle brackets.
    pub message_id: &'a str,
    /// The time of sending.
    pub date: DateTime<Utc>,
}

/// Where mails go.
enum Transport {
    /// To a mail server.
    Smtp(Smtp),
    /// Into a folder, one `.eml` file per mail.
    Files(PathBuf),
}

/// Sends mails from one sender.
pub struct Mailer {
    transport: Transport,
    sender: Mailbox,
}

impl fmt::Display for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.transport {
            Transport::Smtp(smtp) => write!(f, "the mail server {smtp}"),
            Transport::Files(folder) => write!(f, "files in {}", folder.display()),
        }
    }
}

impl Mailer {
    /// A mail server where one is set, else files under the data folder.
    ///
    /// # Errors
    /// If the mail server's URL or the sender's address is none, or a setting is missing that goes
    /// with it.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let transport = match &config.smtp_url {
            Some(url) => {
                let url = Url::parse(url.expose_secret()).context("HAVEN_SMTP_URL is no URL")?;
                let smtp = Smtp::new(&url)?;
                config.ensure_reachable("HAVEN_SMTP_URL", &url)?;
                Transport::Smtp(smtp)
            }
            None => Transport::Files(config.data_dir.join("mail")),
        };
        let mut sender: Mailbox = config
            .mail_from
            .parse()
            .context("HAVEN_MAIL_FROM must be an address")?;
        // Not every server takes another; what it refused of the sender would look like the
        // recipient's fault.
        sender.email = address(sender.email.as_ref())
            .filter(|email| email.to_string().is_ascii())
            .context("HAVEN_MAIL_FROM must have a local part in ASCII, and a domain that exists")?;
        Ok(Self { transport, sender })
    }

    /// Where mails go, in a word for machines. Nobody gets what is written to files.
    pub const fn destination(&self) -> &'static str {
        match self.transport {
            Transport::Smtp(_) => "smtp",
            Transport::Files(_) => "files",
        }
    }

    /// A new message id, without angle brackets.
    #[must_use]
    pub fn new_message_id(&self) -> String {
        format!("{}@{}", Uuid::new_v4(), self.sender.email.domain())
    }

    /// Sends one mail. Once it is `Ok`, the mail server has taken it or the file is on disk.
    ///
    /// # Errors
    /// Whether trying again makes sense, and why it failed.
    pub async fn send(&self, letter: Letter<'_>) -> Result<(), Refusal> {
        let to = address(letter.address).ok_or(Refusal::Permanent(Failure::InvalidAddress))?;
        let id = letter.message_id.to_owned();
        let bytes = self
            .compose(letter, to.clone())
            .map_err(|_| Refusal::Permanent(Failure::InvalidAddress))?
            .formatted();
        match &self.transport {
            Transport::Smtp(smtp) => smtp.send(&self.sender.email, &to, &bytes).await,
            Transport::Files(folder) => {
                let folder = folder.clone();
                let written = tokio::task::spawn_blocking(move || write(&folder, &id, &bytes));
                match written.await {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(error)) => {
                        tracing::error!(%error, "a mail can't be written");
                        Err(Refusal::Temporary(Failure::NotWritten))
                    }
                    Err(_) => Err(Refusal::Temporary(Failure::NotWritten)),
                }
            }
        }
    }

    fn compose(&self, letter: Letter<'_>, to: Address) -> Result<Message, lettre::error::Error> {
        let mut message = Message::builder()
            .message_id(Some(format!("<{}>", letter.message_id)))
            .date(letter.date.into())
            .from(self.sender.clone())
            .to(Mailbox::new(display_name(letter.name), to))
            .subject(one_line(letter.subject))
            .raw_header(header("Auto-Submitted", "auto-generated"));
        if let Some(reply_to) = address(letter.reply_to) {
            message = message.reply_to(Mailbox::new(None, reply_to));
        }
        if letter.urgent {
            message = message
                .raw_header(header("X-Priority", "1"))
                .raw_header(header("Importance", "high"));
        }
        message.multipart(MultiPart::alternative_plain_html(letter.text, letter.html))
    }

    /// Ends what is kept open.
    pub async fn close(&self) {
        if let Transport::Smtp(smtp) = &self.transport {
            smtp.close().await;
        }
    }
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// The address a mail can be sent to, if `text` is one. A domain in another script becomes its
/// ASCII form, which every server understands.
#[must_use]
pub fn address(text: &str) -> Option<Address> {
    let address: Address = text.trim().parse().ok()?;
    if address.domain().is_ascii() {
        return Some(address);
    }
    match url::Host::parse(address.domain()).ok()? {
        url::Host::Domain(domain) => Address::new(address.user(), domain).ok(),
        _ => None,
    }
}

/// A name for the `To` header, or none where nothing printable is left of it.
fn display_name(name: &str) -> Option<String> {
    Some(one_line(name)).filter(|name| !name.is_empty())
}

/// `text` on one line, without control characters: what is in a header or a sentence must not
/// begin another.
#[must_use]
pub fn one_line(text: &str) -> String {
    let spaced: String = text
        .chars()
        .map(|c| {
            if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
                ' '
            } else {
                c
            }
        })
        // Marks that turn the direction of all that follows.
        .filter(|c| !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Writes a mail so that it is there whole or not at all, and only the owner can read it. The
/// same id is the same file, so a retry makes no second one.
fn write(folder: &Path, id: &str, mail: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let unfinished = folder.join(format!(".{id}.{}", Uuid::new_v4()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    let written = file
        .write_all(mail)
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&unfinished, folder.join(format!("{id}.eml"))));
    if written.is_err() {
        let _ = std::fs::remove_file(&unfinished);
        return written;
    }
    // The name is durable once the folder is.
    std::fs::File::open(folder)?.sync_all()
}
