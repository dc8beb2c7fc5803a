//! Mails that a mail server took, and that came back later.
//!
//! What says so is a mail itself, and anybody can write one. So it counts only where it names a
//! notification by its `Message-ID`, which holds 122 random bits and is known to nobody but those
//! through whose hands that mail went, and the address that this one went to. Then it follows the
//! path of a receipt, and only ever moves the notification from taken to failed.

use entity::notification::{self, Channel, Receipt, Status};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter,
};

use super::{Failure, bounce, dsn, follow, mail};
use crate::app::App;
use crate::events::{Event, Topic};

/// Takes in a mail that the mail server got for the sender of haven's mails. One that is no
/// notification of a final failure, or of nothing that haven sent, or that says nothing new,
/// changes nothing. Tells subscribers after the commit.
///
/// # Errors
/// The database's; nothing is changed then.
pub async fn take_back(app: &App, mail: &[u8]) -> Result<(), DbErr> {
    let report = dsn::read(mail);
    if report.message_ids.is_empty() || report.refused.is_empty() {
        tracing::info!("a mail to the sender tells of no final failure");
        return Ok(());
    }
    let named = notification::Entity::find()
        .filter(notification::Column::MessageId.is_in(report.message_ids))
        .filter(notification::Column::Channel.eq(Channel::Email))
        .all(app.db.read())
        .await?;
    let meant = named.into_iter().find_map(|row| {
        let failure = refused(&report.refused, &row.address)?;
        Some((row, failure))
    });
    let Some((found, failure)) = meant else {
        tracing::info!("a bounce is of no mail and address that haven knows");
        return Ok(());
    };
    let tx = app.db.write().await?;
    let Some(held) = follow::hold(&tx, &found).await? else {
        return tx.rollback().await;
    };
    let follow::Held { row, alarm, .. } = &held;
    // The address may have become another one since it was found.
    if !is_open(row) || row.address != found.address {
        tracing::info!(notification = row.id, "a bounce says nothing new");
        return tx.rollback().await;
    }
    let mut change = row.clone().into_active_model();
    change.status = Set(Status::Failed);
    change.failure = Set(Some(failure.code().to_owned()));
    change.receipt = Set(Some(Receipt::Undelivered));
    change.lease_until = Set(None);
    // None of its tries arrived: they went to one address.
    change.perhaps_sent = Set(false);
    // It was taken, when exactly is not known where the answer to that was lost.
    change.sent_at = Set(row.sent_at.or_else(|| Some(app.clock.now())));
    change.update(&tx).await?;
    let news = (Status::Failed, Some(failure));
    if let Some(letter) = bounce::follow(app, &tx, alarm.user_id, row, news).await? {
        letter.insert(&tx).await?;
    }
    follow::lost(app, &tx, &held).await?;
    tx.commit().await?;
    app.delivery.wake();
    tracing::warn!(
        notification = row.id,
        why = failure.code(),
        "sent, and came back"
    );
    app.events
        .publish(Topic::Alarms(alarm.user_id), Event::Alarm(alarm.id));
    Ok(())
}

/// Whether a notification can still come back: it was sent, as far as is known or may be.
const fn is_open(row: &notification::Model) -> bool {
    match row.status {
        Status::Sent => true,
        // One that came back and is to be sent anew, was taken before: this is of that one.
        Status::Pending => row.attempts > 0 && row.sent_at.is_none(),
        Status::Sending => row.attempts > 0,
        Status::Failed | Status::Skipped => false,
    }
}

/// Why this address was refused, if it was.
fn refused(refused: &[dsn::Refused], address: &str) -> Option<Failure> {
    let same = spelling(address);
    refused
        .iter()
        .find(|refused| {
            refused
                .addresses
                .iter()
                .any(|other| spelling(other) == same)
        })
        .map(|refused| refused.failure)
}

/// The address as mail servers write it, so that it can be compared: they put the domain in its
/// ASCII form, and some change the case.
fn spelling(address: &str) -> String {
    let sent = mail::address(address).map(|address| address.to_string());
    sent.unwrap_or_else(|| address.to_owned()).to_lowercase()
}
