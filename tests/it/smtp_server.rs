//! The tests' mail server, seen by the mailer's own library.

use std::time::Duration;

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::MultiPart,
    transport::smtp::{
        Error,
        client::{Certificate, Tls, TlsParameters},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::smtp::{Behaviour, Encryption, SmtpServer, Stage};

type Transport = AsyncSmtpTransport<Tokio1Executor>;

const TEXT: &str = "Мама нажала кнопку.\nЖду звонка.\n";
const HTML: &str = "<p>Мама нажала <b>кнопку</b>.</p>";

/// A pooled transport, as haven's own.
fn transport(server: &SmtpServer) -> Transport {
    Transport::from_url(&server.url())
        .unwrap()
        .timeout(Some(Duration::from_secs(5)))
        .build()
}

fn message(to: &[&str]) -> Message {
    let mut builder = Message::builder()
        .from("haven <haven@example.org>".parse().unwrap())
        .subject("Тревога: нужна помощь, и это длинная тема, которую придётся сложить")
        .message_id(Some("<1.alarm@example.org>".into()));
    for address in to {
        builder = builder.to(address.parse().unwrap());
    }
    builder
        .multipart(MultiPart::alternative_plain_html(
            TEXT.to_owned(),
            HTML.to_owned(),
        ))
        .unwrap()
}

async fn send(transport: &Transport, to: &str) -> Result<(), Error> {
    transport.send(message(&[to])).await.map(|_| ())
}

#[tokio::test]
async fn keeps_what_it_accepts_decoded() {
    let server = SmtpServer::start(Behaviour::Accept).await;
    transport(&server)
        .send(message(&["anna@example.org", "boris@example.org"]))
        .await
        .unwrap();
    let mail = server.next_mail().await;
    assert_eq!(mail.from, "haven@example.org");
    assert_eq!(mail.to, ["anna@example.org", "boris@example.org"]);
    assert_eq!(
        mail.subject(),
        "Тревога: нужна помощь, и это длинная тема, которую придётся сложить"
    );
    assert_eq!(mail.message_id(), "<1.alarm@example.org>");
    assert_eq!(mail.header("from"), Some("haven <haven@example.org>"));
    assert_eq!(
        mail.text.unwrap().replace("\r\n", "\n").trim_end(),
        TEXT.trim_end()
    );
    assert_eq!(mail.html.as_deref().map(str::trim_end), Some(HTML));
    assert!(!mail.encrypted);
}

#[tokio::test]
async fn removes_the_dots_that_smtp_adds() {
    let server = SmtpServer::start(Behaviour::Accept).await;
    // The client ends the last line itself.
    let data = b"Subject: dots\r\n\r\n.one\r\n..two\r\n.\r\nend";
    let envelope = message(&["a@example.org"]).envelope().clone();
    transport(&server).send_raw(&envelope, data).await.unwrap();
    let mail = server.next_mail().await;
    assert_eq!(mail.data, [&data[..], b"\r\n"].concat());
    assert_eq!(mail.text.as_deref(), Some(".one\r\n..two\r\n.\r\nend\r\n"));
    assert_eq!(mail.html, None);
}

#[tokio::test]
async fn answers_commands_sent_ahead_and_out_of_order() {
    let server = SmtpServer::start(Behaviour::Accept).await;
    let address = server.url().replace("smtp://", "");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(
            b"HELO me\r\nDATA\r\nRCPT TO:<early@example.org>\r\nMAIL FROM\r\nVRFY x\r\n\
              mail from:<> BODY=8BITMIME\r\nrcpt to:<a@example.org>\r\nRSET\r\n\
              MAIL FROM:<b@example.org>\r\nRCPT TO:<c@example.org>\r\nNOOP\r\nDATA\r\n\
              Subject: =?koi8-r?B?9NLF18/HwQ==?=\r\n\r\n\xd0\x9e\xd0\xba\r\n.\r\nQUIT\r\n",
        )
        .await
        .unwrap();
    let mut replies = String::new();
    stream.read_to_string(&mut replies).await.unwrap();
    let codes: Vec<_> = replies.lines().map(|line| &line[..3]).collect();
    assert_eq!(
        codes,
        [
            "220", "250", "503", "503", "501", "500", "250", "250", "250", "250", "250", "250",
            "354", "250", "221"
        ]
    );
    let mail = server.next_mail().await;
    assert_eq!(
        (mail.from.as_str(), mail.to.clone()),
        ("b@example.org", vec!["c@example.org".into()])
    );
    assert_eq!(mail.subject(), "Тревога");
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn hands_out_each_mail_once_and_counts() {
    let server = SmtpServer::start(Behaviour::Accept).await;
    let transport = transport(&server);
    for to in ["a@example.org", "b@example.org", "c@example.org"] {
        send(&transport, to).await.unwrap();
    }
    assert_eq!(server.next_mail().await.to, ["a@example.org"]);
    assert_eq!(server.next_mail().await.to, ["b@example.org"]);
    assert_eq!(server.wait_for(3).await.len(), 3);
    assert_eq!(server.mails()[2].to, ["c@example.org"]);
    let ledger = server.ledger();
    assert_eq!((ledger.bodies, ledger.refusals), (3, 0));
}

#[tokio::test]
async fn refuses_recipients_for_good() {
    let server = SmtpServer::start(Behaviour::RefuseRecipients).await;
    let transport = transport(&server);
    assert!(
        send(&transport, "a@example.org")
            .await
            .unwrap_err()
            .is_permanent()
    );

    server.set_behaviour(Behaviour::RefuseRecipientsContaining("gone".into()));
    assert!(
        send(&transport, "gone@example.org")
            .await
            .unwrap_err()
            .is_permanent()
    );
    send(&transport, "here@example.org").await.unwrap();
    assert_eq!(server.mails().len(), 1);
    assert_eq!(server.ledger().refusals, 2);
}

#[tokio::test]
async fn puts_off_before_and_after_the_mail() {
    let server = SmtpServer::start(Behaviour::DeferRecipients).await;
    let transport = transport(&server);
    assert!(
        send(&transport, "a@example.org")
            .await
            .unwrap_err()
            .is_transient()
    );
    assert_eq!(server.ledger().bodies, 0);

    server.set_behaviour(Behaviour::DeferMail);
    assert!(
        send(&transport, "a@example.org")
            .await
            .unwrap_err()
            .is_transient()
    );
    let ledger = server.ledger();
    assert_eq!(
        (ledger.bodies, ledger.refusals, ledger.mails.len()),
        (1, 2, 0)
    );

    server.set_behaviour(Behaviour::Accept);
    send(&transport, "a@example.org").await.unwrap();
    server.next_mail().await;
}

#[tokio::test]
async fn hangs_at_the_greeting_until_told_otherwise() {
    let server = SmtpServer::start(Behaviour::HangAtGreeting).await;
    let patient = transport(&server);
    let sending = tokio::spawn(async move { send(&patient, "a@example.org").await });
    server
        .until("a connection", |ledger| ledger.open == 1)
        .await;
    assert!(!sending.is_finished());
    server.set_behaviour(Behaviour::Accept);
    sending.await.unwrap().unwrap();
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn turns_clients_away_at_the_greeting() {
    for (greeting, permanent) in [("421 4.3.2 too busy", false), ("554 5.3.2 go away", true)] {
        let server = SmtpServer::start(Behaviour::GreetWith(greeting)).await;
        let error = send(&transport(&server), "a@example.org")
            .await
            .unwrap_err();
        assert_eq!(error.is_permanent(), permanent, "{error}");
        assert_eq!(server.ledger().refusals, 1);
        server.set_behaviour(Behaviour::Accept);
        send(&transport(&server), "a@example.org").await.unwrap();
    }
}

#[tokio::test]
async fn hangs_after_data_until_told_otherwise() {
    let server = SmtpServer::start(Behaviour::HangAfterData).await;
    let transport = transport(&server);
    let sending = tokio::spawn(async move { send(&transport, "a@example.org").await });
    server.until("a body", |ledger| ledger.bodies == 1).await;
    assert!(server.mails().is_empty() && !sending.is_finished());
    server.set_behaviour(Behaviour::DeferMail);
    assert!(sending.await.unwrap().unwrap_err().is_transient());
}

#[tokio::test]
async fn gives_back_the_place_of_a_client_that_leaves_while_it_hangs() {
    let server = SmtpServer::start(Behaviour::HangAtGreeting).await;
    let sending = {
        let transport = transport(&server);
        tokio::spawn(async move { send(&transport, "a@example.org").await })
    };
    server
        .until("a connection", |ledger| ledger.open == 1)
        .await;
    sending.abort();
    server
        .until("an empty room", |ledger| ledger.open == 0)
        .await;
}

#[tokio::test]
async fn drops_the_client_before_or_after_taking_the_mail() {
    let server = SmtpServer::start(Behaviour::DropDuringData).await;
    let transport = transport(&server);
    let error = send(&transport, "a@example.org").await.unwrap_err();
    assert!(!error.is_permanent() && !error.is_transient(), "{error}");
    assert!(server.mails().is_empty());

    server.set_behaviour(Behaviour::AcceptThenDrop);
    let error = send(&transport, "b@example.org").await.unwrap_err();
    assert!(!error.is_permanent() && !error.is_transient(), "{error}");
    assert_eq!(server.next_mail().await.to, ["b@example.org"]);
    server.until("both gone", |ledger| ledger.open == 0).await;
}

#[tokio::test]
async fn takes_the_mail_before_a_slow_answer() {
    let server = SmtpServer::start(Behaviour::Slow(Duration::from_millis(40))).await;
    let transport = transport(&server);
    let sending = tokio::spawn(async move { send(&transport, "a@example.org").await });
    server.next_mail().await;
    sending.await.unwrap().unwrap();
}

#[tokio::test]
async fn counts_conversations_at_once() {
    let server = SmtpServer::start(Behaviour::HangAfterData).await;
    let transport = transport(&server);
    let sending: Vec<_> = ["a@example.org", "b@example.org", "c@example.org"]
        .map(|to| {
            let transport = transport.clone();
            tokio::spawn(async move { send(&transport, to).await })
        })
        .into();
    server
        .until("three bodies", |ledger| ledger.bodies == 3)
        .await;
    server.set_behaviour(Behaviour::Accept);
    for each in sending {
        each.await.unwrap().unwrap();
    }
    let ledger = server.ledger();
    assert_eq!((ledger.connections, ledger.most_open), (3, 3));
    assert_eq!(server.mails().len(), 3);
}

#[tokio::test]
async fn goes_down_and_comes_up_on_the_same_port() {
    let server = SmtpServer::start(Behaviour::Accept).await;
    let transport = transport(&server);
    send(&transport, "a@example.org").await.unwrap();
    let url = server.url();

    server.go_down().await;
    server.go_down().await;
    assert_eq!(server.ledger().open, 0, "the pooled connection is cut");
    assert!(send(&transport, "b@example.org").await.is_err());
    assert_eq!(server.ledger().connections, 1);

    server.come_up().await;
    server.come_up().await;
    assert_eq!(server.url(), url);
    send(&transport, "c@example.org").await.unwrap();
    let mails = server.wait_for(2).await;
    assert_eq!(mails[1].to, ["c@example.org"]);
}

#[tokio::test]
async fn encrypts_from_the_start_or_on_request() {
    for encryption in [Encryption::StartTls, Encryption::Implicit] {
        let server = SmtpServer::start_with(Behaviour::Accept, encryption).await;
        assert!(
            send(&transport(&server), "a@example.org").await.is_err(),
            "{encryption:?}: a stranger's certificate"
        );

        let certificate = Certificate::from_pem(server.certificate().as_bytes()).unwrap();
        let trusting = TlsParameters::builder("127.0.0.1".into())
            .add_root_certificate(certificate)
            .build()
            .unwrap();
        let tls = match encryption {
            Encryption::StartTls => Tls::Required(trusting),
            _ => Tls::Wrapper(trusting),
        };
        let transport = Transport::from_url(&server.url()).unwrap().tls(tls).build();
        send(&transport, "b@example.org").await.unwrap();
        let mail = server.next_mail().await;
        assert!(mail.encrypted, "{encryption:?}");
        assert_eq!(mail.to, ["b@example.org"]);
    }
}

#[tokio::test]
async fn takes_no_mail_in_the_clear_where_encryption_is_asked_for() {
    let server = SmtpServer::start_with(Behaviour::Accept, Encryption::StartTls).await;
    let (plain, _) = server
        .url()
        .split_once('?')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let transport = Transport::from_url(&plain).unwrap().build();
    assert!(
        send(&transport, "a@example.org")
            .await
            .unwrap_err()
            .is_permanent()
    );
}

#[tokio::test]
async fn refuses_at_each_point_of_the_conversation() {
    let server = SmtpServer::start(Behaviour::Accept).await;
    for stage in [Stage::Mail, Stage::Recipient, Stage::Data, Stage::End] {
        for (reply, permanent) in [("451 4.3.0 later", false), ("554 5.7.1 no", true)] {
            server.set_behaviour(Behaviour::Answer(stage, reply));
            let error = send(&transport(&server), "a@example.org")
                .await
                .unwrap_err();
            assert_eq!(error.is_permanent(), permanent, "{stage:?}: {error}");
            assert_eq!(error.is_transient(), !permanent, "{stage:?}: {error}");
        }
    }
    let ledger = server.ledger();
    assert_eq!((ledger.refusals, ledger.bodies), (8, 2));
    assert!(ledger.mails.is_empty());
    assert_eq!(ledger.handed[0].0, "1.alarm@example.org");
}

#[tokio::test]
async fn keeps_silent_at_each_point_until_it_speaks() {
    for stage in [Stage::Mail, Stage::Recipient, Stage::Data, Stage::End] {
        let server = SmtpServer::start(Behaviour::HangAt(stage)).await;
        let transport = transport(&server);
        let sending = send(&transport, "a@example.org");
        let speaking = async {
            let silent = server
                .until("the silence", |ledger| ledger.silent == 1)
                .await;
            assert!(silent.mails.is_empty(), "{stage:?}");
            server.set_behaviour(Behaviour::Accept);
        };
        let (sent, ()) = tokio::join!(sending, speaking);
        sent.unwrap();
        let ledger = server.ledger();
        assert_eq!((ledger.mails.len(), ledger.silent), (1, 0), "{stage:?}");
        assert!(ledger.mails[0].taken >= ledger.handed[0].1, "{stage:?}");
    }
}
