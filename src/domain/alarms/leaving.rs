//! What becomes of open alarms when somebody is deleted who was told of them, is no longer linked, or
//! gives place to another address.

use entity::alarm_result;
use entity::notification::{self, Purpose, RecipientKind, Status};
use sea_orm::sea_query::{Query, SimpleExpr};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::reactions::recount;
use super::trigger::one_by_one;
use crate::app::App;
use crate::delivery::{Failure, steps};
use crate::error::Result;
use crate::events::{Event, Topic};

/// The open alarms of which a contact or therapist was told, or would be, who is being deleted,
/// unlinked or changed.
pub struct Leaving {
    user_id: i64,
    who: SimpleExpr,
    results: Vec<alarm_result::Model>,
}

impl Leaving {
    /// Locks them, and the user before. To be called before the contact or therapist, this user's
    /// one of this id, is locked.
    ///
    /// # Errors
    /// The database's.
    pub async fn begin(
        tx: &DatabaseTransaction,
        user_id: i64,
        kind: RecipientKind,
        id: i64,
    ) -> Result<Self> {
        one_by_one(tx, user_id).await?;
        let column = match kind {
            RecipientKind::Contact | RecipientKind::Person => notification::Column::ContactId,
            RecipientKind::Therapist => notification::Column::TherapistId,
        };
        let who = column.eq(id);
        let mut told = Query::select();
        told.column(notification::Column::AlarmId)
            .from(notification::Entity)
            .and_where(who.clone())
            .and_where(notification::Column::Purpose.eq(Purpose::Alarm));
        let results = alarm_result::Entity::find()
            .filter(alarm_result::Column::Completed.eq(false))
            .filter(alarm_result::Column::AlarmId.in_subquery(told))
            .order_by_asc(alarm_result::Column::AlarmId)
            .lock_exclusive()
            .all(tx)
            .await?;
        Ok(Self {
            user_id,
            who,
            results,
        })
    }

    /// Has what was not sent to them yet not sent any more. To be called once they are locked, and
    /// before they are deleted. What is under way may still arrive.
    ///
    /// # Errors
    /// The database's.
    pub async fn stop(&self, tx: &DatabaseTransaction) -> Result<()> {
        notification::Entity::update_many()
            .set(notification::ActiveModel {
                status: Set(Status::Skipped),
                failure: Set(Some(Failure::Removed.code().to_owned())),
                ..Default::default()
            })
            .filter(self.who.clone())
            // What was decided of alarms that are over stays.
            .filter(
                notification::Column::AlarmId
                    .is_in(self.results.iter().map(|result| result.alarm_id)),
            )
            .filter(steps::unsent())
            .exec(tx)
            .await?;
        Ok(())
    }

    /// Goes on without them, after that: what somebody said who is not there any more stops no later
    /// step, and nobody waits for them.
    ///
    /// # Errors
    /// The database's.
    pub async fn go_on(&self, app: &App, tx: &DatabaseTransaction) -> Result<()> {
        for result in &self.results {
            recount(app, tx, result.clone()).await?;
        }
        Ok(())
    }

    /// Tells the delivery and subscribers, after the commit.
    pub fn publish(&self, app: &App) {
        if !self.results.is_empty() {
            app.delivery.wake();
        }
        for result in &self.results {
            app.events
                .publish(Topic::Alarms(self.user_id), Event::Alarm(result.alarm_id));
        }
    }
}
