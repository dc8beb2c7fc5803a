//! Keys that name a press: the same input is the same press, other input is refused.

use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::Scene;
use crate::support::smtp::Behaviour;

const PRESS: &str = "mutation($input: TriggerAlarmInput) {
    triggerAlarm(userId: \"me\", input: $input) { joined alarm { id } } }";

/// The answer to a press: its payload, or the code of the refusal.
async fn press(scene: &Scene, input: &Value) -> Result<Value, String> {
    let variables = json!({"input": input});
    let answer = scene
        .haven
        .graphql(Some(&scene.anna), PRESS, variables)
        .await;
    match answer["errors"][0]["extensions"]["code"].as_str() {
        Some(code) => {
            let message = answer["errors"][0]["message"].as_str().unwrap();
            assert!(message.contains("idempotencyKey"), "{message}");
            Err(code.to_owned())
        }
        None => Ok(answer["data"]["triggerAlarm"].clone()),
    }
}

async fn alarms(scene: &Scene) -> usize {
    let rows = entity::alarm::Entity::find().all(scene.haven.app.db.read());
    rows.await.unwrap().len()
}

on_both! {
    async fn the_same_key_with_other_input_is_refused(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let here = json!({"idempotencyKey": "k", "location": "Парк", "latitude": 1.5, "longitude": 2.5});
        let first = press(&scene, &here).await.unwrap();
        assert_eq!(first["joined"], false);
        let again = press(&scene, &here).await.unwrap();
        assert_eq!((&again["joined"], &again["alarm"]), (&json!(true), &first["alarm"]));
        for other in [
            json!({"idempotencyKey": "k"}),
            json!({"idempotencyKey": "k", "location": "Дом", "latitude": 1.5, "longitude": 2.5}),
            json!({"idempotencyKey": "k", "location": "Парк", "latitude": 1.5, "longitude": 2.6}),
            json!({"idempotencyKey": "k", "location": "Парк"}),
            json!({"idempotencyKey": "k", "location": "Парк", "latitude": 1.5, "longitude": 2.5, "accuracy": 9}),
        ] {
            assert_eq!(press(&scene, &other).await, Err("CONFLICT".to_owned()), "{other}");
        }
        assert_eq!(alarms(&scene).await, 1);
        // What was refused has changed nothing.
        let place = scene.alarm(&first["alarm"]["id"]).await["result"]["location"].clone();
        assert_eq!(place, "Парк");
        scene.wait(24 * 3600);
        let next = press(&scene, &json!({"idempotencyKey": "k"})).await.unwrap();
        assert_eq!(next["joined"], false);
    }

    async fn no_input_is_an_input_too(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let bare = json!({"idempotencyKey": "k"});
        let first = press(&scene, &bare).await.unwrap();
        let place = json!({"idempotencyKey": "k", "location": "Парк"});
        assert_eq!(press(&scene, &place).await, Err("CONFLICT".to_owned()));
        // REST sends no place, so the same key is the same press there.
        for method in ["GET", "POST"] {
            let call = scene.haven.by(&scene.anna, method, "/api/v1/event/trigger/me/");
            call.header("idempotency-key", "k").send().await.assert_status(200);
        }
        assert_eq!(press(&scene, &bare).await.unwrap()["alarm"], first["alarm"]);
        press(&scene, &json!({"idempotencyKey": "p", "location": "Парк"})).await.unwrap();
        let call = scene.haven.by(&scene.anna, "POST", "/api/v1/event/trigger/me/");
        let answer = call.header("idempotency-key", "p").send().await;
        answer.assert_is(409, r#"{"detail":"This idempotencyKey was used before with other input."}"#);
    }

    async fn a_key_of_any_length_names_one_press(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let long = "k".repeat(3000);
        let mut seen: Vec<Value> = Vec::new();
        for key in ["k".repeat(255), "k".repeat(256), long.clone(), format!("{long}x"), "ключ".repeat(70)] {
            let input = json!({"idempotencyKey": key});
            let first = press(&scene, &input).await.unwrap();
            assert_eq!(first["joined"], false, "{} characters", key.chars().count());
            let again = press(&scene, &input).await.unwrap();
            assert_eq!((&again["joined"], &again["alarm"]), (&json!(true), &first["alarm"]));
            seen.push(first["alarm"]["id"].clone());
        }
        // Not even the stored form of a key names its press.
        for row in entity::alarm::Entity::find().all(scene.haven.app.db.read()).await.unwrap() {
            let stored = row.idempotency_key.unwrap();
            assert!(stored.chars().count() <= 255);
            if stored.starts_with("sha256:") {
                let literal = press(&scene, &json!({"idempotencyKey": stored})).await.unwrap();
                assert_eq!(literal["joined"], false);
            }
        }
        assert_eq!(alarms(&scene).await, seen.len() + 4);
    }

    async fn of_equal_keys_at_one_instant_with_different_input_one_wins(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        for round in 0..5 {
            let before = alarms(&scene).await;
            let input = |place: &str| json!({"idempotencyKey": format!("k{round}"), "location": place});
            let (here, there) = (input("Парк"), input("Дом"));
            let (a, b, c, d) = tokio::join!(
                press(&scene, &here), press(&scene, &there), press(&scene, &here), press(&scene, &there)
            );
            assert_eq!(alarms(&scene).await, before + 1);
            let (won, lost) = if a.is_ok() { ([a, c], [b, d]) } else { ([b, d], [a, c]) };
            for refused in lost {
                assert_eq!(refused, Err("CONFLICT".to_owned()));
            }
            let [one, two] = won.map(Result::unwrap);
            assert_eq!(one["alarm"], two["alarm"]);
            assert_ne!(one["joined"], two["joined"]);
            assert_eq!(scene.mail.wait_for(round + 1).await.len(), round + 1);
        }
    }
}
