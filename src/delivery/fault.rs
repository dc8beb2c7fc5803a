//! Whose fault it is that a mail was refused for good: the one rule for what a mail server answers
//! to haven and for what a mail that came back says.

/// What has to change before the same mail can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The recipient's address: there is no such mailbox, or it takes nothing.
    Address,
    /// The way to the address, which whoever gave up on it has tried for long: there is no such
    /// domain, or the server that was asked does not know the way at this moment.
    Way,
    /// The mail: its size or content, or a full mailbox.
    Message,
    /// The server's rules, its state, or what it makes of the sender: those who run haven can mend
    /// it, and every other recipient is refused as well.
    Server,
}

/// Class, subject and detail of an enhanced status code, as in `5.1.1`.
pub fn code(text: &str) -> Option<(u16, u16, u16)> {
    let mut numbers = text.split('.').map(|number| number.parse().ok());
    let code = (numbers.next()??, numbers.next()??, numbers.next()??);
    numbers.next().is_none().then_some(code)
}

/// Whose fault it is, by subject and detail of the enhanced status code (RFC 3463 and the registry
/// of RFC 5248), zeros where there is none; else by the reply code, where there was any.
pub const fn fault((subject, detail): (u16, u16), reply: Option<u16>) -> Fault {
    match (subject, detail) {
        // No code, as of servers that have none, or no more than that it failed: by the reply
        // (RFC 5321, section 4.2.3, and RFC 7504).
        (0, _) => match reply {
            None | Some(550 | 551 | 553 | 556) => Fault::Address,
            Some(521) => Fault::Way,
            // No place left: in the mailbox, or for this mail.
            Some(552) => Fault::Message,
            Some(_) => Fault::Server,
        },
        // Of addresses, these are the sender's.
        (1, 7 | 8) => Fault::Server,
        (1, _)
        // Disabled, not accepting messages.
        | (2, 1)
        // The mailbox or the domain belongs to somebody else now (RFC 7293).
        | (7, 17 | 18) => Fault::Address,
        // No answer from its domain, which Exchange Online says of unknown recipients; no way to
        // it, which Postfix says of domains that don't exist, and Exchange Online as 310.
        (4, 1 | 4 | 310) => Fault::Way,
        // A full mailbox, too large a mail, or its content.
        (2 | 6, _) | (3, 4) => Fault::Message,
        _ => Fault::Server,
    }
}

/// What servers that have no enhanced codes say of the client, of the sender or of this moment, as
/// Exim does of whoever may not send through it. Better one try too many, beside the SMS, than an
/// address that is blamed for a list that the relay is on.
const OF_THE_SENDER: [&str; 16] = [
    "relay",
    "block",
    "listed",
    "spam",
    "policy",
    "reputation",
    "too many",
    "limit",
    "authentic",
    "greylist",
    "graylist",
    "later",
    "temporar",
    "sender",
    "mailfrom",
    "your ip",
];

/// Whose fault it is, by what a server answered to haven itself: the reply code, and the text that
/// came with it.
pub fn answered(reply: u16, text: &str) -> Fault {
    let said = said(text);
    let text = text.to_ascii_lowercase();
    if said.is_none() && OF_THE_SENDER.iter().any(|word| text.contains(word)) {
        return Fault::Server;
    }
    fault(said.unwrap_or_default(), Some(reply))
}

/// Subject and detail of the enhanced status code in a refusal's text. It stands at the beginning
/// (RFC 2034) or, as qmail has it, at the end; some servers put marks around it.
pub fn said(text: &str) -> Option<(u16, u16)> {
    let words = text.split_whitespace();
    let codes =
        words.filter_map(|word| code(word.trim_matches(|mark: char| !mark.is_ascii_digit())));
    let mut refusals = codes.filter(|(class, ..)| *class == 5);
    refusals
        .next()
        .map(|(_, subject, detail)| (subject, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_tell_whose_fault_it_is() {
        for (reply, text, wanted) in [
            (550, "5.1.1 no such mailbox", Fault::Address),
            (550, "#5.1.0 Address rejected", Fault::Address),
            (550, "No such user here", Fault::Address),
            (553, "mailbox name not allowed", Fault::Address),
            (556, "domain does not accept mail", Fault::Address),
            (550, "5.2.1 disabled", Fault::Address),
            (552, "5.2.2 over quota", Fault::Message),
            (552, "exceeded storage allocation", Fault::Message),
            (552, "5.3.4 too big", Fault::Message),
            (554, "5.6.0 no mail", Fault::Message),
            (550, "relay not permitted", Fault::Server),
            (550, "Your IP is listed at zen.example", Fault::Server),
            (550, "Too many connections", Fault::Server),
            (550, "Authentication is required", Fault::Server),
            (550, "Greylisted, try later", Fault::Server),
            (
                553,
                "sorry, your envelope sender is in my badmailfrom list",
                Fault::Server,
            ),
            (
                554,
                "5.7.1 <ivan@example.com>: Relay access denied",
                Fault::Server,
            ),
            (550, "5.7.1 blocked using zen", Fault::Server),
            (553, "5.1.8 sender's domain", Fault::Server),
            (554, "transaction failed", Fault::Server),
            (503, "5.5.1 MAIL first", Fault::Server),
            (530, "5.7.0 authentication required", Fault::Server),
            (550, "5.4.1 access denied", Fault::Way),
            (
                553,
                "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
                Fault::Server,
            ),
            (
                550,
                "no mailbox here by that name at 5.9.1.2",
                Fault::Address,
            ),
        ] {
            assert_eq!(answered(reply, text), wanted, "{reply} {text}");
        }
    }

    #[test]
    fn what_is_no_code_is_none() {
        for wrong in ["", "5", "5.1", "5.1.", "5.1.1.1", "5.x.1", "5.1.99999"] {
            assert_eq!(code(wrong), None, "{wrong}");
        }
    }
}
