//! What those who were told say, as the person sees it; and contacts who opt out.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::{Scene, recipients, states};
use crate::support::smtp::Behaviour;
use crate::support::socket::Subscription;

const UPDATES: &str = "subscription { alarmUpdates(userId: \"me\") { id result { answeredAt }
    reactions { recipientName reaction } } }";
const UPDATE: &str = "mutation($id: ID!, $input: EmergencyContactPatch!) {
    updateEmergencyContact(id: $id, input: $input) { optedOutAt } }";

async fn opted_out(scene: &Scene) -> Vec<bool> {
    let query = "{ me { emergencyContacts { optedOutAt } } }";
    let data = scene.haven.data(&scene.anna, query, json!({})).await;
    let contacts = data["me"]["emergencyContacts"].as_array().unwrap();
    contacts
        .iter()
        .map(|contact| !contact["optedOutAt"].is_null())
        .collect()
}

on_both! {
    async fn the_person_sees_each_answer_live(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let contact = scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.therapist("Петр", "petr@example.com").await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let ivan = scene.link("ivan@example.com", "/a/").await;
        let petr = scene.link("petr@example.com", "/a/").await;
        let mut updates = Subscription::start(&scene.haven, &scene.anna, UPDATES, json!({})).await;
        let first = updates.next().await["alarmUpdates"].clone();
        assert_eq!((&first["id"], &first["reactions"]), (&id, &json!([])));
        for (link, reaction, shown) in [
            (&ivan, "cannot", json!([{"recipientName": "Иван", "reaction": "CANNOT"}])),
            (&petr, "called", json!([{"recipientName": "Иван", "reaction": "CANNOT"}, {"recipientName": "Петр", "reaction": "CALLED"}])),
            (&ivan, "on_my_way", json!([{"recipientName": "Иван", "reaction": "ON_MY_WAY"}, {"recipientName": "Петр", "reaction": "CALLED"}])),
        ] {
            scene.react(link, reaction).await;
            loop {
                let alarm = updates.next().await["alarmUpdates"].clone();
                if alarm["reactions"] == shown {
                    assert_eq!(alarm["result"]["answeredAt"].is_null(), reaction == "cannot");
                    break;
                }
            }
        }
        let reactions = scene.reactions(&id).await["reactions"].clone();
        assert_eq!(reactions[0]["recipient"], json!({"__typename": "EmergencyContact", "id": contact}));
        assert_eq!(reactions[0]["relationship"], "Брат");
        assert_eq!((&reactions[1]["recipient"]["__typename"], &reactions[1]["relationship"]), (&json!("Therapist"), &json!("")));
    }

    async fn an_unlinked_therapist_sees_and_says_nothing_any_more(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.therapist("Петр", "petr@example.com").await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let link = scene.link("petr@example.com", "/a/").await;
        scene.react(&link, "on_my_way").await;
        scene.haven.data(&scene.anna, "mutation { updateProfile(userId: \"me\", input: {therapistContactId: null}) { id } }", json!({})).await;
        assert_eq!(scene.reactions(&id).await["result"]["answeredAt"], Value::Null);
        scene.open(&link).await.assert_status(404);
        scene.submit(&link, "reaction=called").await.assert_status(404);
        assert_eq!(scene.reactions(&id).await["result"]["answeredAt"], Value::Null);
    }

    async fn presses_at_one_instant_are_one_reaction(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let link = scene.link("ivan@example.com", "/a/").await;
        tokio::join!(
            scene.react(&link, "called"), scene.react(&link, "on_my_way"),
            scene.react(&link, "cannot"), scene.react(&link, "called"),
        );
        let now = scene.reactions(&id).await;
        assert_eq!(now["reactions"].as_array().unwrap().len(), 1);
        assert_eq!(now["result"]["answeredAt"].is_null(), now["reactions"][0]["reaction"] == "CANNOT");
    }

    async fn many_alarms_cost_as_few_statements_as_one(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let query = "{ me { alarms { nodes { reactions { reaction recipient { ... on EmergencyContact { name } } } } } } }";
        let mut costs = Vec::new();
        for _ in 0..3 {
            scene.wait(60);
            scene.press(Value::Null).await;
            let link = scene.link("ivan@example.com", "/a/").await;
            scene.react(&link, "called").await;
            let read = async || scene.haven.data(&scene.anna, query, json!({})).await;
            costs.push(scene.haven.fewest_statements(read).await.0);
        }
        assert_eq!(costs[0], costs[2], "{costs:?}");
    }

    async fn a_contact_opts_out_and_in_again(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.contact("Мария", "Мама", Some("maria@example.com")).await;
        scene.therapist("Петр", "petr@example.com").await;
        scene.press(Value::Null).await;
        let link = scene.link("ivan@example.com", "/o/").await;
        // The therapist is told by profession, and unlinked by the person.
        let petr = scene.mail.mails().into_iter().find(|mail| mail.to == ["petr@example.com"]).unwrap();
        assert!(!petr.text.unwrap().contains("/o/"));
        let page = scene.open(&link).await.body;
        assert!(page.contains("Больше мне не сообщать") && page.contains("anna") && page.contains("Иван"), "{page}");
        assert_eq!(opted_out(&scene).await, [false, false]);
        let pressed = scene.submit(&link, "told=no").await;
        pressed.assert_status(303);
        assert_eq!(pressed.header("location"), Some("?lang=ru&done=1"));
        scene.submit(&link, "told=no").await.assert_status(303);
        assert_eq!(opted_out(&scene).await, [true, false]);
        let page = scene.open(&link).await.body;
        assert!(page.contains("Вам больше не сообщают") && page.contains("value=\"yes\""), "{page}");
        scene.wait(60);
        let alarm = scene.press(Value::Null).await["alarm"].clone();
        assert_eq!(states(&alarm), ["SKIPPED", "SENT", "SENT"]);
        assert_eq!(alarm["notifications"][0]["failure"], "opted_out");
        assert_eq!(alarm["messages"][0], "Ошибка отправки уведомления для Брат (Иван): контакт отказался от уведомлений.");
        assert_eq!(alarm["english"][0], "The notification for Брат (Иван) could not be sent: the contact does not want to be notified.");
        scene.submit(&link, "told=yes").await.assert_status(303);
        assert_eq!(opted_out(&scene).await, [false, false]);
        scene.wait(60);
        let alarm = scene.press(Value::Null).await["alarm"].clone();
        assert_eq!(states(&alarm), ["SENT", "SENT", "SENT"]);
    }

    async fn the_person_is_told_once_who_opted_out(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.press(Value::Null).await;
        let link = scene.link("ivan@example.com", "/o/").await;
        for told in ["told=no", "told=no", "told=yes"] {
            scene.submit(&link, told).await.assert_status(303);
        }
        let mails = scene.mail.wait_for(2).await;
        assert_eq!(mails[1].to, ["anna@example.com"]);
        assert_eq!(mails[1].subject(), "Экстренный контакт отказался от сообщений");
        assert!(mails[1].text.as_deref().unwrap().contains("«Иван»"));
        assert!(mails[1].html.as_deref().unwrap().contains("Иван"));
        let query = "query($id: ID!) { user(id: $id) { emergencyContacts { deliveries { channel } } } }";
        let id = scene.anna.id.to_string();
        let contact = scene.haven.data(&scene.anna, query, serde_json::json!({"id": id})).await;
        // What the person was told is no message to the contact.
        assert_eq!(contact["user"]["emergencyContacts"][0]["deliveries"].as_array().unwrap().len(), 1);
        assert_eq!(scene.mail.mails().len(), 2);
    }

    async fn no_admin_has_somebody_told_who_opted_out(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.press(Value::Null).await;
        let link = scene.link("ivan@example.com", "/o/").await;
        scene.wait(60);
        scene.mail.set_behaviour(Behaviour::RefuseRecipients);
        let alarm = scene.press(Value::Null).await["alarm"].clone();
        assert_eq!(states(&alarm), ["FAILED"]);
        scene.submit(&link, "told=no").await.assert_status(303);
        let boss = scene.haven.admin("boss").await;
        let retry = "mutation($id: ID!) { retryNotification(id: $id) { id } }";
        let id = serde_json::json!({"id": alarm["notifications"][0]["id"]});
        assert_eq!(scene.haven.code(Some(&boss), retry, id).await, "CONFLICT");
    }

    async fn opting_out_stops_what_was_not_sent_yet(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.press(Value::Null).await;
        let link = scene.link("ivan@example.com", "/o/").await;
        scene.mail.set_behaviour(Behaviour::DeferRecipients);
        scene.wait(60);
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.submit(&link, "told=no").await.assert_status(303);
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.wait(600);
        let alarm = scene.until(&id, "the skipping", |alarm| states(alarm) == ["SKIPPED"]).await;
        assert_eq!(alarm["notifications"][0]["failure"], "opted_out");
        assert_eq!(scene.mail.mails().len(), 1);
    }

    async fn opting_out_ends_with_the_addresses_it_was_said_for(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let id = scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.press(Value::Null).await;
        let link = scene.link("ivan@example.com", "/o/").await;
        scene.submit(&link, "told=no").await.assert_status(303);
        for (input, out) in [
            (json!({"name": "Пётр", "relationship": "Сосед"}), true),
            (json!({"email": "IVAN@example.com", "phone": "+7 (900) 123-45-67"}), true),
            (json!({"email": "other@example.com"}), true),
            (json!({"email": "ivan@example.com", "phone": "+79005550000"}), true),
            // In two changes as in one.
            (json!({"email": "new@example.com"}), false),
        ] {
            let data = scene.haven.data(&scene.anna, UPDATE, json!({"id": id, "input": input})).await;
            assert_eq!(!data["updateEmergencyContact"]["optedOutAt"].is_null(), out, "{input}");
        }
        let save = "mutation($input: SaveEmergencyContactInput!) { saveEmergencyContact(userId: \"me\", input: $input) { created emergencyContact { optedOutAt } } }";
        // Who reads the old address has no say about the new one.
        scene.open(&link).await.assert_status(404);
        scene.submit(&link, "told=no").await.assert_status(404);
        scene.wait(60);
        scene.press(Value::Null).await;
        let link = scene.link("new@example.com", "/o/").await;
        scene.submit(&link, "told=no").await.assert_status(303);
        for (phone, email, out) in [("+79005550000", "a@example.com", true), ("+79005550002", "b@example.com", false)] {
            let input = json!({"id": id, "name": "Иван", "relationship": "Брат", "phone": phone, "email": email});
            let data = scene.haven.data(&scene.anna, save, json!({"input": input})).await;
            let saved = &data["saveEmergencyContact"];
            assert_eq!((&saved["created"], !saved["emergencyContact"]["optedOutAt"].is_null()), (&json!(false), out));
        }
        // The person is told twice; who is there now, nothing.
        let mails = scene.mail.wait_for(4).await;
        assert_eq!(recipients(&mails), ["anna@example.com", "anna@example.com", "ivan@example.com", "new@example.com"]);
    }
}
