//! Contacts and therapists that are changed or deleted while an alarm waits to be sent to them.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::{Scene, recipients, states};
use crate::support::smtp::Behaviour;

const CORRECT: &str = "mutation($id: ID!) { updateEmergencyContact(id: $id, input: {email: \"right@example.com\"}) { id } }";
const DELETE: &str = "mutation($id: ID!) { deleteEmergencyContact(id: $id) }";
const UNLINK: &str =
    "mutation { updateProfile(userId: \"me\", input: {therapistContactId: null}) { id } }";

/// What became of the alarm's messages: states and failures.
fn ends(alarm: &Value) -> Vec<String> {
    let rows = alarm["notifications"].as_array().unwrap();
    rows.iter()
        .map(|row| {
            let failure = row["failure"].as_str().unwrap_or_default();
            format!("{} {failure}", row["status"].as_str().unwrap())
                .trim()
                .to_owned()
        })
        .collect()
}

on_both! {
    async fn what_waits_goes_to_the_corrected_address(database) {
        let scene = Scene::new(database, Behaviour::DeferRecipients).await;
        let ivan = scene.contact("Иван", "Брат", Some("wrong@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.haven.data(&scene.anna, CORRECT, json!({"id": ivan})).await;
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.wait(600);
        scene.until(&id, "the mail", |alarm| states(alarm) == ["SENT"]).await;
        assert_eq!(recipients(&scene.mail.mails()), ["right@example.com"]);
    }

    async fn what_may_have_arrived_is_followed_by_another_message_to_the_new_address(database) {
        let scene = Scene::new(database, Behaviour::AcceptThenDrop).await;
        let ivan = scene.contact("Иван", "Брат", Some("wrong@example.com")).await;
        scene.haven.app.clock.hold();
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let old = scene.link("wrong@example.com", "/a/").await;
        scene.until(&id, "an unknown outcome", |alarm| ends(alarm) == ["PENDING server_unreachable"]).await;
        scene.haven.data(&scene.anna, CORRECT, json!({"id": ivan})).await;
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.wait(600);
        let alarm = scene.until(&id, "the mail", |alarm| ends(alarm) == ["FAILED outcome_unknown", "SENT"]).await;
        assert_eq!(recipients(&scene.mail.mails()), ["right@example.com", "wrong@example.com"]);
        assert_eq!(alarm["messages"], json!(["Ваш/ваша Брат (Иван) получил(а) уведомление по email.", "Психотерапевт не был уведомлён."]));
        // Whoever reads the old address learns nothing more by the link there.
        assert_eq!(scene.haven.call("GET", &old).send().await.status, 404);
        // Both may have been told.
        scene.complete(&id, true).await;
        scene.mail.wait_for(4).await;
        assert_eq!(recipients(&scene.mail.mails()[2..]), ["right@example.com", "wrong@example.com"]);
    }

    async fn whoever_is_deleted_before_the_mail_went_out_is_not_told(database) {
        let scene = Scene::new(database, Behaviour::DeferRecipients).await;
        let ivan = scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.contact("Мария", "Мама", Some("maria@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.haven.data(&scene.anna, DELETE, json!({"id": ivan})).await;
        assert_eq!(ends(&scene.alarm(&id).await)[0], "SKIPPED removed");
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.press(Value::Null).await;
        scene.wait(600);
        let alarm = scene.until(&id, "the other mail", |alarm| ends(alarm) == ["SKIPPED removed", "SENT"]).await;
        assert_eq!(alarm["messages"][0], "Ошибка отправки уведомления для Брат (Иван): получатель удалён.");
        assert_eq!(recipients(&scene.mail.mails()), ["maria@example.com"]);
    }

    async fn pressing_again_tells_nobody_who_was_deleted(database) {
        let scene = Scene::new(database, Behaviour::RefuseRecipientsContaining("ivan".into())).await;
        let ivan = scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.contact("Мария", "Мама", Some("maria@example.com")).await;
        scene.press(Value::Null).await;
        scene.haven.data(&scene.anna, DELETE, json!({"id": ivan})).await;
        scene.mail.set_behaviour(Behaviour::Accept);
        let again = scene.press(Value::Null).await["alarm"].clone();
        assert_eq!(ends(&again), ["FAILED address_rejected", "SENT"]);
        assert!(!recipients(&scene.mail.mails()).contains(&"ivan@example.com"));
    }

    async fn a_therapist_who_is_no_longer_linked_is_not_told(database) {
        let scene = Scene::new(database, Behaviour::DeferRecipients).await;
        scene.therapist("Петр", "petr@example.com").await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.haven.data(&scene.anna, UNLINK, json!({})).await;
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.press(Value::Null).await;
        scene.wait(600);
        assert_eq!(ends(&scene.alarm(&id).await), ["SKIPPED removed"]);
        assert_eq!(scene.mail.mails().len(), 0);
    }
}
