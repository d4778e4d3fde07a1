//! How a server is served over HTTP, unless it says otherwise.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::http::request::Parts;

use super::origin::Allowed;
use crate::error::{Error, Result};
use crate::service::bounded;

/// How many bytes of bodies may be held at once: sixteen of the longest messages, unless these have another length.
const BUFFERED: usize = 256 << 20;

/// Tells to whom a request belongs.
pub(super) type PrincipalOf = dyn Fn(&Parts) -> Option<String> + Send + Sync;

#[derive(Clone)]
pub(super) struct Options {
    pub(super) path: String,
    #[cfg(feature = "http-sse")]
    pub(super) sse_path: String,
    #[cfg(feature = "http-sse")]
    pub(super) messages_path: String,
    pub(super) hosts: Allowed,
    pub(super) origins: Allowed,
    pub(super) principal: Option<Arc<PrincipalOf>>,
    pub(super) max_sessions: usize,
    pub(super) max_connections: usize,
    /// `None` for the default, which goes by the longest message.
    pub(super) max_buffered_bytes: Option<usize>,
    pub(super) session_idle: Duration,
    pub(super) header_timeout: Duration,
    pub(super) body_timeout: Duration,
    pub(super) write_timeout: Duration,
    pub(super) keep_alive: Duration,
    /// After how long without a word the stream of a call ends, for its client to come back.
    pub(super) poll_after: Option<Duration>,
    /// After how long a client whose stream has ended comes back.
    pub(super) retry: Duration,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            path: "/mcp".to_owned(),
            #[cfg(feature = "http-sse")]
            sse_path: "/sse".to_owned(),
            #[cfg(feature = "http-sse")]
            messages_path: "/messages".to_owned(),
            hosts: Allowed::default(),
            origins: Allowed::default(),
            principal: None,
            max_sessions: 10_000,
            max_connections: 20_000,
            max_buffered_bytes: None,
            session_idle: Duration::from_secs(30 * 60),
            header_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            keep_alive: Duration::from_secs(15),
            poll_after: None,
            retry: Duration::from_secs(1),
        }
    }
}

impl Options {
    /// How many bytes of bodies may be held at once, where a message may be as long as this.
    pub(super) fn buffered_bytes(&self, longest: usize) -> usize {
        self.max_buffered_bytes.unwrap_or(BUFFERED.max(longest))
    }

    /// Refuses what would let nothing through, or not the longest message.
    pub(super) fn check(&self, longest: usize) -> Result {
        self.check_paths()?;
        for (setting, most) in
            [("max_sessions", self.max_sessions), ("max_connections", self.max_connections)]
        {
            if most == 0 {
                return Err(limit(setting, "0", "at least 1"));
            }
        }
        let buffered = self.buffered_bytes(longest);
        if buffered < longest {
            let expected = format!("at least {longest}, the length of the longest message");
            return Err(limit("max_buffered_bytes", &buffered.to_string(), &expected));
        }
        for (setting, time) in [
            ("session_idle", self.session_idle),
            ("header_timeout", self.header_timeout),
            ("body_timeout", self.body_timeout),
            ("write_timeout", self.write_timeout),
            ("keep_alive", self.keep_alive),
            ("poll_after", self.poll_after.unwrap_or(Duration::MAX)),
        ] {
            if time.is_zero() {
                return Err(limit(setting, "0ns", "a longer time"));
            }
        }
        self.hosts.check("allowed_hosts", false)?;
        self.origins.check("allowed_origins", true)
    }

    /// The same, each of its times one that can be waited for.
    pub(super) fn bounded(mut self) -> Self {
        for time in [
            &mut self.session_idle,
            &mut self.header_timeout,
            &mut self.body_timeout,
            &mut self.write_timeout,
            &mut self.keep_alive,
        ] {
            *time = bounded(*time);
        }
        self.poll_after = self.poll_after.map(bounded);
        self
    }

    fn check_paths(&self) -> Result {
        #[cfg(feature = "http-sse")]
        {
            let Self { path, sse_path, messages_path, .. } = self;
            check_path("sse_paths", sse_path, "/sse", &[path])?;
            check_path("sse_paths", messages_path, "/messages", &[path, sse_path])?;
        }
        check_path("path", &self.path, "/mcp", &[])
    }
}

/// Refuses what is not a path, or is the same as another.
fn check_path(setting: &'static str, path: &str, example: &str, others: &[&str]) -> Result {
    let is_strange = path.contains(['{', '}', '*', '?', '#']) || path.contains("/:");
    if !path.starts_with('/') || is_strange {
        let expected = format!("a path that starts with `/`, as `{example}`");
        return Err(limit(setting, path, &expected));
    }
    match others.contains(&path) {
        true => Err(limit(setting, path, "a path that nothing else of this server has")),
        false => Ok(()),
    }
}

pub(super) fn limit(setting: &'static str, value: &str, expected: &str) -> Error {
    Error::Http { setting, value: value.to_owned(), expected: expected.to_owned() }
}
