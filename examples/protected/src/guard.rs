//! What checks tokens, as a layer of axum around the server.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use jsonwebtoken::errors::Error;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::json;

use crate::{METADATA, PATH};

/// What a token has to allow.
pub const SCOPE: &str = "deploy";

/// Who asks, once the token was checked: what the issuer calls them. With several issuers, their names belong to it.
#[derive(Clone, Debug)]
pub struct Caller(pub String);

/// Checks tokens of one issuer.
pub struct Guard {
    origin: String,
    issuer: String,
    keys: RwLock<JwkSet>,
    validation: Validation,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Why somebody is not let through.
enum Refusal {
    NoToken,
    Invalid(String),
    NotAllowed,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    /// What it allows, with spaces between. (Some issuers have a list, named `scp` or `permissions`.)
    #[serde(default)]
    scope: String,
}

impl Guard {
    /// A guard of the server that clients reach at this origin (`https://mcp.example.com`).
    ///
    /// The keys are those that the issuer publishes at the `jwks_uri` of its metadata. With a real one, fetch them by a
    /// client of HTTP when the server starts, and again, with [`set_keys`](Self::set_keys), every few minutes.
    pub fn new(origin: &str, issuer: &str, keys: JwkSet) -> Self {
        // What the issuer signs with, and nothing that a token may choose.
        let mut validation = Validation::new(Algorithm::EdDSA);
        // A token for another server is not for this one.
        validation.set_audience(&[format!("{origin}{PATH}")]);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        validation.validate_nbf = true;
        let (origin, issuer) = (origin.to_owned(), issuer.to_owned());
        Self { origin, issuer, keys: RwLock::new(keys), validation }
    }

    /// Has these be the keys of the issuer from here on.
    pub fn set_keys(&self, keys: JwkSet) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// What clients are told about the server (RFC 9728).
    pub(crate) fn metadata(&self) -> String {
        let Self { origin, issuer, .. } = self;
        json!({
            "resource": format!("{origin}{PATH}"),
            "authorization_servers": [issuer],
            "scopes_supported": [SCOPE],
            "bearer_methods_supported": ["header"],
        })
        .to_string()
    }

    /// Whose request this is.
    fn caller(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let token = bearer(headers).ok_or(Refusal::NoToken)?;
        let claims = self.claims(token)?;
        match claims.scope.split(' ').any(|scope| scope == SCOPE) {
            true => Ok(Caller(claims.sub)),
            false => Err(Refusal::NotAllowed),
        }
    }

    fn claims(&self, token: &str) -> Result<Claims, Refusal> {
        let invalid = |error: Error| Refusal::Invalid(error.to_string());
        let key_id = decode_header(token).map_err(invalid)?.kid;
        let unknown = || Refusal::Invalid("it is signed with an unknown key".to_owned());
        let key = self.key(key_id.as_deref()).ok_or_else(unknown)?;
        let key = DecodingKey::from_jwk(&key).map_err(invalid)?;
        Ok(decode(token, &key, &self.validation).map_err(invalid)?.claims)
    }

    fn key(&self, id: Option<&str>) -> Option<Jwk> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).find(id?).cloned()
    }

    /// Says what is missing, and where to get it (RFC 6750).
    fn refuse(&self, refusal: &Refusal) -> Response {
        let metadata = format!(r#"resource_metadata="{}{METADATA}{PATH}""#, self.origin);
        let (status, error) = match refusal {
            Refusal::NoToken => (StatusCode::UNAUTHORIZED, String::new()),
            Refusal::Invalid(why) => {
                let error =
                    format!(r#"error="invalid_token", error_description="{}", "#, quoted(why));
                (StatusCode::UNAUTHORIZED, error)
            }
            Refusal::NotAllowed => {
                let why = format!("the token does not allow {SCOPE}");
                let error = format!(r#"error="insufficient_scope", error_description="{why}", "#);
                (StatusCode::FORBIDDEN, error)
            }
        };
        let challenge = format!(r#"Bearer {error}scope="{SCOPE}", {metadata}"#);
        (status, [(WWW_AUTHENTICATE, challenge)]).into_response()
    }
}

/// The layer.
pub(crate) async fn check(
    State(guard): State<Arc<Guard>>,
    mut request: Request,
    next: Next,
) -> Response {
    match guard.caller(request.headers()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => guard.refuse(&refusal),
    }
}

/// The token in a header; MCP has it nowhere else.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// A text as it may stand between the quotes of a header.
fn quoted(text: &str) -> String {
    text.chars().filter(|it| matches!(it, ' '..='~') && !matches!(it, '"' | '\\')).collect()
}
