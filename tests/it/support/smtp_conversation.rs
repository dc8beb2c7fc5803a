//! One SMTP conversation, the server's side.

use std::io;
use std::time::SystemTime;

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use super::{Behaviour, Encryption, ReceivedMail, Room, Stage};

/// The longest line of a command or a mail that is read, in bytes (RFC 5321 asks for 1000).
const LONGEST_LINE: u64 = 64 * 1024;
/// The largest mail, in bytes, as announced by SIZE.
const LARGEST_MAIL: usize = 10 * 1024 * 1024;

/// One conversation's place in the room, given back however it ends.
pub struct Seat(Room, usize);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.ledger.send_modify(|ledger| ledger.open -= 1);
    }
}

/// A conversation in which the server keeps silent, counted until it speaks or hangs up.
struct Silence<'a>(&'a Room);

impl<'a> Silence<'a> {
    fn keep(room: &'a Room) -> Self {
        room.ledger.send_modify(|ledger| ledger.silent += 1);
        Self(room)
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        self.0.ledger.send_modify(|ledger| ledger.silent -= 1);
    }
}

/// How a conversation ends that did not break off.
enum End<S> {
    /// The client left, or was made to.
    Over,
    /// The client wants to go on encrypted.
    StartTls(S),
}

impl Seat {
    /// Sits down: counted from now on.
    pub fn take(room: &Room) -> Self {
        room.ledger.send_modify(|ledger| {
            ledger.connections += 1;
            ledger.open += 1;
            ledger.most_open = ledger.most_open.max(ledger.open);
        });
        let place = room.ledger.borrow().open;
        Self(room.clone(), place)
    }

    /// Talks until either side leaves.
    ///
    /// # Errors
    /// The connection broke, or the client broke the protocol beyond answering.
    pub async fn converse(&self, stream: TcpStream) -> io::Result<()> {
        let mut stream = stream;
        if self.0.encryption != Encryption::Implicit {
            match self.talk(stream, false, true).await? {
                End::Over => return Ok(()),
                End::StartTls(plain) => stream = plain,
            }
        }
        let greet = self.0.encryption == Encryption::Implicit;
        let stream = self.0.tls.accept(stream).await?;
        self.talk(stream, true, greet).await.map(|_| ())
    }

    /// Talks until the client leaves, is cut off, or asks for encryption.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        encrypted: bool,
        greet: bool,
    ) -> io::Result<End<S>> {
        let mut stream = BufReader::new(stream);
        if greet {
            self.wait_while(&mut stream, Behaviour::HangAtGreeting)
                .await?;
            let behaviour = self.0.ledger.borrow().behaviour.clone();
            let behaviour = match behaviour {
                Behaviour::TakeConnections(most) if self.1 > most => {
                    Behaviour::GreetWith("421 4.7.0 too many connections")
                }
                other => other,
            };
            if let Behaviour::GreetWith(greeting) = behaviour {
                self.0.ledger.send_modify(|ledger| ledger.refusals += 1);
                reply(&mut stream, greeting).await?;
                return Ok(End::Over);
            }
            reply(&mut stream, "220 mail.test ready").await?;
        }
        let offers_tls = self.0.encryption == Encryption::StartTls && !encrypted;
        let (mut from, mut to) = (None, Vec::new());
        while let Some(line) = read_line(&mut stream).await? {
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end();
            let verb = line
                .split([' ', ':'])
                .next()
                .unwrap_or_default()
                .to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" | "HELO" | "RSET" => {
                    (from, to) = (None, Vec::new());
                    let extensions = "250-mail.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n\
                                      250-SMTPUTF8\r\n";
                    let answer = match (verb.as_str(), offers_tls) {
                        ("EHLO", true) => {
                            format!("{extensions}250-STARTTLS\r\n250 SIZE {LARGEST_MAIL}")
                        }
                        ("EHLO", false) => format!("{extensions}250 SIZE {LARGEST_MAIL}"),
                        _ => "250 mail.test".into(),
                    };
                    reply(&mut stream, &answer).await?;
                }
                "STARTTLS" if offers_tls => {
                    reply(&mut stream, "220 go ahead").await?;
                    // What the client sent ahead in the clear goes with the buffer (RFC 3207).
                    return Ok(End::StartTls(stream.into_inner()));
                }
                "MAIL" if offers_tls => reply(&mut stream, "530 STARTTLS first").await?,
                "MAIL" => {
                    from = address(line);
                    let answer = match self.refusal(Stage::Mail, &mut stream).await? {
                        Some(refusal) => {
                            from = None;
                            refusal
                        }
                        None if from.is_some() => "250 ok",
                        None => "501 no address",
                    };
                    reply(&mut stream, answer).await?;
                }
                "RCPT" if from.is_some() => match address(line) {
                    Some(recipient) => {
                        let answer = match self.refusal(Stage::Recipient, &mut stream).await? {
                            Some(refusal) => refusal,
                            None => self.recipient(&recipient),
                        };
                        if answer.starts_with('2') {
                            to.push(recipient);
                        }
                        reply(&mut stream, answer).await?;
                    }
                    None => reply(&mut stream, "501 no address").await?,
                },
                "DATA" if !to.is_empty() => {
                    if let Some(refusal) = self.refusal(Stage::Data, &mut stream).await? {
                        reply(&mut stream, refusal).await?;
                        continue;
                    }
                    reply(&mut stream, "354 end with a dot").await?;
                    let Some(data) = self.read_mail(&mut stream).await? else {
                        return Ok(End::Over);
                    };
                    let sender = from.take().unwrap_or_default();
                    let mail =
                        ReceivedMail::decode(sender, std::mem::take(&mut to), data, encrypted);
                    let id = mail
                        .as_ref()
                        .map_or_else(|_| String::new(), |mail| mail.id().to_owned());
                    self.0.ledger.send_modify(|ledger| {
                        ledger.bodies += 1;
                        ledger.handed.push((id, SystemTime::now()));
                    });
                    self.wait_while(&mut stream, Behaviour::HangAfterData)
                        .await?;
                    let answer = match self.refusal(Stage::End, &mut stream).await? {
                        Some(refusal) => Some(refusal),
                        None => self.mail(mail.ok()).await,
                    };
                    let Some(answer) = answer else {
                        return Ok(End::Over);
                    };
                    reply(&mut stream, answer).await?;
                }
                "NOOP" => reply(&mut stream, "250 ok").await?,
                "QUIT" => {
                    reply(&mut stream, "221 bye").await?;
                    break;
                }
                "RCPT" | "DATA" => reply(&mut stream, "503 bad sequence of commands").await?,
                _ => reply(&mut stream, "500 unknown command").await?,
            }
        }
        Ok(End::Over)
    }

    /// What the server says at this point instead of going on; it may take its time.
    async fn refusal<S: AsyncRead + Unpin>(
        &self,
        stage: Stage,
        stream: &mut BufReader<S>,
    ) -> io::Result<Option<&'static str>> {
        self.wait_while(stream, Behaviour::HangAt(stage)).await?;
        let behaviour = self.0.ledger.borrow().behaviour.clone();
        let Behaviour::Answer(at, refusal) = behaviour else {
            return Ok(None);
        };
        if at != stage {
            return Ok(None);
        }
        self.0.ledger.send_modify(|ledger| ledger.refusals += 1);
        Ok(Some(refusal))
    }

    /// The answer to RCPT.
    fn recipient(&self, recipient: &str) -> &'static str {
        let behaviour = self.0.ledger.borrow().behaviour.clone();
        let answer = match behaviour {
            Behaviour::RefuseRecipients => "550 5.1.1 no such mailbox",
            Behaviour::RefuseRecipientsContaining(part) if recipient.contains(&part) => {
                "550 5.1.1 no such mailbox"
            }
            Behaviour::DeferRecipients => "451 4.2.1 mailbox is busy",
            _ => return "250 ok",
        };
        self.0.ledger.send_modify(|ledger| ledger.refusals += 1);
        answer
    }

    /// Takes or refuses a mail read to its end; none: it can't be decoded. The answer, or nothing
    /// for a client that gets none.
    async fn mail(&self, mail: Option<ReceivedMail>) -> Option<&'static str> {
        let behaviour = self.0.ledger.borrow().behaviour.clone();
        let refusal = match (&behaviour, &mail) {
            (Behaviour::DeferMail, _) => Some("451 4.3.0 try again later"),
            (_, None) => Some("554 5.6.0 this is no mail"),
            (_, Some(_)) => None,
        };
        self.0.ledger.send_modify(|ledger| match (refusal, mail) {
            (None, Some(mut mail)) => {
                mail.taken = SystemTime::now();
                ledger.mails.push(mail);
            }
            _ => ledger.refusals += 1,
        });
        match behaviour {
            _ if refusal.is_some() => refusal,
            Behaviour::AcceptThenDrop => None,
            Behaviour::Slow(delay) => {
                tokio::time::sleep(delay).await;
                Some("250 ok")
            }
            _ => Some("250 ok"),
        }
    }

    /// Reads a mail up to its final dot; nothing when the behaviour is to drop the client.
    async fn read_mail<S: AsyncRead + Unpin>(
        &self,
        stream: &mut BufReader<S>,
    ) -> io::Result<Option<Vec<u8>>> {
        let mut data = Vec::new();
        while data.len() < LARGEST_MAIL {
            let Some(line) = read_line(stream).await? else {
                return Ok(None);
            };
            if self.0.ledger.borrow().behaviour == Behaviour::DropDuringData {
                return Ok(None);
            }
            if line == b".\r\n" {
                return Ok(Some(data));
            }
            data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        Err(io::ErrorKind::FileTooLarge.into())
    }

    /// Waits until the server behaves otherwise, or the client has left (an error).
    async fn wait_while<S: AsyncRead + Unpin>(
        &self,
        stream: &mut BufReader<S>,
        behaviour: Behaviour,
    ) -> io::Result<()> {
        if self.0.ledger.borrow().behaviour != behaviour {
            return Ok(());
        }
        let _silence = Silence::keep(&self.0);
        let mut ledger = self.0.ledger.subscribe();
        let changed = async {
            // The sender lives as long as this conversation.
            let _ = ledger
                .wait_for(|ledger| ledger.behaviour != behaviour)
                .await;
        };
        tokio::pin!(changed);
        tokio::select! {
            () = &mut changed => {}
            ahead = stream.fill_buf() => match ahead? {
                [] => return Err(io::ErrorKind::UnexpectedEof.into()),
                // A client that talks ahead is waited with, its words kept.
                _ => changed.await,
            }
        }
        Ok(())
    }
}

/// The next line with its end; nothing when the client has left.
async fn read_line<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    stream
        .take(LONGEST_LINE)
        .read_until(b'\n', &mut line)
        .await?;
    Ok(line.ends_with(b"\n").then_some(line))
}

async fn reply<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    text: &str,
) -> io::Result<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).await?;
    stream.flush().await
}

/// The address in the angle brackets of a MAIL or RCPT command.
fn address(line: &str) -> Option<String> {
    let (_, rest) = line.split_once('<')?;
    rest.split_once('>').map(|(address, _)| address.to_owned())
}
