//! Alarms that close by themselves with somebody still untold, and steps that would begin too late.

use entity::alarm;
use haven::app::App;
use haven::domain::{alarms, scenarios};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};

use crate::on_both;
use crate::support::databases::Database;
use crate::support::scene::{Scene, states};
use crate::support::smtp::Behaviour;

const FAILED: &str = "{ notifications(status: [FAILED]) { nodes { id } } }";
const CREATE: &str =
    "mutation($input: AlarmScenarioInput!) { createAlarmScenario(input: $input) { id } }";
const UPDATE: &str = "mutation($id: ID!, $input: AlarmScenarioPatch!) { updateAlarmScenario(id: $id, input: $input) { id } }";

/// Steps of which the second begins so many minutes after the press.
fn steps(minutes: i64) -> Value {
    json!([
        {"recipients": ["FIRST_CONTACT"], "afterMinutes": 0},
        {"recipients": ["OTHER_CONTACTS"], "afterMinutes": minutes},
    ])
}

fn scenario(minutes: i64) -> Value {
    json!({"name": "По шагам", "playMusic": true, "notifyContact": true, "notifyTherapist": true, "steps": steps(minutes)})
}

/// Has the database refuse any change of the results of an alarm.
async fn refuse_changes(scene: &Scene, database: Database, alarm: &Value) {
    let alarm = alarm.as_str().unwrap();
    if database == Database::Sqlite {
        let body = "BEGIN SELECT RAISE(ABORT, 'not this one'); END";
        scene.sql(&format!("CREATE TRIGGER stubborn BEFORE UPDATE ON alarm_results WHEN OLD.alarm_id = {alarm} {body}")).await;
    } else {
        let body = "$$ BEGIN RAISE EXCEPTION 'not this one'; END $$";
        scene
            .sql(&format!(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS {body}; \
            CREATE TRIGGER stubborn BEFORE UPDATE ON alarm_results FOR EACH ROW \
            WHEN (OLD.alarm_id = {alarm}) EXECUTE FUNCTION refuse()"
            ))
            .await;
    }
}

on_both! {
    async fn an_alarm_that_can_not_be_closed_holds_up_no_other(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let mut ids = Vec::new();
        for key in ["one", "two", "three"] {
            scene.wait(60);
            ids.push(scene.press(json!({"idempotencyKey": key})).await["alarm"]["id"].clone());
        }
        refuse_changes(&scene, database, &ids[0]).await;
        scene.wait(25 * 3600);
        alarms::keep_house(&scene.haven.app).await.unwrap_err();
        let mut closed = Vec::new();
        for id in &ids {
            closed.push(scene.alarm(id).await["result"]["completed"].clone());
        }
        assert_eq!(closed, [false, true, true]);
        // Nor the keys, which are a day old.
        let keyed = alarm::Entity::find().filter(alarm::Column::IdempotencyKey.is_not_null());
        assert_eq!(keyed.count(scene.haven.app.db.read()).await.unwrap(), 0);
        scene.sql(if database == Database::Sqlite { "DROP TRIGGER stubborn" } else { "DROP TRIGGER stubborn ON alarm_results" }).await;
        alarms::keep_house(&scene.haven.app).await.unwrap();
        assert_eq!(scene.alarm(&ids[0]).await["result"]["completed"], true);
    }

    async fn whom_nobody_told_in_time_is_listed_and_the_person_sent_to_the_emergency_services(database) {
        let scene = Scene::with(database, Behaviour::DeferRecipients, |config| config.alarm_hours = 1).await;
        let admin = scene.haven.admin("boss").await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.until(&id, "a try", |alarm| states(alarm) == ["PENDING"]).await;
        scene.wait(3600);
        alarms::keep_house(&scene.haven.app).await.unwrap();
        let alarm = scene.until(&id, "the end", |alarm| states(alarm) == ["FAILED"]).await;
        assert_eq!(alarm["notifications"][0]["failure"], "expired");
        assert_eq!(alarm["result"]["completed"], true);
        assert_eq!(alarm["messages"], json!([
            "Ошибка отправки уведомления для Брат (Иван): письмо не удалось отправить вовремя.",
            "Психотерапевт не был уведомлён.",
            "Никого не удалось уведомить. Если нужна помощь, звоните: 112.",
        ]));
        assert!(alarm["english"][0].as_str().unwrap().contains("could not be sent in time"), "{alarm}");
        assert!(alarm["english"][2].as_str().unwrap().contains("Nobody could be notified"), "{alarm}");
        let listed = scene.haven.data(&admin, FAILED, json!({})).await;
        assert_eq!(listed["notifications"]["nodes"], json!([{"id": alarm["notifications"][0]["id"]}]));
        // It is over all the same.
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.wait(600);
        let retry = "mutation($id: ID!) { retryNotification(id: $id) { id } }";
        assert_eq!(scene.haven.code(Some(&admin), retry, json!({"id": alarm["notifications"][0]["id"]})).await, "CONFLICT");
        scene.complete(&id, true).await;
        assert_eq!(states(&scene.alarm(&id).await), ["FAILED"]);
        assert_eq!(scene.mail.mails().len(), 0);
    }

    async fn what_is_under_way_at_that_moment_fails_too(database) {
        let scene = Scene::with(database, Behaviour::HangAtGreeting, |config| config.alarm_hours = 1).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.haven.app.clock.hold();
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.until(&id, "a try", |alarm| states(alarm) == ["SENDING"]).await;
        scene.haven.app.clock.advance(chrono::TimeDelta::hours(1));
        alarms::keep_house(&scene.haven.app).await.unwrap();
        assert_eq!(states(&scene.alarm(&id).await), ["SENDING"]);
        scene.mail.set_behaviour(Behaviour::GreetWith("421 4.3.2 later"));
        let alarm = scene.until(&id, "the end", |alarm| states(alarm) == ["FAILED"]).await;
        assert_eq!(alarm["notifications"][0]["failure"], "expired");
    }

    async fn whoever_ends_an_alarm_makes_nothing_of_it_a_failure(database) {
        let scene = Scene::new(database, Behaviour::DeferRecipients).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let alarm = scene.complete(&id, true).await;
        assert_eq!((states(&alarm), &alarm["notifications"][0]["failure"]), (vec!["SKIPPED"], &json!("alarm_completed")));
    }

    async fn a_step_that_would_begin_after_the_end_is_refused(database) {
        let scene = Scene::with(database, Behaviour::Accept, |config| config.alarm_hours = 2).await;
        let admin = scene.haven.admin("boss").await;
        let made = scene.haven.data(&admin, CREATE, json!({"input": scenario(119)})).await;
        let id = &made["createAlarmScenario"]["id"];
        for minutes in [120, 121, 1440] {
            for (query, variables) in [
                (CREATE, json!({"input": scenario(minutes)})),
                (UPDATE, json!({"id": id, "input": {"steps": steps(minutes)}})),
            ] {
                let answer = scene.haven.graphql(Some(&admin), query, variables).await;
                let error = &answer["errors"][0]["extensions"];
                assert_eq!(error["code"], "BAD_USER_INPUT", "{answer:#}");
                assert_eq!(error["fields"][0]["field"], "afterMinutes");
                assert!(error["fields"][0]["message"].as_str().unwrap().contains("HAVEN_ALARM_HOURS"), "{error}");
            }
        }
        // Where the setting is changed later, the operator is told at the start.
        let app = &scene.haven.app;
        assert_eq!(scenarios::with_late_steps(app).await.unwrap(), Vec::<i64>::new());
        let mut config = app.config.clone();
        config.alarm_hours = 1;
        let other = App::new(config, app.clock.clone()).await.unwrap();
        let late: i64 = id.as_str().unwrap().parse().unwrap();
        assert_eq!(scenarios::with_late_steps(&other).await.unwrap(), [late]);
    }
}
