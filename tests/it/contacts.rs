//! Emergency contacts over GraphQL.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::haven::{Haven, Person};

const SAVE: &str = "mutation($input: SaveEmergencyContactInput!) {
    saveEmergencyContact(userId: \"me\", input: $input) { created emergencyContact { id name phone email } }
}";
const CREATE: &str = "mutation($id: ID!, $input: EmergencyContactInput!) {
    createEmergencyContact(userId: $id, input: $input) { id }
}";
const UPDATE: &str = "mutation($id: ID!, $input: EmergencyContactPatch!) {
    updateEmergencyContact(id: $id, input: $input) { name phone relationship email }
}";
const DELETE: &str = "mutation($id: ID!) { deleteEmergencyContact(id: $id) }";
const LIST: &str = "{ me { emergencyContacts { name } } }";

fn ivan() -> Value {
    json!({"name": "Иван", "phone": "+7 (900) 123-45-67", "relationship": "Брат", "email": "ivan@example.com"})
}

async fn save(haven: &Haven, person: &Person, input: Value) -> Value {
    haven.data(person, SAVE, json!({"input": input})).await["saveEmergencyContact"].clone()
}

async fn names(haven: &Haven, person: &Person) -> Value {
    let data = haven.data(person, LIST, json!({})).await;
    let names = data["me"]["emergencyContacts"].as_array().unwrap().iter();
    names.map(|contact| contact["name"].clone()).collect()
}

on_both! {
    async fn the_same_digits_then_the_same_email_then_the_same_name_mean_the_same_contact(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let first = save(&haven, &anna, ivan()).await;
        assert_eq!(first["created"], true);
        let id = &first["emergencyContact"]["id"];
        for again in [
            json!({"name": "Ваня", "phone": "79001234567", "relationship": "Брат"}),
            json!({"name": "Ваня", "phone": "+71112223344", "relationship": "Брат", "email": "IVAN@example.com"}),
            json!({"name": "ВАНЯ", "phone": "+79998887766", "relationship": "Брат"}),
        ] {
            let saved = save(&haven, &anna, again).await;
            assert_eq!((&saved["created"], &saved["emergencyContact"]["id"]), (&json!(false), id));
        }
        let other = json!({"name": "Мария", "phone": "+70000000001", "relationship": "Мать"});
        assert_eq!(save(&haven, &anna, other).await["created"], true);
        assert_eq!(names(&haven, &anna).await, json!(["ВАНЯ", "Мария"]));
    }

    async fn the_email_stays_when_left_out_and_goes_by_null_or_nothing(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        save(&haven, &anna, ivan()).await;
        let mut input = json!({"name": "Иван", "phone": "79001234567", "relationship": "Брат"});
        let kept = save(&haven, &anna, input.clone()).await;
        assert_eq!(kept["emergencyContact"]["email"], "ivan@example.com");
        for nothing in [json!(null), json!("")] {
            input["email"] = json!("ivan@example.com");
            save(&haven, &anna, input.clone()).await;
            input["email"] = nothing;
            let cleared = save(&haven, &anna, input.clone()).await;
            assert_eq!(cleared["emergencyContact"]["email"], Value::Null);
        }
    }

    async fn two_saves_of_a_new_contact_at_the_same_instant_make_one(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let (one, two) = tokio::join!(save(&haven, &anna, ivan()), save(&haven, &anna, ivan()));
        assert_eq!(one["emergencyContact"]["id"], two["emergencyContact"]["id"]);
        assert_ne!(one["created"], two["created"]);
    }

    async fn every_wrong_field_is_named(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let input = json!({"name": " ", "phone": "call me", "email": "nowhere"});
        let answer = haven.graphql(Some(&anna), SAVE, json!({"input": input})).await;
        assert_eq!(answer["errors"][0]["extensions"]["fields"], json!([
            {"field": "name", "message": "This field may not be blank."},
            {"field": "phone", "message": "Enter a valid phone number."},
            {"field": "relationship", "message": "This field is required."},
            {"field": "email", "message": "Enter a valid email address."},
        ]));
    }

    async fn phones_have_5_to_20_digits_and_little_else(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        for (phone, fits) in [
            ("12345", true), ("+7 (900) 123-45.67", true), ("12345678901234567890", true),
            ("1234", false), ("123456789012345678901", false), ("12345x", false), ("１２３４５", false),
            ("+7 (900) 123-45-67              ", true), ("(((((((((((((((((((((((((((12345)", false),
        ] {
            let input = json!({"name": phone, "phone": phone, "relationship": "-"});
            let answer = haven.graphql(Some(&anna), SAVE, json!({"input": input})).await;
            assert_eq!(answer.get("errors").is_none(), fits, "{phone}: {answer:#}");
        }
    }

    async fn a_contact_is_changed_and_deleted_by_its_owner_and_by_admins_only(database) {
        let haven = Haven::start(database).await;
        let admin = haven.admin("boss").await;
        let anna = haven.person("anna").await;
        let bob = haven.person("bob").await;
        let saved = save(&haven, &anna, ivan()).await;
        let id = &saved["emergencyContact"]["id"];
        let change = json!({"id": id, "input": {"name": "Пётр"}});
        assert_eq!(haven.code(Some(&bob), UPDATE, change.clone()).await, "NOT_FOUND");
        assert_eq!(haven.code(Some(&bob), DELETE, json!({"id": id})).await, "NOT_FOUND");
        assert_eq!(haven.code(None, DELETE, json!({"id": id})).await, "UNAUTHENTICATED");
        let data = haven.data(&admin, UPDATE, change).await;
        assert_eq!(data["updateEmergencyContact"], json!({"name": "Пётр", "phone": "+7 (900) 123-45-67",
            "relationship": "Брат", "email": "ivan@example.com"}));
        let null = json!({"id": id, "input": {"name": null}});
        assert_eq!(haven.code(Some(&anna), UPDATE, null).await, "BAD_USER_INPUT");
        haven.data(&anna, DELETE, json!({"id": id})).await;
        assert_eq!(names(&haven, &anna).await, json!([]));
    }

    async fn a_contact_is_added_beside_one_with_the_same_phone_when_asked_for(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let bob = haven.person("bob").await;
        for _ in 0..2 {
            haven.data(&anna, CREATE, json!({"id": "me", "input": ivan()})).await;
        }
        assert_eq!(names(&haven, &anna).await, json!(["Иван", "Иван"]));
        assert_eq!(haven.code(Some(&bob), CREATE, json!({"id": anna.id, "input": ivan()})).await, "FORBIDDEN");
    }

    async fn fifty_contacts_are_enough(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        for _ in 0..50 {
            haven.data(&anna, CREATE, json!({"id": "me", "input": ivan()})).await;
        }
        assert_eq!(haven.code(Some(&anna), CREATE, json!({"id": "me", "input": ivan()})).await, "CONFLICT");
    }
}
