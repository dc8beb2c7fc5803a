//! Who is asking: passwords, tokens and the [`Viewer`] that GraphQL, REST and sockets share.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use entity::user;
use rand::TryRng;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::error::{Error, Result, Unauthenticated};

/// Somebody who is logged in, and how.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The account.
    pub user: user::Model,
    /// The login session the token belongs to.
    pub session_id: i64,
}

/// The person behind a request.
#[derive(Clone, Debug)]
pub enum Viewer {
    /// Nobody, and why.
    Nobody(Unauthenticated),
    /// Somebody with a valid token.
    Person(Arc<Identity>),
}

impl Viewer {
    /// The person, if there is one.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` with the reason.
    pub fn person(&self) -> Result<&Identity> {
        match self {
            Self::Nobody(reason) => Err(Error::Unauthenticated(*reason)),
            Self::Person(identity) => Ok(identity),
        }
    }

    /// The person, if it is an admin.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, or `FORBIDDEN` for everybody else.
    pub fn admin(&self) -> Result<&Identity> {
        let identity = self.person()?;
        if identity.user.is_admin {
            Ok(identity)
        } else {
            Err(Error::Forbidden)
        }
    }

    /// The person, if it is the one that `subject` names.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, or `FORBIDDEN` for everybody else, admins included.
    pub fn owner(&self, subject: UserRef) -> Result<&Identity> {
        let identity = self.person()?;
        if subject.id(identity) == identity.user.id {
            Ok(identity)
        } else {
            Err(Error::Forbidden)
        }
    }
}

/// A user named in a request: by id, or `me` for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserRef {
    /// The caller.
    Me,
    /// By id. What is no id at all is 0, which no user has.
    Id(i64),
}

impl UserRef {
    /// Reads `me` or a positive integer.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text == "me" {
            return Self::Me;
        }
        Self::Id(parse_id(text).unwrap_or(0))
    }

    /// The id meant, when `caller` asks.
    #[must_use]
    pub fn id(self, caller: &Identity) -> i64 {
        match self {
            Self::Me => caller.user.id,
            Self::Id(id) => id,
        }
    }
}

/// Reads a decimal positive integer; signs, spaces and other digits are refused.
#[must_use]
pub fn parse_id(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|id| *id > 0)
}

/// Reads the token out of an `Authorization` header: `Token <t>` or `Bearer <t>`.
///
/// # Errors
/// The reason, in the cases the legacy contract tells apart.
pub fn token_of_header(header: Option<&str>) -> Result<&str, Unauthenticated> {
    let mut words = header.unwrap_or_default().split_ascii_whitespace();
    match words.next() {
        Some(scheme)
            if scheme.eq_ignore_ascii_case("token") || scheme.eq_ignore_ascii_case("bearer") => {}
        _ => return Err(Unauthenticated::NotProvided),
    }
    let token = words.next().ok_or(Unauthenticated::NoToken)?;
    if words.next().is_some() {
        return Err(Unauthenticated::TokenWithSpaces);
    }
    Ok(token)
}

/// A new secret of 40 hexadecimal characters: 160 random bits from the operating system.
///
/// # Errors
/// If the operating system has no randomness to give.
pub fn new_secret() -> Result<String> {
    let mut bytes = [0_u8; 20];
    rand::rngs::SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| anyhow!("no randomness: {error}"))?;
    Ok(hex(&bytes))
}

/// What is stored of a secret: its SHA-256. A random secret of 160 bits needs no salt.
#[must_use]
pub fn fingerprint(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// How long a login may wait for its turn to be hashed.
const HASHING_PATIENCE: Duration = Duration::from_secs(10);

/// Hashes and checks passwords: argon2id with 19 MiB, 2 passes, 1 lane, as OWASP's password
/// storage cheat sheet has it (the defaults of the `argon2` crate).
///
/// One hash keeps a core busy for some 20 ms. They run on blocking threads, and never on all
/// cores at once, so that a flood of logins leaves the others their turn.
#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    /// Checked where there is no such user, so that the answer takes as long.
    decoy: Arc<str>,
    /// Passwords that nobody may choose, in lower case.
    refused: Arc<HashSet<String>>,
}

impl Passwords {
    /// Leaves one core free where there is more than one. `refused` are passwords that nobody
    /// may choose.
    ///
    /// # Errors
    /// If hashing does not work at all.
    pub fn new(refused: HashSet<String>) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            turns: Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))),
            decoy: hash(&new_secret()?)?.into(),
            refused: Arc::new(refused),
        })
    }

    /// Whether the deployment refuses this password, without regard to case.
    #[must_use]
    pub fn refused(&self, password: &str) -> bool {
        !self.refused.is_empty() && self.refused.contains(&password.to_lowercase())
    }

    /// Hashes a password into a PHC string.
    ///
    /// # Errors
    /// `RATE_LIMITED` when too many wait.
    pub async fn hash(&self, password: String) -> Result<String> {
        self.in_turn(move || hash(&password)).await?
    }

    /// Whether `password` is the one behind `stored`. Without `stored` it takes as long and
    /// says no.
    ///
    /// # Errors
    /// `RATE_LIMITED` when too many wait.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool> {
        let decoy = self.decoy.clone();
        self.in_turn(move || {
            let known = stored.is_some();
            let hash = stored.as_deref().unwrap_or(&decoy);
            Argon2::default()
                .verify_password(password.as_bytes(), hash)
                .is_ok()
                && known
        })
        .await
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let turn = tokio::time::timeout(HASHING_PATIENCE, self.turns.clone().acquire_owned())
            .await
            .map_err(|_| Error::RateLimited)?
            .map_err(|_| Error::Unavailable)?;
        tokio::task::spawn_blocking(move || {
            // Held by the work itself: a client that hangs up must not free the turn early.
            let _turn = turn;
            work()
        })
        .await
        .map_err(|error| Error::Internal(anyhow!("hashing died: {error}")))
    }
}

fn hash(password: &str) -> Result<String> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| Error::Internal(anyhow!("hashing failed: {error}")))
}
