use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use chrono::Utc;
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
use url::Url;

use super::*;
use crate::config::auth::KeySource;

const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "https://bridge.example";
/// ring makes no RSA keys.
const RSA: &str = include_str!("../../../../tests/keys/rsa.p8.b64");

struct Keys {
    ed: Ed25519KeyPair,
    ec: EcdsaKeyPair,
    rsa: RsaKeyPair,
}

impl Keys {
    fn new() -> Self {
        let random = SystemRandom::new();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let ec = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let rsa = BASE64_STANDARD.decode(RSA.replace('\n', "")).unwrap();
        Self {
            ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
            ec: EcdsaKeyPair::from_pkcs8(algorithm, ec.as_ref(), &random).unwrap(),
            rsa: RsaKeyPair::from_pkcs8(&rsa).unwrap(),
        }
    }

    fn jwks(&self) -> Value {
        let point = self.ec.public_key().as_ref();
        let rsa: PublicKeyComponents<Vec<u8>> = self.rsa.public().into();
        // Some issuers write a zero before the modulus.
        let n = [&[0], &*rsa.n].concat();
        json!({ "keys": [
            { "kid": "ed", "kty": "OKP", "crv": "Ed25519", "x": BASE64.encode(self.ed.public_key()) },
            { "kid": "ec", "kty": "EC", "crv": "P-256", "x": BASE64.encode(&point[1..33]), "y": BASE64.encode(&point[33..]) },
            { "kid": "rsa", "kty": "RSA", "alg": "RS256", "use": "sig", "n": BASE64.encode(n), "e": BASE64.encode(rsa.e) },
        ] })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let text = format!(
            "{}.{}",
            BASE64.encode(header.to_string()),
            BASE64.encode(claims.to_string())
        );
        let random = SystemRandom::new();
        let signature = match header["alg"].as_str() {
            Some("EdDSA") => self.ed.sign(text.as_bytes()).as_ref().to_vec(),
            Some("ES256") => {
                let signature = self.ec.sign(&random, text.as_bytes()).unwrap();
                signature.as_ref().to_vec()
            }
            Some("RS256") => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                self.rsa
                    .sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature)
                    .unwrap();
                signature
            }
            // The public key as a shared secret, which everybody knows.
            Some("HS256") => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.ed.public_key().as_ref());
                hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
            }
            Some(_) | None => Vec::new(),
        };
        format!("{text}.{}", BASE64.encode(signature))
    }
}

fn checker(keys: &Keys) -> Checker {
    let ring = KeyRing::default();
    ring.put(KeySet::parse(keys.jwks().to_string().as_bytes()).unwrap());
    let jwt = Jwt {
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        keys: KeySource::Url(Url::parse("https://id.example/keys").unwrap()),
    };
    Checker::new(&jwt, ring, Duration::from_millis(1))
}

fn claims() -> Value {
    let now = Utc::now().timestamp();
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": now + 300, "nbf": now - 300 })
}

#[tokio::test]
async fn each_algorithm_is_checked_with_a_key_of_its_own() {
    let keys = Keys::new();
    let checker = checker(&keys);
    let expected = Principal::of_issuer(ISSUER, "ann").unwrap();
    for (algorithm, kid) in [("EdDSA", "ed"), ("ES256", "ec"), ("RS256", "rsa")] {
        for header in [
            json!({ "alg": algorithm, "kid": kid, "typ": "JWT" }),
            json!({ "alg": algorithm }),
        ] {
            let token = keys.sign(&header, &claims());
            assert_eq!(
                checker.principal(&token).await,
                Ok(expected.clone()),
                "{header}"
            );
            // Another message under the same signature, and the same message under another.
            let parts: Vec<&str> = token.split('.').collect();
            let mut other = claims();
            other["sub"] = json!("root");
            let other = BASE64.encode(other.to_string());
            let forged = format!("{}.{other}.{}", parts[0], parts[2]);
            assert!(checker.principal(&forged).await.is_err());
            let signature = parts[2];
            let turned = if signature.starts_with('A') { "B" } else { "A" };
            let forged = format!("{}.{}.{turned}{}", parts[0], parts[1], &signature[1..]);
            assert!(checker.principal(&forged).await.is_err());
        }
    }
}

#[tokio::test]
async fn the_jwt_does_not_choose_how_it_is_checked() {
    let keys = Keys::new();
    let checker = checker(&keys);
    for header in [
        json!({ "alg": "none" }),
        json!({ "alg": "none", "kid": "ed" }),
        json!({ "alg": "None", "kid": "ed" }),
        json!({ "alg": "", "kid": "ed" }),
        json!({ "kid": "ed" }),
        json!({ "alg": "HS256" }),
        json!({ "alg": "HS256", "kid": "ed" }),
        json!({ "alg": "ES256", "kid": "ed" }),
        json!({ "alg": "EdDSA", "kid": "rsa" }),
        json!({ "alg": "EdDSA", "kid": "unknown" }),
        json!({ "alg": "RS512", "kid": "rsa" }),
        json!({ "alg": "EdDSA", "kid": "ed", "crit": ["exp"] }),
        json!({ "alg": "EdDSA", "kid": 7 }),
    ] {
        let token = keys.sign(&header, &claims());
        assert!(checker.principal(&token).await.is_err(), "{header}");
        // Without any signature.
        let end = token.rfind('.').unwrap();
        assert!(checker.principal(&token[..=end]).await.is_err(), "{header}");
        assert!(checker.principal(&token[..end]).await.is_err(), "{header}");
    }
    // A key that the JWT brings along is its own and nobody's.
    let strangers = Keys::new();
    let key = strangers.jwks()["keys"][0].clone();
    for header in [
        json!({ "alg": "EdDSA", "kid": "ed", "jwk": key }),
        json!({ "alg": "EdDSA", "kid": "ed", "jku": "https://evil.example/keys" }),
        json!({ "alg": "EdDSA", "kid": "ed" }),
    ] {
        let token = strangers.sign(&header, &claims());
        assert_eq!(
            checker.principal(&token).await,
            Err("The JWT is not signed by its issuer.")
        );
    }
}

#[tokio::test]
async fn everything_it_must_say_is_demanded() {
    let keys = Keys::new();
    let checker = checker(&keys);
    let now = Utc::now().timestamp();
    let header = json!({ "alg": "EdDSA", "kid": "ed" });
    let changed = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        claims
    };
    for claims in [
        changed("aud", json!(["https://other.example", AUDIENCE])),
        changed("exp", json!(now - 20)),
        changed("nbf", json!(now + 20)),
    ] {
        let token = keys.sign(&header, &claims);
        assert!(checker.principal(&token).await.is_ok(), "{claims}");
    }
    for name in ["exp", "iss", "aud", "sub"] {
        let mut without = claims();
        without.as_object_mut().unwrap().remove(name);
        let token = keys.sign(&header, &without);
        assert!(checker.principal(&token).await.is_err(), "without {name}");
    }
    for claims in [
        changed("exp", json!(now - 40)),
        changed("exp", json!(0)),
        changed("exp", json!("never")),
        changed("exp", Value::Null),
        changed("nbf", json!(now + 40)),
        changed("nbf", json!("now")),
        changed("nbf", Value::Null),
        changed("iss", json!("https://id.example.evil")),
        changed("iss", json!("https://id.example/")),
        changed("aud", json!("https://other.example")),
        changed("aud", json!([])),
        changed("aud", json!(["https://other.example"])),
        changed("sub", json!("")),
        changed("sub", json!(7)),
        changed("sub", json!("a\nb")),
        changed("sub", json!("x".repeat(300))),
    ] {
        let token = keys.sign(&header, &claims);
        assert!(checker.principal(&token).await.is_err(), "{claims}");
    }
    for text in ["", ".", "..", "a.b.c", "the-token-of-this-test"] {
        assert!(checker.principal(text).await.is_err(), "{text}");
    }
}

#[tokio::test]
async fn a_key_that_is_not_known_yet_is_waited_for() {
    let keys = Keys::new();
    let strangers = Keys::new();
    let mut checker = checker(&strangers);
    checker.wait = Duration::from_secs(30);
    let mut jwks = keys.jwks();
    jwks["keys"][0]["kid"] = json!("new");
    let token = keys.sign(&json!({ "alg": "EdDSA", "kid": "new" }), &claims());
    let ring = checker.keys.clone();
    let read = async {
        ring.wanted().await;
        ring.put(KeySet::parse(jwks.to_string().as_bytes()).unwrap());
    };
    let (principal, ()) = tokio::join!(checker.principal(&token), read);
    assert!(principal.is_ok());
}
