//! Somebody to tell when the alarm is pressed.

use sea_orm::entity::prelude::*;

/// Several per user.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "emergency_contacts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Whose contact.
    pub user_id: i64,
    pub name: String,
    /// What the contact is to the user, as in "brother".
    pub relationship: String,
    /// As typed.
    pub phone: String,
    /// The digits of `phone`, by which a contact is recognised.
    pub phone_digits: String,
    /// Empty when unknown.
    pub email: String,
    /// When the contact asked not to be told any more.
    pub opted_out_at: Option<DateTimeUtc>,
    /// The `phone_digits` for which that was said.
    pub opted_out_phone: Option<String>,
    /// The `email` for which that was said.
    pub opted_out_email: Option<String>,
    /// Since when mail to `email` fails for good; cleared by another address and by a mail that is
    /// taken, unless the one before it was taken too and came back.
    pub email_failed_at: Option<DateTimeUtc>,
    /// The same of SMS to `phone`.
    pub phone_failed_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
