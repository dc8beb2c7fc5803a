//! Mails that the mail server took and that come back later, posted to haven as a mail server's
//! pipe posts them.

use entity::notification::{self, Purpose};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};

use crate::on_both;
use crate::support::client::{Answer, Call};
use crate::support::databases::Database;
use crate::support::dsn::{Fate, exchange, exim, head, postfix, text, unknown, wrapped};
use crate::support::haven::Haven;
use crate::support::scene::{Scene, join, recipients, states};
use crate::support::sms::{Gateway, SmsServer};
use crate::support::smtp::{Behaviour, ReceivedMail, SmtpServer};

const TOKEN: &str = "the-secret-of-the-mail-server";
const CONTACTS: &str = "{ me { emergencyContacts { name emailFailedAt } } }";

async fn scene(database: Database, behaviour: Behaviour) -> Scene {
    scene_with(database, behaviour, None).await
}

async fn scene_with(database: Database, behaviour: Behaviour, sms: Option<&SmsServer>) -> Scene {
    let mail = SmtpServer::start(behaviour).await;
    let url = mail.url();
    let haven = Haven::with(database, |config| {
        config.smtp_url = Some(url.into());
        config.mail_from = "haven <alarm@haven.example>".to_owned();
        config.bounce_token = Some(TOKEN.to_owned().into());
        if let Some(sms) = sms {
            sms.configure(config);
        }
    })
    .await;
    let anna = join(&haven, "anna").await;
    Scene { haven, mail, anna }
}

fn call(haven: &Haven, mail: impl Into<Vec<u8>>) -> Call {
    haven
        .call("POST", "/mail/bounces")
        .body("application/x-www-form-urlencoded", mail.into())
}

/// Posts a mail as the mail server does.
async fn post(scene: &Scene, mail: impl Into<Vec<u8>>) -> Answer {
    let bearer = format!("Bearer {TOKEN}");
    let call = call(&scene.haven, mail).header("authorization", &bearer);
    call.send().await
}

/// Posts a mail that has to be taken.
async fn taken(scene: &Scene, mail: impl Into<Vec<u8>>) {
    post(scene, mail).await.assert_is(204, "");
}

/// State and failure of each of an alarm's notifications.
fn rows(alarm: &Value) -> Vec<String> {
    let rows = alarm["notifications"].as_array().unwrap();
    rows.iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap_or_default();
            format!("{} {}", text("status"), text("failure"))
                .trim()
                .to_owned()
        })
        .collect()
}

/// Whether each contact is marked as failing.
async fn failing(scene: &Scene) -> Vec<bool> {
    let data = scene.haven.data(&scene.anna, CONTACTS, json!({})).await;
    let contacts = data["me"]["emergencyContacts"].as_array().unwrap();
    contacts
        .iter()
        .map(|contact| !contact["emailFailedAt"].is_null())
        .collect()
}

/// How often the person was told.
async fn told(scene: &Scene) -> u64 {
    notification::Entity::find()
        .filter(notification::Column::Purpose.eq(Purpose::ContactFailed))
        .count(scene.haven.app.db.read())
        .await
        .unwrap()
}

/// The mail that went to this address last.
fn mail_to(scene: &Scene, address: &str) -> ReceivedMail {
    let mails = scene.mail.mails().into_iter();
    mails.rev().find(|mail| mail.to == [address]).unwrap()
}

on_both! {
    async fn a_bounce_that_comes_again_ends_no_newer_try(database) {
        let scene = scene(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.haven.app.clock.hold();
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let bounce = postfix(&unknown("ivan@example.com"), &text(&scene.mail.next_mail().await));
        taken(&scene, bounce.clone()).await;
        assert_eq!(rows(&scene.alarm(&id).await), ["FAILED address_rejected"]);
        scene.mail.set_behaviour(Behaviour::DeferRecipients);
        scene.press(Value::Null).await;
        scene.until(&id, "a second try", |alarm| rows(alarm) == ["PENDING server_refused"]).await;
        taken(&scene, bounce.clone()).await;
        assert_eq!(rows(&scene.alarm(&id).await), ["PENDING server_refused"]);
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.wait(600);
        scene.until(&id, "the second", |alarm| rows(alarm) == ["SENT"]).await;
    }

    async fn a_mail_that_comes_back_counts_as_one_that_was_refused(database) {
        let scene = scene(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("Ivan@example.com")).await;
        let alarm = scene.press(Value::Null).await["alarm"].clone();
        let id = &alarm["id"];
        assert_eq!((rows(&alarm), &alarm["result"]["messageSentToContacts"]), (vec!["SENT".to_owned()], &json!(true)));
        let sent = scene.mail.next_mail().await;
        let bounce = postfix(&unknown("ivan@example.com"), &text(&sent));
        use haven::events::Topic;
        let mut changes = scene.haven.app.events.subscribe(Topic::Alarms(scene.anna.id));
        taken(&scene, bounce.clone()).await;
        changes.next().await;
        let alarm = scene.alarm(id).await;
        assert_eq!(rows(&alarm), ["FAILED address_rejected"]);
        let row = &alarm["notifications"][0];
        assert_eq!((&row["receipt"], &row["deliveredAt"], row["sentAt"].is_string()), (&json!("UNDELIVERED"), &Value::Null, true));
        assert_eq!(alarm["result"]["messageSentToContacts"], false);
        assert_eq!(alarm["messages"][0], "Ошибка отправки уведомления для Брат (Иван): почтовый сервер отклонил адрес.");
        assert_eq!(failing(&scene).await, [true]);
        let mail = scene.mail.next_mail().await;
        assert_eq!(mail.to, ["anna@example.com"]);
        assert_eq!(mail.subject(), "Сообщения экстренному контакту не доходят");
        // Once more, and in another server's words.
        taken(&scene, bounce).await;
        taken(&scene, exchange(&sent)).await;
        assert_eq!(scene.alarm(id).await, alarm);
        assert_eq!(told(&scene).await, 1);
        // Pressing again tries it again, and it may come back again.
        let again = scene.press(Value::Null).await["alarm"].clone();
        assert_eq!((&again["id"], rows(&again)), (id, vec!["SENT".to_owned()]));
        assert_eq!((&again["result"]["messageSentToContacts"], &again["notifications"][0]["receipt"]), (&json!(true), &Value::Null));
        taken(&scene, exim(&mail_to(&scene, "Ivan@example.com"), "550 No such user")).await;
        assert_eq!(rows(&scene.alarm(id).await), ["FAILED address_rejected"]);
        assert_eq!((failing(&scene).await, told(&scene).await), (vec![true], 1));
    }

    async fn every_servers_words_are_understood(database) {
        let scene = scene(database, Behaviour::Accept).await;
        for number in 0..8 {
            scene.contact("Контакт", "Друг", Some(&format!("c{number}@example.com"))).await;
        }
        scene.contact("Контакт", "Друг", Some("иван@пример.рф")).await;
        scene.therapist("Петр", "petr@example.com").await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.until(&id, "the mails", |alarm| states(alarm).iter().all(|state| *state != "SENDING")).await;
        let sent = |number: usize| mail_to(&scene, &format!("c{number}@example.com"));
        for bounce in [
            postfix(&unknown("c0@example.com"), &text(&sent(0))),
            exchange(&sent(1)),
            exim(&sent(2), "550 5.1.1 No such user"),
            wrapped(&sent(3)),
            // Cut off in the returned mail.
            postfix(&unknown("c4@example.com"), &head(&sent(4))).rsplit_once("\n--").unwrap().0.to_owned(),
            // These are about the message, and the addresses may be right.
            postfix(&Fate { status: "5.7.1", diagnostic: "550 5.7.1 Spam", ..unknown("c5@example.com") }, &text(&sent(5))),
            exim(&sent(6), "552 Over quota"),
            postfix(&unknown("petr@example.com"), &text(&mail_to(&scene, "petr@example.com"))),
        ] {
            taken(&scene, bounce).await;
        }
        let alarm = scene.alarm(&id).await;
        let rejected = "FAILED address_rejected";
        let expected = [rejected, rejected, rejected, rejected, rejected, "FAILED message_rejected", "FAILED message_rejected", "SENT"];
        assert_eq!(rows(&alarm)[..8], expected);
        assert_eq!(rows(&alarm)[9], rejected);
        // One contact still has it; the therapist does not.
        assert_eq!(alarm["result"]["messageSentToContacts"], true);
        assert_eq!(alarm["result"]["therapistNotified"], false);
        assert_eq!(failing(&scene).await[..8], [true, true, true, true, true, false, false, false]);
        assert_eq!(told(&scene).await, 5);
    }

    async fn what_is_no_final_failure_of_a_mail_of_havens_changes_nothing(database) {
        let scene = scene(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.contact("Мария", "Мать", Some("maria@example.com")).await;
        let alarm = scene.press(Value::Null).await["alarm"].clone();
        assert_eq!(rows(&alarm), ["SENT", "SENT"]);
        let sent = mail_to(&scene, "ivan@example.com");
        let whole = text(&sent);
        let guessed = whole.replace(sent.message_id(), "<0c0ffee0-0000-4000-8000-000000000000@haven.example>");
        let postfix_of = |action, status| postfix(&Fate { action, status, ..unknown("ivan@example.com") }, &whole);
        let right = postfix(&unknown("ivan@example.com"), &whole);
        for (what, mail) in [
            ("delayed", postfix_of("delayed", "4.4.1")),
            ("delivered", postfix_of("delivered", "2.1.5")),
            ("relayed", postfix_of("relayed", "2.0.0")),
            ("at odds with itself", postfix_of("delivered", "5.1.1")),
            ("no status", postfix_of("failed", "")),
            ("for another contact", postfix(&unknown("maria@example.com"), &whole)),
            ("for nobody", postfix(&unknown(""), &whole)),
            ("an id that was guessed", postfix(&unknown("ivan@example.com"), &guessed)),
            ("an id with a zero in it", postfix(&unknown("ivan@example.com"), &whole.replace(sent.message_id(), "<\0@haven.example>"))),
            ("an id without its end", postfix(&unknown("ivan@example.com"), &whole.replace(sent.message_id(), "<x"))),
            ("no mail returned", right.split("Content-Description: Undelivered").next().unwrap().to_owned()),
            ("no report", right.replace("message/delivery-status", "text/plain")),
            ("no parts", right.replace("multipart/report", "text/plain")),
            ("no boundary", right.replace("boundary", "border")),
            ("the mail itself", whole.clone()),
            ("an answer", format!("From: ivan@example.com\r\nIn-Reply-To: {}\r\n\r\nI am on my way.\r\n", sent.message_id())),
            ("rubbish", "\u{0}\u{1}\r\r\n :\n\n--\n--\n".to_owned()),
            ("nothing", String::new()),
        ] {
            taken(&scene, mail).await;
            assert_eq!(scene.alarm(&alarm["id"]).await, alarm, "{what}");
        }
        taken(&scene, vec![0xff; 200_000]).await;
        assert_eq!(scene.alarm(&alarm["id"]).await, alarm);
        assert_eq!((failing(&scene).await, told(&scene).await), (vec![false, false], 0));
        taken(&scene, right).await;
        assert_eq!(rows(&scene.alarm(&alarm["id"]).await), ["FAILED address_rejected", "SENT"]);
    }

    async fn what_was_given_up_after_days_failed_and_is_no_fault_of_the_address(database) {
        let scene = scene(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let alarm = scene.press(Value::Null).await["alarm"].clone();
        let whole = text(&mail_to(&scene, "ivan@example.com"));
        let given_up = Fate { action: "failed", status: "4.4.1", ..unknown("ivan@example.com") };
        taken(&scene, postfix(&given_up, &whole)).await;
        assert_eq!(rows(&scene.alarm(&alarm["id"]).await), ["FAILED expired"]);
        assert_eq!((failing(&scene).await, told(&scene).await), (vec![false], 0));
    }

    async fn the_sms_that_waits_goes_out_at_once(database) {
        let sms = SmsServer::start(Gateway::Refuse(503, 0)).await;
        let scene = scene_with(database, Behaviour::Accept, Some(&sms)).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        for attempts in 2..=4 {
            scene.wait(30);
            scene.until(&id, "another try", |alarm| {
                let row = &alarm["notifications"][1];
                row["attempts"].as_i64() >= Some(attempts) && row["status"] == "PENDING"
            }).await;
        }
        // The pause is longer than the test's patience.
        sms.set_behaviour(Gateway::Accept);
        taken(&scene, exchange(&mail_to(&scene, "ivan@example.com"))).await;
        let alarm = scene.until(&id, "the SMS", |alarm| rows(alarm) == ["FAILED address_rejected", "SENT"]).await;
        assert_eq!(alarm["result"]["messageSentToContacts"], true);
        assert_eq!(alarm["messages"][0], "Ваш/ваша Брат (Иван) получил(а) уведомление по SMS.");
    }

    async fn that_a_relay_takes_a_mail_does_not_make_an_address_work(database) {
        const TEST: &str = "mutation($id: ID!) { testEmergencyContact(id: $id) { id notifications { status } result { messageSentToContacts } } }";
        let scene = scene(database, Behaviour::Accept).await;
        let contact = scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let test = async || {
            scene.wait(61);
            let data = scene.haven.data(&scene.anna, TEST, json!({"id": contact})).await;
            assert_eq!(states(&data["testEmergencyContact"]), ["SENT"]);
            data["testEmergencyContact"]["id"].clone()
        };
        let come_back = async || taken(&scene, exchange(&mail_to(&scene, "ivan@example.com"))).await;
        test().await;
        come_back().await;
        assert_eq!((failing(&scene).await, told(&scene).await), (vec![true], 1));
        // It is taken, and comes back, time and again; the person knows.
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        assert_eq!(failing(&scene).await, [true]);
        come_back().await;
        scene.complete(&id, true).await;
        assert_eq!(rows(&scene.alarm(&id).await), ["FAILED address_rejected"]);
        test().await;
        come_back().await;
        assert_eq!((failing(&scene).await, told(&scene).await), (vec![true], 1));
        // This one does not come back, as the next shows.
        test().await;
        assert_eq!(failing(&scene).await, [true]);
        test().await;
        assert_eq!(failing(&scene).await, [false]);
        // So it is news.
        come_back().await;
        assert_eq!((failing(&scene).await, told(&scene).await), (vec![true], 2));
        assert_eq!(recipients(&scene.mail.wait_for(7).await).iter().filter(|to| **to == "anna@example.com").count(), 2);
    }

    async fn an_alarm_that_is_over_and_its_all_clear_come_back_alike(database) {
        let scene = scene(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let alarm = mail_to(&scene, "ivan@example.com");
        scene.complete(&id, true).await;
        scene.until(&id, "the all-clear", |alarm| states(alarm) == ["SENT", "SENT"]).await;
        taken(&scene, exchange(&mail_to(&scene, "ivan@example.com"))).await;
        assert_eq!(rows(&scene.alarm(&id).await), ["SENT", "FAILED address_rejected"]);
        assert_eq!(scene.alarm(&id).await["result"]["messageSentToContacts"], true);
        taken(&scene, exchange(&alarm)).await;
        let alarm = scene.alarm(&id).await;
        assert_eq!(rows(&alarm), ["FAILED address_rejected", "FAILED address_rejected"]);
        assert_eq!(alarm["result"]["messageSentToContacts"], false);
        assert_eq!((failing(&scene).await, told(&scene).await), (vec![true], 1));
    }

    async fn another_address_is_not_blamed_for_the_old_one(database) {
        const UPDATE: &str = "mutation($id: ID!) { updateEmergencyContact(id: $id, input: {email: \"new@example.com\"}) { id } }";
        const DELETE: &str = "mutation($id: ID!) { deleteEmergencyContact(id: $id) }";
        let scene = scene(database, Behaviour::Accept).await;
        let changed = scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let gone = scene.contact("Мария", "Мать", Some("maria@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.haven.data(&scene.anna, UPDATE, json!({"id": changed})).await;
        scene.haven.data(&scene.anna, DELETE, json!({"id": gone})).await;
        for address in ["ivan@example.com", "maria@example.com"] {
            taken(&scene, exchange(&mail_to(&scene, address))).await;
        }
        let alarm = scene.alarm(&id).await;
        assert_eq!(rows(&alarm), ["FAILED address_rejected", "FAILED address_rejected"]);
        assert_eq!(alarm["result"]["messageSentToContacts"], false);
        assert_eq!((failing(&scene).await, told(&scene).await), (vec![false], 0));
        // Pressing again writes to the new one; what the old one's server says is of no account.
        let old = mail_to(&scene, "ivan@example.com");
        let again = scene.press(Value::Null).await["alarm"].clone();
        assert_eq!(again["id"], id);
        let new = mail_to(&scene, "new@example.com");
        assert_eq!(new.message_id(), old.message_id());
        taken(&scene, exchange(&old)).await;
        assert_eq!(rows(&scene.alarm(&id).await)[0], "SENT");
        taken(&scene, exchange(&new)).await;
        assert_eq!(rows(&scene.alarm(&id).await)[0], "FAILED address_rejected");
        assert_eq!((failing(&scene).await, told(&scene).await), (vec![true], 1));
    }

    async fn a_bounce_settles_a_send_of_unknown_outcome(database) {
        let scene = scene(database, Behaviour::AcceptThenDrop).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.until(&id, "an unknown outcome", |alarm| rows(alarm) == ["PENDING server_unreachable"]).await;
        taken(&scene, exchange(&mail_to(&scene, "ivan@example.com"))).await;
        let alarm = scene.alarm(&id).await;
        assert_eq!(rows(&alarm), ["FAILED address_rejected"]);
        assert!(alarm["notifications"][0]["sentAt"].is_string());
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.wait(3600);
        // The mail to the person goes out, after which another try would have.
        scene.mail.until("the mail to the person", |ledger| {
            ledger.mails.iter().any(|mail| mail.to == ["anna@example.com"])
        }).await;
        assert_eq!(rows(&scene.alarm(&id).await), ["FAILED address_rejected"]);
    }

    async fn a_bounce_that_is_faster_than_the_servers_answer_is_the_last_word(database) {
        let scene = scene(database, Behaviour::HangAfterData).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        assert_eq!(rows(&scene.alarm(&id).await), ["SENDING"]);
        scene.mail.until("the whole mail", |ledger| ledger.bodies == 1).await;
        let row = notification::Entity::find().one(scene.haven.app.db.read()).await.unwrap().unwrap();
        let returned = format!("Message-ID:\r\n <{}>\r\n\r\n", row.message_id);
        taken(&scene, postfix(&unknown("ivan@example.com"), &returned)).await;
        assert_eq!(rows(&scene.alarm(&id).await), ["FAILED address_rejected"]);
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.mail.wait_for(2).await;
        // Stopping waits until the outcome of what was under way is recorded.
        let Scene { haven, mail, anna } = scene;
        let scene = Scene { haven: haven.restart().await, mail, anna };
        let alarm = scene.alarm(&id).await;
        assert_eq!(rows(&alarm), ["FAILED address_rejected"]);
        assert_eq!(alarm["result"]["messageSentToContacts"], false);
        assert_eq!(failing(&scene).await, [true]);
    }

    async fn only_the_mail_server_is_let_in(database) {
        let scene = scene(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let bounce = exchange(&mail_to(&scene, "ivan@example.com"));
        let users = format!("Token {}", scene.anna.token);
        for wrong in [None, Some(""), Some("Bearer"), Some("Bearer  "), Some("Bearer the-secret-of-the-mail-serveR"),
            Some("Bearer the-secret-of-the-mail-serve"), Some("Bearer the-secret-of-the-mail-server x"),
            Some("Basic the-secret-of-the-mail-server"), Some(TOKEN), Some(users.as_str())] {
            let mut call = call(&scene.haven, bounce.clone());
            if let Some(wrong) = wrong {
                call = call.header("authorization", wrong);
            }
            let answer = call.send().await;
            answer.assert_is(401, "");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
        assert_eq!(rows(&scene.alarm(&id).await), ["SENT"]);
        // What is too large is so for ever.
        post(&scene, format!("{bounce}{}", "x".repeat(256 * 1024))).await.assert_status(413);
        assert_eq!(rows(&scene.alarm(&id).await), ["SENT"]);
        scene.haven.call("GET", "/mail/bounces").send().await.assert_status(405);
        post(&scene, bounce).await.assert_status(204);
        assert_eq!(rows(&scene.alarm(&id).await), ["FAILED address_rejected"]);
    }
}

#[tokio::test]
async fn without_a_secret_there_is_no_way_in() {
    let scene = Scene::new(Database::Sqlite, Behaviour::Accept).await;
    for token in ["Bearer", "Bearer x"] {
        let call = call(&scene.haven, "x").header("authorization", token);
        call.send().await.assert_status(404);
    }
}

/// Mails made to keep a reader busy: each is answered, asks the database nothing, and the next
/// bounce is understood.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_made_to_do_harm_does_none() {
    let scene = scene(Database::Sqlite, Behaviour::Accept).await;
    scene
        .contact("Иван", "Брат", Some("ivan@example.com"))
        .await;
    let id = scene.press(Value::Null).await["alarm"]["id"].clone();
    let report = "Content-Type: multipart/report; boundary=b\r\n\r\n";
    let status = "--b\r\nContent-Type: message/delivery-status\r\n\r\n";
    let refused =
        "Final-Recipient: rfc822; x@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n";
    let deep = |inner: &str| {
        let mut mail = String::new();
        let mut level = 0;
        while mail.len() < 200_000 {
            mail += &inner.replace("{}", &level.to_string());
            level += 1;
        }
        mail
    };
    let fill = |start: &str, more: &str| {
        format!(
            "{start}{}",
            more.repeat(250_000_usize.saturating_sub(start.len()) / more.len())
        )
    };
    for mail in [
        // Parts within parts, and mails within mails.
        deep("Content-Type: multipart/mixed; boundary=b{}\r\n\r\n--b{}\r\n"),
        deep("Content-Type: message/rfc822\r\n\r\n"),
        deep("Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n"),
        // Thousands of parts, empty ones, and ones that never end.
        fill(report, "--b\r\n\r\nx\r\n"),
        fill(report, "--b\r\n"),
        fill(
            report,
            "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n",
        ),
        fill(report, "--b--\r\n"),
        fill(report, "--"),
        // Recipients without end, groups without fields, fields without end.
        fill(&format!("{report}{status}"), refused),
        fill(&format!("{report}{status}"), "\r\n"),
        fill(&format!("{report}{status}"), "Action: failed\r\n"),
        fill(&format!("{report}{status}Action: "), "failed\r\n "),
        // Headers that are costly to decode: words, parameters and lines that are folded.
        fill("Content-Type: ", "=?=x"),
        fill("Content-Type: ", " =?utf-8?q?=20?="),
        fill("Content-Type: multipart/report", "; a*0*=x"),
        fill("Content-Type: multipart/report", ";\r\n b*1*=%41"),
        fill("Content-Type: multipart/report; boundary=\"", "\\\""),
        fill("Subject: ", "x\r\n "),
        fill("", "a: b\r\n"),
        fill("", "a\n"),
        fill("", ":"),
        fill("", "\r\n"),
        fill("", "\r"),
        // Bodies that are no base64, and no quoted-printable.
        fill(
            &format!(
                "{report}--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            ),
            "=",
        ),
        fill(
            &format!(
                "{report}--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
            ),
            "=\r\n",
        ),
        // Returned mails without end.
        fill(
            &format!("{report}{status}{refused}"),
            "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <x>\r\n\r\n",
        ),
    ] {
        assert!(mail.len() < 256 * 1024);
        let what: String = mail.chars().take(60).collect();
        let (statements, answer) = scene.haven.statements(post(&scene, mail)).await;
        assert_eq!(answer.status, 204, "{what}");
        // At most the one that looks for the ids.
        assert!(statements <= 1, "{what}: {statements}");
    }
    taken(&scene, exchange(&mail_to(&scene, "ivan@example.com"))).await;
    assert_eq!(rows(&scene.alarm(&id).await), ["FAILED address_rejected"]);
}
