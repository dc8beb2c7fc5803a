//! Users over GraphQL: who sees whom, the list for admins, its cost, the switches.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::haven::{Haven, Person};

const USER: &str = "query($id: ID!) { user(id: $id) { id username } }";
const PAGE: &str =
    "query($first: Int, $after: String, $last: Int, $before: String, $search: String) {
    users(first: $first, after: $after, last: $last, before: $before, search: $search) {
        nodes { username }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
}";

async fn people(haven: &Haven, count: usize) -> Vec<Person> {
    let mut people = Vec::new();
    for number in 0..count {
        people.push(haven.person(&format!("user{number:02}")).await);
    }
    people
}

fn names(data: &Value) -> Vec<&str> {
    data["users"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["username"].as_str().unwrap())
        .collect()
}

on_both! {
    async fn a_user_sees_itself_by_id_and_by_me(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        for id in [json!(anna.id), json!("me")] {
            let data = haven.data(&anna, USER, json!({"id": id})).await;
            assert_eq!(data["user"], json!({"id": anna.id.to_string(), "username": "anna"}));
        }
    }

    async fn another_user_and_nobody_look_alike_to_those_who_are_no_admins(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let bob = haven.person("bob").await;
        let existing = haven.graphql(Some(&anna), USER, json!({"id": bob.id})).await;
        let missing = haven.graphql(Some(&anna), USER, json!({"id": 4711})).await;
        assert_eq!(existing["errors"][0]["extensions"]["code"], "FORBIDDEN");
        assert_eq!(existing, missing);
        assert_eq!(haven.code(None, USER, json!({"id": bob.id})).await, "UNAUTHENTICATED");
    }

    async fn an_admin_sees_anybody_and_null_for_nobody(database) {
        let haven = Haven::start(database).await;
        let admin = haven.admin("boss").await;
        let anna = haven.person("anna").await;
        let data = haven.data(&admin, USER, json!({"id": anna.id})).await;
        assert_eq!(data["user"]["username"], "anna");
        for nobody in ["4711", "0", "-1", "abc", "99999999999999999999"] {
            let data = haven.data(&admin, USER, json!({"id": nobody})).await;
            assert_eq!(data["user"], Value::Null);
        }
    }

    async fn even_an_admin_does_not_see_another_persons_sessions(database) {
        let haven = Haven::start(database).await;
        let admin = haven.admin("boss").await;
        let anna = haven.person("anna").await;
        let query = "query($id: ID!) { user(id: $id) { sessions { id } } }";
        assert_eq!(haven.code(Some(&admin), query, json!({"id": anna.id})).await, "FORBIDDEN");
    }

    async fn the_list_is_for_admins(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        assert_eq!(haven.code(Some(&anna), PAGE, json!({})).await, "FORBIDDEN");
        assert_eq!(haven.code(None, PAGE, json!({})).await, "UNAUTHENTICATED");
    }

    async fn the_list_is_paged_forwards_and_backwards(database) {
        let haven = Haven::start(database).await;
        let admin = haven.admin("boss").await;
        people(&haven, 4).await;
        let first = haven.data(&admin, PAGE, json!({"first": 2})).await;
        assert_eq!(names(&first), ["boss", "user00"]);
        let info = &first["users"]["pageInfo"];
        assert_eq!((&info["hasNextPage"], &info["hasPreviousPage"]), (&json!(true), &json!(false)));
        let second = haven.data(&admin, PAGE, json!({"first": 2, "after": info["endCursor"]})).await;
        assert_eq!(names(&second), ["user01", "user02"]);
        let third = haven.data(&admin, PAGE, json!({"first": 2, "after": second["users"]["pageInfo"]["endCursor"]})).await;
        assert_eq!(names(&third), ["user03"]);
        assert_eq!(third["users"]["pageInfo"]["hasNextPage"], false);
        let back = haven.data(&admin, PAGE, json!({"last": 2, "before": third["users"]["pageInfo"]["startCursor"]})).await;
        assert_eq!(names(&back), ["user01", "user02"]);
        let end = haven.data(&admin, PAGE, json!({"last": 2})).await;
        assert_eq!(names(&end), ["user02", "user03"]);
        assert_eq!(end["users"]["pageInfo"]["hasPreviousPage"], true);
    }

    async fn pages_that_make_no_sense_are_refused_by_name(database) {
        let haven = Haven::start(database).await;
        let admin = haven.admin("boss").await;
        for (page, field) in [
            (json!({"first": -1}), "first"),
            (json!({"first": 101}), "first"),
            (json!({"last": 101}), "last"),
            (json!({"first": 1, "last": 1}), "last"),
            (json!({"after": "rubbish"}), "after"),
            (json!({"before": ""}), "before"),
        ] {
            let answer = haven.graphql(Some(&admin), PAGE, page).await;
            let extensions = &answer["errors"][0]["extensions"];
            assert_eq!(extensions["code"], "BAD_USER_INPUT", "{answer:#}");
            assert_eq!(extensions["fields"][0]["field"], field, "{answer:#}");
        }
    }

    async fn the_search_takes_the_beginning_of_a_name_or_an_address(database) {
        let haven = Haven::start(database).await;
        let admin = haven.admin("boss").await;
        haven.person("Анна").await;
        haven.person("anton").await;
        haven.person("under_score").await;
        for (search, found) in [
            ("ан", vec!["Анна"]),
            ("ANT", vec!["anton"]),
            ("anton@EXAMPLE", vec!["anton"]),
            ("under_", vec!["under_score"]),
            ("%", vec![]),
            ("a_t", vec![]),
            ("\\", vec![]),
        ] {
            let data = haven.data(&admin, PAGE, json!({"search": search})).await;
            assert_eq!(names(&data), found, "searched for {search}");
        }
    }

    async fn a_page_of_fifty_costs_as_many_statements_as_a_page_of_one(database) {
        use entity::{emergency_contact, profile, therapist, user};
        use sea_orm::{ActiveValue::Set, EntityTrait};
        let haven = Haven::start(database).await;
        let admin = haven.admin("boss").await;
        let db = haven.app.db.read();
        let now = haven.app.clock.now();
        for number in 0..50_i64 {
            let id = user::Entity::insert(user::ActiveModel {
                username: Set(format!("u{number}")),
                username_fold: Set(format!("u{number}")),
                email: Set("u@example.com".to_owned()),
                password_hash: Set("!".to_owned()),
                is_admin: Set(false),
                is_active: Set(true),
                language: Set("ru".to_owned()),
                joined_at: Set(now),
                ..Default::default()
            }).exec(db).await.unwrap().last_insert_id;
            let therapist = therapist::Entity::insert(therapist::ActiveModel {
                user_id: Set(id),
                name: Set("T".to_owned()),
                phone: Set("12345".to_owned()),
                email: Set("t@example.com".to_owned()),
                ..Default::default()
            }).exec(db).await.unwrap().last_insert_id;
            profile::Entity::insert(profile::ActiveModel {
                user_id: Set(id),
                location: Set(String::new()),
                military_status: Set(false),
                music_id: Set(Some(1 + number % 2)),
                therapist_id: Set(Some(therapist)),
                scenario_id: Set(Some(1 + number % 3)),
                ..Default::default()
            }).exec(db).await.unwrap();
            emergency_contact::Entity::insert_many((0..2).map(|contact| emergency_contact::ActiveModel {
                user_id: Set(id),
                name: Set(format!("C{contact}")),
                relationship: Set("friend".to_owned()),
                phone: Set("12345".to_owned()),
                phone_digits: Set("12345".to_owned()),
                email: Set(String::new()),
                ..Default::default()
            })).exec(db).await.unwrap();
        }
        let query = "query($first: Int, $after: String) { users(first: $first, after: $after) { nodes {
            username
            profile { age music { name } scenario { name } }
            therapist { name }
            emergencyContacts { name phone }
        } pageInfo { endCursor } } }";
        let start = haven.data(&admin, query, json!({"first": 1})).await;
        let after = start["users"]["pageInfo"]["endCursor"].clone();
        let page = async |first: i32| {
            let read = async || haven.data(&admin, query, json!({"first": first, "after": after})).await;
            haven.fewest_statements(read).await
        };
        let (of_one, one) = page(1).await;
        let (of_fifty, fifty) = page(50).await;
        assert_eq!(one["users"]["nodes"].as_array().unwrap().len(), 1);
        let nodes = fifty["users"]["nodes"].as_array().unwrap();
        assert_eq!(nodes.len(), 50);
        assert_eq!(nodes[49]["emergencyContacts"].as_array().unwrap().len(), 2);
        assert_eq!(nodes[49]["therapist"]["name"], "T");
        assert_eq!(of_one, of_fifty);
        assert!(of_fifty <= 7, "{of_fifty} statements");
    }

    async fn an_admin_deactivates_a_user_and_the_tokens_stop_working(database) {
        let haven = Haven::start(database).await;
        let admin = haven.admin("boss").await;
        let anna = haven.person("anna").await;
        let switch = "mutation($id: ID!, $on: Boolean!) { setUserActive(userId: $id, active: $on) { isActive } }";
        let data = haven.data(&admin, switch, json!({"id": anna.id, "on": false})).await;
        assert_eq!(data["setUserActive"]["isActive"], false);
        let answer = haven.graphql(Some(&anna), "{ musicTracks { id } }", json!({})).await;
        assert_eq!(answer["errors"][0]["message"], "User inactive or deleted.");
        haven.data(&admin, switch, json!({"id": anna.id, "on": true})).await;
        haven.data(&anna, "{ musicTracks { id } }", json!({})).await;
        assert_eq!(haven.code(Some(&anna), switch, json!({"id": admin.id, "on": false})).await, "FORBIDDEN");
    }

    async fn one_active_admin_always_stays(database) {
        let haven = Haven::start(database).await;
        let boss = haven.admin("boss").await;
        let demote = "mutation($id: ID!) { setUserAdmin(userId: $id, admin: false) { isAdmin } }";
        let deactivate = "mutation($id: ID!) { setUserActive(userId: $id, active: false) { isActive } }";
        for last in [demote, deactivate] {
            assert_eq!(haven.code(Some(&boss), last, json!({"id": "me"})).await, "CONFLICT");
        }
        let deputy = haven.admin("deputy").await;
        let (one, two) = tokio::join!(
            haven.graphql(Some(&boss), demote, json!({"id": deputy.id})),
            haven.graphql(Some(&deputy), demote, json!({"id": boss.id})),
        );
        let done = [&one, &two].iter().filter(|answer| answer.get("errors").is_none()).count();
        assert_eq!(done, 1, "{one:#} {two:#}");
    }

    async fn an_admin_makes_an_admin(database) {
        let haven = Haven::start(database).await;
        let boss = haven.admin("boss").await;
        let anna = haven.person("anna").await;
        let promote = "mutation($id: ID!) { setUserAdmin(userId: $id, admin: true) { isAdmin } }";
        assert_eq!(haven.code(Some(&anna), promote, json!({"id": "me"})).await, "FORBIDDEN");
        haven.data(&boss, promote, json!({"id": anna.id})).await;
        let data = haven.data(&anna, PAGE, json!({})).await;
        assert_eq!(names(&data), ["boss", "anna"]);
    }
}

on_both! {
    async fn what_is_personal_of_a_supporter_stays_closed_to_the_person_who_got_an_answer(database) {
        let haven = Haven::start(database).await;
        let admin = haven.admin("boss").await;
        let anna = haven.person("anna").await;
        let say = "mutation($id: ID!) { sendSupportMessage(userId: $id, message: \"Здравствуйте\") { id } }";
        haven.data(&admin, say, json!({"id": anna.id})).await;
        let author = |field: &str| format!("{{ me {{ supportChat {{ messages {{ nodes {{ author {{ {field} }} }} }} }} }} }}");
        let data = haven.data(&anna, &author("id username isAdmin"), json!({})).await;
        assert_eq!(
            data["me"]["supportChat"]["messages"]["nodes"][0]["author"],
            json!({"id": admin.id.to_string(), "username": "boss", "isAdmin": true})
        );
        for field in ["email", "isActive", "language", "joinedAt", "isOnline", "profile { id }", "therapist { id }",
            "emergencyContacts { id }", "alarms { nodes { id } }", "supportChat { id }",
            "assistantChats { nodes { id } }", "sessions { id }"] {
            assert_eq!(haven.code(Some(&anna), &author(field), json!({})).await, "FORBIDDEN", "{field}");
        }
    }
}
