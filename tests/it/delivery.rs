//! Sending: what a mail says, what each failure of a mail server leads to, and that nothing is
//! lost over a restart.

use std::time::Duration;

use futures_util::StreamExt;
use haven::app::App;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::databases::Database;
use crate::support::haven::Haven;
use crate::support::scene::{Scene, join, recipients, states};
use crate::support::smtp::{Behaviour, Encryption, SmtpServer};

on_both! {
    async fn a_mail_says_who_what_when_where_and_what_to_do(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван <b>\u{202e}\"Иванов\"", "Брат", Some("ivan@example.com")).await;
        scene.press(json!({"location": "Парк <script>", "latitude": 55.75, "longitude": 37.61})).await;
        let mail = scene.mail.next_mail().await;
        assert_eq!(mail.from, "alarm@haven.example");
        assert_eq!(mail.subject(), "Тревога: anna просит о помощи");
        assert_eq!(mail.header("reply-to"), Some("anna@example.com"));
        assert_eq!(mail.header("auto-submitted"), Some("auto-generated"));
        assert_eq!((mail.header("x-priority"), mail.header("importance")), (Some("1"), Some("high")));
        assert!(mail.message_id().ends_with("@haven.example>"));
        let text = mail.text.as_deref().unwrap();
        for part in ["anna нажал(а) кнопку тревоги", "(Брат)", "UTC", "Парк <script>", "55.75000, 37.61000",
            "https://www.openstreetmap.org/?mlat=55.75000&mlon=37.61000#map=16/55.75000/37.61000",
            "anna@example.com", "112"] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
        let html = mail.html.as_deref().unwrap();
        assert!(html.contains("Парк &#60;script&#62;") && html.contains("Иван &#60;b&#62;"), "{html}");
        assert!(!html.contains("<script>") && !html.contains('\u{202e}'), "{html}");
        for word in ["ПТСР", "PTSD", "None", "Some("] {
            assert!(!text.contains(word) && !html.contains(word), "{word}");
        }
        println!("{text}\n{html}");
    }

    async fn without_a_place_the_usual_one_is_named_as_such(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.haven.data(&scene.anna, "mutation { updateProfile(userId: \"me\", input: {location: \"Тверь\"}) { id } }", json!({})).await;
        scene.press(Value::Null).await;
        let text = scene.mail.next_mail().await.text.unwrap();
        assert!(text.contains("ГДЕ: сейчас неизвестно"), "{text}");
        assert!(text.contains("ОБЫЧНОЕ МЕСТО (из профиля, не сейчас): Тверь"), "{text}");
    }

    async fn a_refused_recipient_stops_at_once_and_alone(database) {
        let scene = Scene::new(database, Behaviour::RefuseRecipientsContaining("ivan".into())).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.contact("Мария", "Мама", Some("maria@example.com")).await;
        let alarm = &scene.press(Value::Null).await["alarm"];
        assert_eq!(states(alarm), ["FAILED", "SENT"]);
        assert_eq!(alarm["notifications"][0]["failure"], "address_rejected");
        assert_eq!(alarm["messages"][0], "Ошибка отправки уведомления для Брат (Иван): почтовый сервер отклонил адрес.");
        assert_eq!(alarm["result"]["messageSentToContacts"], true);
        // Pressing again tries again at once, at the address known now.
        scene.mail.set_behaviour(Behaviour::Accept);
        let again = &scene.press(Value::Null).await["alarm"];
        assert_eq!(states(again), ["SENT", "SENT"]);
        let mails = scene.mail.wait_for(3).await;
        assert_eq!(recipients(&mails), ["anna@example.com", "ivan@example.com", "maria@example.com"]);
    }

    async fn what_is_put_off_is_tried_again_with_the_same_id(database) {
        let scene = Scene::new(database, Behaviour::DeferMail).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let alarm = scene.press(Value::Null).await["alarm"].clone();
        assert_eq!(alarm["messages"][0], "Уведомление для Брат (Иван) отправляется.");
        assert_eq!(alarm["result"]["messageSentToContacts"], false);
        assert_eq!(alarm["notifications"][0]["failure"], "server_refused");
        scene.mail.set_behaviour(Behaviour::AcceptThenDrop);
        scene.wait(20);
        let first = scene.mail.next_mail().await;
        scene.until(&alarm["id"], "an unknown outcome", |alarm| alarm["notifications"][0]["failure"] == "server_unreachable").await;
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.wait(1200);
        let second = scene.mail.next_mail().await;
        assert_eq!(first.message_id(), second.message_id());
        scene.until(&alarm["id"], "the end", |alarm| {
            states(alarm) == ["SENT"] && alarm["result"]["messageSentToContacts"] == true
        }).await;
        assert!(second.text.unwrap().contains("письмо задержалось. Кнопка была нажата 20 мин назад"));
    }

    async fn the_answer_comes_before_a_silent_server(database) {
        let scene = Scene::new(database, Behaviour::HangAfterData).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let alarm = scene.press(Value::Null).await["alarm"].clone();
        assert_eq!(states(&alarm), ["SENDING"]);
        // Ended while the mail is under way: the all-clear follows once it is known to have arrived.
        let ended = scene.complete(&alarm["id"], true).await;
        assert_eq!(states(&ended), ["SENDING"]);
        scene.mail.set_behaviour(Behaviour::Accept);
        let alarm = scene.until(&alarm["id"], "the all-clear", |alarm| states(alarm) == ["SENT", "SENT"]).await;
        assert_eq!(alarm["notifications"][1]["purpose"], "ALL_CLEAR");
        assert_eq!(scene.mail.mails().len(), 2);
    }

    async fn an_ended_alarm_stops_what_was_not_sent(database) {
        let scene = Scene::new(database, Behaviour::DeferRecipients).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let alarm = scene.complete(&id, true).await;
        assert_eq!(states(&alarm), ["SKIPPED"]);
        assert_eq!(alarm["notifications"][0]["failure"], "alarm_completed");
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.wait(600);
        assert_eq!(states(&scene.alarm(&id).await), ["SKIPPED"]);
    }

    async fn after_a_day_it_is_given_up_and_an_admin_tries_again(database) {
        let scene = Scene::new(database, Behaviour::DeferRecipients).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.wait(25 * 3600);
        let alarm = scene.until(&id, "giving up", |alarm| states(alarm) == ["FAILED"]).await;
        assert_eq!(alarm["notifications"][0]["failure"], "expired");
        let admin = join(&scene.haven, "boss").await;
        let list = "query($status: [NotificationStatus!]) { notifications(status: $status) { nodes { id alarm { id } recipient { ... on EmergencyContact { name } } } } }";
        let retry = "mutation($id: ID!) { retryNotification(id: $id) { status } }";
        assert_eq!(scene.haven.code(Some(&admin), list, json!({})).await, "FORBIDDEN");
        haven::domain::users::promote(&scene.haven.app, "boss").await.unwrap();
        let none = scene.haven.data(&admin, list, json!({"status": ["SENT", "PENDING"]})).await;
        assert_eq!(none["notifications"]["nodes"], json!([]));
        let failed = scene.haven.data(&admin, list, json!({"status": ["FAILED"]})).await;
        let node = &failed["notifications"]["nodes"][0];
        assert_eq!((&node["alarm"]["id"], &node["recipient"]["name"]), (&id, &json!("Иван")));
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.haven.data(&admin, retry, json!({"id": node["id"]})).await;
        scene.until(&id, "the retry", |alarm| states(alarm) == ["SENT"]).await;
        assert_eq!(scene.haven.code(Some(&admin), retry, json!({"id": node["id"]})).await, "CONFLICT");
        assert_eq!(scene.haven.code(Some(&admin), retry, json!({"id": 4711})).await, "NOT_FOUND");
        assert_eq!(scene.haven.code(Some(&scene.anna), retry, json!({"id": 4711})).await, "FORBIDDEN");
    }

    async fn what_is_waiting_goes_out_after_a_restart(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.mail.go_down().await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let Scene { haven, mail, anna } = scene;
        mail.come_up().await;
        let haven = haven.restart().await;
        let scene = Scene { haven, mail, anna };
        scene.wait(600);
        scene.until(&id, "the mail", |alarm| states(alarm) == ["SENT"]).await;
        assert_eq!(scene.mail.mails().len(), 1);
    }

    async fn two_nodes_share_the_work_and_send_nothing_twice(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let node = App::new(scene.haven.app.config.clone(), scene.haven.app.clock.clone()).await.unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let other = tokio::spawn(haven::delivery::run(node.clone(), async { let _ = stopped.await; }));
        for number in 0..40 {
            scene.contact(&format!("Контакт {number}"), "Друг", Some(&format!("contact{number}@example.com"))).await;
        }
        let press = scene.press(Value::Null);
        let both = async {
            for _ in 0..50 {
                node.delivery.wake();
                tokio::task::yield_now().await;
            }
        };
        let (payload, ()) = tokio::join!(press, both);
        let id = &payload["alarm"]["id"];
        node.delivery.wake();
        scene.until(id, "every mail", |alarm| states(alarm).iter().all(|state| *state == "SENT")).await;
        stop.send(()).unwrap();
        other.await.unwrap();
        let mails = scene.mail.mails();
        let mut to = recipients(&mails);
        to.dedup();
        assert_eq!((mails.len(), to.len()), (40, 40));
    }

    async fn what_somebody_holds_when_its_turn_comes_goes_out_once_it_is_let_go(database) {
        let scene = Scene::new(database, Behaviour::DeferRecipients).await;
        let bob = join(&scene.haven, "bob").await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let app = &scene.haven.app;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        app.clock.hold();
        scene.until(&id, "the first try", |alarm| states(alarm) == ["PENDING"]).await;
        scene.mail.set_behaviour(Behaviour::Accept);
        // As by who deletes the contact at this moment. SQLite has one writer at a time anyway.
        let held = if database == Database::Postgres {
            let held = app.db.write().await.unwrap();
            held.execute_unprepared("SELECT id FROM notifications FOR UPDATE").await.unwrap();
            Some(held)
        } else {
            None
        };
        scene.wait(30);
        // Once another's alarm is out, the worker has passed by.
        scene.haven.data(&bob, "mutation { createEmergencyContact(userId: \"me\", input: {name: \"Ольга\", relationship: \"Тётя\", phone: \"+79001234567\", email: \"olga@example.com\"}) { id } }", json!({})).await;
        scene.haven.data(&bob, "mutation { triggerAlarm(userId: \"me\") { joined } }", json!({})).await;
        scene.mail.until("the other alarm", |ledger| ledger.mails.iter().any(|mail| mail.to == ["olga@example.com"])).await;
        if let Some(held) = held {
            held.rollback().await.unwrap();
        }
        let sent = scene.until(&id, "the mail", |alarm| states(alarm) == ["SENT"]);
        // Half of what the worker sleeps when it knows of nothing to do.
        tokio::time::timeout(Duration::from_secs(5), sent).await.unwrap();
    }

    async fn a_phone_that_hangs_up_has_pressed_all_the_same(database) {
        let scene = Scene::new(database, Behaviour::HangAtGreeting).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        tokio::select! {
            _ = scene.press(Value::Null) => panic!("the answer came before the mail server was reached"),
            _ = scene.mail.until("a connection", |ledger| ledger.connections == 1) => {}
        }
        scene.mail.set_behaviour(Behaviour::Accept);
        assert_eq!(scene.mail.next_mail().await.to, ["ivan@example.com"]);
    }

    async fn updates_begin_with_the_open_alarm_and_miss_nothing(database) {
        let scene = Scene::new(database, Behaviour::DeferRecipients).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let viewer = haven::domain::accounts::authenticate(&scene.haven.app, &scene.anna.token).await.unwrap();
        let schema = haven::graphql::schema(scene.haven.app.clone());
        let query = "subscription { alarmUpdates(userId: \"me\") { id result { completed } notifications { status } } }";
        let mut updates = schema.execute_stream(async_graphql::Request::new(query).data(viewer));
        let mut seen = Vec::new();
        let following = async {
            while let Some(response) = updates.next().await {
                assert!(response.errors.is_empty(), "{:?}", response.errors);
                let alarm = response.data.into_json().unwrap()["alarmUpdates"].clone();
                assert_eq!(alarm["id"], id);
                seen.push(states(&alarm).join(" "));
                if seen.len() == 1 {
                    scene.mail.set_behaviour(Behaviour::Accept);
                    scene.wait(600);
                }
                if alarm["notifications"][0]["status"] == "SENT" && alarm["result"]["completed"] == false {
                    scene.complete(&id, true).await;
                }
                if seen.last().unwrap() == "SENT SENT" {
                    break;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), following).await.unwrap();
        assert_eq!(seen[0], "PENDING");
        assert!(seen.contains(&"SENT".to_owned()), "{seen:?}");
        let bob = join(&scene.haven, "bob").await;
        let viewer = haven::domain::accounts::authenticate(&scene.haven.app, &bob.token).await.unwrap();
        let query = format!("subscription {{ alarmUpdates(userId: {}) {{ id }} }}", scene.anna.id);
        let mut refused = schema.execute_stream(async_graphql::Request::new(query).data(viewer));
        let code = refused.next().await.unwrap().errors[0].extensions.as_ref().unwrap().get("code").cloned();
        assert_eq!(code, Some("FORBIDDEN".into()));
    }

    async fn a_dead_workers_claim_is_taken_over_when_its_lease_ends(database) {
        use entity::notification::{self, Status};
        use sea_orm::{EntityTrait, sea_query::Expr};
        let scene = Scene::new(database, Behaviour::DeferRecipients).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let lease = scene.haven.app.clock.now() + chrono::TimeDelta::seconds(60);
        notification::Entity::update_many()
            .col_expr(notification::Column::Status, Expr::value("sending"))
            .col_expr(notification::Column::LeaseUntil, Expr::value(lease))
            .col_expr(notification::Column::NextAttemptAt, Expr::value(lease))
            .exec(scene.haven.app.db.read())
            .await
            .unwrap();
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.wait(30);
        assert_eq!(states(&scene.alarm(&id).await), ["SENDING"]);
        scene.wait(31);
        scene.until(&id, "the take-over", |alarm| states(alarm) == ["SENT"]).await;
        let row = notification::Entity::find().one(scene.haven.app.db.read()).await.unwrap().unwrap();
        assert_eq!(row.status, Status::Sent);
    }
}

/// The program itself, because it reads whom to trust from its surroundings.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_are_encrypted_where_the_setting_says_so() {
    use std::io::{BufRead, BufReader};
    struct Program(std::process::Child);
    impl Drop for Program {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    for encryption in [Encryption::StartTls, Encryption::Implicit] {
        let mail = SmtpServer::start_with(Behaviour::Accept, encryption).await;
        let folder = tempfile::tempdir().unwrap();
        let certificate = folder.path().join("root.pem");
        std::fs::write(&certificate, mail.certificate()).unwrap();
        for (trusted, expected) in [
            (false, "отправляется."),
            (true, "получил(а) уведомление по email."),
        ] {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_haven"));
            command
                .env("HAVEN_LISTEN", "127.0.0.1:0")
                .env("HAVEN_DATA_DIR", folder.path())
                .env("HAVEN_SMTP_URL", mail.url())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::null());
            if trusted {
                command.env("SSL_CERT_FILE", &certificate);
            }
            let mut program = Program(command.spawn().unwrap());
            let output = program.0.stdout.take().unwrap();
            let mut first = String::new();
            // Kept open: a program whose output nobody takes any more ends.
            let mut output = BufReader::new(output);
            output.read_line(&mut first).unwrap();
            let address = first.trim().rsplit("http://").next().unwrap();
            let username = format!("anna{trusted}");
            let call = |query: String, token: String| {
                let body = json!({"query": query}).to_string();
                crate::support::client::Call::new(
                    reqwest::Client::builder()
                        .no_proxy()
                        .build()
                        .unwrap()
                        .post(format!("http://{address}/graphql")),
                )
                .header("authorization", &token)
                .body("application/json", body)
                .send()
            };
            let login = call(format!("mutation {{ register(input: {{username: \"{username}\", email: \"a@example.com\", password: \"securepassword123\"}}) {{ id }}
                login(input: {{username: \"{username}\", password: \"securepassword123\"}}) {{ token }} }}"), String::new()).await.json();
            let token = format!(
                "Token {}",
                login["data"]["login"]["token"].as_str().unwrap()
            );
            let answer = call("mutation { createEmergencyContact(userId: \"me\", input: {name: \"Иван\", relationship: \"Брат\", phone: \"+79001234567\", email: \"ivan@example.com\"}) { id }
                triggerAlarm(userId: \"me\") { alarm { messages } } }".to_owned(), token).await.json();
            let message = answer["data"]["triggerAlarm"]["alarm"]["messages"][0]
                .as_str()
                .unwrap();
            assert!(
                message.ends_with(expected),
                "{encryption:?}, trusted: {trusted}: {message}"
            );
        }
        assert!(mail.next_mail().await.encrypted);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_mail_server_mails_are_files() {
    let haven = Haven::start(Database::Sqlite).await;
    let folder = haven.app.config.data_dir.join("mail");
    let anna = join(&haven, "anna").await;
    haven
        .data(
            &anna,
            "mutation { createEmergencyContact(userId: \"me\", input: {name: \"Иван\", relationship: \"Брат\", phone: \"+79001234567\", email: \"ivan@example.com\"}) { id }
                triggerAlarm(userId: \"me\") { alarm { messages } } }",
            json!({}),
        )
        .await;
    let files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let mail = std::fs::read_to_string(&files[0]).unwrap();
    assert!(
        mail.contains("To: =?utf-8?b?") && mail.contains("<ivan@example.com>"),
        "{mail}"
    );
    assert_eq!(files[0].extension().unwrap(), "eml");
    // Whoever watches haven can tell that nobody gets them.
    let ready = haven.call("GET", "/readyz").send().await.json();
    assert_eq!(
        (&ready["status"], &ready["mail"]),
        (&json!("ready"), &json!("files"))
    );
}
