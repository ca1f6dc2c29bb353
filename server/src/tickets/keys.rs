//! The key ring: what is derived from the keys that tickets are sealed with.
//!
//! Owns the derivation, one key per purpose, and how a ticket says which key sealed it.
//! Never looks into what it seals.

use chacha20poly1305::AeadInOut;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::XNonce;
use hkdf::Hkdf;
use hmac::Hmac;
use hmac::KeyInit;
use hmac::Mac;
use sha2::Sha256;

use crate::config::ticket_keys::TicketKey;
use crate::config::ticket_keys::TicketKeys;

/// First byte of every ticket: the version of its layout.
const VERSION: u8 = 1;
const ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;
/// Version, key id, nonce.
const HEAD_BYTES: usize = 1 + ID_BYTES + NONCE_BYTES;

/// Bytes of the tag in a session id.
pub(super) const TAG_BYTES: usize = 2;

/// Keys of which the newest seals and all open.
#[derive(Debug)]
pub struct Ring {
    newest: Key,
    older: Vec<Key>,
}

struct Key {
    /// Derived, so that every node gives a key the same id and nobody has to number them.
    id: [u8; ID_BYTES],
    tickets: XChaCha20Poly1305,
    session_ids: Hmac<Sha256>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}

impl Key {
    fn new(key: &TicketKey) -> Self {
        let derive = Hkdf::<Sha256>::new(Some(b"footbridge"), key.expose());
        let mut id = [0; ID_BYTES];
        let (mut tickets, mut session_ids) = ([0; 32], [0; 32]);
        for (purpose, derived) in [
            (&b"key id"[..], &mut id[..]),
            (b"ticket", &mut tickets),
            (b"sid", &mut session_ids),
        ] {
            derive
                .expand(purpose, derived)
                .expect("HKDF gives up to 255 times 32 bytes");
        }
        Self {
            id,
            tickets: XChaCha20Poly1305::new(&tickets.into()),
            session_ids: Hmac::new_from_slice(&session_ids).expect("HMAC takes any length"),
        }
    }
}

impl Ring {
    /// The ring of these keys.
    pub fn new(keys: &TicketKeys) -> Self {
        Self {
            newest: Key::new(&keys.newest),
            older: keys.older.iter().map(Key::new).collect(),
        }
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.newest).chain(&self.older)
    }

    /// Seals a text with the newest key; `bound_to` must be the same when it is opened. `None` when the system has no
    /// randomness to give.
    pub(super) fn seal(&self, mut text: Vec<u8>, bound_to: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).ok()?;
        self.newest
            .tickets
            .encrypt_in_place(&XNonce::from(nonce), bound_to, &mut text)
            .ok()?;
        let mut sealed = Vec::with_capacity(HEAD_BYTES + text.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.newest.id);
        sealed.extend_from_slice(&nonce);
        sealed.append(&mut text);
        Some(sealed)
    }

    /// Opens what one of the keys sealed; `None` for everything else.
    pub(super) fn open(&self, sealed: &[u8], bound_to: &[u8]) -> Option<Vec<u8>> {
        let (head, text) = sealed.split_first_chunk::<HEAD_BYTES>()?;
        let (version, rest) = head.split_first()?;
        let (id, nonce) = rest.split_first_chunk::<ID_BYTES>()?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let key = self.keys().find(|key| key.id == *id)?;
        if *version != VERSION {
            return None;
        }
        let mut text = text.to_vec();
        key.tickets
            .decrypt_in_place(&XNonce::from(nonce), bound_to, &mut text)
            .ok()?;
        Some(text)
    }

    /// The tag by which a session id is known to be of this deployment.
    pub(super) fn tag(&self, parts: &[&[u8]]) -> [u8; TAG_BYTES] {
        let tag = mac(&self.newest, parts).finalize().into_bytes();
        [tag[0], tag[1]]
    }

    /// Whether one of the keys made the tag.
    pub(super) fn has_made(&self, tag: [u8; TAG_BYTES], parts: &[&[u8]]) -> bool {
        self.keys()
            .any(|key| mac(key, parts).verify_truncated_left(&tag).is_ok())
    }
}

/// Over each part with its length, so that no two can be confused.
fn mac(key: &Key, parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = key.session_ids.clone();
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac
}
