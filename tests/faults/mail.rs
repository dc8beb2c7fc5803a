//! A mail server in each of its failure modes, and then healthy again.

use std::time::Duration;

use entity::notification::{self, Status};
use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use haven::db::Db;
use sea_orm::EntityTrait;
use tokio::time::{sleep, timeout};

use crate::crowd::{Crowd, PATIENCE, RECIPIENTS};
use crate::on_both;
use crate::program::Haven;
use crate::reckoning::{reckon, reckon_failures};
use crate::support::databases::Database;
use crate::support::smtp::{Behaviour, Stage};
use crate::ways::Ways;

use Behaviour::{
    AcceptThenDrop, Answer, DeferMail, DeferRecipients, DropDuringData, GreetWith, HangAfterData,
    HangAt, HangAtGreeting, RefuseRecipients, Slow,
};

/// Whether a message arrives twice because of what is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Twice {
    Never,
    Always,
}
use Twice::{Always, Never};

/// Presses while the server behaves like this, or nobody listens; waits until each notification
/// has failed for that reason; mends it, and counts.
async fn through(
    database: Database,
    behaviour: Option<Behaviour>,
    failure: Option<&'static str>,
    twice: Twice,
) {
    let scratch = database.scratch().await;
    let ways = Ways::by_mail(Behaviour::Accept).await;
    let running = few_connections(&scratch.url, &ways, scratch.folder.path())
        .start()
        .await;
    let crowd = Crowd::gather(running.address, 1).await;
    let what = match behaviour {
        None => {
            ways.mail.go_down().await;
            format!("{database:?}, a mail server that refuses connections")
        }
        Some(behaviour) => {
            let what = format!("{database:?}, a mail server that does {behaviour:?}");
            ways.mail.set_behaviour(behaviour);
            what
        }
    };
    crowd.press_once("one").await.unwrap();
    if let Some(failure) = failure {
        all_failed(&scratch.url, failure, &what).await;
    }
    // What waits for a server's silence has waited long enough.
    if failure != Some("timeout") {
        crowd.press_once("two").await.unwrap();
    }
    ways.mend().await;
    let reckoning = reckon(&what, &scratch.url, &crowd, &ways).await;
    assert_eq!(
        reckoning.duplicates > 0,
        twice == Always,
        "{what}: {reckoning}"
    );
    running.terminate();
    running.ended().await;
}

/// So many of them run at once: more would take each other's connections and time.
pub const AT_ONCE: usize = 4;

/// So that two dozen of them fit on one PostgreSQL.
pub fn few_connections(database: &str, ways: &Ways, folder: &std::path::Path) -> Haven {
    let mut settings = ways.settings(database);
    settings.push(("HAVEN_DATABASE_CONNECTIONS", "2".to_owned()));
    Haven::new(crate::built(), folder, &settings)
}

/// Waits until one notification to each recipient has failed so and is to be tried again.
pub async fn all_failed(database: &str, failure: &str, what: &str) {
    let db = Db::open(database, 1).await.unwrap();
    let rows = async || notification::Entity::find().all(db.read()).await.unwrap();
    let waiting = async {
        loop {
            let mut failed = rows().await;
            failed.retain(|row| row.failure.as_deref() == Some(failure));
            if failed.len() == RECIPIENTS {
                return failed;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let Ok(failed) = timeout(PATIENCE, waiting).await else {
        panic!("{what} never led to {failure}: {:#?}", rows().await);
    };
    for row in failed {
        let tried = [Status::Pending, Status::Sending].contains(&row.status);
        assert!(tried, "{what}: {row:?}");
    }
    db.close().await.unwrap();
}

on_both! {
    async fn no_failure_of_the_mail_server_loses_an_alarm(database) {
        let refused = Some("server_refused");
        let unreachable = Some("server_unreachable");
        let answers = |stage, reply| (Some(Answer(stage, reply)), refused, Never);
        let wrongs = [
            (None, unreachable, Never),
            (Some(GreetWith("421 4.3.2 too busy")), refused, Never),
            (Some(GreetWith("554 5.3.2 go away")), refused, Never),
            answers(Stage::Mail, "451 4.7.1 later"),
            answers(Stage::Mail, "550 5.7.1 you are blocked"),
            (Some(DeferRecipients), refused, Never),
            answers(Stage::Recipient, "554 5.7.1 relay access denied"),
            answers(Stage::Data, "451 4.3.0 later"),
            answers(Stage::Data, "554 5.3.0 no"),
            (Some(DropDuringData), unreachable, Never),
            (Some(DeferMail), refused, Never),
            answers(Stage::End, "554 5.7.1 looks like spam"),
            (Some(AcceptThenDrop), unreachable, Always),
            (Some(Slow(Duration::from_secs(2))), None, Never),
        ];
        stream::iter(wrongs)
            .for_each_concurrent(AT_ONCE, |(behaviour, failure, twice)| {
                through(database, behaviour, failure, twice)
            })
            .await;
    }

    async fn a_mail_server_that_hangs_beyond_every_limit_loses_no_alarm(database) {
        let wrongs = [
            (HangAtGreeting, Never),
            (HangAt(Stage::Mail), Never),
            (HangAt(Stage::Recipient), Never),
            (HangAt(Stage::Data), Never),
            (HangAfterData, Never),
            // It has the mail, and says so when haven has given up.
            (Slow(Duration::from_secs(40)), Always),
        ];
        join_all(wrongs.map(|(behaviour, twice)| {
            through(database, Some(behaviour), Some("timeout"), twice)
        }))
        .await;
    }

    async fn what_is_refused_for_good_is_told_to_the_person(database) {
        join_all([
            RefuseRecipients,
            Answer(Stage::End, "552 5.3.4 too big"),
            Answer(Stage::End, "554 5.6.0 bad content"),
        ].map(async |behaviour| {
            let scratch = database.scratch().await;
            let what = format!("{database:?}, a mail server that does {behaviour:?}");
            let ways = Ways::by_mail(behaviour).await;
            let running = few_connections(&scratch.url, &ways, scratch.folder.path()).start().await;
            let crowd = Crowd::gather(running.address, 1).await;
            crowd.press_once("one").await.unwrap();
            let reckoning = reckon_failures(&what, &scratch.url, &crowd, &ways).await;
            assert_eq!(reckoning.failed, RECIPIENTS, "{what}: {reckoning}");
            for answer in crowd.answered().values() {
                let told = answer.messages.iter().filter(|line| line.starts_with("Ошибка отправки"));
                assert_eq!(told.count(), RECIPIENTS, "{what}: {answer:?}");
            }
            running.terminate();
            running.ended().await;
        }))
        .await;
    }
}
