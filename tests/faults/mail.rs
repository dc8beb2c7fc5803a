//! A mail server in each of its failure modes, and then healthy again.

use std::time::Duration;

use futures_util::future::join_all;

use crate::crowd::Crowd;
use crate::haven;
use crate::reckoning::reckon;
use crate::support::databases::Database;
use crate::support::smtp::{Behaviour, SmtpServer};

/// What is wrong with the server, and whether a mail may arrive twice because of it.
enum Wrong {
    /// Nobody listens.
    Down,
    /// It behaves like this.
    Behaves(Behaviour, Twice),
}

/// Whether mails arrive twice.
#[derive(Clone, Copy, PartialEq)]
enum Twice {
    Never,
    Always,
}

/// Presses while it is wrong, mends it, and counts.
async fn through(wrong: Wrong) {
    let scratch = Database::Sqlite.scratch().await;
    let mail = SmtpServer::start(Behaviour::Accept).await;
    let haven = haven(scratch.folder.path(), &scratch.url, &mail);
    let running = haven.start().await;
    let crowd = Crowd::gather(running.address, 1).await;
    let (what, twice) = match wrong {
        Wrong::Down => {
            mail.go_down().await;
            (
                "a mail server that refuses connections".to_owned(),
                Twice::Never,
            )
        }
        Wrong::Behaves(behaviour, twice) => {
            let what = format!("a mail server that does {behaviour:?}");
            mail.set_behaviour(behaviour);
            (what, twice)
        }
    };
    for press in ["one", "two"] {
        crowd.press_once(press).await.unwrap();
    }
    mail.set_behaviour(Behaviour::Accept);
    mail.come_up().await;
    let reckoning = reckon(&what, &scratch.url, &crowd, &mail).await;
    assert_eq!(
        reckoning.duplicates > 0,
        twice == Twice::Always,
        "{what}: {reckoning}"
    );
    running.terminate();
    running.ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_failure_of_the_mail_server_loses_an_alarm() {
    use Behaviour::{
        AcceptThenDrop, DeferMail, DeferRecipients, DropDuringData, GreetWith, HangAfterData,
        HangAtGreeting, Slow,
    };
    let behaves = |behaviour| Wrong::Behaves(behaviour, Twice::Never);
    let wrongs = [
        Wrong::Down,
        behaves(HangAtGreeting),
        behaves(GreetWith("421 4.3.2 too busy")),
        behaves(GreetWith("554 5.3.2 go away")),
        behaves(DeferRecipients),
        behaves(DeferMail),
        behaves(DropDuringData),
        behaves(HangAfterData),
        Wrong::Behaves(AcceptThenDrop, Twice::Always),
        behaves(Slow(Duration::from_secs(2))),
    ];
    join_all(wrongs.map(through)).await;
}
