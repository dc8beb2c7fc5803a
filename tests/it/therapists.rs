//! Therapists over GraphQL.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::haven::Haven;

const SAVE: &str = "mutation($id: ID!, $input: SaveTherapistInput!) {
    saveTherapist(userId: $id, input: $input) { created therapist { id name phone email } }
}";
const UPDATE: &str = "mutation($id: ID!, $input: TherapistPatch!) {
    updateTherapist(userId: $id, input: $input) { name phone email }
}";
const DELETE: &str = "mutation($id: ID!) { deleteTherapist(userId: $id) }";
const LINK: &str = "{ me { therapist { name } profile { therapistContact { name } } } }";

fn petr(id: Value) -> Value {
    json!({"id": id, "input": {"name": "Петр", "phone": "+79001234567", "email": "petr@example.com"}})
}

on_both! {
    async fn a_therapist_is_made_once_linked_and_then_replaced_in_place(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let made = haven.data(&anna, SAVE, petr(json!("me"))).await["saveTherapist"].clone();
        assert_eq!(made["created"], true);
        let linked = haven.data(&anna, LINK, json!({})).await;
        assert_eq!(linked["me"]["profile"]["therapistContact"]["name"], "Петр");
        let mut next = petr(json!("me"));
        next["input"]["name"] = json!("Ольга");
        let replaced = haven.data(&anna, SAVE, next).await["saveTherapist"].clone();
        assert_eq!(replaced["created"], false);
        assert_eq!(replaced["therapist"]["id"], made["therapist"]["id"]);
    }

    async fn fields_left_out_of_a_change_stay(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        haven.data(&anna, SAVE, petr(json!("me"))).await;
        let change = json!({"id": "me", "input": {"phone": "12345"}});
        let data = haven.data(&anna, UPDATE, change).await;
        assert_eq!(
            data["updateTherapist"],
            json!({"name": "Петр", "phone": "12345", "email": "petr@example.com"})
        );
        let null = json!({"id": "me", "input": {"email": null}});
        assert_eq!(haven.code(Some(&anna), UPDATE, null).await, "BAD_USER_INPUT");
    }

    async fn deleting_a_therapist_clears_the_link_and_nothing_else(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        assert_eq!(haven.code(Some(&anna), DELETE, json!({"id": "me"})).await, "NOT_FOUND");
        assert_eq!(haven.code(Some(&anna), UPDATE, json!({"id": "me", "input": {}})).await, "NOT_FOUND");
        haven.data(&anna, SAVE, petr(json!("me"))).await;
        haven.data(&anna, DELETE, json!({"id": "me"})).await;
        let linked = haven.data(&anna, LINK, json!({})).await;
        assert_eq!(linked["me"], json!({"therapist": null, "profile": {"therapistContact": null}}));
    }

    async fn only_the_owner_and_an_admin_touch_a_therapist(database) {
        let haven = Haven::start(database).await;
        let admin = haven.admin("boss").await;
        let anna = haven.person("anna").await;
        let bob = haven.person("bob").await;
        assert_eq!(haven.code(Some(&bob), SAVE, petr(json!(anna.id))).await, "FORBIDDEN");
        assert_eq!(haven.code(Some(&admin), SAVE, petr(json!(999))).await, "NOT_FOUND");
        haven.data(&admin, SAVE, petr(json!(anna.id))).await;
        assert_eq!(haven.code(Some(&bob), DELETE, json!({"id": anna.id})).await, "FORBIDDEN");
        assert_eq!(haven.code(Some(&bob), UPDATE, json!({"id": anna.id, "input": {}})).await, "FORBIDDEN");
    }
}
