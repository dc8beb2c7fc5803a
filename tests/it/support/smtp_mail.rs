//! A mail as the server of [`super`] received it, decoded.

use std::time::SystemTime;

use mailparse::{MailParseError, ParsedMail};

/// One mail: its envelope, its bytes, and what a reader of it would see.
#[derive(Clone, Debug)]
pub struct ReceivedMail {
    /// The envelope's sender; empty for the null sender.
    pub from: String,
    /// The envelope's recipients that were accepted, in their order.
    pub to: Vec<String>,
    /// What followed DATA, without the dots that SMTP adds.
    pub data: Vec<u8>,
    /// Whether the conversation was encrypted.
    pub encrypted: bool,
    /// When the server took it.
    pub taken: SystemTime,
    /// The decoded body of the first `text/plain` part.
    pub text: Option<String>,
    /// The decoded body of the first `text/html` part.
    pub html: Option<String>,
    headers: Vec<(String, String)>,
}

impl ReceivedMail {
    /// Decodes `data`.
    ///
    /// # Errors
    /// It is no mail, or a part contradicts its declared encoding.
    pub fn decode(
        from: String,
        to: Vec<String>,
        data: Vec<u8>,
        encrypted: bool,
    ) -> Result<Self, MailParseError> {
        let mail = mailparse::parse_mail(&data)?;
        let headers = mail
            .headers
            .iter()
            .map(|header| (header.get_key(), header.get_value()))
            .collect();
        let (text, html) = (body(&mail, "text/plain")?, body(&mail, "text/html")?);
        Ok(Self {
            from,
            to,
            encrypted,
            taken: SystemTime::now(),
            text,
            html,
            headers,
            data,
        })
    }

    /// The first header of this name (in any case), unfolded, encoded words decoded.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The decoded subject; empty when there is none.
    pub fn subject(&self) -> &str {
        self.header("Subject").unwrap_or_default()
    }

    /// The `Message-ID` with its angle brackets; empty when there is none.
    pub fn message_id(&self) -> &str {
        self.header("Message-ID").unwrap_or_default()
    }

    /// The same without them, as haven stores it.
    pub fn id(&self) -> &str {
        self.message_id().trim_matches(['<', '>'])
    }
}

/// The first part of this type, depth first, in whatever multipart it is.
fn body(mail: &ParsedMail<'_>, mimetype: &str) -> Result<Option<String>, MailParseError> {
    mail.parts()
        .find(|part| part.ctype.mimetype == mimetype)
        .map(ParsedMail::get_body)
        .transpose()
}
