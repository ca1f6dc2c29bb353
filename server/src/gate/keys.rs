//! The keys of an issuer of JWTs, as the last reading of its JWKS document left them.
//!
//! Owns which keys may check what: RS256, ES256 and EdDSA, each with keys of its own kind, and no shared secret.
//! Never reads a file or a URL itself; whoever does waits here to be asked.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use jsonwebtoken::DecodingKey;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::sync::watch;
use tokio::time::timeout;

/// The keys of one JWKS document that can check a JWT.
#[derive(Clone, Debug, Default)]
pub struct KeySet(Vec<Key>);

#[derive(Clone, Debug)]
struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl KeySet {
    /// Reads a JWKS document (RFC 7517). Keys for other purposes are passed over.
    ///
    /// # Errors
    /// The end of a sentence when it is none, or holds no key that can be used.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let document: Value = serde_json::from_slice(text).map_err(|_| "is not JSON".to_owned())?;
        let keys = document["keys"]
            .as_array()
            .ok_or("has no member \"keys\", as a JWKS has")?;
        let keys: Vec<Key> = keys.iter().filter_map(Key::read).collect();
        if keys.is_empty() {
            return Err("holds no key for RS256, ES256 or EdDSA".to_owned());
        }
        Ok(Self(keys))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key that a JWT of this algorithm names; without a name the only one there is.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&DecodingKey> {
        let mut fitting = self
            .0
            .iter()
            .filter(|key| key.algorithm == algorithm && (id.is_none() || key.id.as_deref() == id));
        let first = fitting.next()?;
        (id.is_some() || fitting.next().is_none()).then_some(&first.key)
    }
}

impl Key {
    fn read(key: &Value) -> Option<Self> {
        let text = |name: &str| key[name].as_str();
        let is_other = |name: &str, value: &str| text(name).is_some_and(|given| given != value);
        let verifies = key["key_ops"]
            .as_array()
            .is_none_or(|uses| uses.iter().any(|for_what| for_what == "verify"));
        if is_other("use", "sig") || !verifies {
            return None;
        }
        let number = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(text(name)?).ok();
        let (algorithm, name, key) = match (text("kty")?, text("crv")) {
            ("RSA", _) => {
                let (n, e) = (number("n")?, number("e")?);
                let n = without_zeros(&n);
                let e = without_zeros(&e);
                let key = DecodingKey::from_rsa_raw_components(n, e);
                // ring refuses other lengths, at every request anew.
                let is_proper = (256..=1024).contains(&n.len());
                is_proper.then_some((Algorithm::RS256, "RS256", key))?
            }
            ("EC", Some("P-256")) => {
                let point = [&[4], &*number("x")?, &*number("y")?].concat();
                let key = DecodingKey::from_ec_der(&point);
                (point.len() == 65).then_some((Algorithm::ES256, "ES256", key))?
            }
            ("OKP", Some("Ed25519")) => {
                let point = number("x")?;
                let key = DecodingKey::from_ed_der(&point);
                (point.len() == 32).then_some((Algorithm::EdDSA, "EdDSA", key))?
            }
            (_, _) => return None,
        };
        if is_other("alg", name) && !(name == "EdDSA" && text("alg") == Some("Ed25519")) {
            return None;
        }
        Some(Self {
            id: text("kid").map(str::to_owned),
            algorithm,
            key,
        })
    }
}

/// A number as cryptography wants it: some issuers write a zero before it.
fn without_zeros(number: &[u8]) -> &[u8] {
    let first = number.iter().position(|byte| *byte != 0);
    &number[first.unwrap_or(number.len())..]
}

/// The keys as they are now, shared by who checks with them and who reads them anew.
#[derive(Clone, Debug)]
pub struct KeyRing {
    state: Arc<watch::Sender<State>>,
    wanted: Arc<Notify>,
}

#[derive(Clone, Debug, Default)]
struct State {
    keys: Arc<KeySet>,
    /// How often somebody has tried to read them.
    readings: u64,
}

impl Default for KeyRing {
    fn default() -> Self {
        Self {
            state: Arc::new(watch::Sender::new(State::default())),
            wanted: Arc::default(),
        }
    }
}

impl KeyRing {
    /// The keys have been read.
    pub fn put(&self, keys: KeySet) {
        self.state.send_modify(|state| {
            state.keys = Arc::new(keys);
            state.readings += 1;
        });
    }

    /// They have not been read, or not yet again: the old ones stay.
    pub fn keep(&self) {
        self.state.send_modify(|state| state.readings += 1);
    }

    /// Waits until a JWT names a key that is not there. Every such wait is answered with [`Self::put`] or
    /// [`Self::keep`].
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    pub(super) fn keys(&self) -> Arc<KeySet> {
        Arc::clone(&self.state.borrow().keys)
    }

    /// Asks for the keys to be read again, and waits until they were, at most `limit`.
    pub(super) async fn refreshed(&self, limit: Duration) {
        let mut state = self.state.subscribe();
        self.wanted.notify_one();
        let _ = timeout(limit, state.changed()).await;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ed(id: Option<&str>) -> Value {
        let mut key =
            json!({ "kty": "OKP", "crv": "Ed25519", "x": BASE64_URL_SAFE_NO_PAD.encode([7; 32]) });
        if let Some(id) = id {
            key["kid"] = id.into();
        }
        key
    }

    fn parse(keys: &[Value]) -> Result<KeySet, String> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    #[test]
    fn keys_of_other_kinds_and_for_other_purposes_are_passed_over() {
        let with = |name: &str, value: Value| {
            let mut key = ed(Some("a"));
            key[name] = value;
            key
        };
        for useless in [
            json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "a" }),
            json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "short" }),
            json!({ "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA" }),
            json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }),
            json!({ "kty": "OKP", "crv": "X25519", "x": "AA" }),
            json!("key"),
            with("use", json!("enc")),
            with("alg", json!("HS256")),
            with("key_ops", json!(["sign"])),
            with("x", json!("not base64!")),
        ] {
            assert!(parse(std::slice::from_ref(&useless)).is_err(), "{useless}");
            assert_eq!(parse(&[useless, ed(None)]).unwrap().len(), 1);
        }
        for useful in [
            with("use", json!("sig")),
            with("alg", json!("EdDSA")),
            with("alg", json!("Ed25519")),
            with("key_ops", json!(["verify"])),
        ] {
            assert!(parse(std::slice::from_ref(&useful)).is_ok(), "{useful}");
        }
        for text in ["", "{", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]}"] {
            assert!(KeySet::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_is_found_by_name_and_without_one_only_when_there_is_no_choice() {
        let two = parse(&[ed(Some("a")), ed(Some("b"))]).unwrap();
        assert!(two.find(Some("a"), Algorithm::EdDSA).is_some());
        assert!(two.find(Some("c"), Algorithm::EdDSA).is_none());
        assert!(two.find(None, Algorithm::EdDSA).is_none());
        assert!(two.find(Some("a"), Algorithm::RS256).is_none());
        let one = parse(&[ed(Some("a"))]).unwrap();
        assert!(one.find(None, Algorithm::EdDSA).is_some());
        assert!(
            parse(&[ed(None)])
                .unwrap()
                .find(Some("a"), Algorithm::EdDSA)
                .is_none()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_key_goes_on_when_it_is_read_or_is_not() {
        let ring = KeyRing::default();
        let limit = Duration::from_secs(10);
        for attempt in 0..2 {
            let read = async {
                ring.wanted().await;
                if attempt == 0 {
                    ring.keep();
                } else {
                    ring.put(parse(&[ed(None)]).unwrap());
                }
            };
            let started = tokio::time::Instant::now();
            tokio::join!(ring.refreshed(limit), read);
            assert!(started.elapsed() < limit);
            assert_eq!(ring.keys().len(), attempt);
        }
        let started = tokio::time::Instant::now();
        ring.refreshed(limit).await;
        assert_eq!(started.elapsed(), limit, "nobody reads");
    }
}
