//! What once broke haven, from outside.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::on_both;
use crate::support::databases::Database;
use crate::support::haven::Haven;
use crate::support::socket::Socket;

/// Nothing here takes this long; it only keeps a broken test from hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program with settings, in a folder of its own.
fn program(folder: &std::path::Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_haven"));
    command
        .env_clear()
        .current_dir(folder)
        .env("HAVEN_LISTEN", "127.0.0.1:0")
        .envs(settings.iter().copied());
    command
}

/// Whether the program serves with these settings, or else what it says.
fn outcome(settings: &[(&str, &str)]) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path(), settings)
        .arg("migrate")
        .output()
        .unwrap();
    if output.status.success() {
        return Ok(());
    }
    assert_eq!(output.status.code(), Some(1));
    Err(String::from_utf8(output.stderr).unwrap())
}

#[test]
fn an_empty_setting_is_none() {
    for name in [
        "LISTEN",
        "DATA_DIR",
        "DATABASE_URL",
        "DATABASE_CONNECTIONS",
        "PUBLIC_URL",
        "TRUSTED_PROXIES",
        "SMTP_URL",
        "MAIL_FROM",
        "ASSISTANT_URL",
        "ASSISTANT_KEY",
        "ASSISTANT_MODEL",
        "ASSISTANT_TIMEOUT",
        "SESSION_DAYS",
        "REFUSED_PASSWORDS",
        "SUPPORT_TICKETS",
    ] {
        assert_eq!(outcome(&[(&format!("HAVEN_{name}"), "")]), Ok(()), "{name}");
    }
}

#[test]
fn wrong_settings_are_told_without_the_secrets_in_them() {
    for (name, value, said) in [
        (
            "ASSISTANT_URL",
            "http://me:SECRET@x:99999/v1",
            "assistant_url",
        ),
        ("ASSISTANT_URL", "SECRET", "assistant_url"),
        (
            "PUBLIC_URL",
            "http://me:SECRET@example.com",
            "HAVEN_PUBLIC_URL",
        ),
        ("PUBLIC_URL", "http://me:SECRET@[", "public_url"),
        ("SMTP_URL", "smtp://me:SECRET@x:99999", "HAVEN_SMTP_URL"),
        ("DATABASE_URL", "postgres://me:SECRET@[/x", "the database"),
        (
            "DATABASE_URL",
            "mysql://me:SECRET@x/x",
            "HAVEN_DATABASE_URL",
        ),
        (
            "SMTP_URL",
            "smtp://me:SECRET@mail.example",
            "HAVEN_PUBLIC_URL",
        ),
        ("ALARM_HOURS", "0", "HAVEN_ALARM_HOURS"),
        ("ALARM_HOURS", "721", "HAVEN_ALARM_HOURS"),
        ("DATABASE_URL", "sqlite://", "name a file"),
        ("DATABASE_URL", "sqlite://:memory:", "name a file"),
        ("DATABASE_URL", "sqlite:///dev/null/x", "/dev/null"),
    ] {
        let told = outcome(&[(&format!("HAVEN_{name}"), value)]).unwrap_err();
        assert!(told.contains(said), "{name}={value}: {told}");
        assert!(!told.contains("SECRET"), "{name}={value}: {told}");
    }
}

#[test]
fn a_mail_server_elsewhere_needs_links_that_lead_somewhere() {
    let public = ("HAVEN_PUBLIC_URL", "https://haven.example");
    for server in [
        "smtp://mail.example:2525",
        "smtps://me:SECRET@192.0.2.7",
        "smtp://[2001:db8::1]?tls=required",
        "smtp://127.0.0.1.example",
    ] {
        let told = outcome(&[("HAVEN_SMTP_URL", server)]).unwrap_err();
        assert!(
            told.contains("HAVEN_SMTP_URL needs HAVEN_PUBLIC_URL"),
            "{server}: {told}"
        );
        assert_eq!(
            outcome(&[("HAVEN_SMTP_URL", server), public]),
            Ok(()),
            "{server}"
        );
    }
    for server in [
        "smtp://127.0.0.1:2525",
        "smtp://localhost",
        "smtp://[::1]:25",
    ] {
        assert_eq!(outcome(&[("HAVEN_SMTP_URL", server)]), Ok(()), "{server}");
    }
}

/// What a haven with these settings says while it starts.
fn said(settings: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program(folder.path(), settings);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    // The greeting comes last, and all at once.
    let mut greeting = [0; 1];
    let mut stdout = running.0.stdout.take().unwrap();
    let mut stderr = running.0.stderr.take().unwrap();
    stdout.read_exact(&mut greeting).unwrap();
    drop(running);
    let mut told = String::new();
    stdout.read_to_string(&mut told).unwrap();
    stderr.read_to_string(&mut told).unwrap();
    told
}

#[test]
fn a_start_without_a_mail_server_says_that_nobody_is_told() {
    let told = said(&[]);
    assert!(
        told.contains("WARN") && told.contains("nobody is told of any alarm"),
        "{told}"
    );
    assert!(told.contains("to nobody: as files in"), "{told}");
    let told = said(&[("HAVEN_PUBLIC_URL", "https://haven.example")]);
    assert!(
        told.contains("ERROR") && told.contains("NOBODY IS TOLD OF ANY ALARM"),
        "{told}"
    );
    let told = said(&[("HAVEN_SMTP_URL", "smtp://127.0.0.1:1")]);
    assert!(!told.to_lowercase().contains("nobody"), "{told}");
}

#[tokio::test]
async fn a_start_beside_a_careless_postgresql_says_so() {
    let scratch = Database::Postgres.scratch().await;
    let told = said(&[("HAVEN_DATABASE_URL", &scratch.url)]);
    assert!(told.contains("a power cut may take back alarms"), "{told}");
    assert!(told.contains("\"fsync\""), "{told}");
}

#[cfg(unix)]
#[test]
fn an_environment_that_is_not_unicode_is_no_panic() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let odd = OsStr::from_bytes(b"\xff\xfe");
    let mut foreign = program(folder.path(), &[]);
    let output = foreign.env("FOREIGN", odd).arg("migrate").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut own = program(folder.path(), &[]);
    let output = own
        .env("HAVEN_DATA_DIR", odd)
        .arg("migrate")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("HAVEN_DATA_DIR is not UTF-8"), "{told}");
}

/// Ends the program with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn serving_needs_no_reader_of_the_output() {
    let folder = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = program(folder.path(), &[("HAVEN_LISTEN", &address.to_string())]);
    command.stdout(writer).stderr(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    drop(command);
    let answered = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(status) = running.0.try_wait().unwrap() {
                let mut told = String::new();
                let stderr = running.0.stderr.as_mut().unwrap();
                stderr.read_to_string(&mut told).unwrap();
                panic!("{status}: {told}");
            }
            let url = format!("http://{address}/healthz");
            match reqwest::get(url).await {
                Ok(answer) => break answer.status().as_u16(),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    });
    assert_eq!(answered.await.unwrap(), 200);
}

#[tokio::test]
async fn a_client_that_keeps_its_connection_does_not_keep_the_server() {
    let haven = Haven::start(Database::Sqlite).await;
    let mut open = Vec::new();
    for begun in [
        "",
        "P",
        "GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: ",
        "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(haven.address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        open.push(stream);
    }
    // Connections are accepted in order: once this is answered, those are there.
    haven
        .call("GET", "/healthz")
        .send()
        .await
        .assert_status(200);
    tokio::time::timeout(PATIENCE, haven.restart())
        .await
        .expect("the server goes");
}

on_both! {
    async fn what_was_said_before_the_news_of_the_shutdown_is_stored(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let mut phone = Socket::open(&haven, &anna, "/ws/chat/me/").await;
        let restarting = tokio::spawn(haven.restart());
        // The close frame is there, but not looked at yet.
        phone.stream.get_ref().readable().await.unwrap();
        phone.say(&json!({"message": "помогите"})).await;
        assert_eq!(phone.close_code().await, 1001);
        let haven = restarting.await.unwrap();
        let said = "{ me { supportChat { messages { nodes { message } } } } }";
        let said = haven.data(&anna, said, json!({})).await;
        assert_eq!(said["me"]["supportChat"]["messages"]["nodes"][0]["message"], "помогите");
    }

    async fn many_who_speak_at_once_are_all_heard(database) {
        let haven = Haven::start(database).await;
        let boss = haven.admin("boss").await;
        let mut desk = Socket::open(&haven, &boss, "/ws/chat/admin/").await;
        let mut phones = Vec::new();
        for number in 0..4 {
            let person = haven.person(&format!("person{number}")).await;
            for _ in 0..5 {
                phones.push(Socket::open(&haven, &person, "/ws/chat/me/").await);
            }
        }
        // More sockets than connections to the database, each with other devices that listen.
        let said = phones.len() * 5;
        for phone in phones {
            tokio::spawn(async move {
                let (mut sink, mut source) = futures_util::StreamExt::split(phone.stream);
                tokio::spawn(async move {
                    while futures_util::StreamExt::next(&mut source).await.is_some() {}
                });
                for number in 0..5 {
                    let text = json!({"message": number.to_string()}).to_string();
                    let message = tokio_tungstenite::tungstenite::Message::text(text);
                    futures_util::SinkExt::send(&mut sink, message).await.unwrap();
                }
                std::future::pending::<()>().await;
            });
        }
        let mut heard = 0;
        while heard < said {
            if desk.frame().await["event"] == "chat_message" {
                heard += 1;
            }
        }
    }

    async fn two_therapists_at_once_are_one(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let saves = (0..10).map(|number| {
            let email = format!("p{number}@example.com");
            let body = json!({"name": "Пётр", "phone": "12345", "email": email});
            haven.by(&anna, "PUT", "/api/v1/user/create/therapist/me/").json(&body).send()
        });
        let mut statuses: Vec<u16> = futures_util::future::join_all(saves)
            .await
            .iter()
            .map(|answer| answer.status)
            .collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 200, 200, 201]);
    }

    async fn what_is_deleted_while_it_is_chosen_is_no_fault(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let boss = haven.admin("boss").await;
        for _ in 0..10 {
            let make = "mutation { createMusicTrack(input: {name: \"x\", url: \"http://x.org\"}) { id } \
                createAlarmScenario(input: {name: \"x\", playMusic: true, notifyContact: false, \
                notifyTherapist: false}) { id } }";
            let made = haven.data(&boss, make, json!({})).await;
            let (track, scenario) = (
                made["createMusicTrack"]["id"].as_str().unwrap(),
                made["createAlarmScenario"]["id"].as_str().unwrap(),
            );
            let therapist = json!({"name": "Пётр", "phone": "12345", "email": "p@example.com"});
            let saved = haven.by(&anna, "PUT", "/api/v1/user/create/therapist/me/").json(&therapist).send().await;
            let therapist_id = saved.json()["data"]["id"].clone();
            let delete = |what: &str, id: &str| {
                let query = format!("mutation {{ {what}(id: \"{id}\") }}");
                let (haven, boss) = (&haven, &boss);
                async move { haven.graphql(Some(boss), &query, json!({})).await }
            };
            let unlink = "mutation { deleteTherapist(userId: \"me\") }";
            let edit = json!({"music": track, "scenario": scenario, "therapist_contact": therapist_id});
            let edits = (0..6).map(|_| haven.by(&anna, "PATCH", "/api/v1/user/edit/me/").json(&edit).send());
            let choose = json!({"music": track});
            let choices = (0..6).map(|_| haven.by(&anna, "POST", "/api/v1/user/music/edit/me/").json(&choose).send());
            let saves = (0..3).map(|_| haven.by(&anna, "PUT", "/api/v1/user/create/therapist/me/").json(&therapist).send());
            let (edits, choices, saves, gone, cleared, unlinked) = tokio::join!(
                futures_util::future::join_all(edits),
                futures_util::future::join_all(choices),
                futures_util::future::join_all(saves),
                delete("deleteMusicTrack", track),
                delete("deleteAlarmScenario", scenario),
                haven.graphql(Some(&anna), unlink, json!({})),
            );
            for answer in edits.iter().chain(&choices).chain(&saves) {
                assert!(matches!(answer.status, 200 | 201 | 400 | 404), "{answer:?}");
            }
            for answer in [gone, cleared, unlinked] {
                let code = &answer["errors"][0]["extensions"]["code"];
                assert!(code.is_null() || code == "NOT_FOUND", "{answer}");
            }
        }
    }

    async fn a_token_in_another_script_is_a_bad_token(database) {
        let haven = Haven::start(database).await;
        let mut stream = TcpStream::connect(haven.address).await.unwrap();
        let request = "GET /api/v1/user/me/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
            authorization: Token тайна\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        assert!(answer.ends_with(r#"{"detail":"Invalid token."}"#), "{answer}");
    }
}
