//! A database with a thousand people, each with a full profile, two emergency contacts and a login
//! session.

use entity::{emergency_contact, profile, session, therapist, user};
use haven::app::App;
use haven::auth::fingerprint;
use haven::clock::Clock;
use haven::config::Config;
use haven::domain::catalogue;
use sea_orm::ActiveValue::Set;
use sea_orm::EntityTrait;

use crate::support::databases::{Database, Scratch};

/// How many people there are.
pub const PEOPLE: i64 = 1000;

/// Rows in one statement: SQLite and PostgreSQL bound the parameters of one.
const AT_ONCE: usize = 500;

/// A database with people, and their tokens by id, the first id being 1.
pub struct Seeded {
    pub scratch: Scratch,
    pub tokens: Vec<String>,
}

/// Makes them. Their passwords are good for nothing: hashing a thousand would take a minute.
pub async fn people(database: Database) -> Seeded {
    let scratch = database.scratch().await;
    let config = Config {
        data_dir: scratch.folder.path().to_owned(),
        database_url: Some(scratch.url.clone().into()),
        ..Config::default()
    };
    let app = App::new(config, Clock::default()).await.unwrap();
    catalogue::start(&app).await.unwrap();
    let now = app.clock.now();
    let tokens: Vec<String> = (1..=PEOPLE).map(|id| format!("{id:040x}")).collect();
    let tx = app.db.write().await.unwrap();
    let ids: Vec<i64> = (1..=PEOPLE).collect();
    for ids in ids.chunks(AT_ONCE) {
        user::Entity::insert_many(ids.iter().map(|id| user::ActiveModel {
            username: Set(format!("person{id}")),
            username_fold: Set(format!("person{id}")),
            email: Set(format!("person{id}@example.com")),
            password_hash: Set("!".to_owned()),
            is_admin: Set(false),
            is_active: Set(true),
            language: Set("ru".to_owned()),
            joined_at: Set(now),
            ..Default::default()
        }))
        .exec(&tx)
        .await
        .unwrap();
        therapist::Entity::insert_many(ids.iter().map(|id| therapist::ActiveModel {
            user_id: Set(*id),
            name: Set("Петр Петров".to_owned()),
            phone: Set("+79001234567".to_owned()),
            email: Set("petr@example.com".to_owned()),
            ..Default::default()
        }))
        .exec(&tx)
        .await
        .unwrap();
        emergency_contact::Entity::insert_many(ids.iter().flat_map(|id| {
            ["first", "second"].map(|which| emergency_contact::ActiveModel {
                user_id: Set(*id),
                name: Set("Иван Иванов".to_owned()),
                relationship: Set("Друг".to_owned()),
                phone: Set("+79001234567".to_owned()),
                phone_digits: Set("79001234567".to_owned()),
                email: Set(format!("{which}{id}@example.com")),
                ..Default::default()
            })
        }))
        .exec(&tx)
        .await
        .unwrap();
        profile::Entity::insert_many(ids.iter().map(|id| profile::ActiveModel {
            user_id: Set(*id),
            age: Set(Some(30)),
            location: Set("Санкт-Петербург".to_owned()),
            military_status: Set(true),
            ptsd_level: Set(Some(3)),
            music_id: Set(Some(2)),
            therapist_id: Set(Some(*id)),
            scenario_id: Set(Some(1)),
            ..Default::default()
        }))
        .exec(&tx)
        .await
        .unwrap();
        session::Entity::insert_many(ids.iter().zip(&tokens[ids[0] as usize - 1..]).map(
            |(id, token)| session::ActiveModel {
                user_id: Set(*id),
                token_hash: Set(fingerprint(token)),
                created_at: Set(now),
                last_used_at: Set(now),
                ..Default::default()
            },
        ))
        .exec(&tx)
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
    app.db.clone().close().await.unwrap();
    Seeded { scratch, tokens }
}

impl Seeded {
    /// The settings of a haven on this database.
    pub fn settings(&self) -> [(&'static str, String); 1] {
        [("HAVEN_DATABASE_URL", self.scratch.url.clone())]
    }
}
