//! Automatic persisted queries, Apollo's protocol: a client sends the SHA-256 of a document, and
//! its text only when the server doesn't know the hash.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::parser::parse_query;
use async_graphql::parser::types::ExecutableDocument;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::errors::RequestError;
use super::limits::{self, Cost, Limits};
use super::subscriptions::single_root;

/// A document that was parsed and is within the limits.
#[derive(Debug)]
pub(super) struct Document {
    pub parsed: ExecutableDocument,
    pub cost: Cost,
    /// About how many bytes it takes, parsed.
    pub bytes: usize,
}

/// How much the store of persisted queries holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PersistedLimits {
    /// Documents.
    pub documents: usize,
    /// About how many bytes they take together, parsed.
    pub bytes: usize,
}

impl Default for PersistedLimits {
    fn default() -> Self {
        Self {
            documents: 1_000,
            bytes: 32 * 1024 * 1024,
        }
    }
}

impl Document {
    /// Parses a text that may come from anybody.
    ///
    /// # Errors
    /// It exceeds a limit, is no document, or has a subscription of several root fields.
    pub fn read(text: &str, limits: &Limits) -> Result<Self, RequestError> {
        let tokens = limits::scan(text, limits)?;
        let parsed = parse_query(text)?;
        let cost = limits::check(&parsed, limits)?;
        single_root(&parsed)?;
        Ok(Self {
            cost,
            parsed,
            bytes: text.len() + tokens * TOKEN,
        })
    }
}

/// Bytes that a token of a document takes at most, parsed: a quarter of those of `... { a }`, as
/// measured with documents of nothing else.
const TOKEN: usize = 256;

pub(super) type Hash = [u8; 32];

/// The documents by hash; the one unused for longest goes first.
pub(super) struct Persisted {
    limits: PersistedLimits,
    store: Mutex<Store>,
}

#[derive(Default)]
struct Store {
    documents: HashMap<Hash, (u64, Arc<Document>)>,
    /// When each was last used, on a clock that counts uses.
    by_use: BTreeMap<u64, Hash>,
    uses: u64,
    bytes: usize,
}

impl Persisted {
    pub fn new(limits: PersistedLimits) -> Self {
        Self {
            limits,
            store: Mutex::default(),
        }
    }

    pub fn get(&self, hash: &Hash) -> Option<Arc<Document>> {
        let mut guard = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let store = &mut *guard;
        let (used, document) = store.documents.get_mut(hash)?;
        store.uses += 1;
        store.by_use.remove(used);
        *used = store.uses;
        store.by_use.insert(store.uses, *hash);
        Some(Arc::clone(document))
    }

    pub fn insert(&self, hash: Hash, document: Arc<Document>) {
        let mut guard = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let store = &mut *guard;
        if document.bytes > self.limits.bytes {
            return;
        }
        store.uses += 1;
        store.bytes += document.bytes;
        store.by_use.insert(store.uses, hash);
        if let Some((used, old)) = store.documents.insert(hash, (store.uses, document)) {
            store.by_use.remove(&used);
            store.bytes -= old.bytes;
        }
        while store.documents.len() > self.limits.documents || store.bytes > self.limits.bytes {
            let Some((_, oldest)) = store.by_use.pop_first() else {
                return;
            };
            if let Some((_, old)) = store.documents.remove(&oldest) {
                store.bytes -= old.bytes;
            }
        }
    }
}

/// The SHA-256 of a document's text.
pub(super) fn hash_of(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// The hash in a request's `extensions.persistedQuery`, if it has one.
///
/// # Errors
/// The extension is there and isn't version 1 with 64 hexadecimal digits.
pub(super) fn requested_hash(
    extensions: &Map<String, Value>,
) -> Result<Option<Hash>, RequestError> {
    let Some(extension) = extensions.get("persistedQuery").filter(|v| !v.is_null()) else {
        return Ok(None);
    };
    if extension.get("version").and_then(Value::as_u64) != Some(1) {
        return Err(RequestError::bad_request(
            "Only version 1 of persisted queries is supported.",
        ));
    }
    let text = extension.get("sha256Hash").and_then(Value::as_str);
    let hash = text.and_then(decode).ok_or_else(|| {
        RequestError::bad_request("`persistedQuery.sha256Hash` must be 64 hexadecimal digits.")
    })?;
    Ok(Some(hash))
}

fn decode(text: &str) -> Option<Hash> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit))
        .collect();
    (digits.len() == 64).then_some(bytes)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Arc<Document> {
        Arc::new(Document {
            parsed: async_graphql::parser::parse_query(text).unwrap(),
            cost: Cost::default(),
            bytes: text.len(),
        })
    }

    #[test]
    fn the_one_unused_for_longest_goes_first() {
        let persisted = Persisted::new(PersistedLimits {
            documents: 2,
            bytes: 1000,
        });
        persisted.insert([1; 32], document("{a}"));
        persisted.insert([2; 32], document("{b}"));
        assert!(persisted.get(&[1; 32]).is_some());
        persisted.insert([3; 32], document("{c}"));
        assert!(persisted.get(&[1; 32]).is_some());
        assert!(persisted.get(&[2; 32]).is_none());
        assert!(persisted.get(&[3; 32]).is_some());
    }

    #[test]
    fn bytes_are_bounded_and_the_same_document_counts_once() {
        let persisted = Persisted::new(PersistedLimits {
            documents: 100,
            bytes: 7,
        });
        for _ in 0..5 {
            persisted.insert([1; 32], document("{a}"));
        }
        persisted.insert([2; 32], document("{b}"));
        assert!(persisted.get(&[1; 32]).is_some());
        persisted.insert([3; 32], document("{c}"));
        assert!(persisted.get(&[2; 32]).is_none());
        persisted.insert([4; 32], document("{longer}"));
        assert!(persisted.get(&[4; 32]).is_none(), "larger than the store");
        assert!(persisted.get(&[3; 32]).is_some());
    }

    #[test]
    fn hashes_are_64_hexadecimal_digits() {
        assert_eq!(decode(&"0f".repeat(32)), Some([15; 32]));
        for wrong in [
            "",
            "0",
            "zz",
            &"0".repeat(63),
            &"0".repeat(66),
            &"é".repeat(32),
        ] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
