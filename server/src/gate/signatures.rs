//! The cryptography under JWTs: ring's, which TLS uses as well.
//!
//! Owns how a signature of each algorithm is checked. Never signs, and knows no algorithm with a shared secret.

use std::sync::Once;

use jsonwebtoken::Algorithm;
use jsonwebtoken::AlgorithmFamily;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::DecodingKeyKind;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::crypto::CryptoProvider;
use jsonwebtoken::crypto::JwtSigner;
use jsonwebtoken::crypto::JwtVerifier;
use jsonwebtoken::crypto::KeyUtils;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::errors::Result;
use jsonwebtoken::errors::new_error;
use jsonwebtoken::signature::Error;
use jsonwebtoken::signature::Verifier;
use ring::signature::ECDSA_P256_SHA256_FIXED;
use ring::signature::ED25519;
use ring::signature::RSA_PKCS1_2048_8192_SHA256;
use ring::signature::RsaPublicKeyComponents;
use ring::signature::UnparsedPublicKey;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: no_signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes the crate for JWTs use this cryptography. Further calls change nothing.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Nothing else in this program installs one, so there is none to give way to.
        let _ = PROVIDER.install_default();
    });
}

fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(new_error(ErrorKind::UnsupportedAlgorithm))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    // The crate may learn further algorithms; only these are checked here.
    let family = if *algorithm == Algorithm::RS256 {
        AlgorithmFamily::Rsa
    } else if *algorithm == Algorithm::ES256 {
        AlgorithmFamily::Ec
    } else if *algorithm == Algorithm::EdDSA {
        AlgorithmFamily::Ed
    } else {
        return Err(new_error(ErrorKind::UnsupportedAlgorithm));
    };
    if key.family() != family {
        return Err(new_error(ErrorKind::InvalidKeyFormat));
    }
    Ok(Box::new(Check {
        algorithm: *algorithm,
        key: key.clone(),
    }))
}

struct Check {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Verifier<Vec<u8>> for Check {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let checked =
            match self.key.kind() {
                DecodingKeyKind::RsaModulusExponent { n, e } => RsaPublicKeyComponents { n, e }
                    .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
                DecodingKeyKind::SecretOrDer(point) if self.algorithm == Algorithm::ES256 => {
                    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                        .verify(message, signature)
                }
                DecodingKeyKind::SecretOrDer(point) if self.algorithm == Algorithm::EdDSA => {
                    UnparsedPublicKey::new(&ED25519, point).verify(message, signature)
                }
                DecodingKeyKind::SecretOrDer(_) => return Err(Error::new()),
            };
        checked.map_err(|_| Error::new())
    }
}

impl JwtVerifier for Check {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
