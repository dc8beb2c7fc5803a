//! Refusals of a mail server that say they are for good: whose fault they are.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::{Scene, states};
use crate::support::smtp::{Behaviour, Stage};

/// Whether the address of the only contact is noted as one that fails.
async fn is_blamed(scene: &Scene) -> bool {
    let query = "{ me { emergencyContacts { emailFailedAt } } }";
    let data = scene.haven.data(&scene.anna, query, json!({})).await;
    !data["me"]["emergencyContacts"][0]["emailFailedAt"].is_null()
}

on_both! {
    async fn what_the_operator_can_mend_is_tried_again_and_blames_nobody(database) {
        for behaviour in [
            Behaviour::Answer(Stage::Recipient, "554 5.7.1 <ivan@example.com>: Relay access denied"),
            Behaviour::Answer(Stage::Recipient, "550 5.7.1 blocked using zen.spamhaus.org"),
            Behaviour::Answer(Stage::Recipient, "550 relay not permitted"),
            Behaviour::Answer(Stage::End, "554 5.3.0 no queue files can be written"),
            Behaviour::Answer(Stage::End, "550-5.7.1 this looks like spam\r\n550 5.7.1 ask the postmaster"),
        ] {
            let scene = Scene::new(database, behaviour.clone()).await;
            scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
            let alarm = scene.press(Value::Null).await["alarm"].clone();
            assert_eq!(states(&alarm), ["PENDING"], "{behaviour:?}");
            assert_eq!(alarm["notifications"][0]["failure"], "server_refused");
            assert_eq!(alarm["messages"][0], "Уведомление для Брат (Иван) отправляется.");
            assert!(!is_blamed(&scene).await, "{behaviour:?}");
            scene.mail.set_behaviour(Behaviour::Accept);
            scene.wait(600);
            scene.until(&alarm["id"], "the mail", |alarm| states(alarm) == ["SENT"]).await;
            assert_eq!(scene.mail.mails().len(), 1, "{behaviour:?}");
        }
    }

    async fn what_is_said_of_the_address_or_the_mail_is_final(database) {
        for (behaviour, failure, blamed) in [
            (Behaviour::Answer(Stage::Recipient, "550 5.1.1 no such mailbox"), "address_rejected", true),
            (Behaviour::Answer(Stage::Recipient, "550 no such user here"), "address_rejected", true),
            (Behaviour::Answer(Stage::Recipient, "550 5.2.1 mailbox disabled"), "address_rejected", true),
            (Behaviour::Answer(Stage::Recipient, "552 5.2.2 mailbox full"), "message_rejected", false),
            (Behaviour::Answer(Stage::End, "550 5.1.1 no such mailbox"), "address_rejected", true),
            (Behaviour::Answer(Stage::End, "550 not wanted here"), "message_rejected", false),
            (Behaviour::Answer(Stage::End, "554 5.6.0 no mail"), "message_rejected", false),
        ] {
            let scene = Scene::new(database, behaviour.clone()).await;
            scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
            let alarm = &scene.press(Value::Null).await["alarm"];
            assert_eq!(states(alarm), ["FAILED"], "{behaviour:?}");
            assert_eq!(alarm["notifications"][0]["failure"], failure, "{behaviour:?}");
            assert_eq!(is_blamed(&scene).await, blamed, "{behaviour:?}");
        }
    }
}
