//! Reading delivery status notifications (RFC 3464): what a mail server says of a mail that it
//! took and could not deliver.
//!
//! Anybody can send one, so the time it takes grows with the size of the mail and no faster: of
//! headers and bodies only what such a notification needs is decoded, and parts, levels and
//! lengths are bounded. What is beyond them is not read.

use mailparse::body::Body;
use mailparse::{MailHeader, ParsedContentType, parse_content_type, parse_headers};

use super::Failure;
use super::fault::{Fault, code, fault};

/// Levels of parts within parts. A notification has one; a forwarding server may wrap it.
const LEVELS: usize = 4;
/// Parts of the whole mail. A notification has three.
const PARTS: usize = 32;
/// Recipients that are read. A mail of haven's has one.
const RECIPIENTS: usize = 32;
/// Returned mails that are read.
const RETURNED: usize = 4;
/// Bytes of a header's value; that of a message id or an address is at most 255.
const LONGEST: usize = 1000;

/// What a mail says of mails that were not delivered; empty where it is no notification.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The ids of the mails returned with it, without angle brackets.
    pub message_ids: Vec<String>,
    /// Who was refused for good.
    pub refused: Vec<Refused>,
}

/// A recipient whom the mail will never reach.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// The address the mail was sent to, and the one it was passed on to last.
    pub addresses: Vec<String>,
    /// Why.
    pub failure: Failure,
}

/// Reads a whole mail. Understands whatever comes, and never fails: rubbish says nothing.
#[must_use]
pub fn read(mail: &[u8]) -> Report {
    let mut report = Report::default();
    let mut parts = PARTS;
    walk(mail, LEVELS, &mut parts, &mut report);
    report
}

fn walk(part: &[u8], levels: usize, parts: &mut usize, report: &mut Report) {
    let (Some(deeper), Some(left)) = (levels.checked_sub(1), parts.checked_sub(1)) else {
        return;
    };
    *parts = left;
    let Ok((headers, start)) = parse_headers(part) else {
        return;
    };
    let kind = field(&headers, "Content-Type")
        .map(|value| parse_content_type(&value))
        .unwrap_or_default();
    let body = part.get(start..).unwrap_or_default();
    let decoded = || decode(body, &kind, field(&headers, "Content-Transfer-Encoding"));
    match kind.mimetype.as_str() {
        "message/delivery-status" | "message/global-delivery-status" => {
            recipients(&decoded(), report);
        }
        "message/rfc822" | "message/global" | "text/rfc822-headers" | "message/global-headers" => {
            returned(&decoded(), report);
        }
        multipart if multipart.starts_with("multipart/") => {
            let boundary = kind.params.get("boundary").map_or("", String::as_str);
            for inner in split(body, boundary, *parts) {
                walk(inner, deeper, parts, report);
            }
        }
        _ => {}
    }
}

/// The parts of a multipart body (RFC 2046, section 5.1.1), at most `most` of them. The last one
/// may lack its end, where a server cut the mail off.
fn split<'a>(body: &'a [u8], boundary: &str, most: usize) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    if boundary.is_empty() {
        return parts;
    }
    let delimiter = format!("--{boundary}");
    let (mut begun, mut at) = (None, 0);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let next = at + line.len();
        let rest = line.strip_prefix(delimiter.as_bytes());
        if let Some(end @ (b"" | b"--")) = rest.map(<[u8]>::trim_ascii_end) {
            parts.extend(begun.and_then(|begun| body.get(begun..at)));
            begun = end.is_empty().then_some(next);
            if begun.is_none() || parts.len() >= most {
                return parts;
            }
        }
        at = next;
    }
    parts.extend(begun.and_then(|begun| body.get(begun..)));
    parts
}

/// The body without its transfer encoding; empty where it contradicts it.
fn decode(body: &[u8], kind: &ParsedContentType, encoding: Option<String>) -> Vec<u8> {
    let encoding = encoding.map(|encoding| encoding.to_ascii_lowercase());
    match Body::new(body, kind, &encoding) {
        Body::Base64(encoded) | Body::QuotedPrintable(encoded) => {
            encoded.get_decoded().unwrap_or_default()
        }
        Body::SevenBit(_) | Body::EightBit(_) | Body::Binary(_) => body.to_vec(),
    }
}

/// Reads the id of a returned mail from its headers.
fn returned(mail: &[u8], report: &mut Report) {
    let Ok((headers, _)) = parse_headers(mail) else {
        return;
    };
    let id = field(&headers, "Message-ID").and_then(|value| {
        let (_, id) = value.split_once('<')?;
        let (id, _) = id.split_once('>')?;
        // No database takes every character.
        (!id.chars().any(char::is_control)).then(|| id.to_owned())
    });
    if let Some(id) = id
        && report.message_ids.len() < RETURNED
    {
        report.message_ids.push(id);
    }
}

/// Reads what was of each recipient: groups of fields between blank lines, of which the first is
/// about the whole mail.
fn recipients(mut body: &[u8], report: &mut Report) {
    while !body.is_empty() && report.refused.len() < RECIPIENTS {
        let Ok((fields, end)) = parse_headers(body) else {
            return;
        };
        report.refused.extend(refused(&fields));
        body = body.get(end..).unwrap_or_default();
    }
}

fn refused(fields: &[MailHeader<'_>]) -> Option<Refused> {
    // `delayed` is no end, and `delivered`, `relayed` and `expanded` are no failure.
    let action = field(fields, "Action")?;
    if !word(&action, 0).eq_ignore_ascii_case("failed") {
        return None;
    }
    let status = field(fields, "Status")?;
    let status = code(word(&status, 0)).filter(|(class, ..)| matches!(class, 4 | 5))?;
    let addresses: Vec<String> = ["Original-Recipient", "Final-Recipient"]
        .into_iter()
        .filter_map(|name| {
            let value = field(fields, name)?;
            let (_, address) = value.split_once(';')?;
            Some(address.trim().trim_matches(['<', '>']).to_owned())
        })
        .collect();
    let diagnostic = field(fields, "Diagnostic-Code").unwrap_or_default();
    Some(Refused {
        addresses,
        // What fails for now, and is said to have failed, was given up after days of trying.
        failure: match status {
            (4, ..) => Failure::Expired,
            status => failure(status, &diagnostic),
        },
    })
}

/// The value of the first field of this name, unfolded, up to [`LONGEST`].
fn field(fields: &[MailHeader<'_>], name: &str) -> Option<String> {
    let found = fields.iter().find(|field| {
        field
            .get_key_raw()
            .trim_ascii()
            .eq_ignore_ascii_case(name.as_bytes())
    })?;
    let value = found.get_value_raw();
    let value = String::from_utf8_lossy(value.get(..LONGEST).unwrap_or(value));
    Some(value.replace(['\r', '\n'], "").trim().to_owned())
}

/// The word at this place, or nothing.
fn word(text: &str, place: usize) -> &str {
    let mut words = text.split([' ', '\t', '-']).filter(|word| !word.is_empty());
    words.nth(place).unwrap_or_default()
}

/// What became of the address, by the enhanced status code, as far as it tells; else by what the
/// server that refused the mail answered. It was given up, so nothing here is to be tried again.
fn failure((_, subject, detail): (u16, u16, u16), diagnostic: &str) -> Failure {
    let answer = diagnostic.split_once(';').map_or("", |(_, answer)| answer);
    // A server that relays another one's refusal may have no code of its own for it.
    let status = match (subject, code(word(answer, 1))) {
        (0, Some((5, subject, detail))) => (subject, detail),
        _ => (subject, detail),
    };
    let reply = word(answer, 0);
    let reply = is_reply(reply).then(|| reply.parse().ok()).flatten();
    match fault(status, reply) {
        Fault::Address | Fault::Way => Failure::AddressRejected,
        Fault::Message | Fault::Server => Failure::MessageRejected,
    }
}

/// Whether this is a reply code of SMTP.
fn is_reply(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_tell_whose_fault_it_is() {
        for (status, diagnostic, failure) in [
            ("5.1.1", "", Failure::AddressRejected),
            ("5.1.2", "", Failure::AddressRejected),
            (
                "5.1.10",
                "smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound",
                Failure::AddressRejected,
            ),
            ("5.2.1", "", Failure::AddressRejected),
            (
                "5.4.4",
                "X-Postfix; Host or domain name not found",
                Failure::AddressRejected,
            ),
            (
                "5.4.1",
                "smtp;550 5.4.1 Recipient address rejected",
                Failure::AddressRejected,
            ),
            ("5.7.17", "", Failure::AddressRejected),
            (
                "5.1.8",
                "smtp; 550 5.1.8 Sender rejected",
                Failure::MessageRejected,
            ),
            (
                "5.2.2",
                "smtp; 552 5.2.2 Mailbox full",
                Failure::MessageRejected,
            ),
            ("5.3.4", "", Failure::MessageRejected),
            ("5.4.6", "", Failure::MessageRejected),
            ("5.6.0", "", Failure::MessageRejected),
            ("5.7.1", "smtp; 550 5.7.1 Spam", Failure::MessageRejected),
            ("5.7.26", "", Failure::MessageRejected),
            (
                "5.0.0",
                "smtp; 550 5.1.1 No such user",
                Failure::AddressRejected,
            ),
            (
                "5.0.0",
                "smtp; 550-5.1.1 No such user",
                Failure::AddressRejected,
            ),
            ("5.0.0", "smtp; 550 5.7.1 Spam", Failure::MessageRejected),
            ("5.0.0", "smtp; 550 No such user", Failure::AddressRejected),
            ("5.0.0", "smtp; 554 Spam", Failure::MessageRejected),
            ("5.0.0", "smtp; 552 Over quota", Failure::MessageRejected),
            ("5.0.0", "x-unix; unknown", Failure::AddressRejected),
            ("5.0.0", "", Failure::AddressRejected),
        ] {
            let status = code(status).unwrap();
            assert_eq!(
                super::failure(status, diagnostic),
                failure,
                "{status:?} {diagnostic}"
            );
        }
    }

    #[test]
    fn only_a_final_failure_counts() {
        let group = |action: &str, status: &str| {
            let text = format!(
                "Final-Recipient: rfc822; ivan@example.com\r\nAction: {action}\r\nStatus: {status}\r\n"
            );
            let mut report = Report::default();
            recipients(text.as_bytes(), &mut report);
            report.refused.len()
        };
        assert_eq!(group("failed", "5.1.1"), 1);
        assert_eq!(group("Failed (for good)", "5.1.1 (unknown)"), 1);
        assert_eq!(group("failed", "4.4.1"), 1);
        for (action, status) in [
            ("delayed", "5.1.1"),
            ("failed", "2.0.0"),
            ("failed", "rubbish"),
            ("relayed", "2.1.5"),
            ("", ""),
        ] {
            assert_eq!(group(action, status), 0, "{action} {status}");
        }
    }
}
