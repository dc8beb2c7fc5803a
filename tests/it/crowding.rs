//! One person's presses, however many, and the alarms of others.

use serde_json::json;

use crate::on_both;
use crate::support::scene::{Scene, join};
use crate::support::smtp::Behaviour;

const PRESS: &str =
    "mutation($key: String!) { triggerAlarm(userId: \"me\", input: {idempotencyKey: $key}) {
    joined alarm { messages } } }";

on_both! {
    async fn whoever_presses_all_the_time_delays_nobody_else(database) {
        let scene = Scene::new(database, Behaviour::HangAtGreeting).await;
        for number in 0..20 {
            scene.contact("Контакт", "Друг", Some(&format!("c{number}@example.com"))).await;
        }
        let bob = join(&scene.haven, "bob").await;
        scene.haven.data(&bob, "mutation { createEmergencyContact(userId: \"me\", input: {name: \"Ольга\", relationship: \"Тётя\", phone: \"+79001234567\", email: \"olga@example.com\"}) { id } }", json!({})).await;
        let presses = (0..12).map(|number| scene.haven.graphql(Some(&scene.anna), PRESS, json!({"key": format!("{number}")})));
        for answer in futures_util::future::join_all(presses).await {
            assert_eq!(answer["data"]["triggerAlarm"]["joined"], false, "{answer}");
        }
        // What the crowd has begun hangs on, and all its alarms wait; whoever presses now is told at
        // once all the same.
        scene.mail.set_behaviour(Behaviour::Accept);
        let pressed = scene.haven.data(&bob, PRESS, json!({"key": "bob"})).await;
        assert_eq!(pressed["triggerAlarm"]["joined"], false);
        assert_eq!(
            pressed["triggerAlarm"]["alarm"]["messages"][0],
            "Ваш/ваша Тётя (Ольга) получил(а) уведомление по email."
        );
        let all = scene.mail.wait_for(12 * 20 + 1).await;
        // Nothing of all those presses is lost.
        for number in 0..20 {
            let address = format!("c{number}@example.com");
            assert_eq!(all.iter().filter(|mail| mail.to == [address.as_str()]).count(), 12);
        }
    }
}
