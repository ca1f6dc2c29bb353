//! An identity provider: it signs JWTs and shows its keys.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
use ring::signature::EcdsaKeyPair;
use ring::signature::Ed25519KeyPair;
use ring::signature::KeyPair;
use ring::signature::RSA_PKCS1_SHA256;
use ring::signature::RsaKeyPair;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Who it is, in the claim `iss`.
pub const ISSUER: &str = "https://id.example";

/// Whom its JWTs are meant for, in the claim `aud`.
pub const AUDIENCE: &str = "https://bridge.example";

/// ring makes no RSA keys, so this one is always the same.
const RSA: &str = include_str!("../keys/rsa.p8.b64");

/// An identity provider with a key for each algorithm.
#[derive(Debug)]
pub struct Issuer {
    /// Begins the names of its keys.
    prefix: String,
    ed: Ed25519KeyPair,
    ec: EcdsaKeyPair,
    rsa: RsaKeyPair,
}

impl Issuer {
    /// Makes one; the names of its keys begin with `prefix`.
    pub fn new(prefix: &str) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let ed = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
        let ec = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
        let rsa = BASE64_STANDARD.decode(RSA.replace('\n', ""));
        Self {
            prefix: prefix.to_owned(),
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).expect("the key"),
            ec: EcdsaKeyPair::from_pkcs8(algorithm, ec.as_ref(), &random).expect("the key"),
            rsa: RsaKeyPair::from_pkcs8(&rsa.expect("base64")).expect("the key"),
        }
    }

    /// Its keys, as a JWKS document.
    pub fn jwks(&self) -> Value {
        let base64 = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let prefix = &self.prefix;
        let point = self.ec.public_key().as_ref();
        let rsa: PublicKeyComponents<Vec<u8>> = self.rsa.public().into();
        json!({ "keys": [
            { "kid": format!("{prefix}-EdDSA"), "kty": "OKP", "crv": "Ed25519", "x": base64(self.ed.public_key().as_ref()) },
            { "kid": format!("{prefix}-ES256"), "kty": "EC", "crv": "P-256", "x": base64(&point[1..33]), "y": base64(&point[33..]) },
            { "kid": format!("{prefix}-RS256"), "kty": "RSA", "use": "sig", "n": base64(&rsa.n), "e": base64(&rsa.e) },
        ] })
    }

    /// What a JWT of this subject must say.
    pub fn claims(subject: &str) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.expect("it is after 1970").as_secs();
        json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": now + 600 })
    }

    /// A JWT of this subject.
    pub fn token(&self, subject: &str) -> String {
        self.token_with("EdDSA", subject)
    }

    /// A JWT of this subject, signed with one of `EdDSA`, `ES256` and `RS256`.
    pub fn token_with(&self, algorithm: &str, subject: &str) -> String {
        let header = json!({ "alg": algorithm, "kid": format!("{}-{algorithm}", self.prefix) });
        self.sign(&header, &Self::claims(subject))
    }

    /// A JWT with this header and these claims, proper or not. `HS256` takes the public key for a shared secret, as an
    /// attacker would, and what is unknown gets no signature.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let random = SystemRandom::new();
        let signature = match header["alg"].as_str() {
            Some("EdDSA") => self.ed.sign(text.as_bytes()).as_ref().to_vec(),
            Some("ES256") => {
                let signature = self.ec.sign(&random, text.as_bytes());
                signature.expect("a signature").as_ref().to_vec()
            }
            Some("RS256") => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                self.rsa
                    .sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)
                    .expect("a signature");
                signature
            }
            Some("HS256") => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.ed.public_key().as_ref());
                hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
            }
            Some(_) | None => Vec::new(),
        };
        format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A web server with one document, which may change.
#[derive(Debug)]
pub struct Document {
    url: String,
    text: Arc<Mutex<String>>,
    n_requests: Arc<AtomicUsize>,
    _server: JoinSet<()>,
}

impl Document {
    /// Serves this document; an empty one is answered with status 500.
    pub async fn serve(text: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!(
            "http://{}/jwks.json",
            listener.local_addr().expect("its address")
        );
        let text = Arc::new(Mutex::new(text.to_owned()));
        let n_requests = Arc::new(AtomicUsize::new(0));
        let (served, counted) = (Arc::clone(&text), Arc::clone(&n_requests));
        let mut server = JoinSet::new();
        server.spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut head = Vec::new();
                let mut part = [0; 4096];
                while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                    match socket.read(&mut part).await {
                        Ok(1..) => head.extend_from_slice(&part),
                        Ok(0) | Err(_) => break,
                    }
                }
                counted.fetch_add(1, Ordering::SeqCst);
                let text = served
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone();
                let status = if text.is_empty() {
                    "500 Sorry"
                } else {
                    "200 OK"
                };
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
                    text.len()
                );
                let _ = socket.write_all(answer.as_bytes()).await;
                let _ = socket.shutdown().await;
            }
        });
        Self {
            url,
            text,
            n_requests,
            _server: server,
        }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Serves another one from now on.
    pub fn change(&self, text: &str) {
        text.clone_into(&mut self.text.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// How often it was asked for.
    pub fn n_requests(&self) -> usize {
        self.n_requests.load(Ordering::SeqCst)
    }
}
