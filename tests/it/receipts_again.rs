//! Receipts of the SMS gateway that come again, of earlier tries, or not whole.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::on_both;
use crate::support::databases::Database;
use crate::support::haven::Person;
use crate::support::scene::Scene;
use crate::support::sms::{Gateway, Sms, SmsServer, receipt};
use crate::support::smtp::Behaviour;

/// Anna, whose contact has a number and no address.
async fn scene(database: Database, gateway: Gateway) -> (Scene, SmsServer) {
    let sms = SmsServer::start(gateway).await;
    let scene = Scene::with(database, Behaviour::Accept, |config| sms.configure(config)).await;
    scene.contact("Иван", "Брат", None).await;
    (scene, sms)
}

/// State and failure of the SMS.
fn stands(alarm: &Value) -> String {
    let row = &alarm["notifications"][1];
    let text = |name: &str| row[name].as_str().unwrap_or_default();
    format!("{} {}", text("status"), text("failure"))
        .trim()
        .to_owned()
}

async fn word(scene: &Scene, sms: &Sms, status: &str) {
    receipt(&scene.haven, sms, &sms.sid, status)
        .await
        .assert_status(204);
}

async fn retry(scene: &Scene, admin: &Person, alarm: &Value) {
    let query = "mutation($id: ID!) { retryNotification(id: $id) { status } }";
    let id = &alarm["notifications"][1]["id"];
    scene.haven.data(admin, query, json!({"id": id})).await;
}

on_both! {
    async fn a_repeated_receipt_ends_no_newer_try(database) {
        let (scene, sms) = scene(database, Gateway::Accept).await;
        scene.haven.app.clock.hold();
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.until(&id, "the first", |alarm| stands(alarm) == "SENT").await;
        let first = sms.posted()[0].clone();
        word(&scene, &first, "undelivered").await;
        scene.until(&id, "its loss", |alarm| stands(alarm) == "FAILED not_delivered").await;
        // Pressed again while the gateway is away: first under way, then waiting.
        sms.set_behaviour(Gateway::Hang);
        let again = scene.press(Value::Null).await;
        assert_eq!(again["joined"], true);
        sms.wait_for(2).await;
        for status in ["undelivered", "failed", "sent", "queued"] {
            word(&scene, &first, status).await;
            assert!(stands(&scene.alarm(&id).await).starts_with("SENDING"), "{status}");
        }
        sms.set_behaviour(Gateway::Refuse(503, 0));
        scene.until(&id, "its end", |alarm| stands(alarm) == "PENDING server_refused").await;
        word(&scene, &first, "undelivered").await;
        assert_eq!(stands(&scene.alarm(&id).await), "PENDING server_refused");
        sms.set_behaviour(Gateway::Accept);
        scene.wait(600);
        scene.until(&id, "the second", |alarm| stands(alarm) == "SENT").await;
        word(&scene, &first, "undelivered").await;
        assert_eq!(stands(&scene.alarm(&id).await), "SENT");
    }

    async fn no_receipt_of_any_earlier_try_ends_one_of_an_admin(database) {
        let (scene, sms) = scene(database, Gateway::Accept).await;
        scene.haven.app.clock.hold();
        let admin = scene.haven.admin("boss").await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        for tries in 1..=3 {
            let alarm = scene.until(&id, "the message", |alarm| stands(alarm) == "SENT").await;
            assert_eq!(alarm["notifications"][1]["receipt"], Value::Null);
            assert_eq!(sms.posted().len(), tries);
            word(&scene, &sms.posted()[tries - 1], "undelivered").await;
            let alarm = scene.until(&id, "its loss", |alarm| stands(alarm) == "FAILED not_delivered").await;
            if tries == 3 {
                sms.set_behaviour(Gateway::Hang);
            }
            retry(&scene, &admin, &alarm).await;
        }
        sms.wait_for(4).await;
        for earlier in &sms.posted()[..3] {
            word(&scene, earlier, "undelivered").await;
            assert!(stands(&scene.alarm(&id).await).starts_with("SENDING"));
        }
        // One of the try that is under way counts before its answer, as one of a first try does.
        word(&scene, &sms.posted()[3], "undelivered").await;
        scene.until(&id, "its loss", |alarm| stands(alarm) == "FAILED not_delivered").await;
    }

    async fn that_an_earlier_try_arrived_after_all_counts(database) {
        let (scene, sms) = scene(database, Gateway::Accept).await;
        scene.haven.app.clock.hold();
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.until(&id, "the message", |alarm| stands(alarm) == "SENT").await;
        let first = sms.posted()[0].clone();
        word(&scene, &first, "undelivered").await;
        sms.set_behaviour(Gateway::Refuse(503, 0));
        scene.press(Value::Null).await;
        scene.until(&id, "the second try", |alarm| stands(alarm) == "PENDING server_refused").await;
        word(&scene, &first, "delivered").await;
        let alarm = scene.until(&id, "the receipt", |alarm| stands(alarm) == "SENT").await;
        assert_eq!(alarm["notifications"][1]["receipt"], "DELIVERED");
        assert_eq!(alarm["result"]["messageSentToContacts"], true);
    }
}

/// Who says half of a receipt and nothing more is sent away, and who names no notification at all
/// gets what every unknown path gets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_receipt_holds_no_connection() {
    let (scene, _sms) = scene(Database::Sqlite, Gateway::Accept).await;
    let mut stream = TcpStream::connect(scene.haven.address).await.unwrap();
    let head = "POST /sms/receipts/1 HTTP/1.1\r\nhost: haven\r\nx-twilio-signature: AAAA\r\n\
        content-type: application/x-www-form-urlencoded\r\ncontent-length: 1000\r\n\r\nMessageSid=";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    // The test's patience, twice haven's.
    let ended = tokio::time::timeout(std::time::Duration::from_secs(20), reading).await;
    ended.expect("the connection is still open").unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");

    let unknown = scene.haven.call("POST", "/no/such/path").send().await;
    for path in [
        "/sms/receipts/%FF",
        "/sms/receipts/",
        "/sms/receipts/1%C3%28",
    ] {
        let form = "application/x-www-form-urlencoded";
        let call = scene.haven.call("POST", path).body(form, "");
        let answer = call.header("x-twilio-signature", "AAAA").send().await;
        answer.assert_is(404, &unknown.body);
    }
}
