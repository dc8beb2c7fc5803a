//! Where the person is: what the phone says of it, and what of that those who are told see.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::{Scene, states};
use crate::support::smtp::Behaviour;

const REPORT: &str = "mutation($id: ID!, $input: ReportAlarmInput!) {
    reportAlarm(alarmId: $id, input: $input) { result { ...R } } }
    fragment R on AlarmResult { location latitude accuracy musicPlayed }";

async fn report(scene: &Scene, id: &Value, input: Value) -> Value {
    let variables = json!({"id": id, "input": input});
    let data = scene.haven.data(&scene.anna, REPORT, variables).await;
    data["reportAlarm"]["result"].clone()
}

fn place(words: &str, latitude: f64, accuracy: impl Into<Option<f64>>) -> Value {
    json!({"location": words, "latitude": latitude, "longitude": 37.5, "accuracy": accuracy.into()})
}

fn shown(
    words: &str,
    latitude: impl Into<Option<f64>>,
    accuracy: impl Into<Option<f64>>,
    music: bool,
) -> Value {
    json!({"location": words, "latitude": latitude.into(), "accuracy": accuracy.into(), "musicPlayed": music})
}

on_both! {
    async fn a_much_coarser_place_leaves_a_fresh_one(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let id = scene.press(place("Парк", 55.1, 20.0)).await["alarm"]["id"].clone();
        let mut coarse = place("Москва", 55.11, 1500.0);
        coarse["musicPlayed"] = json!(true);
        // The rest of the report counts.
        assert_eq!(report(&scene, &id, coarse.clone()).await, shown("Парк", 55.1, 20.0, true));
        assert_eq!(report(&scene, &id, place("Сквер", 55.3, 40.0)).await, shown("Сквер", 55.3, 40.0, true));
        // Words alone are not measured.
        assert_eq!(report(&scene, &id, json!({"location": "У фонтана"})).await, shown("У фонтана", 55.3, 40.0, true));
        // The person has moved on, or may have.
        scene.wait(120);
        assert_eq!(report(&scene, &id, coarse).await, shown("Москва", 55.11, 1500.0, true));
        assert_eq!(report(&scene, &id, place("Дом", 55.4, 5.0)).await, shown("Дом", 55.4, 5.0, true));
        // Nobody knows which of the two is better.
        assert_eq!(report(&scene, &id, place("Двор", 55.5, None)).await, shown("Двор", 55.5, None, true));
        assert_eq!(report(&scene, &id, place("Город", 55.6, 9000.0)).await, shown("Город", 55.6, 9000.0, true));
        let none = json!({"location": null, "latitude": null, "longitude": null});
        assert_eq!(report(&scene, &id, none).await, json!({"location": "", "latitude": null, "accuracy": null, "musicPlayed": true}));
    }

    async fn a_coarse_place_somewhere_else_says_that_the_person_moved(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let id = scene.press(place("Парк", 55.1, 5.0)).await["alarm"]["id"].clone();
        // 1.1 km to the north.
        assert_eq!(report(&scene, &id, place("Мост", 55.11, 11.0)).await, shown("Мост", 55.11, 11.0, false));
    }

    async fn words_are_taken_where_there_are_none(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let id = scene.press(place("", 55.1, 20.0)).await["alarm"]["id"].clone();
        assert_eq!(report(&scene, &id, place("Москва", 55.11, 1500.0)).await, shown("Москва", 55.1, 20.0, false));
    }

    async fn pressing_again_leaves_a_better_place_too(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.press(place("Парк", 55.1, 20.0)).await;
        let again = scene.press(place("Москва", 55.11, 1500.0)).await;
        assert_eq!((&again["joined"], &again["alarm"]["result"]["location"]), (&json!(true), &json!("Парк")));
    }

    async fn of_an_alarm_that_is_over_no_place_is_kept(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let id = scene.press(place("Парк", 55.1, None)).await["alarm"]["id"].clone();
        scene.complete(&id, false).await;
        let mut late = place("Дом", 55.2, None);
        late["musicPlayed"] = json!(true);
        assert_eq!(report(&scene, &id, late).await, shown("Парк", 55.1, None, true));
    }

    async fn who_is_told_sees_how_exact_and_how_old_a_place_is(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(place("", 55.1, 1499.2)).await["alarm"]["id"].clone();
        let mail = scene.mail.next_mail().await;
        let text = mail.text.as_deref().unwrap();
        assert!(text.contains("55.10000, 37.50000 (± 1500 м)"), "{text}");
        let link = scene.link("ivan@example.com", "/a/").await;
        scene.wait(180);
        let page = scene.open(&link).await.body;
        assert!(page.contains("55.10000, 37.50000 (± 1500 м), 3 мин назад<br>"), "{page}");
        report(&scene, &id, place("", 55.2, 8.0)).await;
        let page = scene.open(&format!("{link}?lang=en")).await.body;
        assert!(page.contains("55.20000, 37.50000 (± 8 m), just now<br>"), "{page}");
        // Another message would be one too many.
        assert_eq!(states(&scene.alarm(&id).await), ["SENT"]);
        assert_eq!(scene.mail.mails().len(), 1);
    }

    async fn what_is_no_accuracy_fails_no_press(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        for accuracy in [0.0, -1.0, 2.1e7, 1e300] {
            scene.wait(60);
            let alarm = scene.press(place("Парк", 55.1, accuracy)).await["alarm"].clone();
            assert_eq!(report(&scene, &alarm["id"], json!({})).await, shown("Парк", 55.1, None, false), "{accuracy}");
        }
        scene.wait(60);
        let id = scene.press(json!({"accuracy": 5.0})).await["alarm"]["id"].clone();
        assert_eq!(report(&scene, &id, json!({"accuracy": 5.0})).await, shown("", None, None, false));
    }

    async fn who_has_nobody_to_tell_is_given_a_number(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let query = "query($id: ID!) { alarm(id: $id) { emergencyNumber english: emergencyNumber(language: EN) } }";
        let ask = async || scene.haven.data(&scene.anna, query, json!({"id": id})).await["alarm"].clone();
        // Who reads Russian and says nothing else is taken to be in Russia.
        assert_eq!(ask().await, json!({"emergencyNumber": "112", "english": null}));
        scene.haven.data(&scene.anna, "mutation { updateProfile(userId: \"me\", input: {location: \"Тверь, Россия\"}) { id } }", json!({})).await;
        assert_eq!(ask().await, json!({"emergencyNumber": "112", "english": "112"}));
    }
}
