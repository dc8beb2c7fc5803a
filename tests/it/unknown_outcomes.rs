//! Messages of which nobody knows whether they arrived.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::{Scene, recipients, states};
use crate::support::smtp::Behaviour;

on_both! {
    async fn whoever_may_have_been_told_is_told_the_end(database) {
        let scene = Scene::new(database, Behaviour::AcceptThenDrop).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.haven.app.clock.hold();
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.until(&id, "an unknown outcome", |alarm| alarm["notifications"][0]["failure"] == "server_unreachable").await;
        scene.mail.set_behaviour(Behaviour::Accept);
        let ended = scene.complete(&id, true).await;
        assert_eq!(states(&ended)[0], "SKIPPED");
        assert_eq!(ended["notifications"][0]["failure"], "outcome_unknown");
        assert_eq!(ended["result"]["messageSentToContacts"], false);
        scene.until(&id, "the all-clear", |alarm| states(alarm) == ["SKIPPED", "SENT"]).await;
        let mails = scene.mail.mails();
        assert_eq!(recipients(&mails), ["ivan@example.com"; 2]);
        assert_eq!(mails[1].subject(), "Отбой тревоги: anna");
    }

    async fn so_is_whoever_a_worker_that_died_was_writing_to(database) {
        let scene = Scene::new(database, Behaviour::DeferRecipients).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.haven.app.clock.hold();
        scene.until(&id, "a try", |alarm| states(alarm) == ["PENDING"]).await;
        scene.sql("UPDATE notifications SET status = 'sending', lease_until = next_attempt_at").await;
        scene.mail.set_behaviour(Behaviour::Accept);
        let ended = scene.complete(&id, true).await;
        assert_eq!(states(&ended), ["SENDING"]);
        scene.wait(60);
        let ended = scene.until(&id, "the all-clear", |alarm| states(alarm) == ["SKIPPED", "SENT"]).await;
        assert_eq!(ended["notifications"][0]["failure"], "outcome_unknown");
        assert_eq!(scene.mail.mails()[0].subject(), "Отбой тревоги: anna");
    }

    async fn after_a_day_of_unknown_outcomes_nobody_says_that_it_was_not_sent(database) {
        let scene = Scene::new(database, Behaviour::AcceptThenDrop).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.wait(25 * 3600);
        let alarm = scene.until(&id, "giving up", |alarm| states(alarm) == ["FAILED"]).await;
        assert_eq!(alarm["notifications"][0]["failure"], "outcome_unknown");
        assert_eq!(alarm["messages"][0], "Ошибка отправки уведомления для Брат (Иван): почтовый сервер не подтвердил приём, но письмо могло дойти.");
        assert!(alarm["english"][2].as_str().unwrap().starts_with("It is not known whether anybody was notified."), "{alarm:#}");
    }

    async fn what_an_admin_has_tried_again_is_tried_for_another_day(database) {
        let scene = Scene::new(database, Behaviour::DeferRecipients).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.haven.app.clock.hold();
        let alarm = scene.press(Value::Null).await["alarm"].clone();
        scene.wait(25 * 3600);
        let id = &alarm["id"];
        scene.until(id, "giving up", |alarm| states(alarm) == ["FAILED"]).await;
        let boss = scene.haven.admin("boss").await;
        let retry = "mutation($id: ID!) { retryNotification(id: $id) { status } }";
        scene.haven.data(&boss, retry, json!({"id": alarm["notifications"][0]["id"]})).await;
        scene.until(id, "another try", |alarm| alarm["notifications"][0]["failure"] == "server_refused").await;
        scene.wait(23 * 3600);
        scene.until(id, "one more", |alarm| alarm["notifications"][0]["attempts"] == 4 && states(alarm) == ["PENDING"]).await;
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.wait(600);
        scene.until(id, "the mail", |alarm| states(alarm) == ["SENT"]).await;
    }
}
