//! A person with an alarm to press, and the mail server that haven sends through.

use haven::config::Config;
use serde_json::{Value, json};

use super::databases::Database;
use super::haven::{Haven, PASSWORD, Person};
use super::smtp::{Behaviour, ReceivedMail, SmtpServer};

const ALARM: &str =
    "fragment A on Alarm { id messages english: messages(language: EN) scenarioName playMusic
    result { location latitude longitude messageSentToContacts therapistNotified completed }
    notifications { id purpose recipientName channel status attempts failure nextAttemptAt sentAt receipt deliveredAt } }";

/// A haven whose only way out is `mail`, and somebody who uses it.
pub struct Scene {
    pub haven: Haven,
    pub mail: SmtpServer,
    pub anna: Person,
}

impl Scene {
    pub async fn new(database: Database, behaviour: Behaviour) -> Self {
        Self::with(database, behaviour, |_| {}).await
    }

    /// With settings of the test's own.
    pub async fn with(
        database: Database,
        behaviour: Behaviour,
        settings: impl FnOnce(&mut Config),
    ) -> Self {
        let mail = SmtpServer::start(behaviour).await;
        let url = mail.url();
        let haven = Haven::with(database, |config| {
            config.smtp_url = Some(url.into());
            config.mail_from = "haven <alarm@haven.example>".to_owned();
            settings(config);
        })
        .await;
        let anna = join(&haven, "anna").await;
        Self { haven, mail, anna }
    }

    /// Has the sender claim nothing any more.
    pub async fn stick_sender(&self, database: Database) {
        self.refuse_changes_of(database, "notifications").await;
    }

    /// Has it go on.
    pub async fn free_sender(&self, database: Database) {
        self.allow_changes_of(database, "notifications").await;
    }

    /// Has the database refuse any change of a row of a table.
    pub async fn refuse_changes_of(&self, database: Database, table: &str) {
        let trigger = format!("CREATE TRIGGER refuse_{table} BEFORE UPDATE ON {table}");
        if database == Database::Sqlite {
            let body = "BEGIN SELECT RAISE(ABORT, 'refused'); END";
            self.sql(&format!("{trigger} {body}")).await;
        } else {
            let body = "$$ BEGIN RAISE EXCEPTION 'refused'; END $$";
            self.sql(&format!(
                "CREATE FUNCTION refuse_{table}() RETURNS trigger LANGUAGE plpgsql AS {body}; \
                 {trigger} FOR EACH ROW EXECUTE FUNCTION refuse_{table}()"
            ))
            .await;
        }
    }

    /// Has it allow them again.
    pub async fn allow_changes_of(&self, database: Database, table: &str) {
        let on = match database {
            Database::Sqlite => String::new(),
            Database::Postgres => format!(" ON {table}"),
        };
        self.sql(&format!("DROP TRIGGER refuse_{table}{on}")).await;
    }

    /// Adds an emergency contact; gives its id.
    pub async fn contact(&self, name: &str, relationship: &str, email: Option<&str>) -> String {
        let input = json!({"name": name, "relationship": relationship, "phone": "+79001234567", "email": email});
        let data = self
            .haven
            .data(
                &self.anna,
                "mutation($input: EmergencyContactInput!) { createEmergencyContact(userId: \"me\", input: $input) { id } }",
                json!({"input": input}),
            )
            .await;
        data["createEmergencyContact"]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Makes the therapist.
    pub async fn therapist(&self, name: &str, email: &str) {
        self.haven
            .data(
                &self.anna,
                "mutation($input: SaveTherapistInput!) { saveTherapist(userId: \"me\", input: $input) { created } }",
                json!({"input": {"name": name, "phone": "+79007654321", "email": email}}),
            )
            .await;
    }

    /// Presses; gives the payload.
    pub async fn press(&self, input: Value) -> Value {
        let query = format!(
            "mutation($input: TriggerAlarmInput) {{ triggerAlarm(userId: \"me\", input: $input) {{ joined alarm {{ ...A }} }} }} {ALARM}"
        );
        let data = self
            .haven
            .data(&self.anna, &query, json!({"input": input}))
            .await;
        data["triggerAlarm"].clone()
    }

    /// Ends an alarm.
    pub async fn complete(&self, id: &Value, all_clear: bool) -> Value {
        let query = format!(
            "mutation($id: ID!, $clear: Boolean!) {{ completeAlarm(alarmId: $id, allClear: $clear) {{ ...A }} }} {ALARM}"
        );
        let variables = json!({"id": id, "clear": all_clear});
        self.haven.data(&self.anna, &query, variables).await["completeAlarm"].clone()
    }

    /// The alarm as it is now.
    pub async fn alarm(&self, id: &Value) -> Value {
        let query = format!("query($id: ID!) {{ alarm(id: $id) {{ ...A }} }} {ALARM}");
        self.haven.data(&self.anna, &query, json!({"id": id})).await["alarm"].clone()
    }

    /// Waits until the alarm is as wanted.
    pub async fn until(&self, id: &Value, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        use haven::events::Topic;
        let mut changes = self.haven.app.events.subscribe(Topic::Alarms(self.anna.id));
        let waiting = async {
            loop {
                let alarm = self.alarm(id).await;
                if wanted(&alarm) {
                    return alarm;
                }
                changes.next().await;
            }
        };
        match tokio::time::timeout(std::time::Duration::from_secs(10), waiting).await {
            Ok(alarm) => alarm,
            Err(_) => panic!("waited in vain for {what}: {:#}", self.alarm(id).await),
        }
    }

    /// Lets time pass, as far as haven can tell.
    pub fn wait(&self, seconds: i64) {
        self.haven
            .app
            .clock
            .advance(chrono::TimeDelta::seconds(seconds));
        self.haven.app.delivery.wake();
    }
}

/// The mails by recipient.
pub fn recipients(mails: &[ReceivedMail]) -> Vec<&str> {
    let mut to: Vec<&str> = mails.iter().map(|mail| mail.to[0].as_str()).collect();
    to.sort_unstable();
    to
}

/// The states of an alarm's notifications, in their order.
pub fn states(alarm: &Value) -> Vec<&str> {
    let rows = alarm["notifications"].as_array().unwrap();
    rows.iter()
        .map(|row| row["status"].as_str().unwrap())
        .collect()
}

/// Registers and logs in over GraphQL.
pub async fn join(haven: &Haven, username: &str) -> Person {
    let variables = json!({"username": username, "email": format!("{username}@example.com"), "password": PASSWORD});
    let answer = haven
        .graphql(
            None,
            "mutation($username: String!, $email: String!, $password: String!) {
                register(input: {username: $username, email: $email, password: $password}) { id }
                login(input: {username: $username, password: $password}) { token }
            }",
            variables,
        )
        .await;
    let data = &answer["data"];
    Person {
        id: data["register"]["id"].as_str().unwrap().parse().unwrap(),
        token: data["login"]["token"].as_str().unwrap().to_owned(),
    }
}

/// The fields that were refused.
pub fn fields(answer: &Value) -> Vec<&str> {
    let wrong = answer["errors"][0]["extensions"]["fields"]
        .as_array()
        .unwrap();
    wrong
        .iter()
        .map(|field| field["field"].as_str().unwrap())
        .collect()
}
