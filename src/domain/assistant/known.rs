//! What haven knows of a person that the assistant has to know, or to keep back.

use entity::{emergency_contact, profile, therapist, user};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::app::App;
use crate::assistant::crisis::{self, Country};
use crate::assistant::privacy::Private;
use crate::error::Result;

/// What is known of a person.
pub(super) struct Known {
    /// Where the person is: by the profile, else by the deployment's setting.
    pub(super) country: Option<Country>,
    /// What must not be sent to the model; not all of it where there is none.
    pub(super) private: Private,
}

/// Reads it.
pub(super) async fn of(app: &App, user: &user::Model) -> Result<Known> {
    let db = app.db.read();
    let location = profile::Entity::find()
        .filter(profile::Column::UserId.eq(user.id))
        .one(db)
        .await?
        .map_or_else(String::new, |profile| profile.location);
    let mut people = vec![user.username.clone()];
    // The part before the @ is a name as often as not.
    people.extend(user.email.split('@').next().map(str::to_owned));
    if app.assistant.has_model() {
        let contacts = emergency_contact::Entity::find()
            .filter(emergency_contact::Column::UserId.eq(user.id))
            .all(db)
            .await?;
        people.extend(contacts.into_iter().map(|contact| contact.name));
        let therapist = therapist::Entity::find()
            .filter(therapist::Column::UserId.eq(user.id))
            .one(db)
            .await?;
        people.extend(therapist.map(|therapist| therapist.name));
    }
    let setting = app.config.country.as_deref();
    Ok(Known {
        country: crisis::country(&location, setting),
        private: Private::new(&people, &[location]),
    })
}
