//! An SMS gateway in each of its failure modes, and then healthy again.

use futures_util::{StreamExt as _, stream};

use crate::crowd::Crowd;
use crate::mail::{AT_ONCE, Twice, all_failed, few_connections};
use crate::on_both;
use crate::reckoning::reckon;
use crate::support::sms::Gateway;
use crate::support::smtp::Behaviour;
use crate::ways::Ways;

use Twice::{Always, Never};

on_both! {
    async fn no_failure_of_the_gateway_loses_an_alarm(database) {
        let wrongs = [
            (Gateway::Refuse(503, 20503), "server_refused", Never),
            (Gateway::Refuse(429, 20429), "server_refused", Never),
            (Gateway::Close, "server_unreachable", Never),
            (Gateway::Rubbish, "server_unreachable", Never),
            (Gateway::TakeThenClose, "server_unreachable", Always),
            // It takes them once haven has given up.
            (Gateway::Hang, "timeout", Always),
        ];
        stream::iter(wrongs).for_each_concurrent(AT_ONCE, async |(behaviour, failure, twice)| {
            let what = format!("{database:?}, a gateway that does {behaviour:?}");
            let scratch = database.scratch().await;
            let ways = Ways::by_both(Behaviour::Accept).await;
            let haven = few_connections(&scratch.url, &ways, scratch.folder.path());
            let running = haven.start().await;
            let crowd = Crowd::gather(running.address, 1).await;
            ways.sms.as_ref().unwrap().set_behaviour(behaviour);
            crowd.press_once("one").await.unwrap();
            all_failed(&scratch.url, failure, &what).await;
            ways.mend().await;
            let reckoning = reckon(&what, &scratch.url, &crowd, &ways).await;
            assert_eq!(reckoning.duplicates > 0, twice == Always, "{what}: {reckoning}");
            running.terminate();
            running.ended().await;
        })
        .await;
    }
}
