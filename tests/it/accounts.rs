//! Accounts over GraphQL: registering, logging in and out, passwords, login sessions.

use chrono::TimeDelta;
use entity::session;
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::haven::{Haven, PASSWORD};
use crate::support::socket::eventually;

const REGISTER: &str =
    "mutation($input: RegisterInput!) { register(input: $input) { id username } }";
const LOGIN: &str =
    "mutation($input: LoginInput!) { login(input: $input) { token user { id username } } }";
const ME: &str = "{ me { username } }";
const SESSIONS: &str = "{ me { sessions { id current } } }";
const CHANGE: &str =
    "mutation($input: ChangePasswordInput!) { changePassword(input: $input) { token } }";

fn account(username: &str, email: &str, password: &str) -> Value {
    json!({"input": {"username": username, "email": email, "password": password}})
}

/// The wrong fields of an answer, as `field: message`.
fn wrong(answer: &Value) -> Vec<String> {
    answer["errors"][0]["extensions"]["fields"]
        .as_array()
        .unwrap_or_else(|| panic!("no fields: {answer:#}"))
        .iter()
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap().to_owned();
            format!("{}: {}", text("field"), text("message"))
        })
        .collect()
}

on_both! {
    async fn every_wrong_field_of_a_registration_is_named_at_once(database) {
        let haven = Haven::start(database).await;
        haven.person("anna").await;
        let answer = haven.graphql(None, REGISTER, account("ANNA", "nowhere", "short")).await;
        assert_eq!(wrong(&answer), [
            "username: A user with that username already exists.",
            "email: Enter a valid email address.",
            "password: This password is too short. It must contain at least 8 characters.",
        ]);
    }

    async fn usernames_of_any_script_are_welcome_and_reserved_ones_are_not(database) {
        let haven = Haven::start(database).await;
        let answer = haven.graphql(None, REGISTER, account("Анна.42@+-_", "a@example.com", PASSWORD)).await;
        assert_eq!(answer["data"]["register"]["username"], "Анна.42@+-_");
        for reserved in ["admin", "Me", "SYSTEM"] {
            let answer = haven.graphql(None, REGISTER, account(reserved, "a@example.com", PASSWORD)).await;
            assert_eq!(wrong(&answer), ["username: A user with that username already exists."]);
        }
        for bad in ["two words", "semi;colon", "new\nline", "<b>"] {
            let answer = haven.graphql(None, REGISTER, account(bad, "a@example.com", PASSWORD)).await;
            assert!(wrong(&answer)[0].starts_with("username: Enter a valid username."));
        }
    }

    async fn a_password_may_not_be_the_username_or_the_email(database) {
        let haven = Haven::start(database).await;
        let answer = haven.graphql(None, REGISTER, account("annabella", "a@example.com", "AnnaBella")).await;
        assert_eq!(wrong(&answer), ["password: The password is too similar to the username."]);
        let answer = haven.graphql(None, REGISTER, account("anna", "anna@example.com", "anna@example.com")).await;
        assert_eq!(wrong(&answer), ["password: The password is too similar to the email."]);
    }

    async fn a_deployment_may_refuse_passwords_by_a_file(database) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("refused.txt");
        std::fs::write(&file, "qwertyuiop\nPassword123\n").unwrap();
        let haven = Haven::with(database, |config| config.refused_passwords = Some(file)).await;
        let answer = haven.graphql(None, REGISTER, account("anna", "a@example.com", "password123")).await;
        assert_eq!(wrong(&answer), ["password: This password is too common."]);
        let answer = haven.graphql(None, REGISTER, account("anna", "a@example.com", "password")).await;
        assert_eq!(answer["data"]["register"]["id"], "1");
    }

    async fn two_registrations_of_one_name_at_the_same_instant_make_one_account(database) {
        let haven = Haven::start(database).await;
        let (one, two) = tokio::join!(
            haven.graphql(None, REGISTER, account("anna", "a@example.com", PASSWORD)),
            haven.graphql(None, REGISTER, account("Anna", "b@example.com", PASSWORD)),
        );
        let made = [&one, &two].iter().filter(|answer| answer.get("errors").is_none()).count();
        assert_eq!(made, 1, "{one:#} {two:#}");
        let refused = if one.get("errors").is_some() { &one } else { &two };
        assert_eq!(wrong(refused), ["username: A user with that username already exists."]);
    }

    async fn a_new_account_follows_the_default_scenario(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let data = haven.data(&anna, "{ me { profile { scenario { name isDefault } } } }", json!({})).await;
        assert_eq!(
            data["me"]["profile"]["scenario"],
            json!({"name": "Стандартный сценарий", "isDefault": true})
        );
    }

    async fn the_username_is_found_without_regard_to_case(database) {
        let haven = Haven::start(database).await;
        haven.person("Анна").await;
        let input = json!({"input": {"username": "аННА", "password": PASSWORD}});
        let answer = haven.graphql(None, LOGIN, input).await;
        assert_eq!(answer["data"]["login"]["user"]["username"], "Анна");
    }

    async fn a_wrong_password_an_unknown_user_and_a_deactivated_one_get_the_same_answer(database) {
        let haven = Haven::start(database).await;
        let admin = haven.admin("boss").await;
        let bob = haven.person("bob").await;
        haven.person("anna").await;
        let off = "mutation($id: ID!) { setUserActive(userId: $id, active: false) { isActive } }";
        haven.data(&admin, off, json!({"id": bob.id})).await;
        let mut answers = Vec::new();
        for (username, password) in [("anna", "wrongpassword"), ("nobody", PASSWORD), ("bob", PASSWORD)] {
            let input = json!({"input": {"username": username, "password": password}});
            answers.push(haven.graphql(None, LOGIN, input).await["errors"][0].clone());
        }
        assert_eq!(answers[0]["message"], "Invalid credentials.");
        assert_eq!(answers[0]["extensions"]["code"], "UNAUTHENTICATED");
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0], answers[2]);
    }

    async fn a_token_is_forty_hexadecimal_characters_and_only_its_hash_is_stored(database) {
        use sea_orm::EntityTrait;
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        assert_eq!(anna.token.len(), 40);
        assert!(anna.token.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)));
        let rows = entity::session::Entity::find().all(haven.app.db.read()).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].token_hash, haven::auth::fingerprint(&anna.token));
    }

    async fn passwords_are_stored_as_argon2id_with_19_mib_and_two_passes(database) {
        use sea_orm::EntityTrait;
        let haven = Haven::start(database).await;
        haven.person("anna").await;
        let row = entity::user::Entity::find().one(haven.app.db.read()).await.unwrap().unwrap();
        assert!(row.password_hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", row.password_hash);
    }

    async fn each_login_has_a_token_of_its_own_and_logout_ends_that_one_only(database) {
        let haven = Haven::start(database).await;
        let phone = haven.person("anna").await;
        let tablet = haven.log_in("anna").await;
        assert_ne!(phone.token, tablet.token);
        haven.data(&phone, "mutation { logout }", json!({})).await;
        assert_eq!(haven.code(Some(&phone), "{ musicTracks { id } }", json!({})).await, "UNAUTHENTICATED");
        let data = haven.data(&tablet, ME, json!({})).await;
        assert_eq!(data["me"]["username"], "anna");
    }

    async fn logout_everywhere_ends_all(database) {
        let haven = Haven::start(database).await;
        let phone = haven.person("anna").await;
        let tablet = haven.log_in("anna").await;
        haven.data(&phone, "mutation { logout(everywhere: true) }", json!({})).await;
        for device in [phone, tablet] {
            let data = haven.data(&device, ME, json!({})).await;
            assert_eq!(data["me"], Value::Null);
        }
    }

    async fn a_user_lists_its_sessions_and_revokes_one(database) {
        let haven = Haven::start(database).await;
        let phone = haven.person("anna").await;
        let lost = haven.log_in("anna").await;
        let data = haven.data(&phone, SESSIONS, json!({})).await;
        let sessions = data["me"]["sessions"].as_array().unwrap();
        assert_eq!(sessions.len(), 2);
        assert_eq!((&sessions[0]["current"], &sessions[1]["current"]), (&json!(true), &json!(false)));
        let revoke = "mutation($id: ID!) { revokeSession(id: $id) }";
        haven.data(&phone, revoke, json!({"id": sessions[1]["id"]})).await;
        assert_eq!(haven.data(&lost, ME, json!({})).await["me"], Value::Null);
        assert_eq!(haven.code(Some(&phone), revoke, json!({"id": sessions[1]["id"]})).await, "NOT_FOUND");
    }

    async fn nobody_revokes_another_persons_session(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let mallory = haven.person("mallory").await;
        let data = haven.data(&anna, SESSIONS, json!({})).await;
        let id = data["me"]["sessions"][0]["id"].clone();
        let revoke = "mutation($id: ID!) { revokeSession(id: $id) }";
        assert_eq!(haven.code(Some(&mallory), revoke, json!({"id": id})).await, "NOT_FOUND");
        assert_eq!(haven.data(&anna, ME, json!({})).await["me"]["username"], "anna");
    }

    async fn a_change_of_password_ends_the_other_sessions_and_gives_a_new_token(database) {
        let haven = Haven::start(database).await;
        let phone = haven.person("anna").await;
        let tablet = haven.log_in("anna").await;
        let input = json!({"input": {"currentPassword": PASSWORD, "newPassword": "another password "}});
        let data = haven.data(&phone, CHANGE, input).await;
        let mut renewed = phone.clone();
        renewed.token = data["changePassword"]["token"].as_str().unwrap().to_owned();
        assert_eq!(haven.data(&renewed, ME, json!({})).await["me"]["username"], "anna");
        for old in [&phone, &tablet] {
            assert_eq!(haven.data(old, ME, json!({})).await["me"], Value::Null);
        }
        let trimmed = json!({"input": {"username": "anna", "password": "another password"}});
        assert_eq!(haven.code(None, LOGIN, trimmed).await, "UNAUTHENTICATED");
        let exact = json!({"input": {"username": "anna", "password": "another password "}});
        assert!(haven.graphql(None, LOGIN, exact).await.get("errors").is_none());
    }

    async fn a_change_of_password_needs_the_current_one(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let input = json!({"input": {"currentPassword": "guessed", "newPassword": "short"}});
        let answer = haven.graphql(Some(&anna), CHANGE, input).await;
        assert_eq!(wrong(&answer), [
            "newPassword: This password is too short. It must contain at least 8 characters.",
            "currentPassword: The password is wrong.",
        ]);
    }

    async fn a_token_ends_after_180_days_without_use(database) {
        let haven = Haven::start(database).await;
        let used = haven.person("anna").await;
        let forgotten = haven.log_in("anna").await;
        haven.app.clock.advance(TimeDelta::days(179));
        assert_eq!(haven.data(&used, ME, json!({})).await["me"]["username"], "anna");
        // Written down beside the request.
        eventually(async || {
            let sessions = session::Entity::find().all(haven.app.db.read()).await.unwrap();
            let age = |session: &session::Model| session.last_used_at - session.created_at;
            sessions.iter().any(|session| age(session) > TimeDelta::days(170))
        })
        .await;
        haven.app.clock.advance(TimeDelta::days(2));
        assert_eq!(haven.data(&used, ME, json!({})).await["me"]["username"], "anna");
        assert_eq!(haven.data(&forgotten, ME, json!({})).await["me"], Value::Null);
    }

    async fn accounts_survive_a_restart(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let haven = haven.restart().await;
        assert_eq!(haven.data(&anna, ME, json!({})).await["me"]["username"], "anna");
    }

    async fn nul_characters_are_refused_by_name(database) {
        let haven = Haven::start(database).await;
        let answer = haven.graphql(None, REGISTER, account("an\0na", "a@exa\0mple.com", "pass\0word1")).await;
        assert_eq!(wrong(&answer), [
            "username: Null characters are not allowed.",
            "email: Null characters are not allowed.",
            "password: Null characters are not allowed.",
        ]);
        let input = json!({"input": {"username": "an\0na", "password": "pass\0word"}});
        let answer = haven.graphql(None, LOGIN, input).await;
        assert_eq!(wrong(&answer).len(), 2);
    }

    async fn a_flood_of_logins_leaves_other_requests_their_turn(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let input = json!({"input": {"username": "anna", "password": "wrongpassword"}});
        let flood = async {
            let mut logins = Vec::new();
            for _ in 0..40 {
                logins.push(haven.graphql(None, LOGIN, input.clone()));
            }
            futures_util::future::join_all(logins).await
        };
        tokio::pin!(flood);
        let mut answered = 0;
        // Other people's requests are answered one after another while the flood lasts: a
        // single core's worth of hashing is between them and the last login.
        let logins = loop {
            tokio::select! {
                biased;
                logins = &mut flood => break logins,
                data = haven.data(&anna, ME, json!({})) => {
                    assert_eq!(data["me"]["username"], "anna");
                    answered += 1;
                }
            }
        };
        assert_eq!(logins.len(), 40);
        assert!(answered > 40, "only {answered} requests got through");
    }
}
