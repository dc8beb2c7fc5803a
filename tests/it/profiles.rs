//! Profiles over GraphQL.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::haven::Haven;

const UPDATE: &str = "mutation($id: ID!, $age: Int, $location: String, $military: Boolean, $level: Int,
    $music: ID, $therapist: ID, $scenario: ID) {
    updateProfile(userId: $id, input: {age: $age, location: $location, militaryStatus: $military,
        ptsdLevel: $level, musicId: $music, therapistContactId: $therapist, scenarioId: $scenario}) {
        age location militaryStatus ptsdLevel music { id } therapistContact { id } scenario { id }
    }
}";
const THERAPIST: &str = r#"mutation { saveTherapist(userId: "me",
    input: {name: "Петр", phone: "+79001234567", email: "petr@example.com"}) { therapist { id } } }"#;

on_both! {
    async fn variables_left_out_leave_fields_untouched_and_null_clears_them(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let therapist = haven.data(&anna, THERAPIST, json!({})).await;
        let therapist = &therapist["saveTherapist"]["therapist"]["id"];
        let full = json!({"id": "me", "age": 30, "location": "Москва", "military": true, "level": 3,
            "music": "2", "therapist": therapist, "scenario": "3"});
        let stored = haven.data(&anna, UPDATE, full).await["updateProfile"].clone();
        assert_eq!(stored, json!({"age": 30, "location": "Москва", "militaryStatus": true, "ptsdLevel": 3,
            "music": {"id": "2"}, "therapistContact": {"id": therapist}, "scenario": {"id": "3"}}));
        let untouched = haven.data(&anna, UPDATE, json!({"id": "me"})).await["updateProfile"].clone();
        assert_eq!(untouched, stored);
        let older = haven.data(&anna, UPDATE, json!({"id": "me", "age": 31})).await["updateProfile"].clone();
        assert_eq!((&older["age"], &older["location"]), (&json!(31), &json!("Москва")));
        let cleared = json!({"id": "me", "age": null, "location": null, "military": null, "level": null,
            "music": null, "therapist": null, "scenario": null});
        let cleared = haven.data(&anna, UPDATE, cleared).await["updateProfile"].clone();
        assert_eq!(cleared, json!({"age": null, "location": "", "militaryStatus": false, "ptsdLevel": null,
            "music": null, "therapistContact": null, "scenario": null}));
    }

    async fn one_wrong_field_changes_nothing(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        for wrong in [
            json!({"id": "me", "age": 30, "level": 6}),
            json!({"id": "me", "age": 30, "scenario": "999"}),
            json!({"id": "me", "age": 30, "music": "999"}),
            json!({"id": "me", "age": 30, "location": "x".repeat(256)}),
            json!({"id": "me", "age": 30, "location": "a\0b"}),
        ] {
            assert_eq!(haven.code(Some(&anna), UPDATE, wrong).await, "BAD_USER_INPUT");
        }
        let stored = haven.data(&anna, UPDATE, json!({"id": "me"})).await["updateProfile"].clone();
        assert_eq!(stored["age"], Value::Null);
    }

    async fn another_persons_therapist_is_unknown(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let bob = haven.person("bob").await;
        let therapist = haven.data(&bob, THERAPIST, json!({})).await;
        let id = &therapist["saveTherapist"]["therapist"]["id"];
        let answer = haven.graphql(Some(&anna), UPDATE, json!({"id": "me", "therapist": id})).await;
        assert_eq!(
            answer["errors"][0]["extensions"]["fields"],
            json!([{"field": "therapistContactId", "message": "Therapist not found."}])
        );
    }

    async fn only_the_owner_and_an_admin_change_a_profile(database) {
        let haven = Haven::start(database).await;
        let admin = haven.admin("boss").await;
        let anna = haven.person("anna").await;
        let bob = haven.person("bob").await;
        let change = json!({"id": anna.id, "age": 40});
        assert_eq!(haven.code(Some(&bob), UPDATE, change.clone()).await, "FORBIDDEN");
        assert_eq!(haven.code(None, UPDATE, change.clone()).await, "UNAUTHENTICATED");
        let data = haven.data(&admin, UPDATE, change).await;
        assert_eq!(data["updateProfile"]["age"], 40);
        assert_eq!(haven.code(Some(&admin), UPDATE, json!({"id": 999, "age": 40})).await, "NOT_FOUND");
    }

    async fn permission_comes_before_the_input(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let bob = haven.person("bob").await;
        let wrong = json!({"id": anna.id, "age": 999});
        assert_eq!(haven.code(Some(&bob), UPDATE, wrong).await, "FORBIDDEN");
    }

    async fn a_track_is_chosen_and_unchosen(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let select = "mutation($track: ID) { selectMusic(userId: \"me\", trackId: $track) { music { id name } } }";
        let data = haven.data(&anna, select, json!({"track": "2"})).await;
        assert_eq!(data["selectMusic"]["music"], json!({"id": "2", "name": "Лесные звуки"}));
        for nothing in ["999", "0", "two", ""] {
            assert_eq!(haven.code(Some(&anna), select, json!({"track": nothing})).await, "NOT_FOUND");
        }
        let data = haven.data(&anna, select, json!({"track": null})).await;
        assert_eq!(data["selectMusic"]["music"], Value::Null);
    }
}
