//! Every example of the API documentation, replayed: status and body, byte for byte where the
//! documentation is literal.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::client::Answer;
use crate::support::haven::{Haven, Person};

/// What the documentation registers in its example.
const TESTUSER: &str =
    r#"{"username": "testuser", "email": "test@example.com", "password": "securepassword123"}"#;
const IVAN: &str = r#"{"name": "Иван Иванов", "phone": "+79001234567", "email": "ivan@example.com", "relationship": "Брат"}"#;
const PETR: &str =
    r#"{"name": "Петр Петров", "phone": "+79001234567", "email": "petr@example.com"}"#;

impl Haven {
    /// A request as the legacy app sends it.
    async fn legacy(
        &self,
        person: Option<&Person>,
        method: &str,
        path: &str,
        body: &str,
    ) -> Answer {
        let mut call = self.call(method, &format!("/api/v1/{path}"));
        if let Some(person) = person {
            call = call.token(&person.token);
        }
        if !body.is_empty() {
            call = call.body("application/json", body.to_owned());
        }
        call.send().await
    }

    /// The person of the documentation's examples.
    async fn testuser(&self) -> Person {
        self.person("testuser").await
    }
}

on_both! {
    async fn registration_answers_user_created(database) {
        let haven = Haven::start(database).await;
        let answer = haven.legacy(None, "POST", "user/registration/", TESTUSER).await;
        answer.assert_is(201, r#"{"message":"User Created"}"#);
        assert_eq!(answer.header("x-user-id"), Some("1"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }

    async fn registration_names_every_wrong_field(database) {
        let haven = Haven::start(database).await;
        haven.testuser().await;
        let body = r#"{"username": "testuser", "email": "email"}"#;
        haven.legacy(None, "POST", "user/registration/", body).await.assert_is(400,
            r#"{"username":["A user with that username already exists."],"email":["Enter a valid email address."],"password":["This field is required."]}"#);
    }

    async fn registration_takes_the_placeholder_of_the_documentation(database) {
        let haven = Haven::start(database).await;
        let body = r#"{"username": "username", "email": "email@example.com", "password": "password"}"#;
        haven.legacy(None, "POST", "user/registration/", body).await.assert_is(201, r#"{"message":"User Created"}"#);
    }

    async fn registration_wants_a_dictionary(database) {
        let haven = Haven::start(database).await;
        for (body, kind) in [("[]", "list"), ("\"x\"", "str"), ("1", "int"), ("1.5", "float"), ("true", "bool")] {
            let text = format!(r#"{{"non_field_errors":["Invalid data. Expected a dictionary, but got {kind}."]}}"#);
            haven.legacy(None, "POST", "user/registration/", body).await.assert_is(400, &text);
        }
    }

    async fn login_answers_a_token(database) {
        let haven = Haven::start(database).await;
        haven.testuser().await;
        let body = r#"{"username": "testuser", "password": "securepassword123"}"#;
        let answer = haven.legacy(None, "POST", "user/login/", body).await;
        answer.assert_status(200);
        let object = answer.json();
        let object = object.as_object().unwrap();
        assert_eq!(object.keys().collect::<Vec<_>>(), ["token"]);
        assert_eq!(object["token"].as_str().unwrap().len(), 40);
        assert_eq!(answer.header("x-user-id"), Some("1"));
    }

    async fn login_refuses_wrong_credentials(database) {
        let haven = Haven::start(database).await;
        haven.testuser().await;
        for username in ["testuser", "nobody"] {
            let body = json!({"username": username, "password": "wrongpassword"}).to_string();
            haven.legacy(None, "POST", "user/login/", &body).await
                .assert_is(401, r#"{"error":"Invalid credentials."}"#);
        }
    }

    async fn login_wants_username_and_password(database) {
        let haven = Haven::start(database).await;
        for body in ["", "{}", r#"{"username": "x"}"#, r#"{"username": null, "password": "y"}"#,
            r#"{"username": "x", "password": ""}"#, r#"{"username": " ", "password": "y"}"#, "[]"] {
            haven.legacy(None, "POST", "user/login/", body).await
                .assert_is(400, r#"{"error":"Username and password are required."}"#);
        }
    }

    async fn the_profile_has_the_documented_fields_in_the_documented_order(database) {
        let haven = Haven::start(database).await;
        let anna = haven.testuser().await;
        haven.legacy(Some(&anna), "GET", "user/1/", "").await.assert_is(200,
            r#"{"id":1,"user":1,"username":"testuser","age":null,"location":"","military_status":false,"ptsd_level":null,"music":null,"therapist_contact":null,"scenario":1}"#);
        haven.legacy(Some(&anna), "PUT", "user/create/therapist/1/", PETR).await.assert_status(201);
        haven.legacy(Some(&anna), "POST", "user/music/edit/1/", r#"{"music": 2}"#).await.assert_status(200);
        let full = r#"{"age": 30, "location": "Москва", "military_status": true, "ptsd_level": 3}"#;
        haven.legacy(Some(&anna), "PATCH", "user/edit/1/", full).await.assert_status(200);
        haven.legacy(Some(&anna), "GET", "user/1/", "").await.assert_is(200,
            r#"{"id":1,"user":1,"username":"testuser","age":30,"location":"Москва","military_status":true,"ptsd_level":3,"music":2,"therapist_contact":1,"scenario":1}"#);
    }

    async fn a_user_without_a_profile_is_told_so(database) {
        use sea_orm::EntityTrait;
        let haven = Haven::start(database).await;
        let anna = haven.testuser().await;
        entity::profile::Entity::delete_many().exec(haven.app.db.read()).await.unwrap();
        let missing = r#"{"error":"UserInfo not found for this user."}"#;
        haven.legacy(Some(&anna), "GET", "user/1/", "").await.assert_is(404, missing);
        haven.legacy(Some(&anna), "PATCH", "user/edit/1/", r#"{"age": 3}"#).await.assert_is(404, missing);
        haven.legacy(Some(&anna), "GET", "event/trigger/1/", "").await
            .assert_is(404, r#"{"error":"User or UserInfo not found"}"#);
    }

    async fn an_admin_gets_404_for_an_id_that_does_not_exist(database) {
        let haven = Haven::start(database).await;
        let admin = haven.admin("boss").await;
        for (method, path, body, text) in [
            ("GET", "user/999/", "", "UserInfo not found for this user."),
            ("PATCH", "user/edit/999/", r#"{"age": 3}"#, "UserInfo not found for this user."),
            ("GET", "event/trigger/999/", "", "User or UserInfo not found"),
            ("POST", "chat/999/", r#"{"text": "x"}"#, "User not found"),
            ("GET", "chat/user/support/999/", "", "User not found"),
        ] {
            let answer = haven.legacy(Some(&admin), method, path, body).await;
            answer.assert_is(404, &json!({"error": text}).to_string());
        }
        for (method, path, body) in [
            ("PATCH", "user/edit/contact/999/", IVAN),
            ("PUT", "user/create/therapist/999/", PETR),
            ("PATCH", "user/edit/therapist/999/", PETR),
            ("POST", "user/music/edit/999/", r#"{"music": 1}"#),
        ] {
            haven.legacy(Some(&admin), method, path, body).await.assert_status(404);
        }
    }

    async fn an_edit_answers_what_is_stored_afterwards(database) {
        let haven = Haven::start(database).await;
        let anna = haven.testuser().await;
        haven.legacy(Some(&anna), "PUT", "user/create/therapist/1/", PETR).await.assert_status(201);
        let body = r#"{"age": 35, "location": "Санкт-Петербург", "military_status": true, "ptsd_level": 2, "therapist_contact": 1, "scenario": 3}"#;
        haven.legacy(Some(&anna), "PATCH", "user/edit/1/", body).await.assert_is(200,
            r#"{"message":"UserInfo updated successfully.","updated_data":{"age":35,"location":"Санкт-Петербург","military_status":true,"ptsd_level":2,"therapist_contact":1,"scenario":3}}"#);
        let part = r#"{"age": 36, "location": "Тверь", "ptsd_level": 1}"#;
        haven.legacy(Some(&anna), "PATCH", "user/edit/1/", part).await.assert_is(200,
            r#"{"message":"UserInfo updated successfully.","updated_data":{"age":36,"location":"Тверь","military_status":true,"ptsd_level":1,"therapist_contact":1,"scenario":3}}"#);
    }

    async fn an_edit_names_what_its_links_do_not_lead_to(database) {
        let haven = Haven::start(database).await;
        let anna = haven.testuser().await;
        let bob = haven.person("bob").await;
        haven.legacy(Some(&bob), "PUT", "user/create/therapist/2/", PETR).await.assert_status(201);
        for (body, text) in [
            (r#"{"scenario": 999}"#, "AlarmScenario not found with this id."),
            (r#"{"therapist_contact": 999}"#, "Therapist not found with this id."),
            (r#"{"therapist_contact": 1}"#, "Therapist not found with this id."),
            (r#"{"music": 999}"#, "MusicTrack not found with this id."),
        ] {
            haven.legacy(Some(&anna), "PATCH", "user/edit/1/", body).await
                .assert_is(400, &json!({"error": text}).to_string());
        }
    }

    async fn a_contact_is_created_and_then_updated(database) {
        let haven = Haven::start(database).await;
        let anna = haven.testuser().await;
        haven.legacy(Some(&anna), "PATCH", "user/edit/contact/1/", IVAN).await.assert_is(201,
            r#"{"message":"A new emergency contact has been created.","data":{"id":1,"name":"Иван Иванов","phone":"+79001234567","email":"ivan@example.com","relationship":"Брат"}}"#);
        let changed = r#"{"name": "Иван Иванов", "phone": "+79001112233", "relationship": "Брат", "email": null}"#;
        haven.legacy(Some(&anna), "PATCH", "user/edit/contact/1/", changed).await.assert_is(200,
            r#"{"message":"Emergency contact has been updated.","data":{"id":1,"name":"Иван Иванов","phone":"+79001112233","email":"","relationship":"Брат"}}"#);
    }

    async fn a_contact_is_named_by_id(database) {
        let haven = Haven::start(database).await;
        let anna = haven.testuser().await;
        haven.legacy(Some(&anna), "PATCH", "user/edit/contact/1/", IVAN).await.assert_status(201);
        let other = r#"{"id": 1, "name": "Мария", "phone": "+70000000000", "relationship": "Мать"}"#;
        let answer = haven.legacy(Some(&anna), "PATCH", "user/edit/contact/1/", other).await;
        answer.assert_status(200);
        assert_eq!(answer.json()["data"]["name"], "Мария");
        for id in ["2", "\"x\"", "true", "[]", "-1"] {
            let body = format!(r#"{{"id": {id}, "name": "М", "phone": "+70000000000", "relationship": "Мать"}}"#);
            haven.legacy(Some(&anna), "PATCH", "user/edit/contact/1/", &body).await
                .assert_is(404, r#"{"error":"Emergency contact not found for this user."}"#);
        }
    }

    async fn a_contact_wants_name_phone_and_relationship(database) {
        let haven = Haven::start(database).await;
        let anna = haven.testuser().await;
        let missing = r#"{"error":"The 'name', 'phone', and 'relationship' fields are required."}"#;
        for body in ["", "{}", "[]", r#"{"name": "Иван", "phone": "+79001234567"}"#,
            r#"{"name": "", "phone": "+79001234567", "relationship": "Брат"}"#,
            r#"{"name": "Иван", "phone": null, "relationship": "Брат"}"#,
            r#"{"name": "Иван", "phone": "+79001234567", "relationship": "  "}"#] {
            haven.legacy(Some(&anna), "PATCH", "user/edit/contact/1/", body).await.assert_is(400, missing);
        }
        let wrong = r#"{"name": "Иван", "phone": "call me", "relationship": "Брат", "email": "nowhere"}"#;
        haven.legacy(Some(&anna), "PATCH", "user/edit/contact/1/", wrong).await.assert_is(400,
            r#"{"phone":["Enter a valid phone number."],"email":["Enter a valid email address."]}"#);
    }

    async fn a_therapist_is_created_and_then_replaced(database) {
        let haven = Haven::start(database).await;
        let anna = haven.testuser().await;
        haven.legacy(Some(&anna), "PUT", "user/create/therapist/1/", PETR).await.assert_is(201,
            r#"{"message":"A new therapist contact has been created.","data":{"id":1,"name":"Петр Петров","phone":"+79001234567","email":"petr@example.com"}}"#);
        haven.legacy(Some(&anna), "PUT", "user/create/therapist/1/", PETR).await.assert_is(200,
            r#"{"message":"Therapist contact has been updated.","data":{"id":1,"name":"Петр Петров","phone":"+79001234567","email":"petr@example.com"}}"#);
        for body in ["{}", r#"{"name": "П", "phone": "12345"}"#, r#"{"name": "П", "phone": "", "email": "a@b.ru"}"#] {
            haven.legacy(Some(&anna), "PUT", "user/create/therapist/1/", body).await
                .assert_is(400, r#"{"error":"The 'name', 'phone', and 'email' fields are required."}"#);
        }
    }

    async fn a_therapist_is_changed_where_there_is_one(database) {
        let haven = Haven::start(database).await;
        let anna = haven.testuser().await;
        haven.legacy(Some(&anna), "PATCH", "user/edit/therapist/1/", PETR).await
            .assert_is(404, r#"{"error":"Therapist contact not found for this user."}"#);
        haven.legacy(Some(&anna), "PUT", "user/create/therapist/1/", PETR).await.assert_status(201);
        haven.legacy(Some(&anna), "PATCH", "user/edit/therapist/1/", PETR).await.assert_is(200,
            r#"{"message":"Therapist contact has been updated.","data":{"id":1,"name":"Петр Петров","phone":"+79001234567","email":"petr@example.com"}}"#);
        haven.legacy(Some(&anna), "PATCH", "user/edit/therapist/1/", r#"{"name": "Ольга"}"#).await.assert_is(200,
            r#"{"message":"Therapist contact has been updated.","data":{"id":1,"name":"Ольга","phone":"+79001234567","email":"petr@example.com"}}"#);
    }

    async fn the_tracks_are_listed(database) {
        let haven = Haven::start(database).await;
        let anna = haven.testuser().await;
        haven.legacy(Some(&anna), "GET", "user/music/", "").await.assert_is(200,
            r#"[{"id":1,"name":"Спокойный океан","url":"https://example.com/music/ocean.mp3"},{"id":2,"name":"Лесные звуки","url":"https://example.com/music/forest.mp3"}]"#);
    }

    async fn a_track_is_chosen(database) {
        let haven = Haven::start(database).await;
        let anna = haven.testuser().await;
        haven.legacy(Some(&anna), "POST", "user/music/edit/1/", r#"{"music": 2}"#).await
            .assert_is(200, r#"{"message":"Music track updated successfully"}"#);
        for body in ["", "{}", "[]", r#"{"music": null}"#] {
            haven.legacy(Some(&anna), "POST", "user/music/edit/1/", body).await
                .assert_is(400, r#"{"error":"Music ID is required"}"#);
        }
        for music in ["999", "0", "-1", "\"two\"", "\"\"", "true", "[1]", "{}", "1.5", "99999999999999999999"] {
            haven.legacy(Some(&anna), "POST", "user/music/edit/1/", &format!(r#"{{"music": {music}}}"#)).await
                .assert_is(404, r#"{"error":"Music track not found"}"#);
        }
    }

    async fn an_alarm_without_a_scenario_is_not_there(database) {
        let haven = Haven::start(database).await;
        let anna = haven.testuser().await;
        haven.legacy(Some(&anna), "PATCH", "user/edit/1/", r#"{"scenario": null}"#).await.assert_status(200);
        haven.legacy(Some(&anna), "GET", "event/trigger/1/", "").await
            .assert_is(404, r#"{"error":"No AlarmScenario associated with this user"}"#);
    }

    async fn the_assistant_answers_from_the_guide(database) {
        let haven = Haven::start(database).await;
        let anna = haven.testuser().await;
        let answer = haven.legacy(Some(&anna), "POST", "chat/1/", r#"{"text": "Как справиться с тревогой?"}"#).await;
        answer.assert_status(200);
        let object = answer.json();
        assert_eq!(object.as_object().unwrap().len(), 1);
        assert!(object["response"].as_str().unwrap().contains("тревог"), "{object}");
        for body in ["", "{}", r#"{"text": null}"#, r#"{"text": "  "}"#, "[]"] {
            haven.legacy(Some(&anna), "POST", "chat/1/", body).await
                .assert_is(400, r#"{"error":"Message text is required"}"#);
        }
        let long = json!({"text": "я".repeat(4001)}).to_string();
        haven.legacy(Some(&anna), "POST", "chat/1/", &long).await
            .assert_is(400, r#"{"text":["Ensure this field has no more than 4000 characters."]}"#);
    }

    async fn the_support_url_is_that_of_the_path_and_the_request(database) {
        let haven = Haven::start(database).await;
        let anna = haven.testuser().await;
        let admin = haven.admin("boss").await;
        let url = format!("ws://{}/ws/chat/1/", haven.address);
        haven.legacy(Some(&anna), "GET", "chat/user/support/1/", "").await
            .assert_is(200, &format!(r#"{{"user_id":1,"is_admin":false,"websocket_url":"{url}"}}"#));
        haven.legacy(Some(&admin), "GET", "chat/user/support/1/", "").await
            .assert_is(200, &format!(r#"{{"user_id":1,"is_admin":true,"websocket_url":"{url}"}}"#));
    }

    async fn another_persons_id_is_403_with_the_documented_text_whether_or_not_it_exists(database) {
        let haven = Haven::start(database).await;
        haven.testuser().await;
        let bob = haven.person("bob").await;
        let default = "You are not authorized to access this user's data.";
        for (method, path, body, text) in [
            ("GET", "user/", "", default),
            ("PATCH", "user/edit/", r#"{"age": 1}"#, default),
            ("PATCH", "user/edit/contact/", IVAN, "You are not authorized to edit another user's emergency contact."),
            ("PUT", "user/create/therapist/", PETR, "You are not authorized to edit another user's therapist contact."),
            ("PATCH", "user/edit/therapist/", PETR, "You are not authorized to edit another user's therapist contact."),
            ("POST", "user/music/edit/", r#"{"music": 1}"#, "You are not authorized to edit this user's music preferences."),
            ("GET", "event/trigger/", "", "You are not authorized to trigger an alarm for this user."),
            ("POST", "event/trigger/", "", "You are not authorized to trigger an alarm for this user."),
            ("POST", "chat/", r#"{"text": "x"}"#, "You are not authorized to send messages to this user"),
            ("GET", "chat/user/support/", "", "You are not authorized to access this chat"),
        ] {
            let body_of_403 = json!({"error": text}).to_string();
            for id in [1, 999] {
                haven.legacy(Some(&bob), method, &format!("{path}{id}/"), body).await.assert_is(403, &body_of_403);
                // Before anything that is wrong with the body.
                if !body.is_empty() {
                    for unusable in ["{}", "[]", "{broken", r#"{"age": "x", "name": 1, "text": 1, "music": null}"#] {
                        haven.legacy(Some(&bob), method, &format!("{path}{id}/"), unusable).await.assert_is(403, &body_of_403);
                    }
                }
            }
        }
    }

    async fn the_own_alarm_and_the_own_assistant_are_closed_even_to_admins(database) {
        let haven = Haven::start(database).await;
        haven.testuser().await;
        let admin = haven.admin("boss").await;
        haven.legacy(Some(&admin), "GET", "event/trigger/1/", "").await
            .assert_is(403, r#"{"error":"You are not authorized to trigger an alarm for this user."}"#);
        for body in [r#"{"text": "x"}"#, "{}", "{broken"] {
            haven.legacy(Some(&admin), "POST", "chat/1/", body).await
                .assert_is(403, r#"{"error":"You are not authorized to send messages to this user"}"#);
        }
        haven.legacy(Some(&admin), "POST", "chat/999/", "{broken").await
            .assert_is(404, r#"{"error":"User not found"}"#);
    }

    async fn me_means_the_caller_on_every_endpoint(database) {
        let haven = Haven::start(database).await;
        haven.person("somebody").await;
        let anna = haven.testuser().await;
        for (method, path, body, status) in [
            ("GET", "user/me/", "", 200),
            ("PATCH", "user/edit/me/", r#"{"age": 1}"#, 200),
            ("PATCH", "user/edit/contact/me/", IVAN, 201),
            ("PUT", "user/create/therapist/me/", PETR, 201),
            ("PATCH", "user/edit/therapist/me/", PETR, 200),
            ("POST", "user/music/edit/me/", r#"{"music": 1}"#, 200),
            ("GET", "event/trigger/me/", "", 200),
            ("POST", "chat/me/", r#"{"text": "привет"}"#, 200),
            ("GET", "chat/user/support/me/", "", 200),
        ] {
            haven.legacy(Some(&anna), method, path, body).await.assert_status(status);
        }
        let profile = haven.legacy(Some(&anna), "GET", "user/me/", "").await.json();
        assert_eq!(profile["user"], 2);
        let access = haven.legacy(Some(&anna), "GET", "chat/user/support/me/", "").await.json();
        assert_eq!(access["websocket_url"], format!("ws://{}/ws/chat/2/", haven.address));
        assert_eq!(access["user_id"], Value::from(2));
    }
}
