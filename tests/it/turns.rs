//! Whose turn it is in an alarm with steps, where somebody can't, is deleted, or is not told.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::databases::Database;
use crate::support::scene::{Scene, recipients, states};
use crate::support::sms::{Gateway, SmsServer};
use crate::support::smtp::Behaviour;

const CREATE: &str =
    "mutation($input: AlarmScenarioInput!) { createAlarmScenario(input: $input) { id } }";
const FOLLOW: &str =
    "mutation($id: ID!) { updateProfile(userId: \"me\", input: {scenarioId: $id}) { id } }";
const DELETE: &str = "mutation($id: ID!) { deleteEmergencyContact(id: $id) }";

/// Has Anna's alarm follow these steps: whom, and how many minutes after those before.
async fn follow(scene: &Scene, steps: &[(&[&str], i64)]) {
    let admin = scene.haven.admin("boss").await;
    let steps: Vec<Value> = steps
        .iter()
        .map(|(recipients, minutes)| json!({"recipients": recipients, "afterMinutes": minutes}))
        .collect();
    let input = json!({"name": "По шагам", "playMusic": true, "notifyContact": true, "notifyTherapist": true, "steps": steps});
    let made = scene
        .haven
        .data(&admin, CREATE, json!({"input": input}))
        .await;
    let id = &made["createAlarmScenario"]["id"];
    scene
        .haven
        .data(&scene.anna, FOLLOW, json!({"id": id}))
        .await;
}

/// Ivan first, after half an hour Maria; gives Ivan's id.
async fn two(scene: &Scene) -> String {
    let ivan = scene
        .contact("Иван", "Брат", Some("ivan@example.com"))
        .await;
    scene
        .contact("Мария", "Мама", Some("maria@example.com"))
        .await;
    follow(scene, &[(&["FIRST_CONTACT"], 0), (&["OTHER_CONTACTS"], 30)]).await;
    ivan
}

async fn answered(scene: &Scene, id: &Value) -> bool {
    !scene.reactions(id).await["result"]["answeredAt"].is_null()
}

async fn quiet(database: Database) -> Scene {
    Scene::new(database, Behaviour::Accept).await
}

on_both! {
    async fn the_next_is_not_told_that_nobody_answered_after_somebody_did(database) {
        let scene = quiet(database).await;
        two(&scene).await;
        for (language, says) in [
            ("ru", "из тех, кому сообщили раньше, пока никто не едет и не позвонил"),
            ("en", "nobody who was told before is on the way or has called"),
        ] {
            scene.sql(&format!("UPDATE users SET language = '{language}' WHERE username = 'anna'")).await;
            let before = scene.mail.mails().len();
            let id = scene.press(json!({"idempotencyKey": language})).await["alarm"]["id"].clone();
            scene.wait(60);
            let link = scene.link("ivan@example.com", "/a/").await;
            scene.react(&link, "cannot").await;
            scene.mail.wait_for(before + 2).await;
            let mails = scene.mail.mails();
            assert_eq!(mails[before + 1].to, ["maria@example.com"]);
            for body in [mails[before + 1].text.clone().unwrap(), mails[before + 1].html.clone().unwrap()] {
                assert!(body.to_lowercase().contains(says), "{body}");
                for part in ["не откликнулись", "answered yet", "задержалось", "is late"] {
                    assert!(!body.contains(part), "{part} is in\n{body}");
                }
            }
            scene.complete(&id, false).await;
        }
    }

    async fn an_sms_of_a_later_step_is_not_late(database) {
        let sms = SmsServer::start(Gateway::Accept).await;
        let scene = Scene::with(database, Behaviour::Accept, |config| sms.configure(config)).await;
        scene.contact("Иван", "Брат", None).await;
        scene.contact("Мария", "Мама", None).await;
        follow(&scene, &[(&["FIRST_CONTACT"], 0), (&["OTHER_CONTACTS"], 30)]).await;
        for (language, says, late) in [
            ("ru", "Кнопка нажата 30 мин назад", "задержалось"),
            ("en", "The button was pressed 30 min ago", "is late"),
        ] {
            scene.sql(&format!("UPDATE users SET language = '{language}' WHERE username = 'anna'")).await;
            let before = sms.taken().len();
            let id = scene.press(json!({"idempotencyKey": language})).await["alarm"]["id"].clone();
            scene.until(&id, "the first", |alarm| states(alarm)[1] == "SENT").await;
            scene.wait(30 * 60);
            scene.until(&id, "the second", |alarm| states(alarm)[3] == "SENT").await;
            let text = sms.taken()[before + 1].text().to_owned();
            assert!(text.contains(says) && !text.contains(late), "{text}");
            let nobody = if language == "ru" { "никто не едет" } else { "nobody is on the way" };
            assert!(text.contains(nobody), "{text}");
            scene.complete(&id, false).await;
        }
    }

    async fn cancelling_the_only_message_of_a_step_begins_the_next(database) {
        let scene = Scene::new(database, Behaviour::DeferRecipients).await;
        two(&scene).await;
        scene.haven.app.clock.hold();
        let alarm = scene.press(Value::Null).await["alarm"].clone();
        let id = &alarm["id"];
        scene.until(id, "a try", |alarm| states(alarm) == ["PENDING", "PENDING"]).await;
        scene.mail.set_behaviour(Behaviour::Accept);
        let boss = scene.haven.log_in("boss").await;
        let cancel = "mutation($id: ID!) { cancelNotification(id: $id) { status failure } }";
        scene.haven.data(&boss, cancel, json!({"id": alarm["notifications"][0]["id"]})).await;
        let alarm = scene.until(id, "the next step", |alarm| states(alarm) == ["SKIPPED", "SENT"]).await;
        assert_eq!(alarm["notifications"][0]["failure"], "cancelled");
        assert_eq!(recipients(&scene.mail.mails()), ["maria@example.com"]);
    }

    async fn who_was_deleted_keeps_nobody_from_being_told(database) {
        let scene = quiet(database).await;
        let ivan = two(&scene).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.react(&scene.link("ivan@example.com", "/a/").await, "on_my_way").await;
        assert_eq!(states(&scene.alarm(&id).await), ["SENT", "SKIPPED"]);
        assert!(answered(&scene, &id).await);
        scene.haven.data(&scene.anna, DELETE, json!({"id": ivan})).await;
        assert!(!answered(&scene, &id).await);
        scene.until(&id, "the next step", |alarm| states(alarm) == ["SENT", "SENT"]).await;
        assert_eq!(recipients(&scene.mail.mails()), ["ivan@example.com", "maria@example.com"]);
        // What it said stays to be read.
        assert_eq!(scene.reactions(&id).await["reactions"][0]["reaction"], "ON_MY_WAY");
        // Nor does it count when somebody else turns back.
        let maria = scene.link("maria@example.com", "/a/").await;
        scene.react(&maria, "called").await;
        assert!(answered(&scene, &id).await);
        scene.react(&maria, "cannot").await;
        assert!(!answered(&scene, &id).await);
    }

    async fn while_another_is_on_the_way_nobody_else_is_told(database) {
        let scene = quiet(database).await;
        let ivan = scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let oleg = scene.contact("Олег", "Друг", Some("oleg@example.com")).await;
        scene.therapist("Петр", "petr@example.com").await;
        follow(&scene, &[(&["FIRST_CONTACT", "OTHER_CONTACTS"], 0), (&["THERAPIST"], 30)]).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.react(&scene.link("ivan@example.com", "/a/").await, "on_my_way").await;
        scene.react(&scene.link("oleg@example.com", "/a/").await, "called").await;
        scene.haven.data(&scene.anna, DELETE, json!({"id": ivan})).await;
        assert!(answered(&scene, &id).await);
        assert_eq!(states(&scene.alarm(&id).await), ["SENT", "SENT", "SKIPPED"]);
        // Of those who were told nobody is left.
        scene.haven.data(&scene.anna, DELETE, json!({"id": oleg})).await;
        assert!(!answered(&scene, &id).await);
        scene.until(&id, "the therapist", |alarm| states(alarm) == ["SENT"; 3]).await;
    }

    async fn a_therapist_who_was_deleted_keeps_nobody_from_being_told(database) {
        let scene = quiet(database).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.therapist("Петр", "petr@example.com").await;
        follow(&scene, &[(&["THERAPIST"], 0), (&["FIRST_CONTACT", "OTHER_CONTACTS"], 30)]).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.react(&scene.link("petr@example.com", "/a/").await, "called").await;
        assert_eq!(states(&scene.alarm(&id).await), ["SKIPPED", "SENT"]);
        scene.haven.data(&scene.anna, "mutation { deleteTherapist(userId: \"me\") }", json!({})).await;
        assert!(!answered(&scene, &id).await);
        scene.until(&id, "the contact", |alarm| states(alarm) == ["SENT", "SENT"]).await;
    }

    async fn who_is_deleted_before_answering_is_not_waited_for(database) {
        let scene = quiet(database).await;
        let ivan = two(&scene).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        assert_eq!(states(&scene.alarm(&id).await), ["SENT", "PENDING"]);
        scene.haven.data(&scene.anna, DELETE, json!({"id": ivan})).await;
        scene.until(&id, "the next step", |alarm| states(alarm) == ["SENT", "SENT"]).await;
        // An alarm that is over stays as it was.
        scene.complete(&id, false).await;
        let ended = scene.alarm(&id).await;
        let maria = scene.haven.data(&scene.anna, "{ me { emergencyContacts { id } } }", json!({})).await;
        scene.haven.data(&scene.anna, DELETE, json!({"id": maria["me"]["emergencyContacts"][0]["id"]})).await;
        assert_eq!(scene.alarm(&id).await, ended);
    }

    async fn people_are_deleted_while_they_answer(database) {
        let scene = quiet(database).await;
        for round in 0..12 {
            let mut deleted = Vec::new();
            for number in 0..3 {
                deleted.push(scene.contact("Контакт", "Друг", Some(&format!("c{round}x{number}@example.com"))).await);
            }
            if round == 0 {
                follow(&scene, &[(&["FIRST_CONTACT", "OTHER_CONTACTS"], 0), (&["THERAPIST"], 30)]).await;
            }
            let id = scene.press(json!({"idempotencyKey": format!("{round}")})).await["alarm"]["id"].clone();
            let links = [0, 1, 2].map(|number| format!("c{round}x{number}@example.com"));
            let mut paths = Vec::new();
            for address in &links {
                paths.push((scene.link(address, "/a/").await, scene.link(address, "/o/").await));
            }
            let delete = |id: &String| scene.haven.graphql(Some(&scene.anna), DELETE, json!({"id": id}));
            let (a, b, c, answers) = tokio::join!(
                delete(&deleted[0]), delete(&deleted[1]), delete(&deleted[2]),
                futures_util::future::join_all(paths.iter().flat_map(|(answer, out)| {
                    [scene.submit(answer, "reaction=on_my_way"), scene.submit(out, "told=no")]
                })),
            );
            for answer in [a, b, c] {
                assert_eq!(answer.get("errors"), None, "round {round}: {answer:#}");
            }
            for answer in answers {
                assert!(matches!(answer.status, 303 | 404), "round {round}: {}", answer.status);
            }
            assert!(!answered(&scene, &id).await, "round {round}");
            scene.complete(&id, false).await;
        }
    }

    async fn no_turn_is_spent_on_somebody_who_was_deleted(database) {
        let scene = quiet(database).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let maria = scene.contact("Мария", "Мама", Some("maria@example.com")).await;
        scene.therapist("Петр", "petr@example.com").await;
        follow(&scene, &[(&["FIRST_CONTACT"], 0), (&["OTHER_CONTACTS"], 30), (&["THERAPIST"], 30)]).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.haven.data(&scene.anna, DELETE, json!({"id": maria})).await;
        assert_eq!(states(&scene.alarm(&id).await), ["SENT", "SKIPPED", "PENDING"]);
        scene.react(&scene.link("ivan@example.com", "/a/").await, "cannot").await;
        scene.until(&id, "the therapist", |alarm| states(alarm) == ["SENT", "SKIPPED", "SENT"]).await;
        assert_eq!(recipients(&scene.mail.mails()), ["ivan@example.com", "petr@example.com"]);
    }
}
