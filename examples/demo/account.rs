//! Registration, login, profile, contacts, therapist, track, scenario.

use serde_json::json;

use crate::device::Device;
use crate::{Cast, PASSWORD, Stage};

const IVAN: &str = r#"{"name": "Иван Иванов", "phone": "+79001234567", "email": "ivan@example.com", "relationship": "Брат"}"#;
const MARIA: &str = r#"{"name": "Мария Иванова", "phone": "+79007654321", "email": "maria@example.com", "relationship": "Мама"}"#;
const PETR: &str =
    r#"{"name": "Петр Петров", "phone": "+79005556677", "email": "petr@example.com"}"#;

/// Anna registers; she and the supporter log in.
pub async fn join(stage: &Stage) -> Cast {
    let Stage { story, running, .. } = stage;
    story.hide(PASSWORD);
    let device = |name| Device::new(name, story, running.address);
    let (mut phone, mut tablet, mut desk) = (device("phone"), device("tablet"), device("desk"));

    story.step("Anna registers with the legacy app");
    let body = json!({"username": "anna", "email": "anna@example.com", "password": PASSWORD});
    let path = "/api/v1/user/registration/";
    let answer = phone.rest("POST", path, &[], &body.to_string()).await;
    answer.assert_is(201, r#"{"message":"User Created"}"#);
    assert_eq!(answer.header("x-user-id"), Some("2"));
    story.seen("She is user 2; the supporter came first. The name is taken from now on:");
    let answer = phone.rest("POST", path, &[], &body.to_string()).await;
    answer.assert_is(
        400,
        r#"{"username":["A user with that username already exists."]}"#,
    );

    story.step("Anna logs in, on the phone and on a tablet; a stranger who guesses does not");
    let login = |username, password| json!({"username": username, "password": password});
    let wrong = login("anna", "password1").to_string();
    let answer = device("stranger")
        .rest("POST", "/api/v1/user/login/", &[], &wrong)
        .await;
    answer.assert_is(401, r#"{"error":"Invalid credentials."}"#);
    let answer = phone.get("/api/v1/user/me/").await;
    answer.assert_is(
        401,
        r#"{"detail":"Authentication credentials were not provided."}"#,
    );
    log_in(&mut phone, "anna", "2").await;
    log_in(&mut tablet, "anna", "2").await;
    assert_ne!(phone.token, tablet.token);

    story.step("The supporter logs in");
    log_in(&mut desk, "olga", "1").await;
    Cast {
        phone,
        tablet,
        desk,
    }
}

async fn log_in(device: &mut Device, username: &str, id: &str) {
    let body = json!({"username": username, "password": PASSWORD}).to_string();
    let answer = device.rest("POST", "/api/v1/user/login/", &[], &body).await;
    answer.assert_status(200);
    assert_eq!(answer.header("x-user-id"), Some(id));
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(token.len(), 40);
    assert!(token.bytes().all(|byte| byte.is_ascii_hexdigit()));
    device.token = token;
}

/// Anna says who she is and who is to be told; the profile as it is then.
pub async fn settle_in(stage: &Stage, cast: &Cast) -> String {
    let story = &stage.story;
    let Cast { phone, tablet, .. } = cast;

    story.step("Anna finds an empty profile that already follows the default alarm scenario");
    phone.get("/api/v1/user/2/").await.assert_is(
        200,
        r#"{"id":2,"user":2,"username":"anna","age":null,"location":"","military_status":false,"ptsd_level":null,"music":null,"therapist_contact":null,"scenario":1}"#,
    );

    story.step("Anna names two people to tell in an alarm");
    let path = "/api/v1/user/edit/contact/me/";
    phone.rest("PATCH", path, &[], IVAN).await.assert_is(
        201,
        r#"{"message":"A new emergency contact has been created.","data":{"id":1,"name":"Иван Иванов","phone":"+79001234567","email":"ivan@example.com","relationship":"Брат"}}"#,
    );
    phone.rest("PATCH", path, &[], MARIA).await.assert_is(
        201,
        r#"{"message":"A new emergency contact has been created.","data":{"id":2,"name":"Мария Иванова","phone":"+79007654321","email":"maria@example.com","relationship":"Мама"}}"#,
    );
    let nameless = r#"{"phone": "+79001112233"}"#;
    phone.rest("PATCH", path, &[], nameless).await.assert_is(
        400,
        r#"{"error":"The 'name', 'phone', and 'relationship' fields are required."}"#,
    );

    story.step("Anna names her therapist");
    let path = "/api/v1/user/create/therapist/me/";
    phone.rest("PUT", path, &[], PETR).await.assert_is(
        201,
        r#"{"message":"A new therapist contact has been created.","data":{"id":1,"name":"Петр Петров","phone":"+79005556677","email":"petr@example.com"}}"#,
    );

    story.step("Anna chooses a calming track");
    phone.get("/api/v1/user/music/").await.assert_is(
        200,
        r#"[{"id":1,"name":"Спокойный океан","url":"https://example.com/music/ocean.mp3"},{"id":2,"name":"Лесные звуки","url":"https://example.com/music/forest.mp3"}]"#,
    );
    let path = "/api/v1/user/music/edit/me/";
    phone
        .rest("POST", path, &[], r#"{"music": 2}"#)
        .await
        .assert_is(200, r#"{"message":"Music track updated successfully"}"#);

    story.step("Anna looks at the alarm scenarios with the newer app, and edits her profile with the old one");
    let scenarios = tablet
        .graphql(
            "{ alarmScenarios { id name playMusic notifyContact notifyTherapist isDefault } }",
            json!({}),
        )
        .await;
    assert_eq!(
        scenarios["alarmScenarios"][0],
        json!({"id": "1", "name": "Стандартный сценарий", "playMusic": true, "notifyContact": true, "notifyTherapist": true, "isDefault": true})
    );
    let edit = r#"{"age": 35, "location": "Тверь", "ptsd_level": 2, "scenario": 1}"#;
    let path = "/api/v1/user/edit/me/";
    phone.rest("PATCH", path, &[], edit).await.assert_is(
        200,
        r#"{"message":"UserInfo updated successfully.","updated_data":{"age":35,"location":"Тверь","military_status":false,"ptsd_level":2,"therapist_contact":1,"scenario":1}}"#,
    );
    let wrong = r#"{"age": 36, "scenario": 99}"#;
    let answer = phone.rest("PATCH", path, &[], wrong).await;
    answer.assert_is(400, r#"{"error":"AlarmScenario not found with this id."}"#);

    story.step("The profile is as she left it: the wrong edit changed nothing");
    let answer = phone.get("/api/v1/user/me/").await;
    answer.assert_is(
        200,
        r#"{"id":2,"user":2,"username":"anna","age":35,"location":"Тверь","military_status":false,"ptsd_level":2,"music":2,"therapist_contact":1,"scenario":1}"#,
    );
    answer.body
}
