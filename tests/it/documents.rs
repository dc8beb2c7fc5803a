//! Documents that would fell haven, against its own schema, over every way in; and the plain
//! query that is answered after each.

use serde_json::{Value, json};

use crate::support::attacks::attacks;
use crate::support::databases::Database;
use crate::support::haven::{Haven, Person};
use crate::support::socket::Socket;

fn assert_exceeded(body: &Value, limit: &str) {
    let extensions = &body["errors"][0]["extensions"];
    assert_eq!(extensions["code"], "LIMIT_EXCEEDED", "{limit}: {body}");
    assert_eq!(extensions["limit"], limit, "{body}");
    assert!(extensions["max"].as_u64().unwrap() > 0);
    assert!(body.get("data").is_none());
}

async fn plain_query(haven: &Haven, person: &Person) {
    let data = haven.data(person, "{ me { username } }", json!({})).await;
    assert_eq!(data["me"]["username"], "boss");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http() {
    let haven = Haven::start(Database::Sqlite).await;
    let boss = haven.admin("boss").await;
    for (request, limit) in attacks() {
        let (statements, answer) = haven
            .statements(async {
                let call = haven.call("POST", "/graphql");
                let call = call.header("accept", "application/graphql-response+json");
                call.json(&request).send().await
            })
            .await;
        answer.assert_status(400);
        assert_exceeded(&answer.json(), limit);
        assert_eq!(statements, 0, "{limit}");
        plain_query(&haven, &boss).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_event_streams() {
    let haven = Haven::start(Database::Sqlite).await;
    let boss = haven.admin("boss").await;
    for (request, limit) in attacks() {
        let call = haven.by(&boss, "POST", "/graphql/sse");
        let call = call.header("accept", "text/event-stream");
        let answer = call.json(&request).send().await;
        answer.assert_status(400);
        assert_exceeded(&answer.json(), limit);
        plain_query(&haven, &boss).await;
    }
}

/// A `graphql-transport-ws` connection of somebody.
async fn connect(haven: &Haven, person: &Person) -> Socket {
    let protocol = [("sec-websocket-protocol", "graphql-transport-ws")];
    let mut socket = Socket::try_open(haven, "/graphql/ws", &protocol)
        .await
        .unwrap();
    let payload = json!({"token": person.token});
    socket
        .say(&json!({"type": "connection_init", "payload": payload}))
        .await;
    assert_eq!(socket.frame().await["type"], "connection_ack");
    socket
}

async fn ask(socket: &mut Socket, request: &Value) -> Value {
    socket
        .say(&json!({"type": "subscribe", "id": "1", "payload": request}))
        .await;
    socket.frame().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_sockets() {
    let haven = Haven::start(Database::Sqlite).await;
    let boss = haven.admin("boss").await;
    let mut socket = connect(&haven, &boss).await;
    for (request, limit) in attacks() {
        let error = ask(&mut socket, &request).await;
        assert_eq!(error["type"], "error", "{error}");
        assert_exceeded(&json!({"errors": error["payload"]}), limit);
        let next = ask(&mut socket, &json!({"query": "{ me { username } }"})).await;
        assert_eq!(next["payload"]["data"]["me"]["username"], "boss", "{next}");
        assert_eq!(socket.frame().await["type"], "complete");
        plain_query(&haven, &boss).await;
    }
}

/// What clients of haven have reason to send.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sensible_operations_are_answered() {
    let haven = Haven::start(Database::Sqlite).await;
    let boss = haven.admin("boss").await;
    for query in [
        // The profile page of an app.
        "{ me { id username email language joinedAt isOnline
            profile { id age location militaryStatus ptsdLevel music { id name url }
                therapistContact { id name phone email } scenario { id name playMusic } }
            emergencyContacts { id name relationship phone email } therapist { id name }
            sessions { id createdAt lastUsedAt current }
            alarms(first: 20) { edges { cursor node { id timestamp messages
                result { completed location } notifications { id status recipientName
                    recipient { ... on Therapist { id } ... on EmergencyContact { id } } } } }
                pageInfo { hasNextPage endCursor } } } }",
        // An admin's table of users.
        "{ users(first: 100) { edges { cursor node { id username email isAdmin isActive language
            joinedAt isOnline profile { id age location ptsdLevel scenario { id name } }
            emergencyContacts { id name phone } therapist { id name } } }
            pageInfo { hasNextPage endCursor } } }",
        // A supporter's desk: the inbox with the end of each conversation.
        "{ supportInbox(first: 50) { edges { cursor node { id startedAt endedAt
            user { id username isOnline } receiver { id username }
            messages(last: 20) { nodes { id message fromAdmin timestamp author { id username } } }
            } } pageInfo { hasNextPage endCursor } } }",
        "{ notifications(status: [FAILED], first: 100) { nodes { id status failure attempts
            recipientName alarm { id timestamp user { id username } } } } }",
        "{ me { alarms(first: 100) { nodes { id timestamp messages result { completed } } } } }",
        "{ musicTracks { id name url } alarmScenarios { id name isDefault } }",
    ] {
        haven.data(&boss, query, json!({})).await;
    }
    // The library's page limit answers, where the document is cheap enough.
    let query = "query ($n: Int) { users(first: $n) { nodes { id } } }";
    let code = haven.code(Some(&boss), query, json!({"n": 101})).await;
    assert_eq!(code, "BAD_USER_INPUT");
    haven.data(&boss, query, json!({})).await;
}

/// As GraphiQL and other tools send it, with every option they have.
const INTROSPECTION: &str = "query IntrospectionQuery { __schema { description
    queryType { name kind } mutationType { name kind } subscriptionType { name kind }
    types { ...FullType }
    directives { name description isRepeatable locations args(includeDeprecated: true) { ...InputValue } } } }
  fragment FullType on __Type { kind name description specifiedByURL isOneOf
    fields(includeDeprecated: true) { name description args(includeDeprecated: true) { ...InputValue }
      type { ...TypeRef } isDeprecated deprecationReason }
    inputFields(includeDeprecated: true) { ...InputValue } interfaces { ...TypeRef }
    enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
    possibleTypes { ...TypeRef } }
  fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue isDeprecated deprecationReason }
  fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name
    ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
    ofType { kind name } } } } } } } } } }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn introspection_is_for_everybody_by_default() {
    let haven = Haven::start(Database::Sqlite).await;
    let answer = haven.graphql(None, INTROSPECTION, json!({})).await;
    assert_eq!(answer.get("errors"), None);
    let types = answer["data"]["__schema"]["types"].as_array().unwrap();
    assert!(types.iter().any(|ty| ty["name"] == "Alarm"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn introspection_can_be_for_admins_only() {
    let haven = Haven::with(Database::Sqlite, |config| {
        config.introspection = haven::config::Introspection::Admins;
    })
    .await;
    let boss = haven.admin("boss").await;
    let user = haven.person("testuser").await;
    let queries = [
        INTROSPECTION,
        "{ __type(name: \"User\") { name } }",
        "{ me { id } ...F } fragment F on Query { ... { __type(name: \"User\") { name } } }",
        "query A { me { id } } query B { __schema { types { name } } }",
    ];
    for query in queries {
        let named =
            json!({"query": query, "operationName": query.contains("query A").then_some("A")});
        for (person, code) in [(None, "UNAUTHENTICATED"), (Some(&user), "FORBIDDEN")] {
            let call = haven.call("POST", "/graphql");
            let call = match person {
                Some(person) => call.token(&person.token),
                None => call,
            };
            let answer = call.json(&named).send().await.json();
            assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{query}");
            assert!(answer.get("data").is_none(), "{answer}");
        }
        let answer = haven
            .by(&boss, "POST", "/graphql")
            .json(&named)
            .send()
            .await;
        assert_eq!(answer.json().get("errors"), None, "{query}");
    }
    let mut socket = connect(&haven, &user).await;
    let error = ask(&mut socket, &json!({"query": INTROSPECTION})).await;
    assert_eq!(error["type"], "error", "{error}");
    assert_eq!(error["payload"][0]["extensions"]["code"], "FORBIDDEN");
    let call = haven.by(&user, "POST", "/graphql/sse");
    let call = call.header("accept", "text/event-stream");
    let answer = call.json(&json!({"query": INTROSPECTION})).send().await;
    answer.assert_status(400);
    // What isn't introspection goes on, and a typing error doesn't give names away.
    let query = "{ __typename me { __typename username } }";
    let data = haven.data(&user, query, json!({})).await;
    assert_eq!(
        data,
        json!({"__typename": "Query", "me": {"__typename": "User", "username": "testuser"}})
    );
    let answer = haven
        .graphql(Some(&user), "{ me { usernam } }", json!({}))
        .await;
    let text = answer["errors"][0]["message"].as_str().unwrap();
    assert!(!text.contains("username"), "{text}");
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "GRAPHQL_VALIDATION_FAILED"
    );
}

/// As the GraphQL specification has it: a failed nullable field is null, and what stands beside
/// it is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nullable_field_that_fails_takes_nothing_with_it() {
    let haven = Haven::start(Database::Sqlite).await;
    let boss = haven.admin("boss").await;
    let user = haven.person("testuser").await;
    let query = "query ($id: ID!) { me { username } user(id: $id) { id } }";
    let answer = haven
        .graphql(Some(&user), query, json!({"id": boss.id}))
        .await;
    let data = json!({"me": {"username": "testuser"}, "user": null});
    assert_eq!(answer["data"], data, "{answer}");
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1);
    assert_eq!(answer["errors"][0]["path"], json!(["user"]));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");

    let answer = haven
        .graphql(None, "{ me { id } alarm(id: 1) { id } }", json!({}))
        .await;
    assert_eq!(
        answer["data"],
        json!({"me": null, "alarm": null}),
        "{answer}"
    );
    assert_eq!(answer["errors"][0]["path"], json!(["alarm"]));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");

    // A message leads to its author, and from there to nothing personal.
    haven
        .data(
            &boss,
            "mutation ($id: ID!) { sendSupportMessage(userId: $id, message: \"Здравствуйте\") { id } }",
            json!({"id": user.id}),
        )
        .await;
    let query = "{ me { supportChat { messages { nodes { message author {
        username profile { age } therapist { name } supportChat { id } } } } } } }";
    let answer = haven.graphql(Some(&user), query, json!({})).await;
    let node = &answer["data"]["me"]["supportChat"]["messages"]["nodes"][0];
    let author =
        json!({"username": "boss", "profile": null, "therapist": null, "supportChat": null});
    assert_eq!(
        node,
        &json!({"message": "Здравствуйте", "author": author}),
        "{answer}"
    );
    let errors = answer["errors"].as_array().unwrap();
    let mut paths: Vec<String> = errors
        .iter()
        .map(|error| {
            assert_eq!(error["extensions"]["code"], "FORBIDDEN");
            error["path"]
                .as_array()
                .unwrap()
                .last()
                .unwrap()
                .to_string()
        })
        .collect();
    paths.sort();
    assert_eq!(paths, ["\"profile\"", "\"supportChat\"", "\"therapist\""]);
}
