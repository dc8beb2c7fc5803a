//! A database server that goes without a word, as when its machine or the network loses its power:
//! connections stay open, and nothing comes over them any more.

use std::net::SocketAddr;
use std::time::Duration;

use haven::db::Db;
use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};
use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use url::Url;

use crate::support::databases::Database;
use crate::support::scene::{Scene, join, recipients};
use crate::support::smtp::{Behaviour, ReceivedMail};
use crate::support::socket::eventually;

/// Nothing here takes this long; it only keeps a broken test from hanging.
const PATIENCE: Duration = Duration::from_secs(90);

const PRESS: &str = "mutation { triggerAlarm(userId: \"me\") { joined } }";

/// The way to the database, which can be lost.
struct Way {
    /// Where the database is without it.
    direct: String,
    lost: watch::Sender<u32>,
}

impl Way {
    /// A way to this database, and the URL to go it by.
    fn to(database: &str) -> (Self, String) {
        let mut url: Url = database.parse().unwrap();
        let server = SocketAddr::new("127.0.0.1".parse().unwrap(), url.port().unwrap());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port()))
            .unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let (lost, losing) = watch::channel(0);
        tokio::spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                open.spawn(pass(client, server, losing.clone()));
            }
        });
        let direct = database.to_owned();
        (Self { direct, lost }, url.into())
    }

    /// From now on nothing comes over the connections that are open. New ones arrive.
    fn lose(&self) {
        self.lost.send_modify(|times| *times += 1);
    }
}

async fn pass(mut client: TcpStream, server: SocketAddr, mut lost: watch::Receiver<u32>) {
    let mut server = TcpStream::connect(server).await.unwrap();
    lost.mark_unchanged();
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        // Neither side is told.
        _ = lost.changed() => std::future::pending().await,
    }
}

/// A scene whose haven goes such a way.
async fn scene() -> (Scene, Way) {
    let mut way = None;
    let scene = Scene::with(Database::Postgres, Behaviour::Accept, |config| {
        let (made, url) = Way::to(&config.database_url());
        way = Some(made);
        config.database_url = Some(url.into());
    })
    .await;
    scene
        .contact("Иван", "Брат", Some("ivan@example.com"))
        .await;
    (scene, way.unwrap())
}

/// The mails, once there are so many. What the sender was at when the way was lost, it waits for as
/// for any answer of a database, 20 s.
async fn mails(scene: &Scene, count: usize) -> Vec<ReceivedMail> {
    let mut ledger = scene.mail.follow();
    let coming = ledger.wait_for(|ledger| ledger.mails.len() >= count);
    timeout(PATIENCE, coming)
        .await
        .expect("too few mails")
        .unwrap();
    scene.mail.mails()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_goes_out_over_new_connections() {
    let (scene, way) = scene().await;
    scene.press(Value::Null).await;
    mails(&scene, 1).await;
    way.lose();
    scene.wait(60);
    scene.press(Value::Null).await;
    let mails = mails(&scene, 2).await;
    assert_eq!(recipients(&mails), ["ivan@example.com"; 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waited_for_the_server_is_given_up_and_holds_up_nothing() {
    let (scene, way) = scene().await;
    let direct = Db::open(&way.direct, 2).await.unwrap();
    let holding = direct.read().begin().await.unwrap();
    let mut people = Vec::new();
    // As many as there are connections for alarms.
    for name in ["boris", "clara", "dora", "emil"] {
        people.push(join(&scene.haven, name).await);
    }
    holding
        .execute_unprepared("SELECT 1 FROM users WHERE username <> 'anna' FOR UPDATE")
        .await
        .unwrap();
    let presses = people
        .iter()
        .map(|person| scene.haven.code(Some(person), PRESS, json!({})));
    let losing = async {
        eventually(async || {
            let waiting = Statement::from_string(
                DbBackend::Postgres,
                "SELECT count(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'",
            );
            let row = direct.read().query_one_raw(waiting).await.unwrap().unwrap();
            row.try_get_by_index::<i64>(0).unwrap() == 4
        })
        .await;
        way.lose();
        holding.rollback().await.unwrap();
    };
    let (codes, ()) = tokio::join!(futures_util::future::join_all(presses), losing);
    assert_eq!(codes, ["UNAVAILABLE"; 4]);
    scene.press(Value::Null).await;
    let mails = mails(&scene, 1).await;
    assert_eq!(recipients(&mails), ["ivan@example.com"]);
    direct.close().await.unwrap();
}
