//! SMS beside mail: what goes to the gateway, what each of its failures leads to, and what its
//! receipts change.

use haven::clock::Clock;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::databases::Database;
use crate::support::haven::Haven;
use crate::support::scene::{Scene, join, recipients, states};
use crate::support::sms::{
    ACCOUNT, FROM, Gateway, PUBLIC, Sms, SmsServer, TOKEN, receipt, signature,
};
use crate::support::smtp::{Behaviour, SmtpServer};

async fn scene(database: Database, mail: Behaviour, gateway: Gateway) -> (Scene, SmsServer) {
    let sms = SmsServer::start(gateway).await;
    let mail = SmtpServer::start(mail).await;
    let url = mail.url();
    let haven = Haven::with(database, |config| {
        config.smtp_url = Some(url.into());
        config.mail_from = "haven <alarm@haven.example>".to_owned();
        sms.configure(config);
    })
    .await;
    let anna = join(&haven, "anna").await;
    (Scene { haven, mail, anna }, sms)
}

/// Adds a contact with this number.
async fn contact(scene: &Scene, name: &str, phone: &str, email: Option<&str>) {
    let input = json!({"name": name, "relationship": "Брат", "phone": phone, "email": email});
    let create = "mutation($input: EmergencyContactInput!) { createEmergencyContact(userId: \"me\", input: $input) { id } }";
    scene
        .haven
        .data(&scene.anna, create, json!({"input": input}))
        .await;
}

/// Channel, state and failure of each of an alarm's notifications.
fn rows(alarm: &Value) -> Vec<String> {
    let rows = alarm["notifications"].as_array().unwrap();
    rows.iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap_or_default();
            format!("{} {} {}", text("channel"), text("status"), text("failure"))
                .trim()
                .to_owned()
        })
        .collect()
}

/// Presses and waits until nothing is under way.
async fn press(scene: &Scene) -> Value {
    let id = scene.press(Value::Null).await["alarm"]["id"].clone();
    scene
        .until(&id, "the tries", |alarm| {
            !states(alarm).contains(&"SENDING")
        })
        .await
}

/// Brings the mails of an alarm into a pause of about a minute.
async fn long_pause(scene: &Scene, id: &Value) {
    tries(scene, id, &[0], 4).await;
}

/// Has these rows, all of which fail, tried until they were tried so often. The clock stands still
/// from then on.
async fn tries(scene: &Scene, id: &Value, rows: &[usize], often: i64) {
    scene.haven.app.clock.hold();
    for least in 1..=often {
        scene
            .until(id, "the end of a try", |alarm| {
                rows.iter().all(|row| {
                    let row = &alarm["notifications"][*row];
                    row["attempts"].as_i64() >= Some(least) && row["status"] == "PENDING"
                })
            })
            .await;
        if least < often {
            scene.wait(30);
        }
    }
}

async fn word(scene: &Scene, sms: &Sms, status: &str) {
    receipt(&scene.haven, sms, &sms.sid, status)
        .await
        .assert_status(204);
}

on_both! {
    async fn an_sms_goes_out_beside_the_mail(database) {
        let (scene, sms) = scene(database, Behaviour::Accept, Gateway::Accept).await;
        contact(&scene, "Иван", "8 (900) 123-45-67", Some("ivan@example.com")).await;
        let alarm = scene.press(json!({"location": "Парк", "latitude": 55.75, "longitude": 37.61})).await["alarm"].clone();
        assert_eq!(rows(&alarm), ["EMAIL SENT", "SMS SENT"]);
        // One line a person.
        assert_eq!(alarm["messages"], json!(["Ваш/ваша Брат (Иван) получил(а) уведомление по email.", "Психотерапевт не был уведомлён."]));
        assert_eq!(recipients(&scene.mail.mails()), ["ivan@example.com"]);
        let sent = sms.posted();
        assert_eq!(sent.len(), 1);
        let sent = &sent[0];
        assert_eq!(sent.path, format!("/2010-04-01/Accounts/{ACCOUNT}/Messages.json"));
        assert_eq!((sent.to(), sent.fields["From"].as_str()), ("+79001234567", FROM));
        let id = alarm["notifications"][1]["id"].as_str().unwrap();
        assert_eq!(sent.fields["StatusCallback"], format!("{PUBLIC}/sms/receipts/{id}"));
        use base64::Engine as _;
        let login = base64::engine::general_purpose::STANDARD.encode(format!("{ACCOUNT}:{TOKEN}"));
        assert_eq!(sent.headers["authorization"], format!("Basic {login}"));
        assert!(sent.headers["idempotency-key"].ends_with("@haven.example"), "{sent:?}");
        // Where there is a page, it shows the map.
        let answer = format!("{PUBLIC}/a/{id}.");
        for part in ["anna просит о помощи", "UTC", "Парк", "Позвоните", &answer] {
            assert!(sent.text().contains(part), "{part} is not in {}", sent.text());
        }
        for word in ["ПТСР", "PTSD", "None", "Some("] {
            assert!(!sent.text().contains(word), "{}", sent.text());
        }
    }

    async fn whom_no_mail_reaches_an_sms_does(database) {
        let (scene, sms) = scene(database, Behaviour::RefuseRecipients, Gateway::Accept).await;
        contact(&scene, "Иван", "+79001234567", None).await;
        scene.therapist("Петр", "petr@example.com").await;
        let alarm = press(&scene).await;
        assert_eq!(rows(&alarm), ["EMAIL SKIPPED no_address", "SMS SENT", "EMAIL FAILED address_rejected", "SMS SENT"]);
        assert_eq!(alarm["messages"], json!([
            "Ваш/ваша Брат (Иван) получил(а) уведомление по SMS.",
            "Ваш психотерапевт (Петр) был уведомлён по SMS.",
        ]));
        assert_eq!(alarm["english"], json!([
            "Your Брат (Иван) was notified by SMS.",
            "Your therapist (Петр) was notified by SMS.",
        ]));
        assert_eq!(alarm["result"]["messageSentToContacts"], true);
        assert_eq!(alarm["result"]["therapistNotified"], true);
        let mut to: Vec<String> = sms.taken().iter().map(|sms| sms.to().to_owned()).collect();
        to.sort();
        assert_eq!(to, ["+79001234567", "+79007654321"]);
    }

    async fn who_can_be_reached_by_nothing_is_named_with_every_reason_and_a_number_to_call(database) {
        let (scene, sms) = scene(database, Behaviour::RefuseRecipients, Gateway::Refuse(400, 21614)).await;
        contact(&scene, "Иван", "12345", None).await;
        contact(&scene, "Мария", "+79001234567", Some("maria@example.com")).await;
        let alarm = press(&scene).await;
        assert_eq!(rows(&alarm), ["EMAIL SKIPPED no_address", "SMS SKIPPED invalid_number", "EMAIL FAILED address_rejected", "SMS FAILED number_rejected"]);
        assert_eq!(alarm["messages"], json!([
            "Ошибка отправки уведомления для Брат (Иван): не указан email; указан неверный телефон.",
            "Ошибка отправки уведомления для Брат (Мария): почтовый сервер отклонил адрес; на этот номер нельзя отправить SMS.",
            "Психотерапевт не был уведомлён.",
            "Никого не удалось уведомить. Если нужна помощь, звоните: 112.",
        ]));
        let english = alarm["english"].as_array().unwrap();
        assert!(english[3].as_str().unwrap().contains("your local emergency number (112 in Europe"), "{english:?}");
        assert_eq!(alarm["result"]["messageSentToContacts"], false);
        // Where the person is decides whose number it is.
        let edit = "mutation { updateProfile(userId: \"me\", input: {location: \"Austin, Texas, US\"}) { id } }";
        scene.haven.data(&scene.anna, edit, json!({})).await;
        let alarm = scene.alarm(&alarm["id"]).await;
        assert_eq!(alarm["english"][3], "Nobody could be notified. If you need help, call: 911.");
        assert_eq!(sms.posted().len(), 1);
    }

    async fn a_refused_number_stops_at_once(database) {
        let (scene, sms) = scene(database, Behaviour::Accept, Gateway::Accept).await;
        contact(&scene, "Иван", "+79001234567", Some("ivan@example.com")).await;
        for (code, failure) in [(21211, "number_rejected"), (21408, "number_rejected"), (21610, "unsubscribed"),
            (21612, "number_rejected"), (21617, "message_rejected")] {
            scene.wait(60);
            sms.set_behaviour(Gateway::Refuse(400, code));
            let alarm = press(&scene).await;
            assert_eq!(rows(&alarm), ["EMAIL SENT".to_owned(), format!("SMS FAILED {failure}")], "{code}");
            assert_eq!(alarm["result"]["messageSentToContacts"], true);
        }
        assert_eq!(sms.posted().len(), 5);
    }

    async fn what_is_not_the_recipients_fault_is_tried_again_with_the_same_key(database) {
        let (scene, sms) = scene(database, Behaviour::Accept, Gateway::Accept).await;
        contact(&scene, "Иван", "+79001234567", None).await;
        sms.set_behaviour(Gateway::Refuse(500, 0));
        let alarm = scene.press(Value::Null).await["alarm"].clone();
        assert_eq!(alarm["messages"][0], "Уведомление для Брат (Иван) отправляется.");
        assert_eq!(alarm["result"]["messageSentToContacts"], false);
        let id = &alarm["id"];
        tries(&scene, id, &[1], 1).await;
        let before = scene.alarm(id).await["notifications"][1]["attempts"].as_i64().unwrap();
        for (attempts, (behaviour, failure)) in (before + 1..).zip([
            (Gateway::Refuse(401, 20003), "server_refused"),
            (Gateway::Rubbish, "server_unreachable"),
            (Gateway::Refuse(403, 20005), "server_refused"),
            (Gateway::Close, "server_unreachable"),
            (Gateway::Refuse(404, 20404), "server_refused"),
            (Gateway::TakeThenClose, "server_unreachable"),
            (Gateway::Refuse(400, 21606), "server_refused"),
            (Gateway::Rubbish, "server_unreachable"),
            (Gateway::Refuse(429, 20429), "server_refused"),
            (Gateway::Close, "server_unreachable"),
            (Gateway::Refuse(302, 0), "server_refused"),
        ]) {
            sms.set_behaviour(behaviour.clone());
            scene.wait(400);
            let pending = format!("SMS PENDING {failure}");
            // The state alone may still be that of the try before.
            scene.until(id, &format!("{behaviour:?}"), |alarm| {
                rows(alarm)[1] == pending && alarm["notifications"][1]["attempts"] == attempts
            }).await;
        }
        sms.set_behaviour(Gateway::Accept);
        scene.wait(400);
        // Result and notifications are read one after the other.
        scene.until(id, "the last try", |alarm| {
            rows(alarm)[1] == "SMS SENT" && alarm["result"]["messageSentToContacts"] == true
        }).await;
        let posted = sms.posted();
        assert!(posted.len() >= 13, "{}", posted.len());
        assert!(posted.last().unwrap().text().contains("мин назад") || posted.last().unwrap().text().contains(" ч "), "{posted:?}");
        for sms in &posted {
            assert_eq!(sms.headers["idempotency-key"], posted[0].headers["idempotency-key"]);
            assert_eq!(sms.fields["StatusCallback"], posted[0].fields["StatusCallback"]);
        }
    }

    async fn the_answer_comes_before_a_silent_gateway(database) {
        let (scene, sms) = scene(database, Behaviour::Accept, Gateway::Hang).await;
        contact(&scene, "Иван", "+79001234567", Some("ivan@example.com")).await;
        let alarm = scene.press(Value::Null).await["alarm"].clone();
        assert_eq!(rows(&alarm), ["EMAIL SENT", "SMS SENDING"]);
        assert_eq!(alarm["messages"][0], "Ваш/ваша Брат (Иван) получил(а) уведомление по email.");
        sms.set_behaviour(Gateway::Accept);
        scene.until(&alarm["id"], "the SMS", |alarm| rows(alarm) == ["EMAIL SENT", "SMS SENT"]).await;
    }

    async fn when_an_sms_fails_for_good_the_mail_is_tried_at_once(database) {
        let (scene, sms) = scene(database, Behaviour::DeferRecipients, Gateway::Hang).await;
        contact(&scene, "Иван", "+79001234567", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        long_pause(&scene, &id).await;
        scene.mail.set_behaviour(Behaviour::Accept);
        // The pause is longer than the test's patience.
        sms.set_behaviour(Gateway::Refuse(400, 21614));
        scene.until(&id, "the mail", |alarm| rows(alarm) == ["EMAIL SENT", "SMS FAILED number_rejected"]).await;
    }

    async fn when_a_mail_fails_for_good_the_sms_is_tried_at_once(database) {
        let (scene, sms) = scene(database, Behaviour::HangAtGreeting, Gateway::Refuse(503, 0)).await;
        contact(&scene, "Иван", "+79001234567", Some("ivan@example.com")).await;
        contact(&scene, "Мария", "+79001234568", None).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        tries(&scene, &id, &[1, 3], 4).await;
        sms.set_behaviour(Gateway::Accept);
        scene.mail.set_behaviour(Behaviour::RefuseRecipients);
        scene.until(&id, "the mail's end", |alarm| rows(alarm)[0] == "EMAIL FAILED address_rejected").await;
        let alarm = scene.until(&id, "the SMS", |alarm| rows(alarm)[1] == "SMS SENT").await;
        // Nobody else is hurried.
        assert_eq!(rows(&alarm)[3], "SMS PENDING server_refused");
    }

    async fn pressing_again_joins_each_channel_for_itself(database) {
        let (scene, sms) = scene(database, Behaviour::Accept, Gateway::Refuse(400, 21614)).await;
        contact(&scene, "Иван", "+79001234567", Some("ivan@example.com")).await;
        assert_eq!(rows(&press(&scene).await), ["EMAIL SENT", "SMS FAILED number_rejected"]);
        sms.set_behaviour(Gateway::Accept);
        let again = press(&scene).await;
        assert_eq!(rows(&again), ["EMAIL SENT", "SMS SENT"]);
        let after = press(&scene).await;
        assert_eq!((&after["id"], rows(&after)), (&again["id"], rows(&again)));
        assert_eq!((sms.posted().len(), sms.taken().len()), (2, 1));
        // The person is told of the number that failed.
        let mails = scene.mail.wait_for(2).await;
        assert_eq!(recipients(&mails), ["anna@example.com", "ivan@example.com"]);
    }

    async fn the_all_clear_takes_the_ways_the_alarm_took(database) {
        let (scene, sms) = scene(database, Behaviour::Accept, Gateway::Accept).await;
        contact(&scene, "Иван", "+79001234567", Some("ivan@example.com")).await;
        contact(&scene, "Мария", "+79001234568", None).await;
        let id = press(&scene).await["id"].clone();
        scene.complete(&id, true).await;
        scene.complete(&id, true).await;
        let alarm = scene.until(&id, "the all-clear", |alarm| {
            rows(alarm) == ["EMAIL SENT", "SMS SENT", "EMAIL SKIPPED no_address", "SMS SENT", "EMAIL SENT", "SMS SENT", "SMS SENT"]
        }).await;
        assert_eq!(alarm["result"]["completed"], true);
        assert_eq!(recipients(&scene.mail.mails()), ["ivan@example.com"; 2]);
        let all = sms.taken();
        assert_eq!(all.iter().filter(|sms| sms.text().starts_with("Отбой: тревога anna")).count(), 2);
        assert_eq!(all.len(), 4);
    }

    async fn an_ended_alarm_stops_its_unsent_sms(database) {
        let (scene, sms) = scene(database, Behaviour::Accept, Gateway::Refuse(503, 0)).await;
        contact(&scene, "Иван", "+79001234567", None).await;
        let id = press(&scene).await["id"].clone();
        let alarm = scene.complete(&id, true).await;
        assert_eq!(rows(&alarm), ["EMAIL SKIPPED no_address", "SMS SKIPPED alarm_completed"]);
        // It was possible, so nobody is sent to the emergency services.
        assert_eq!(alarm["messages"].as_array().unwrap().len(), 2);
        sms.set_behaviour(Gateway::Accept);
        scene.wait(600);
        assert_eq!(rows(&scene.alarm(&id).await), rows(&alarm));
        assert_eq!(sms.taken().len(), 0);
    }

    async fn receipts_move_forward_only(database) {
        let (scene, sms) = scene(database, Behaviour::Accept, Gateway::Accept).await;
        contact(&scene, "Иван", "+79001234567", None).await;
        let id = press(&scene).await["id"].clone();
        let sent = &sms.posted()[0];
        let stands = async |what: &str, receipt: Value| {
            let alarm = scene.until(&id, what, |alarm| alarm["notifications"][1]["receipt"] == receipt).await;
            assert_eq!(alarm["notifications"][1]["status"], "SENT");
            assert_eq!(alarm["result"]["messageSentToContacts"], true);
            alarm["notifications"][1]["deliveredAt"].clone()
        };
        assert_eq!(stands("nothing", Value::Null).await, Value::Null);
        word(&scene, sent, "queued").await;
        assert_eq!(stands("the first", json!("QUEUED")).await, Value::Null);
        word(&scene, sent, "sent").await;
        word(&scene, sent, "sending").await;
        word(&scene, sent, "an unknown word").await;
        assert_eq!(stands("the second", json!("SENT")).await, Value::Null);
        word(&scene, sent, "delivered").await;
        let delivered = stands("the last", json!("DELIVERED")).await;
        assert!(delivered.is_string(), "{delivered}");
        scene.wait(60);
        for late in ["sent", "undelivered", "failed", "queued", "delivered"] {
            word(&scene, sent, late).await;
            assert_eq!(stands(late, json!("DELIVERED")).await, delivered);
        }
    }

    async fn what_did_not_arrive_is_not_claimed(database) {
        let (scene, sms) = scene(database, Behaviour::Accept, Gateway::Accept).await;
        contact(&scene, "Иван", "+79001234567", None).await;
        contact(&scene, "Мария", "+79001234568", None).await;
        scene.therapist("Петр", "petr@example.com").await;
        let id = press(&scene).await["id"].clone();
        let to = |number: &str| sms.posted().into_iter().find(|sms| sms.to() == number).unwrap();
        word(&scene, &to("+79001234567"), "undelivered").await;
        let alarm = scene.until(&id, "the first receipt", |alarm| rows(alarm)[1] == "SMS FAILED not_delivered").await;
        // Another contact was told.
        assert_eq!(alarm["result"]["messageSentToContacts"], true);
        assert_eq!(alarm["messages"][0], "Ошибка отправки уведомления для Брат (Иван): не указан email; SMS не доставлено.");
        word(&scene, &to("+79001234568"), "failed").await;
        // The therapist has the mail.
        word(&scene, &to("+79007654321"), "undelivered").await;
        let alarm = scene.until(&id, "all receipts", |alarm| rows(alarm)[5] == "SMS FAILED not_delivered").await;
        assert_eq!(alarm["result"]["messageSentToContacts"], false);
        assert_eq!(alarm["result"]["therapistNotified"], true);
        assert_eq!(alarm["messages"][2], "Ваш психотерапевт (Петр) был уведомлён.");
        // Said not to have arrived, and then to have: the later word is the truth.
        word(&scene, &to("+79001234568"), "delivered").await;
        let alarm = scene.until(&id, "the late receipt", |alarm| rows(alarm)[3] == "SMS SENT").await;
        assert_eq!(alarm["result"]["messageSentToContacts"], true);
        assert_eq!(alarm["messages"][1], "Ваш/ваша Брат (Мария) получил(а) уведомление по SMS.");
        // Pressing again sends the lost one again, and its receipts count anew.
        press(&scene).await;
        let again = sms.posted().into_iter().rfind(|sms| sms.to() == "+79001234567").unwrap();
        assert_ne!(again.sid, to("+79001234567").sid);
        word(&scene, &again, "undelivered").await;
        scene.until(&id, "the second loss", |alarm| rows(alarm)[1] == "SMS FAILED not_delivered").await;
    }

    async fn that_the_gateway_takes_it_does_not_make_a_number_work(database) {
        const FAILED: &str = "{ me { emergencyContacts { phoneFailedAt } } }";
        let (scene, sms) = scene(database, Behaviour::Accept, Gateway::Accept).await;
        contact(&scene, "Иван", "+79001234567", None).await;
        let failed = async || {
            let data = scene.haven.data(&scene.anna, FAILED, json!({})).await;
            !data["me"]["emergencyContacts"][0]["phoneFailedAt"].is_null()
        };
        for presses in 1..=2 {
            let alarm = press(&scene).await;
            assert_eq!(failed().await, presses > 1);
            word(&scene, &sms.taken()[presses - 1], "undelivered").await;
            assert!(failed().await);
            scene.complete(&alarm["id"], false).await;
        }
        scene.mail.wait_for(1).await;
        press(&scene).await;
        word(&scene, &sms.taken()[2], "delivered").await;
        assert!(!failed().await);
        // The person was told of the number once.
        assert_eq!(recipients(&scene.mail.mails()), ["anna@example.com"]);
    }

    async fn a_silent_gateway_delays_no_mail(database) {
        let (scene, sms) = scene(database, Behaviour::Accept, Gateway::Hang).await;
        for n in 0..40 {
            contact(&scene, "Иван", &format!("+790012345{n:02}"), None).await;
        }
        scene.press(Value::Null).await;
        contact(&scene, "Мария", "+79007654321", Some("maria@example.com")).await;
        scene.press(Value::Null).await;
        assert_eq!(recipients(&scene.mail.mails()), ["maria@example.com"]);
        assert_eq!(sms.taken().len(), 0);
    }

    async fn an_undelivered_sms_hurries_the_mail(database) {
        let (scene, sms) = scene(database, Behaviour::DeferRecipients, Gateway::Accept).await;
        contact(&scene, "Иван", "+79001234567", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        long_pause(&scene, &id).await;
        scene.mail.set_behaviour(Behaviour::Accept);
        word(&scene, &sms.posted()[0], "undelivered").await;
        scene.until(&id, "the mail", |alarm| rows(alarm) == ["EMAIL SENT", "SMS FAILED not_delivered"]).await;
    }

    async fn a_receipt_settles_a_send_of_unknown_outcome(database) {
        let (scene, sms) = scene(database, Behaviour::Accept, Gateway::TakeThenClose).await;
        contact(&scene, "Иван", "+79001234567", None).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.until(&id, "an unknown outcome", |alarm| rows(alarm)[1] == "SMS PENDING server_unreachable").await;
        let posted = sms.posted();
        word(&scene, posted.last().unwrap(), "sent").await;
        let alarm = scene.until(&id, "the receipt", |alarm| rows(alarm)[1] == "SMS SENT").await;
        assert_eq!(alarm["result"]["messageSentToContacts"], true);
        assert!(alarm["notifications"][1]["sentAt"].is_string());
        let before = sms.posted().len();
        scene.wait(3600);
        press(&scene).await;
        scene.wait(3600);
        let other = press(&scene).await;
        assert_ne!(other["id"], id);
        let callback = &posted[0].fields["StatusCallback"];
        assert_eq!(sms.posted()[before..].iter().filter(|sms| sms.fields["StatusCallback"] == *callback).count(), 0);
    }

    async fn a_receipt_for_either_try_counts(database) {
        let (scene, sms) = scene(database, Behaviour::Accept, Gateway::TakeThenClose).await;
        contact(&scene, "Иван", "+79001234567", None).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.until(&id, "an unknown outcome", |alarm| rows(alarm)[1] == "SMS PENDING server_unreachable").await;
        sms.set_behaviour(Gateway::Accept);
        scene.wait(60);
        scene.until(&id, "the next try", |alarm| rows(alarm)[1] == "SMS SENT").await;
        let posted = sms.posted();
        let (first, last) = (&posted[0], posted.last().unwrap());
        assert_ne!(first.sid, last.sid);
        // That the other try did not arrive says nothing of this one.
        word(&scene, first, "undelivered").await;
        assert_eq!(rows(&scene.alarm(&id).await)[1], "SMS SENT");
        word(&scene, first, "delivered").await;
        scene.until(&id, "the receipt", |alarm| alarm["notifications"][1]["receipt"] == "DELIVERED").await;
        word(&scene, last, "undelivered").await;
        assert_eq!(rows(&scene.alarm(&id).await)[1], "SMS SENT");
    }

    async fn only_signed_receipts_are_taken(database) {
        let (scene, sms) = scene(database, Behaviour::Accept, Gateway::Accept).await;
        contact(&scene, "Иван", "+79001234567", None).await;
        let id = press(&scene).await["id"].clone();
        let sent = sms.posted()[0].clone();
        let fields = [("MessageSid", sent.sid.as_str()), ("MessageStatus", "delivered")];
        let form = format!("MessageStatus=delivered&MessageSid={}", sent.sid);
        let url = &sent.fields["StatusCallback"];
        let kind = "application/x-www-form-urlencoded";
        let post = |path: &str, kind: &str, signature: Option<String>, body: String| {
            let call = scene.haven.call("POST", path).body(kind, body);
            match signature {
                Some(signature) => call.header("x-twilio-signature", &signature),
                None => call,
            }.send()
        };
        let right = signature(url, &fields);
        for wrong in [None, Some(String::new()), Some("rubbish".to_owned()), Some(right[1..].to_owned()),
            Some(signature(url, &[])), Some(signature(&url.replace("https", "http"), &fields)),
            Some(signature(&format!("{url}0"), &fields))] {
            post(sent.receipts(), kind, wrong, form.clone()).await.assert_status(403);
        }
        for path in ["/sms/receipts/4711", "/sms/receipts/rubbish", "/sms/receipts/-1", "/sms/receipts/99999999999999999999"] {
            post(path, kind, Some(right.clone()), form.clone()).await.assert_status(403);
        }
        post(&format!("{}?x=1", sent.receipts()), kind, None, form.clone()).await.assert_status(403);
        post(sent.receipts(), "application/json", Some(right.clone()), form.clone()).await.assert_status(415);
        post(sent.receipts(), kind, Some(right.clone()), "x".repeat(65 * 1024)).await.assert_status(413);
        scene.haven.call("GET", sent.receipts()).send().await.assert_status(405);
        assert_eq!(scene.alarm(&id).await["notifications"][1]["receipt"], Value::Null);
        // Signed, and of nothing that haven knows.
        let unknown = format!("{PUBLIC}/sms/receipts/4711");
        post("/sms/receipts/4711", kind, Some(signature(&unknown, &fields)), form.clone()).await.assert_status(204);
        // Signed, and saying nothing.
        post(sent.receipts(), kind, Some(signature(url, &[])), String::new()).await.assert_status(204);
        assert_eq!(scene.alarm(&id).await["notifications"][1]["receipt"], Value::Null);
        post(sent.receipts(), kind, Some(right), form).await.assert_status(204);
        scene.until(&id, "the receipt", |alarm| alarm["notifications"][1]["receipt"] == "DELIVERED").await;
    }

    async fn a_mails_row_takes_no_receipt(database) {
        let (scene, sms) = scene(database, Behaviour::Accept, Gateway::Accept).await;
        contact(&scene, "Иван", "+79001234567", Some("ivan@example.com")).await;
        let alarm = press(&scene).await;
        let mut forged = sms.posted()[0].clone();
        let mail = alarm["notifications"][0]["id"].as_str().unwrap();
        forged.fields.insert("StatusCallback".into(), format!("{PUBLIC}/sms/receipts/{mail}"));
        word(&scene, &forged, "undelivered").await;
        assert_eq!(rows(&scene.alarm(&alarm["id"]).await), ["EMAIL SENT", "SMS SENT"]);
    }

    async fn without_a_gateway_there_is_no_sms(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        assert_eq!(rows(&press(&scene).await), ["EMAIL SENT"]);
        scene.haven.call("POST", "/sms/receipts/1").body("application/x-www-form-urlencoded", "").send().await.assert_status(404);
    }

    async fn a_messaging_service_sends_under_its_own_name(database) {
        let sms = SmsServer::start(Gateway::Accept).await;
        let haven = Haven::with(database, |config| {
            sms.configure(config);
            config.sms_from = Some("MG0123456789abcdef0123456789abcdef".to_owned());
        }).await;
        let anna = join(&haven, "anna").await;
        let mail = SmtpServer::start(Behaviour::Accept).await;
        let scene = Scene { haven, mail, anna };
        contact(&scene, "Иван", "+79001234567", None).await;
        press(&scene).await;
        let sent = &sms.posted()[0];
        assert_eq!(sent.fields["MessagingServiceSid"], "MG0123456789abcdef0123456789abcdef");
        assert!(!sent.fields.contains_key("From"));
    }
}

/// What a wrong setting would break is told at the start, not at the first alarm.
#[tokio::test]
async fn half_a_gateway_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let config = haven::config::Config {
        data_dir: folder.path().to_path_buf(),
        sms_url: Some("http://127.0.0.1:1".parse().unwrap()),
        sms_account: Some(ACCOUNT.to_owned()),
        ..haven::config::Config::default()
    };
    match haven::app::App::new(config, Clock::default()).await {
        Ok(_) => panic!("it started"),
        Err(error) => assert!(error.to_string().contains("HAVEN_SMS_TOKEN"), "{error}"),
    }
}
