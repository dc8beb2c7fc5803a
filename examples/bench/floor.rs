//! What a profile read can't do without: the same two statements, taken from the same query
//! builder, on a pool opened in the same way, behind a bare axum handler that writes the same
//! body. haven adds authorisation, the schema, and everything around a request.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use entity::{profile, session, user};
use haven::auth::fingerprint;
use haven::db::Db;
use sea_orm::sqlx::{self, Row};
use sea_orm::{
    ColumnTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use serde::Serialize;
use tokio::net::TcpListener;

/// The argument by which this program serves the floor.
pub const ARGUMENT: &str = "floor";
/// The line it prints, before the address.
pub const LINE: &str = "the floor serves on http://";

/// As many connections as haven has where nothing is said.
const POOL: u32 = 16;

/// The statements that haven runs for a profile read: whose token it is, and the profile.
#[derive(Clone, Copy)]
pub struct Statements {
    pub caller: &'static str,
    pub profile: &'static str,
}

impl Statements {
    /// As sea-orm writes them for this database.
    pub fn new(backend: DbBackend) -> Self {
        let caller = session::Entity::find()
            .find_also_related(user::Entity)
            .filter(session::Column::TokenHash.eq(""))
            .limit(1);
        let profile = profile::Entity::find()
            .filter(profile::Column::UserId.is_in([1]))
            .order_by_asc(profile::Column::Id);
        // Leaked, once: sqlx takes statements that live as long as the program.
        Self {
            caller: caller.build(backend).sql.leak(),
            profile: profile.build(backend).sql.leak(),
        }
    }
}

/// The documented body.
#[derive(Serialize)]
struct Body {
    id: i64,
    user: i64,
    username: String,
    age: Option<i32>,
    location: String,
    military_status: bool,
    ptsd_level: Option<i32>,
    music: Option<i64>,
    therapist_contact: Option<i64>,
    scenario: Option<i64>,
}

/// A handler for one kind of database; its types know the statements' results no more
/// generally.
macro_rules! handler {
    ($name:ident, $database:ty) => {
        async fn $name(
            State((pool, statements)): State<(sqlx::Pool<$database>, Statements)>,
            Path(id): Path<i64>,
            headers: HeaderMap,
        ) -> Response {
            let token = headers
                .get(header::AUTHORIZATION)
                .and_then(|value| value.to_str().ok()?.strip_prefix("Token "));
            let Some(token) = token else {
                return StatusCode::UNAUTHORIZED.into_response();
            };
            let caller = sqlx::query(statements.caller)
                .bind(fingerprint(token))
                .bind(1_i64)
                .fetch_optional(&pool)
                .await
                .unwrap();
            let Some(caller) = caller else {
                return StatusCode::UNAUTHORIZED.into_response();
            };
            if caller.get::<i64, _>("A_user_id") != id || !caller.get::<bool, _>("B_is_active") {
                return StatusCode::FORBIDDEN.into_response();
            }
            let rows = sqlx::query(statements.profile)
                .bind(id)
                .fetch_all(&pool)
                .await
                .unwrap();
            let row = &rows[0];
            let body = Body {
                id: row.get("id"),
                user: row.get("user_id"),
                username: caller.get("B_username"),
                age: row.get("age"),
                location: row.get("location"),
                military_status: row.get("military_status"),
                ptsd_level: row.get("ptsd_level"),
                music: row.get("music_id"),
                therapist_contact: row.get("therapist_id"),
                scenario: row.get("scenario_id"),
            };
            axum::Json(body).into_response()
        }
    };
}

handler!(of_sqlite, sqlx::Sqlite);
handler!(of_postgres, sqlx::Postgres);

/// Serves on a free port until it is killed.
pub async fn serve(database: &str) {
    let db = Db::open(database, POOL).await.unwrap();
    let backend = db.read().get_database_backend();
    let statements = Statements::new(backend);
    let path = "/api/v1/user/{id}/";
    let router = match backend {
        DbBackend::Postgres => {
            let pool = db.read().get_postgres_connection_pool().clone();
            Router::new().route(path, get(of_postgres).with_state((pool, statements)))
        }
        _ => {
            let pool = db.read().get_sqlite_connection_pool().clone();
            Router::new().route(path, get(of_sqlite).with_state((pool, statements)))
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{LINE}{}", listener.local_addr().unwrap());
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    axum::serve(listener, router).await.unwrap();
}
