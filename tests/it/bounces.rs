//! Contacts that can't be reached, or don't want to be: the person learns of it before the next
//! alarm.

use entity::notification::{self, Purpose};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::{Scene, states};
use crate::support::smtp::Behaviour;

const CONTACTS: &str = "{ me { emergencyContacts { name emailFailedAt phoneFailedAt
    deliveries { channel status failure at kind } } } }";
const TEST: &str =
    "mutation($id: ID!) { testEmergencyContact(id: $id) { id notifications { status failure } } }";

async fn contacts(scene: &Scene) -> Value {
    scene.haven.data(&scene.anna, CONTACTS, json!({})).await["me"]["emergencyContacts"].clone()
}

/// Sends a test; the state of its only notification.
async fn test(scene: &Scene, id: &str) -> String {
    scene.wait(61);
    let data = scene.haven.data(&scene.anna, TEST, json!({"id": id})).await;
    states(&data["testEmergencyContact"]).join(" ")
}

/// How often the person was told.
async fn told(scene: &Scene) -> u64 {
    notification::Entity::find()
        .filter(notification::Column::Purpose.eq(Purpose::ContactFailed))
        .count(scene.haven.app.db.read())
        .await
        .unwrap()
}

on_both! {
    async fn a_refused_address_is_told_to_the_person_once(database) {
        let scene = Scene::new(database, Behaviour::RefuseRecipientsContaining("ivan".into())).await;
        let id = scene.contact("Иван <b>", "Брат", Some("ivan@example.com")).await;
        assert_eq!(contacts(&scene).await[0]["deliveries"], json!([]));
        let alarm = scene.press(Value::Null).await["alarm"].clone();
        assert_eq!(states(&alarm), ["FAILED"]);
        let mail = scene.mail.next_mail().await;
        assert_eq!(mail.to, ["anna@example.com"]);
        assert_eq!(mail.subject(), "Сообщения экстренному контакту не доходят");
        let (text, html) = (mail.text.as_deref().unwrap(), mail.html.as_deref().unwrap());
        assert!(text.contains("«Иван <b>»") && text.contains("anna"), "{text}");
        assert!(html.contains("Иван &#60;b&#62;"), "{html}");
        assert!(!text.contains("ivan@example.com") && !text.contains("ПТСР"), "{text}");
        assert_eq!((mail.header("x-priority"), mail.header("importance")), (None, None));
        let contact = contacts(&scene).await[0].clone();
        assert_ne!(contact["emailFailedAt"], Value::Null);
        assert_eq!(contact["phoneFailedAt"], Value::Null);
        let last = &contact["deliveries"][0];
        assert_eq!((&last["channel"], &last["status"], &last["failure"], &last["kind"]),
            (&json!("EMAIL"), &json!("FAILED"), &json!("address_rejected"), &json!("REAL")));
        // The phone shows who was told; the person is not one of them.
        assert_eq!(scene.alarm(&alarm["id"]).await["notifications"].as_array().unwrap().len(), 1);
        // The same address is told of once, whatever meets it.
        assert_eq!(test(&scene, &id).await, "FAILED");
        assert_eq!(told(&scene).await, 1);
        // It works again: the next time it fails is news.
        scene.mail.set_behaviour(Behaviour::Accept);
        assert_eq!(test(&scene, &id).await, "SENT");
        let contact = contacts(&scene).await[0].clone();
        assert_eq!(contact["emailFailedAt"], Value::Null);
        assert_eq!((&contact["deliveries"][0]["status"], &contact["deliveries"][0]["kind"]), (&json!("SENT"), &json!("TEST")));
        assert_eq!(contact["deliveries"].as_array().unwrap().len(), 1);
        scene.mail.set_behaviour(Behaviour::RefuseRecipientsContaining("ivan".into()));
        assert_eq!(test(&scene, &id).await, "FAILED");
        assert_eq!(told(&scene).await, 2);
    }

    async fn another_address_is_another_matter(database) {
        const UPDATE: &str = "mutation($id: ID!, $input: EmergencyContactPatch!) {
            updateEmergencyContact(id: $id, input: $input) { emailFailedAt } }";
        const SAVE: &str = "mutation($input: SaveEmergencyContactInput!) {
            saveEmergencyContact(userId: \"me\", input: $input) { emergencyContact { emailFailedAt } } }";
        let scene = Scene::new(database, Behaviour::RefuseRecipientsContaining("ivan".into())).await;
        let id = scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        assert_eq!(test(&scene, &id).await, "FAILED");
        let update = |input: Value| scene.haven.data(&scene.anna, UPDATE, json!({"id": id, "input": input}));
        let kept = update(json!({"name": "Ваня", "email": "ivan@example.com"})).await;
        assert_ne!(kept["updateEmergencyContact"]["emailFailedAt"], Value::Null);
        let gone = update(json!({"email": "ivan2@example.com"})).await;
        assert_eq!(gone["updateEmergencyContact"]["emailFailedAt"], Value::Null);
        assert_eq!(test(&scene, &id).await, "FAILED");
        assert_eq!(told(&scene).await, 2);
        let input = json!({"id": id, "name": "Ваня", "relationship": "Брат", "phone": "+79001234567", "email": "ok@example.com"});
        let saved = scene.haven.data(&scene.anna, SAVE, json!({"input": input})).await;
        assert_eq!(saved["saveEmergencyContact"]["emergencyContact"]["emailFailedAt"], Value::Null);
    }

    async fn an_address_changed_meanwhile_is_not_blamed(database) {
        const UPDATE: &str = "mutation($id: ID!) { updateEmergencyContact(id: $id, input: {email: \"new@example.com\"}) { id } }";
        let scene = Scene::new(database, Behaviour::HangAtGreeting).await;
        let id = scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let alarm = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.haven.data(&scene.anna, UPDATE, json!({"id": id})).await;
        scene.mail.set_behaviour(Behaviour::RefuseRecipients);
        scene.until(&alarm, "the refusal", |alarm| states(alarm) == ["FAILED"]).await;
        assert_eq!(contacts(&scene).await[0]["emailFailedAt"], Value::Null);
        assert_eq!(told(&scene).await, 0);
    }

    async fn what_is_put_off_is_nobodys_fault(database) {
        let scene = Scene::new(database, Behaviour::DeferRecipients).await;
        let id = scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        test(&scene, &id).await;
        assert_eq!(contacts(&scene).await[0]["emailFailedAt"], Value::Null);
        assert_eq!(contacts(&scene).await[0]["deliveries"][0]["failure"], "server_refused");
        assert_eq!(told(&scene).await, 0);
    }

    async fn the_last_deliveries_of_many_contacts_cost_what_those_of_one_cost(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let read = async || scene.haven.fewest_statements(async || contacts(&scene).await).await.0;
        scene.contact("Контакт", "Друг", Some("c0@example.com")).await;
        scene.press(Value::Null).await;
        let one = read().await;
        for number in 1..8 {
            scene.contact("Контакт", "Друг", Some(&format!("c{number}@example.com"))).await;
        }
        scene.wait(20);
        scene.press(Value::Null).await;
        scene.haven.data(&scene.anna, "mutation { drillAlarm(userId: \"me\") { id } }", json!({})).await;
        let all = contacts(&scene).await;
        for contact in all.as_array().unwrap() {
            assert_eq!(contact["deliveries"].as_array().unwrap().len(), 1, "{contact}");
            assert_eq!((&contact["deliveries"][0]["status"], &contact["deliveries"][0]["kind"]), (&json!("SENT"), &json!("DRILL")));
        }
        assert_eq!(read().await, one);
    }
}
