//! What a client over HTTP is told before it connects.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client as HttpClient, StatusCode, Url};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;

use super::error::HttpError;
use super::outgoing::VERSION;

/// How long a connection may take to be there.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How long a connection is kept that nobody uses. Servers close theirs after five seconds, and what is sent just then
/// is lost.
const IDLE: Duration = Duration::from_secs(3);

/// How long a server may take to answer what takes no time.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// How often a server may lead on.
const MOST_REDIRECTS: usize = 10;

/// The headers that say what a message is, and which session it belongs to.
const OURS: [&str; 10] = [
    "accept",
    "connection",
    "content-length",
    "content-type",
    "last-event-id",
    "mcp-method",
    "mcp-name",
    VERSION,
    super::session::SESSION,
    "transfer-encoding",
];

/// What was set of it.
#[derive(Clone)]
pub(in crate::client) struct Options {
    pub(in crate::client) headers: Vec<(String, String)>,
    pub(in crate::client) answer_limit: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { headers: Vec::new(), answer_limit: ANSWER_LIMIT }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What headers say may be a secret.
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        let mut all = f.debug_struct("Options");
        all.field("headers", &names).field("answer_limit", &self.answer_limit).finish()
    }
}

/// A server, and how it is asked.
#[derive(Clone, Debug)]
pub(in crate::client) struct Endpoint {
    pub(super) http: HttpClient,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) answer_limit: Duration,
}

impl Endpoint {
    pub(in crate::client) fn new(address: &str, options: &Options) -> Result<Self, HttpError> {
        let url = Url::parse(address).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let url = url.ok_or_else(|| HttpError::Address(address.to_owned()))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &options.headers {
            let (name, value) =
                header(name, value).ok_or_else(|| HttpError::Header(name.clone()))?;
            headers.append(name, value);
        }
        let tls = tls(url.scheme() == "https").map_err(|error| HttpError::Tls(error.into()))?;
        let http = HttpClient::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(CONNECT_LIMIT)
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true)
            .redirect(redirects())
            .build();
        let http = http.map_err(|error| HttpError::Tls(Arc::new(error)))?;
        Ok(Self { http, url, headers, answer_limit: options.answer_limit })
    }
}

fn header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let name: HeaderName = name.parse().ok()?;
    let is_ours = OURS.contains(&name.as_str()) || name.as_str().starts_with("mcp-param-");
    let mut value = HeaderValue::from_str(value).ok().filter(|_| !is_ours)?;
    value.set_sensitive(true);
    Some((name, value))
}

/// What the process uses for cryptography, if it has said so, and the certificates that its platform trusts.
fn tls(is_used: bool) -> Result<ClientConfig, Box<dyn std::error::Error + Send + Sync>> {
    let provider = CryptoProvider::get_default().cloned();
    let provider = provider.unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()));
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = match is_used {
        true => builder.with_platform_verifier()?,
        // To read those of the platform takes a while.
        false => builder.with_root_certificates(RootCertStore::empty()),
    };
    Ok(builder.with_no_client_auth())
}

/// A server may lead on within its own origin, with all that a request says; another one is not to hear that.
fn redirects() -> Policy {
    Policy::custom(|attempt| {
        let keeps_body = [StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT];
        let first = attempt.previous().first();
        let is_same = first.is_some_and(|first| first.origin() == attempt.url().origin());
        match keeps_body.contains(&attempt.status()) && is_same {
            true if attempt.previous().len() <= MOST_REDIRECTS => attempt.follow(),
            _ => attempt.stop(),
        }
    })
}
