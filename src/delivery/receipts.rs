//! What the SMS gateway says of a message after taking it.
//!
//! Receipts come late, twice and out of order, so what is stored only ever moves forward:
//! queued, sent, undelivered, delivered. A receipt proves that its message was taken, also where
//! the answer to the send was lost: then the message counts as sent and isn't sent again. Where a
//! message did not arrive and is sent anew, it is another one at the gateway: of the earlier ones
//! only that one arrived after all says something.

use entity::notification::{self, Receipt, Status};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, DbErr, EntityTrait, IntoActiveModel};

use super::{Failure, bounce, follow};
use crate::app::App;
use crate::events::{Event, Topic};

/// Reads the state of a message in Twilio's words
/// (<https://www.twilio.com/docs/messaging/api/message-resource#message-status-values>); `None`
/// for words that say nothing of its way to the recipient.
fn receipt(status: &str) -> Option<Receipt> {
    match status {
        "accepted" | "scheduled" | "queued" | "sending" => Some(Receipt::Queued),
        "sent" => Some(Receipt::Sent),
        "undelivered" | "failed" | "canceled" => Some(Receipt::Undelivered),
        "delivered" | "read" => Some(Receipt::Delivered),
        _ => None,
    }
}

/// Earlier messages of one notification that are kept in mind.
const PAST: usize = 8;

/// Has a notification that is to be sent anew wait for the word on the new message.
pub fn forget(row: &notification::Model, change: &mut notification::ActiveModel) {
    change.receipt = Set(None);
    if let Some(id) = &row.provider_id {
        let past = row.past_provider_ids.as_deref().unwrap_or_default();
        let mut past: Vec<&str> = past.split_whitespace().chain([id.as_str()]).collect();
        past.drain(..past.len().saturating_sub(PAST));
        change.past_provider_ids = Set(Some(past.join(" ")));
        change.provider_id = Set(None);
    }
}

/// Whether a notification that failed is to be sent anew, and was not tried again yet: nothing of
/// it is under way.
fn is_to_be_renewed(row: &notification::Model) -> bool {
    // Until it is tried, why it failed before stays.
    let failure = row.failure.as_deref().and_then(Failure::from_code);
    row.status == Status::Pending && failure.is_some_and(Failure::is_of_address)
}

/// Whether a message of this id can be no other than one of an earlier try.
fn is_past(row: &notification::Model, sid: &str) -> bool {
    let past = row.past_provider_ids.as_deref().unwrap_or_default();
    is_to_be_renewed(row) || past.split_whitespace().any(|past| past == sid)
}

/// Takes a receipt whose signature was found to be right: the state `status` of the gateway's
/// message `sid`, for a notification. One that says nothing new, or nothing of a message that
/// haven knows, changes nothing. Tells subscribers after the commit.
///
/// # Errors
/// The database's; nothing is changed then.
pub async fn receive(app: &App, id: i64, sid: &str, status: &str) -> Result<(), DbErr> {
    let Some(receipt) = receipt(status).filter(|_| super::sms::is_sid(sid)) else {
        return Ok(());
    };
    let Some(found) = notification::Entity::find_by_id(id)
        .one(app.db.read())
        .await?
    else {
        return Ok(());
    };
    let tx = app.db.write().await?;
    let Some(held) = follow::hold(&tx, &found).await? else {
        return tx.rollback().await;
    };
    let follow::Held { row, alarm, result } = &held;
    let Some(status) = after(row, sid, receipt) else {
        return tx.rollback().await;
    };
    let now = app.clock.now();
    let mut change = row.clone().into_active_model();
    change.provider_id = Set(Some(sid.to_owned()));
    change.receipt = Set(Some(receipt));
    if receipt == Receipt::Delivered {
        change.delivered_at = Set(Some(now));
    }
    if status != row.status {
        change.status = Set(status);
        change.lease_until = Set(None);
        change.failure = Set(match status {
            Status::Failed => Some(Failure::NotDelivered.code().to_owned()),
            _ => None,
        });
        // It was taken, when exactly is not known.
        change.sent_at = Set(row.sent_at.or(Some(now)));
    }
    change.update(&tx).await?;
    // A receipt is the last word on the number: what was taken may not have arrived.
    let news = match receipt {
        Receipt::Undelivered => Some((Status::Failed, Some(Failure::NotDelivered))),
        Receipt::Delivered => Some((Status::Sent, None)),
        Receipt::Queued | Receipt::Sent => None,
    };
    if let Some(news) = news
        && let Some(letter) = bounce::follow(app, &tx, alarm.user_id, row, news).await?
    {
        letter.insert(&tx).await?;
    }
    match status {
        Status::Sent if row.status != Status::Sent => {
            follow::took(&tx, alarm, result, row).await?;
            follow::clear(app, &tx, alarm, result, row).await?;
        }
        Status::Failed if row.status != Status::Failed => follow::lost(app, &tx, &held).await?,
        _ => {}
    }
    tx.commit().await?;
    app.delivery.wake();
    tracing::info!(notification = id, receipt = ?receipt, "a receipt");
    app.events
        .publish(Topic::Alarms(alarm.user_id), Event::Alarm(alarm.id));
    Ok(())
}

/// Where a notification stands after a receipt; `None` where the receipt changes nothing.
fn after(row: &notification::Model, sid: &str, receipt: Receipt) -> Option<Status> {
    // What was never tried has no message at the gateway.
    if row.channel != notification::Channel::Sms || row.attempts == 0 {
        return None;
    }
    // Before the answer to a send, the message that a receipt names may be the one it is for.
    let own = match row.provider_id.as_deref() {
        Some(known) => known == sid,
        None => !is_past(row, sid),
    };
    // Of two tries, the one whose answer was lost may have arrived as well; that the other did
    // not, says nothing against the one that is known.
    if !own && receipt != Receipt::Delivered {
        return None;
    }
    if row.receipt.is_some_and(|known| receipt <= known) {
        return None;
    }
    match (receipt, row.status) {
        (Receipt::Undelivered, Status::Pending | Status::Sending | Status::Sent) => {
            Some(Status::Failed)
        }
        (Receipt::Undelivered, status) => Some(status),
        _ => Some(Status::Sent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_come_in_one_order() {
        let order = ["queued", "sent", "undelivered", "delivered"].map(receipt);
        assert!(order.is_sorted() && order.iter().all(Option::is_some));
        assert_eq!(receipt("sending"), receipt("accepted"));
        assert_eq!(receipt("receiving"), None);
    }
}
