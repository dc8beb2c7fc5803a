//! Scenarios with steps: who is told first, who later, and what begins or stops a later step.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::databases::Database;
use crate::support::scene::{Scene, recipients, states};
use crate::support::smtp::Behaviour;

const CREATE: &str = "mutation($input: AlarmScenarioInput!) { createAlarmScenario(input: $input) {
    id steps { recipients afterMinutes } } }";
const UPDATE: &str = "mutation($id: ID!, $input: AlarmScenarioPatch!) { updateAlarmScenario(id: $id, input: $input) {
    steps { recipients afterMinutes } } }";
const FOLLOW: &str =
    "mutation($id: ID!) { updateProfile(userId: \"me\", input: {scenarioId: $id}) { id } }";

fn scenario(steps: &Value) -> Value {
    json!({"name": "По шагам", "playMusic": true, "notifyContact": true, "notifyTherapist": true, "steps": steps})
}

/// First Ivan, after 5 min Maria, after 10 more Petr the therapist.
fn three() -> Value {
    json!([
        {"recipients": ["FIRST_CONTACT"], "afterMinutes": 0},
        {"recipients": ["OTHER_CONTACTS"], "afterMinutes": 5},
        {"recipients": ["THERAPIST"], "afterMinutes": 10},
    ])
}

/// Anna, who tells three people by these steps.
async fn scene(
    database: Database,
    behaviour: Behaviour,
    steps: Value,
    ivan: Option<&str>,
) -> Scene {
    let scene = Scene::new(database, behaviour).await;
    let admin = scene.haven.admin("boss").await;
    let made = scene
        .haven
        .data(&admin, CREATE, json!({"input": scenario(&steps)}))
        .await;
    let id = made["createAlarmScenario"]["id"].clone();
    scene.contact("Иван", "Брат", ivan).await;
    scene
        .contact("Мария", "Мама", Some("maria@example.com"))
        .await;
    scene.therapist("Петр", "petr@example.com").await;
    scene
        .haven
        .data(&scene.anna, FOLLOW, json!({"id": id}))
        .await;
    scene
}

async fn usual(database: Database) -> Scene {
    scene(
        database,
        Behaviour::Accept,
        three(),
        Some("ivan@example.com"),
    )
    .await
}

/// Minutes from the press to the time at which a pending notification is due, rounded.
fn due(scene: &Scene, alarm: &Value, index: usize) -> i64 {
    let at = alarm["notifications"][index]["nextAttemptAt"]
        .as_str()
        .unwrap();
    let at: chrono::DateTime<chrono::Utc> = at.parse().unwrap();
    let seconds = (at - scene.haven.app.clock.now()).num_seconds();
    (seconds + 30) / 60
}

on_both! {
    async fn each_step_is_told_in_its_time(database) {
        let scene = usual(database).await;
        let alarm = scene.press(Value::Null).await["alarm"].clone();
        assert_eq!(states(&alarm), ["SENT", "PENDING", "PENDING"]);
        assert_eq!((due(&scene, &alarm, 1), due(&scene, &alarm, 2)), (5, 15));
        assert_eq!(alarm["messages"], json!([
            "Ваш/ваша Брат (Иван) получил(а) уведомление по email.",
            "Уведомление для Мама (Мария) будет отправлено позже, если никто не откликнется.",
            "Уведомление для психотерапевта (Петр) будет отправлено позже, если никто не откликнется.",
        ]));
        assert_eq!(alarm["english"][2], "The notification for the therapist (Петр) will be sent later if nobody answers.");
        scene.wait(4 * 60);
        assert_eq!(states(&scene.alarm(&alarm["id"]).await), ["SENT", "PENDING", "PENDING"]);
        scene.wait(60);
        let mails = scene.mail.wait_for(2).await;
        assert_eq!(recipients(&mails), ["ivan@example.com", "maria@example.com"]);
        let text = mails[1].text.as_deref().unwrap();
        assert!(text.contains("пока никто не едет и не позвонил. Кнопка была нажата 5 мин назад") && !text.contains("задержалось"), "{text}");
        scene.wait(10 * 60);
        scene.mail.wait_for(3).await;
        scene.until(&alarm["id"], "all told", |alarm| states(alarm) == ["SENT", "SENT", "SENT"]).await;
    }

    async fn somebody_on_the_way_stops_the_later_steps(database) {
        for reaction in ["on_my_way", "called"] {
            let scene = usual(database).await;
            let id = scene.press(Value::Null).await["alarm"]["id"].clone();
            let link = scene.link("ivan@example.com", "/a/").await;
            scene.react(&link, reaction).await;
            let alarm = scene.alarm(&id).await;
            assert_eq!(states(&alarm), ["SENT", "SKIPPED", "SKIPPED"]);
            assert_eq!(alarm["notifications"][1]["failure"], "answered");
            assert_eq!(alarm["messages"][1], "Ошибка отправки уведомления для Мама (Мария): другие уже откликнулись.");
            scene.wait(3600);
            assert_eq!(states(&scene.alarm(&id).await), ["SENT", "SKIPPED", "SKIPPED"]);
            assert_eq!(scene.mail.mails().len(), 1);
            // Whoever turns back makes the others needed after all.
            scene.react(&link, "cannot").await;
            assert_eq!(scene.reactions(&id).await["result"]["answeredAt"], Value::Null);
            scene.mail.wait_for(3).await;
            assert_eq!(recipients(&scene.mail.mails()), ["ivan@example.com", "maria@example.com", "petr@example.com"]);
        }
    }

    async fn whoever_gives_place_to_somebody_else_stops_no_later_step(database) {
        let scene = usual(database).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let link = scene.link("ivan@example.com", "/a/").await;
        scene.react(&link, "on_my_way").await;
        assert_eq!(states(&scene.alarm(&id).await), ["SENT", "SKIPPED", "SKIPPED"]);
        let data = scene.haven.data(&scene.anna, "{ me { emergencyContacts { id } } }", json!({})).await;
        let ivan = data["me"]["emergencyContacts"][0]["id"].clone();
        let update = "mutation($id: ID!, $input: EmergencyContactPatch!) { updateEmergencyContact(id: $id, input: $input) { id } }";
        // A name is no other person.
        scene.haven.data(&scene.anna, update, json!({"id": ivan, "input": {"name": "Ваня", "phone": "+79005550000"}})).await;
        assert_eq!(states(&scene.alarm(&id).await), ["SENT", "SKIPPED", "SKIPPED"]);
        scene.haven.data(&scene.anna, update, json!({"id": ivan, "input": {"name": "Олег", "email": "oleg@example.com"}})).await;
        assert_eq!(scene.reactions(&id).await["result"]["answeredAt"], Value::Null);
        assert_eq!(states(&scene.alarm(&id).await), ["SENT", "PENDING", "PENDING"]);
    }

    async fn a_step_that_is_under_way_stops_too(database) {
        let scene = scene(database, Behaviour::RefuseRecipientsContaining("nobody".into()), three(), Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let link = scene.link("ivan@example.com", "/a/").await;
        scene.mail.set_behaviour(Behaviour::DeferRecipients);
        scene.wait(5 * 60);
        scene.until(&id, "a first try", |alarm| {
            alarm["notifications"][1]["failure"] == "server_refused" && states(alarm) == ["SENT", "PENDING", "PENDING"]
        }).await;
        scene.react(&link, "called").await;
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.wait(3600);
        assert_eq!(states(&scene.alarm(&id).await), ["SENT", "SKIPPED", "SKIPPED"]);
        assert_eq!(scene.mail.mails().len(), 1);
    }

    async fn when_nobody_told_can_the_next_step_begins_at_once(database) {
        let scene = usual(database).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let ivan = scene.link("ivan@example.com", "/a/").await;
        scene.wait(60);
        scene.react(&ivan, "cannot").await;
        scene.mail.wait_for(2).await;
        let alarm = scene.until(&id, "the second", |alarm| states(alarm) == ["SENT", "SENT", "PENDING"]).await;
        // The steps after it come as much sooner.
        assert_eq!(due(&scene, &alarm, 2), 10);
        // Said again, it begins nothing more.
        scene.react(&ivan, "cannot").await;
        assert_eq!(due(&scene, &scene.alarm(&id).await, 2), 10);
        let maria = scene.link("maria@example.com", "/a/").await;
        scene.react(&maria, "cannot").await;
        scene.mail.wait_for(3).await;
        scene.until(&id, "the third", |alarm| states(alarm) == ["SENT", "SENT", "SENT"]).await;
    }

    async fn one_of_several_who_can_not_begins_nothing(database) {
        let steps = json!([
            {"recipients": ["FIRST_CONTACT", "OTHER_CONTACTS"], "afterMinutes": 0},
            {"recipients": ["THERAPIST"], "afterMinutes": 30},
        ]);
        let scene = scene(database, Behaviour::Accept, steps, Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.react(&scene.link("ivan@example.com", "/a/").await, "cannot").await;
        let alarm = scene.alarm(&id).await;
        assert_eq!((states(&alarm), due(&scene, &alarm, 2)), (vec!["SENT", "SENT", "PENDING"], 30));
        // Nor is there anybody left once the other opts out: but she was told, and may still come.
        scene.submit(&scene.link("maria@example.com", "/o/").await, "told=no").await.assert_status(303);
        assert_eq!(due(&scene, &scene.alarm(&id).await, 2), 30);
        scene.react(&scene.link("maria@example.com", "/a/").await, "cannot").await;
        scene.until(&id, "the therapist", |alarm| states(alarm) == ["SENT", "SENT", "SENT"]).await;
    }

    async fn a_step_that_reaches_nobody_begins_the_next_at_once(database) {
        // Refused for good.
        let refused = scene(database, Behaviour::RefuseRecipientsContaining("ivan".into()), three(), Some("ivan@example.com")).await;
        let id = refused.press(Value::Null).await["alarm"]["id"].clone();
        let alarm = refused.until(&id, "the second", |alarm| states(alarm) == ["FAILED", "SENT", "PENDING"]).await;
        assert_eq!(due(&refused, &alarm, 2), 10);
        // No address at all: the second is the first.
        let unknown = scene(database, Behaviour::Accept, three(), None).await;
        let alarm = unknown.press(Value::Null).await["alarm"].clone();
        assert_eq!(states(&alarm), ["SKIPPED", "SENT", "PENDING"]);
        assert_eq!(due(&unknown, &alarm, 2), 10);
        // Nobody of the first step at all.
        let steps = json!([{"recipients": ["OTHER_CONTACTS"], "afterMinutes": 0}, {"recipients": ["FIRST_CONTACT", "THERAPIST"], "afterMinutes": 60}]);
        let empty = Scene::new(database, Behaviour::Accept).await;
        let admin = empty.haven.admin("boss").await;
        let made = empty.haven.data(&admin, CREATE, json!({"input": scenario(&steps)})).await;
        empty.haven.data(&empty.anna, FOLLOW, json!({"id": made["createAlarmScenario"]["id"]})).await;
        empty.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let alarm = empty.press(Value::Null).await["alarm"].clone();
        assert_eq!(states(&alarm), ["SENT"]);
    }

    async fn pressing_again_does_not_begin_a_later_step(database) {
        let scene = scene(database, Behaviour::DeferRecipients, three(), Some("ivan@example.com")).await;
        let first = scene.press(Value::Null).await["alarm"].clone();
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.contact("Олег", "Друг", Some("oleg@example.com")).await;
        let again = scene.press(Value::Null).await;
        assert_eq!((&again["joined"], &again["alarm"]["id"]), (&json!(true), &first["id"]));
        let alarm = &again["alarm"];
        assert_eq!(states(alarm), ["SENT", "PENDING", "PENDING", "PENDING"]);
        // Who was added is told in the step of the other contacts.
        assert_eq!([1, 2, 3].map(|index| due(&scene, alarm, index)), [5, 15, 5]);
        assert_eq!(recipients(&scene.mail.mails()), ["ivan@example.com"]);
        // Nor does it after somebody has answered.
        scene.react(&scene.link("ivan@example.com", "/a/").await, "called").await;
        let again = scene.press(Value::Null).await;
        assert_eq!(again["joined"], true);
        assert_eq!(states(&again["alarm"]), ["SENT", "SKIPPED", "SKIPPED", "SKIPPED"]);
        assert_eq!(scene.mail.mails().len(), 1);
    }

    async fn who_opted_out_is_not_told_when_nobody_is_on_the_way_any_more(database) {
        let scene = usual(database).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.wait(5 * 60);
        let maria = scene.link("maria@example.com", "/o/").await;
        scene.until(&id, "the second step", |alarm| states(alarm) == ["SENT", "SENT", "PENDING"]).await;
        scene.complete(&id, false).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let ivan = scene.link("ivan@example.com", "/a/").await;
        scene.react(&ivan, "on_my_way").await;
        scene.submit(&maria, "told=no").await.assert_status(303);
        scene.react(&ivan, "cannot").await;
        let alarm = scene.until(&id, "the last step", |alarm| states(alarm)[2] == "SENT").await;
        assert_eq!(states(&alarm), ["SENT", "SKIPPED", "SENT"]);
        assert_eq!(alarm["notifications"][1]["failure"], "opted_out");
    }

    async fn ending_the_alarm_ends_its_steps(database) {
        let scene = usual(database).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.complete(&id, true).await;
        scene.wait(3600);
        let alarm = scene.until(&id, "the all-clear", |alarm| states(alarm) == ["SENT", "SKIPPED", "SKIPPED", "SENT"]).await;
        assert_eq!(alarm["notifications"][1]["failure"], "alarm_completed");
        assert_eq!(recipients(&scene.mail.mails()), ["ivan@example.com", "ivan@example.com"]);
        // The all-clear offers no answer, but a way out.
        let clear = scene.mail.mails().remove(1).text.unwrap();
        assert!(!clear.contains("/a/") && clear.contains("/o/"), "{clear}");
    }

    async fn steps_outlive_a_restart(database) {
        let Scene { haven, mail, anna } = usual(database).await;
        let scene = Scene { haven, mail, anna };
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let Scene { haven, mail, anna } = scene;
        let scene = Scene { haven: haven.restart().await, mail, anna };
        assert_eq!(states(&scene.alarm(&id).await), ["SENT", "PENDING", "PENDING"]);
        scene.wait(15 * 60);
        scene.mail.wait_for(3).await;
        // The links of before the restart still work.
        scene.react(&scene.link("ivan@example.com", "/a/").await, "called").await;
    }

    async fn steps_are_kept_replaced_and_checked(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let admin = scene.haven.admin("boss").await;
        let made = scene.haven.data(&admin, CREATE, json!({"input": scenario(&three())})).await["createAlarmScenario"].clone();
        assert_eq!(made["steps"], three());
        let id = &made["id"];
        let update = async |input: Value| {
            scene.haven.data(&admin, UPDATE, json!({"id": id, "input": input})).await["updateAlarmScenario"]["steps"].clone()
        };
        assert_eq!(update(json!({"name": "Иначе"})).await, three());
        let two = json!([{"recipients": ["FIRST_CONTACT", "THERAPIST"], "afterMinutes": 0}, {"recipients": ["OTHER_CONTACTS"], "afterMinutes": 1439}]);
        assert_eq!(update(json!({"steps": two})).await, two);
        assert_eq!(update(json!({"steps": []})).await, json!([]));
        let step = |recipients: Value, minutes: i64| json!({"recipients": recipients, "afterMinutes": minutes});
        for (steps, wrong) in [
            (json!([step(json!(["THERAPIST"]), 1)]), vec!["afterMinutes"]),
            (json!([step(json!(["THERAPIST"]), -1)]), vec!["afterMinutes"]),
            (json!([step(json!(["THERAPIST"]), 0), step(json!(["FIRST_CONTACT"]), 1440)]), vec!["afterMinutes"]),
            (json!([step(json!(["THERAPIST"]), 0), step(json!(["FIRST_CONTACT"]), 1441)]), vec!["afterMinutes"]),
            (json!([step(json!(["THERAPIST"]), 0), step(json!(["FIRST_CONTACT"]), 1000), step(json!(["OTHER_CONTACTS"]), 1000)]), vec!["afterMinutes"]),
            (json!([step(json!([]), 0)]), vec!["recipients"]),
            (json!([step(json!(["THERAPIST", "THERAPIST"]), 0)]), vec!["recipients"]),
            (json!([step(json!(["THERAPIST"]), 0), step(json!(["THERAPIST"]), 5)]), vec!["recipients"]),
            (json!(vec![step(json!([]), 7); 11]), vec!["steps", "afterMinutes", "recipients"]),
        ] {
            for (query, variables) in [
                (CREATE, json!({"input": scenario(&steps)})),
                (UPDATE, json!({"id": id, "input": {"steps": steps}})),
            ] {
                let answer = scene.haven.graphql(Some(&admin), query, variables).await;
                let error = &answer["errors"][0]["extensions"];
                assert_eq!(error["code"], "BAD_USER_INPUT", "{answer:#}");
                let fields: Vec<_> = error["fields"].as_array().unwrap().iter().map(|field| field["field"].as_str().unwrap()).collect();
                assert_eq!(fields, wrong, "{steps}");
            }
        }
        let null = scene.haven.graphql(Some(&admin), UPDATE, json!({"id": id, "input": {"steps": null}})).await;
        assert_eq!(null["errors"][0]["extensions"]["fields"][0]["field"], "steps");
        assert_eq!(scene.haven.code(Some(&scene.anna), CREATE, json!({"input": scenario(&three())})).await, "FORBIDDEN");
    }
}
