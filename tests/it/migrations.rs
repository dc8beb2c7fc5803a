//! Migrations on both databases.

use haven::db::Db;
use migration::{Migrator, MigratorTrait};

use crate::on_both;
use crate::support::databases::Database;

on_both! {
    async fn migrations_go_up_down_and_up_again(database) {
        let scratch = Database::empty(database).await;
        let db = Db::open(&scratch.url, 2).await.unwrap();
        db.migrate().await.unwrap();
        assert_eq!(Migrator::get_pending_migrations(db.read()).await.unwrap().len(), 0);
        Migrator::down(db.read(), None).await.unwrap();
        let all = Migrator::get_pending_migrations(db.read()).await.unwrap().len();
        assert_eq!(all, Migrator::migrations().len());
        db.migrate().await.unwrap();
        assert_eq!(Migrator::get_pending_migrations(db.read()).await.unwrap().len(), 0);
        db.close().await.unwrap();
    }

    async fn nodes_that_start_at_once_migrate_once(database) {
        let scratch = Database::empty(database).await;
        let one = Db::open(&scratch.url, 2).await.unwrap();
        one.migrate().await.unwrap();
        Migrator::down(one.read(), None).await.unwrap();
        if database == Database::Postgres {
            let two = Db::open(&scratch.url, 2).await.unwrap();
            let (first, second) = tokio::join!(one.migrate(), two.migrate());
            first.unwrap();
            second.unwrap();
            two.close().await.unwrap();
        } else {
            one.migrate().await.unwrap();
        }
        assert_eq!(Migrator::get_pending_migrations(one.read()).await.unwrap().len(), 0);
        one.close().await.unwrap();
    }
}
