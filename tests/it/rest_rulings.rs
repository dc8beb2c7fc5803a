//! What holds for every REST endpoint: paths, methods, tokens, bodies, bad input.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::databases::Database;
use crate::support::haven::Haven;

/// Method, path with the id 1, and a body that fits.
const ENDPOINTS: [(&str, &str, &str); 13] = [
    (
        "POST",
        "/api/v1/user/registration",
        r#"{"username":"new","email":"n@example.com","password":"securepassword123"}"#,
    ),
    (
        "POST",
        "/api/v1/user/login",
        r#"{"username":"anna","password":"securepassword123"}"#,
    ),
    ("GET", "/api/v1/user/1", ""),
    ("PATCH", "/api/v1/user/edit/1", r#"{"age":1}"#),
    (
        "PATCH",
        "/api/v1/user/edit/contact/1",
        r#"{"name":"И","phone":"12345","relationship":"б"}"#,
    ),
    (
        "PUT",
        "/api/v1/user/create/therapist/1",
        r#"{"name":"П","phone":"12345","email":"p@example.com"}"#,
    ),
    ("PATCH", "/api/v1/user/edit/therapist/1", r#"{"name":"П"}"#),
    ("GET", "/api/v1/user/music", ""),
    ("POST", "/api/v1/user/music/edit/1", r#"{"music":1}"#),
    ("GET", "/api/v1/event/trigger/1", ""),
    ("POST", "/api/v1/event/trigger/1", ""),
    ("POST", "/api/v1/chat/1", r#"{"text":"x"}"#),
    ("GET", "/api/v1/chat/user/support/1", ""),
];

const NOT_PROVIDED: &str = r#"{"detail":"Authentication credentials were not provided."}"#;

/// Endpoints that need a token.
fn private() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    ENDPOINTS.into_iter().skip(2)
}

on_both! {
    async fn every_path_works_with_and_without_the_slash(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        for (method, path, body) in ENDPOINTS {
            for (slash, name) in [("", "new1"), ("/", "new2")] {
                let body = body.replace("\"new\"", &format!("\"{name}\""));
                let mut call = haven.by(&anna, method, &format!("{path}{slash}"));
                if !body.is_empty() {
                    call = call.body("application/json", body);
                }
                let answer = call.send().await;
                assert!(matches!(answer.status, 200 | 201), "{method} {path}{slash}: {answer:?}");
                assert_eq!(answer.header("cache-control"), Some("no-store"));
            }
        }
    }

    async fn bodies_may_be_forms(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let form = "age=35&location=%D0%A2%D0%B2%D0%B5%D1%80%D1%8C&military_status=true&ptsd_level=2&scenario=3";
        let stored = json!({"age": 35, "location": "Тверь", "military_status": true, "ptsd_level": 2,
            "therapist_contact": null, "scenario": 3});
        let answer = haven.by(&anna, "PATCH", "/api/v1/user/edit/me/")
            .body("application/x-www-form-urlencoded", form).send().await;
        answer.assert_status(200);
        assert_eq!(answer.json()["updated_data"], stored);
        let multipart = "--X\r\nContent-Disposition: form-data; name=\"age\"\r\n\r\n36\r\n\
            --X\r\nContent-Disposition: form-data; name=\"location\"\r\n\r\nМосква\r\n--X--\r\n";
        let answer = haven.by(&anna, "PATCH", "/api/v1/user/edit/me/")
            .body("multipart/form-data; boundary=X", multipart).send().await;
        answer.assert_status(200);
        assert_eq!(answer.json()["updated_data"]["age"], 36);
        assert_eq!(answer.json()["updated_data"]["location"], "Москва");
    }

    async fn scalars_are_taken_leniently_and_no_further(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let edit = |body: Value| haven.by(&anna, "PATCH", "/api/v1/user/edit/1/").json(&body).send();
        let answer = edit(json!({"age": "35", "ptsd_level": "2", "scenario": "3"})).await;
        answer.assert_status(200);
        let data = answer.json()["updated_data"].clone();
        assert_eq!((&data["age"], &data["ptsd_level"], &data["scenario"]), (&json!(35), &json!(2), &json!(3)));
        for (value, is) in [
            (json!("true"), true), (json!("True"), true), (json!("1"), true), (json!(1), true), (json!(true), true),
            (json!("false"), false), (json!("False"), false), (json!("0"), false), (json!(0), false),
        ] {
            let answer = edit(json!({"military_status": value})).await;
            assert_eq!(answer.json()["updated_data"]["military_status"], is, "{value}");
        }
        for (field, value, message) in [
            ("age", json!("x"), "A valid integer is required."),
            ("age", json!(""), "A valid integer is required."),
            ("age", json!(1.5), "A valid integer is required."),
            ("age", json!(true), "A valid integer is required."),
            ("age", json!([]), "A valid integer is required."),
            ("age", json!({}), "A valid integer is required."),
            ("age", json!(151), "Ensure this value is less than or equal to 150."),
            ("age", json!(-1), "Ensure this value is greater than or equal to 0."),
            ("age", json!(99_999_999_999_i64), "Ensure this value is less than or equal to 150."),
            ("age", json!("-99999999999999999999"), "Ensure this value is greater than or equal to 0."),
            ("ptsd_level", json!(6), "Ensure this value is less than or equal to 5."),
            ("ptsd_level", json!(0), "Ensure this value is greater than or equal to 1."),
            ("military_status", json!("yes please"), "Must be a valid boolean."),
            ("military_status", json!(2), "Must be a valid boolean."),
            ("location", json!(5), "Not a valid string."),
            ("location", json!(true), "Not a valid string."),
            ("location", json!(["Тверь"]), "Not a valid string."),
            ("location", json!("я".repeat(256)), "Ensure this field has no more than 255 characters."),
            ("location", json!("a\0b"), "Null characters are not allowed."),
            ("scenario", json!("x"), "A valid integer is required."),
            ("therapist_contact", json!(true), "A valid integer is required."),
        ] {
            let mut body = json!({});
            body[field] = value.clone();
            let answer = edit(body).await;
            answer.assert_is(400, &json!({field: [message]}).to_string());
        }
    }

    async fn every_wrong_field_is_named_at_once_and_nothing_is_changed(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let body = json!({"age": "x", "location": 5, "military_status": "maybe", "ptsd_level": 1});
        let answer = haven.by(&anna, "PATCH", "/api/v1/user/edit/1/").json(&body).send().await;
        answer.assert_status(400);
        assert_eq!(answer.json(), json!({"age": ["A valid integer is required."],
            "location": ["Not a valid string."], "military_status": ["Must be a valid boolean."]}));
        let profile = haven.by(&anna, "GET", "/api/v1/user/1/").send().await.json();
        assert_eq!(profile["ptsd_level"], Value::Null);
    }

    async fn fields_left_out_stay_and_null_clears_them(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let edit = |body: Value| haven.by(&anna, "PATCH", "/api/v1/user/edit/1/").json(&body).send();
        edit(json!({"age": 30, "location": "Москва", "military_status": true, "ptsd_level": 3})).await.assert_status(200);
        let untouched = edit(json!({})).await.json()["updated_data"].clone();
        assert_eq!(untouched, json!({"age": 30, "location": "Москва", "military_status": true, "ptsd_level": 3,
            "therapist_contact": null, "scenario": 1}));
        let nulls = json!({"age": null, "location": null, "military_status": null, "ptsd_level": null, "scenario": null});
        let cleared = edit(nulls).await.json()["updated_data"].clone();
        assert_eq!(cleared, json!({"age": null, "location": "", "military_status": false, "ptsd_level": null,
            "therapist_contact": null, "scenario": null}));
    }

    async fn unknown_fields_are_ignored(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let body = json!({"age": 5, "user_id": 7, "is_admin": true, "__proto__": {}, "id": 9});
        haven.by(&anna, "PATCH", "/api/v1/user/edit/1/").json(&body).send().await.assert_status(200);
    }

    async fn without_a_token_everything_private_is_401(database) {
        let haven = Haven::start(database).await;
        haven.person("anna").await;
        for (method, path, body) in private() {
            for unusable in [body, "{broken"] {
                let mut call = haven.call(method, path);
                if !body.is_empty() {
                    call = call.body("application/json", unusable.to_owned());
                }
                let answer = call.send().await;
                answer.assert_is(401, NOT_PROVIDED);
                assert_eq!(answer.header("www-authenticate"), Some("Token"));
            }
        }
    }

    async fn a_bad_token_is_told_what_is_wrong_with_it(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        for (header, detail) in [
            (format!("Token {}", "0".repeat(40)), "Invalid token."),
            ("Token".to_owned(), "Invalid token header. No credentials provided."),
            ("token ".to_owned(), "Invalid token header. No credentials provided."),
            (format!("Token {} x", anna.token), "Invalid token header. Token string should not contain spaces."),
            (format!("Basic {}", anna.token), "Authentication credentials were not provided."),
            (anna.token.clone(), "Authentication credentials were not provided."),
        ] {
            let answer = haven.call("GET", "/api/v1/user/1/").header("authorization", &header).send().await;
            answer.assert_is(401, &json!({"detail": detail}).to_string());
            assert_eq!(answer.header("www-authenticate"), Some("Token"));
        }
        for scheme in ["Token", "token", "TOKEN", "Bearer", "bearer"] {
            let header = format!("{scheme} {}", anna.token);
            haven.call("GET", "/api/v1/user/1/").header("authorization", &header).send().await.assert_status(200);
        }
    }

    async fn a_deactivated_users_token_is_told_so(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let admin = haven.admin("boss").await;
        let off = "mutation($id: ID!) { setUserActive(userId: $id, active: false) { isActive } }";
        haven.data(&admin, off, json!({"id": anna.id})).await;
        haven.by(&anna, "GET", "/api/v1/user/1/").send().await
            .assert_is(401, r#"{"detail":"User inactive or deleted."}"#);
    }

    async fn registration_and_login_ignore_the_header(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        for (name, header) in [("new1", format!("Token {}", anna.token)), ("new2", "Token stale".to_owned()), ("new3", "Token".to_owned())] {
            let body = json!({"username": name, "email": "n@example.com", "password": "securepassword123"});
            haven.call("POST", "/api/v1/user/registration/").header("authorization", &header).json(&body).send().await.assert_status(201);
            haven.call("POST", "/api/v1/user/login/").header("authorization", &header).json(&body).send().await.assert_status(200);
        }
    }

    async fn no_body_fells_any_endpoint(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        let deep_object = format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000));
        let bodies: Vec<Vec<u8>> = [
            "", "{", "null", "[]", "\"\"", "1", "1e999", "NaN", "{\"age\": 1e999}", "{\"age\": 1",
            "{\"username\": \"\\ud800\", \"password\": \"\\udfff\", \"text\": \"\\ud83d\"}",
            "{\"username\": \"\\u0000\", \"email\": \"\\u0000\", \"password\": \"\\u0000\", \"name\": \"\\u0000\", \"text\": \"\\u0000\", \"music\": \"\\u0000\"}",
            "{\"username\": [], \"email\": {}, \"password\": 1.5, \"name\": true, \"phone\": [], \"relationship\": {}, \"text\": [[]], \"music\": {}, \"age\": {}}",
            "{\"music\": -9223372036854775808, \"age\": -9223372036854775808, \"scenario\": 1e400}",
            "{\"music\": 9223372036854775807, \"age\": 9223372036854775807, \"scenario\": 9223372036854775807}",
            "{\"a\": 1, \"a\": 2}", "\u{feff}{}", "// comment\n{}", "{'a': 1}",
            deep.as_str(), deep_object.as_str(),
        ].into_iter().map(|text| text.as_bytes().to_vec()).chain([vec![0xff, 0xfe], b"{\"text\": \"\xff\"}".to_vec()]).collect();
        for (method, path, _) in ENDPOINTS {
            for body in &bodies {
                for content_type in ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=X", "multipart/form-data"] {
                    let answer = haven.by(&anna, method, path).body(content_type, body.clone()).send().await;
                    let text = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
                    assert!(answer.status < 500, "{method} {path} {content_type} {text}: {answer:?}");
                    answer.json();
                }
            }
        }
        haven.by(&anna, "GET", "/api/v1/user/1/").send().await.assert_status(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_id_is_a_positive_integer_or_me() {
    let haven = Haven::start(Database::Sqlite).await;
    let anna = haven.person("anna").await;
    for (method, path, body) in private().filter(|(_, path, _)| path.ends_with("/1")) {
        for id in [
            "0",
            "-1",
            "x",
            "1.5",
            "+1",
            "Me",
            "99999999999999999999",
            "%31%00",
            "1%2F2",
            "٣",
            "%20",
        ] {
            let path = format!("{}{id}/", path.strip_suffix('1').unwrap());
            let answer = haven
                .by(&anna, method, &path)
                .body("application/json", body)
                .send()
                .await;
            answer.assert_is(404, r#"{"detail":"Not found."}"#);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_paths_are_404() {
    let haven = Haven::start(Database::Sqlite).await;
    for path in [
        "/api/",
        "/api/v1/",
        "/api/v1",
        "/api/v2/user/1/",
        "/api/v1/user/",
        "/api/v1/user/1/2/",
        "/api/v1/nothing/",
        "/api/v1//user/1/",
    ] {
        haven
            .call("GET", path)
            .send()
            .await
            .assert_is(404, r#"{"detail":"Not found."}"#);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_method_is_405_with_allow() {
    let haven = Haven::start(Database::Sqlite).await;
    let anna = haven.person("anna").await;
    for (method, path, allow) in [
        ("GET", "/api/v1/user/registration/", "POST"),
        ("GET", "/api/v1/user/login", "POST"),
        ("POST", "/api/v1/user/1/", "GET"),
        ("DELETE", "/api/v1/user/edit/1/", "PATCH"),
        ("POST", "/api/v1/user/edit/contact/1/", "PATCH"),
        ("POST", "/api/v1/user/create/therapist/1/", "PUT"),
        ("PUT", "/api/v1/event/trigger/1/", "GET"),
        ("GET", "/api/v1/chat/1/", "POST"),
    ] {
        let answer = haven.by(&anna, method, path).send().await;
        answer.assert_is(
            405,
            &format!(r#"{{"detail":"Method \"{method}\" not allowed."}}"#),
        );
        assert!(
            answer
                .header("allow")
                .unwrap()
                .split(',')
                .any(|one| one.trim() == allow),
            "{answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_answers_as_get_does_but_triggers_no_alarm() {
    let haven = Haven::start(Database::Sqlite).await;
    let anna = haven.person("anna").await;
    let answer = haven.by(&anna, "HEAD", "/api/v1/user/1/").send().await;
    answer.assert_is(200, "");
    let answer = haven
        .by(&anna, "HEAD", "/api/v1/event/trigger/1/")
        .send()
        .await;
    answer.assert_status(405);
    let data = haven
        .data(&anna, "{ me { alarms { nodes { id } } } }", json!({}))
        .await;
    assert_eq!(data["me"]["alarms"]["nodes"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_json_is_a_parse_error() {
    let haven = Haven::start(Database::Sqlite).await;
    let anna = haven.person("anna").await;
    for (method, path, _) in ENDPOINTS
        .into_iter()
        .filter(|(_, _, body)| !body.is_empty())
    {
        let answer = haven
            .by(&anna, method, path)
            .body("application/json", "{\"secret words\": ")
            .send()
            .await;
        answer.assert_status(400);
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with("JSON parse error - "), "{detail}");
        assert!(!detail.contains("secret"), "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_content_types_are_415() {
    let haven = Haven::start(Database::Sqlite).await;
    let anna = haven.person("anna").await;
    for (method, path, body) in ENDPOINTS
        .into_iter()
        .filter(|(_, _, body)| !body.is_empty())
    {
        let answer = haven
            .by(&anna, method, path)
            .body("text/plain", body)
            .send()
            .await;
        answer.assert_is(
            415,
            r#"{"detail":"Unsupported media type \"text/plain\" in request."}"#,
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_over_64_kib_is_413() {
    let haven = Haven::start(Database::Sqlite).await;
    let anna = haven.person("anna").await;
    let body = format!("{{\"text\": \"{}\"}}", "x".repeat(64 * 1024));
    for (method, path, _) in ENDPOINTS
        .into_iter()
        .filter(|(_, _, body)| !body.is_empty())
    {
        let answer = haven
            .by(&anna, method, path)
            .body("application/json", body.clone())
            .send()
            .await;
        answer.assert_status(413);
        assert!(answer.json()["detail"].is_string());
    }
}

on_both! {
    async fn the_idempotency_key_is_a_header(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let path = "/api/v1/event/trigger/me/";
        for (method, key) in [("GET", "press-1"), ("POST", "press-1"), ("GET", "")] {
            let press = haven.by(&anna, method, path).header("idempotency-key", key);
            press.send().await.assert_status(200);
        }
        let query = "{ me { alarms(first: 10) { nodes { id } } } }";
        let alarms = haven.data(&anna, query, json!({})).await;
        assert_eq!(alarms["me"]["alarms"]["nodes"].as_array().unwrap().len(), 1);
        let press = haven.by(&anna, "GET", path).header("idempotency-key", &"k".repeat(256));
        press.send().await.assert_status(200);
    }

    async fn forms_in_other_charsets_are_read(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let form = "application/x-www-form-urlencoded; charset=windows-1251";
        let edit = haven.by(&anna, "PATCH", "/api/v1/user/edit/me/").body(form, "location=%D2%E2%E5%F0%FC&age=");
        let answer = edit.send().await;
        answer.assert_status(200);
        assert_eq!(answer.json()["updated_data"]["location"], "Тверь");
        assert_eq!(answer.json()["updated_data"]["age"], Value::Null);
        let edit = haven.by(&anna, "PATCH", "/api/v1/user/edit/me/");
        let answer = edit.body("application/x-www-form-urlencoded", "location=%FF").send().await;
        answer.assert_is(400, r#"{"detail":"Form parse error - not UTF-8"}"#);
    }
}
