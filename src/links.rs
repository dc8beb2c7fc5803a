//! Signed links: whoever holds one may do the one thing that it is for, without an account.
//!
//! A link names a notification and carries a signature over its purpose and that name. The key is
//! kept in the database, so that every node makes and knows the same links.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use entity::server_key;
use hmac::{Hmac, KeyInit, Mac};
use rand::TryRng;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, EntityTrait};
use sha2::Sha256;
use tokio::sync::OnceCell;
use url::Url;

use crate::auth::parse_id;
use crate::config::Config;
use crate::db::Db;
use crate::error::{Error, Result};

/// Bytes of the key: as many as the hash gives.
const KEY: usize = 32;
/// Bytes of a signature: 128 bits are beyond guessing, and short enough for an SMS.
const SIGNATURE: usize = 16;
/// The name of the key in the database.
const NAME: &str = "links";

/// What a link lets its holder do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// See the alarm and say what one does about it.
    Answer,
    /// Say that one does not want to be told any more.
    OptOut,
}

impl Purpose {
    /// The word that is signed: a link of one purpose is none of another.
    const fn word(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::OptOut => "opt-out",
        }
    }

    /// The first part of the path.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Answer => "/a/",
            Self::OptOut => "/o/",
        }
    }
}

/// Proof that a request carried a valid link: only [`Links::holder`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder(i64);

impl Holder {
    /// The notification that the link came with.
    #[must_use]
    pub const fn notification_id(self) -> i64 {
        self.0
    }
}

/// Makes and checks links.
pub struct Links {
    /// What links begin with; `None` where no address is known that a recipient could open.
    base: Option<String>,
    key: OnceCell<[u8; KEY]>,
}

impl Links {
    /// Links below the public URL; without one, below the address haven listens on where that
    /// is this machine's own, so that it can be tried. Never below what a request says: it must
    /// not be able to put a foreign host into messages.
    #[must_use]
    pub fn new(config: &Config, local_url: &Url) -> Self {
        let base = match &config.public_url {
            Some(url) => Some(url),
            None if config.listen.ip().is_loopback() => Some(local_url),
            None => None,
        };
        Self {
            base: base.map(|url| url.as_str().trim_end_matches('/').to_owned()),
            key: OnceCell::new(),
        }
    }

    /// A link for the holder of this notification; `None` where no address is known that a
    /// recipient could open.
    ///
    /// # Errors
    /// The database's, while the key is not known yet.
    pub async fn link(&self, db: &Db, purpose: Purpose, id: i64) -> Result<Option<String>> {
        let Some(base) = &self.base else {
            return Ok(None);
        };
        let path = self.path(db, purpose, id).await?;
        Ok(Some(format!("{base}{path}")))
    }

    /// The same as a path below wherever haven is reached, for a page to name another by.
    ///
    /// # Errors
    /// As [`Links::link`].
    pub async fn path(&self, db: &Db, purpose: Purpose, id: i64) -> Result<String> {
        let signature = self.signer(db, purpose, id).await?.finalize().into_bytes();
        let short = signature.get(..SIGNATURE).unwrap_or_default();
        let signature = URL_SAFE_NO_PAD.encode(short);
        Ok(format!("{}{id}.{signature}", purpose.path()))
    }

    /// Who holds this link, which is the last part of its path; `None` where haven did not make
    /// it for this purpose. Takes as long whatever is wrong with the signature.
    ///
    /// # Errors
    /// The database's, while the key is not known yet.
    pub async fn holder(&self, db: &Db, purpose: Purpose, link: &str) -> Result<Option<Holder>> {
        let Some((id, signature)) = link.split_once('.') else {
            return Ok(None);
        };
        // One spelling only.
        let Some(id) = parse_id(id).filter(|number| number.to_string() == id) else {
            return Ok(None);
        };
        let Some(signature) = URL_SAFE_NO_PAD
            .decode(signature)
            .ok()
            .filter(|bytes| bytes.len() == SIGNATURE)
        else {
            return Ok(None);
        };
        let signer = self.signer(db, purpose, id).await?;
        let valid = signer.verify_truncated_left(&signature).is_ok();
        Ok(valid.then_some(Holder(id)))
    }

    async fn signer(&self, db: &Db, purpose: Purpose, id: i64) -> Result<Hmac<Sha256>> {
        let key = self.key.get_or_try_init(|| key(db)).await?;
        let mut signer = Hmac::<Sha256>::new_from_slice(key)
            .map_err(|error| Error::Internal(anyhow::anyhow!("the key of links: {error}")))?;
        signer.update(purpose.word().as_bytes());
        signer.update(b"\0");
        signer.update(id.to_string().as_bytes());
        Ok(signer)
    }
}

/// Reads the key, or makes it where no node has yet; of two that do so at once, one wins and
/// both read what it stored. On the connections of alarms: their messages wait for it.
async fn key(db: &Db) -> Result<[u8; KEY]> {
    let stored = || server_key::Entity::find_by_id(NAME.to_owned()).one(db.alarms());
    let row = match stored().await? {
        Some(row) => Some(row),
        None => {
            let mut bytes = [0; KEY];
            rand::rngs::SysRng
                .try_fill_bytes(&mut bytes)
                .map_err(|error| Error::Internal(anyhow::anyhow!("no randomness: {error}")))?;
            let row = server_key::ActiveModel {
                name: Set(NAME.to_owned()),
                value: Set(STANDARD.encode(bytes)),
            };
            let mut first = OnConflict::column(server_key::Column::Name);
            first.do_nothing();
            server_key::Entity::insert(row)
                .on_conflict(first)
                .exec_without_returning(db.alarms())
                .await?;
            stored().await?
        }
    };
    row.and_then(|row| STANDARD.decode(row.value).ok())
        .and_then(|bytes| <[u8; KEY]>::try_from(bytes).ok())
        .ok_or_else(|| Error::Internal(anyhow::anyhow!("the key of links is spoiled")))
}
