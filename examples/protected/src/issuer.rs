//! Stands in for an authorization server (Keycloak, Auth0, Entra and their like), which has users, and signs tokens for
//! them that their clients ask for. This one signs whatever it is told to.

use std::fmt;

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::Value;

/// What it is called.
pub const ISSUER: &str = "https://issuer.example";

/// What its key is called.
const KEY_ID: &str = "first";

/// What is before the 32 bytes of a key of Ed25519 in its usual form (RFC 8410).
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// An issuer with a key of its own.
pub struct Issuer {
    key: EncodingKey,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").finish_non_exhaustive()
    }
}

impl Default for Issuer {
    fn default() -> Self {
        Self::new()
    }
}

impl Issuer {
    /// An issuer whose key nobody else has.
    ///
    /// # Panics
    ///
    /// Where the operating system has no random numbers.
    #[must_use]
    pub fn new() -> Self {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("without random numbers there is no key");
        Self { key: EncodingKey::from_ed_der(&[&PKCS8[..], &seed].concat()) }
    }

    /// The public half of its key, as it would publish it.
    ///
    /// # Panics
    ///
    /// Never: the key is one.
    #[must_use]
    pub fn keys(&self) -> JwkSet {
        let key = Jwk::from_encoding_key(&self.key, Algorithm::EdDSA);
        let mut key = key.expect("it was made as a key of this algorithm");
        key.common.key_id = Some(KEY_ID.to_owned());
        JwkSet { keys: vec![key] }
    }

    /// A token that says this.
    ///
    /// # Panics
    ///
    /// Never: the key is one.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(KEY_ID.to_owned()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, claims, &self.key).expect("it was made as a key of this algorithm")
    }
}
