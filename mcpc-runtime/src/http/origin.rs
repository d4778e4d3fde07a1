//! Which names a request may have reached the server by, and from which pages.
//!
//! A page of any site may have its own name lead to the server's address, and ask there with the browser of somebody
//! who may (DNS rebinding). So MCP has servers check `Origin`, and the name in `Host` is checked as well.

use axum::http::{HeaderMap, Uri, header};

use super::options::limit;
use super::refused::Refused;
use crate::error::Result;
use crate::phrases::shown;

/// What is let through.
#[derive(Clone, Debug, Default)]
pub(super) enum Allowed {
    /// Names of this machine.
    #[default]
    Local,
    Any,
    /// These: a name with a port or, for all ports, without; before it, a scheme if there is one.
    These(Vec<String>),
}

impl Allowed {
    /// Refuses what no header ever says.
    pub(super) fn check(&self, setting: &'static str, with_scheme: bool) -> Result {
        let Self::These(all) = self else { return Ok(()) };
        let expected = match with_scheme {
            true => "an origin, as `https://example.com`",
            false => "a host, as `example.com` or `example.com:8080`",
        };
        let wrong = all.iter().find(|it| it.contains("://") != with_scheme || it.ends_with('/'));
        wrong.map_or(Ok(()), |wrong| Err(limit(setting, &format!("{wrong:?}"), expected)))
    }

    fn allows(&self, scheme: Option<&str>, host: &str, port: Option<u16>) -> bool {
        match self {
            Self::Any => true,
            Self::Local => {
                let name = host.trim_start_matches('[').trim_end_matches(']');
                name.eq_ignore_ascii_case("localhost")
                    || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
            }
            Self::These(all) => all.iter().any(|allowed| {
                let (of_scheme, rest) = match allowed.split_once("://") {
                    Some((scheme, rest)) => (Some(scheme), rest),
                    None => (None, allowed.as_str()),
                };
                let (of_host, of_port) = split_port(rest);
                let default = scheme.and_then(default_port);
                of_scheme.is_none_or(|it| scheme.is_some_and(|it2| it.eq_ignore_ascii_case(it2)))
                    && of_host.eq_ignore_ascii_case(host)
                    && match of_port {
                        Some(wanted) => port.or(default) == Some(wanted),
                        // An origin without a port has that of its scheme; a host may be reached by any.
                        None => of_scheme.is_none() || port.is_none_or(|it| Some(it) == default),
                    }
            }),
        }
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// A host and its port, if it has one.
fn split_port(authority: &str) -> (&str, Option<u16>) {
    let port =
        authority.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
    match port.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    }
}

/// Refuses a request that a page of somebody else's may have sent.
pub(super) fn check(
    headers: &HeaderMap,
    uri: &Uri,
    hosts: &Allowed,
    origins: &Allowed,
) -> Result<(), Refused> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or(uri.authority().map(|it| it.as_str())).unwrap_or_default();
    let (name, port) = split_port(host);
    if !hosts.allows(None, name, port) {
        return Err(Refused::forbidden(format!(
            "the host `{}` is not allowed here; the server's `allowed_hosts` says which are",
            shown(host)
        )));
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let parts = origin.split_once("://");
    let is_allowed = match parts {
        Some((scheme, authority)) => {
            let (name, port) = split_port(authority);
            origins.allows(Some(scheme), name, port)
        }
        // A page that tells nobody where it is from.
        None => matches!(origins, Allowed::Any),
    };
    match is_allowed {
        true => Ok(()),
        false => Err(Refused::forbidden(format!(
            "the origin `{}` is not allowed here; the server's `allowed_origins` says which are",
            shown(origin)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn is_allowed(
        host: &str,
        origin: Option<&'static str>,
        hosts: &Allowed,
        origins: &Allowed,
    ) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).expect("a header"));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        check(&headers, &Uri::from_static("/mcp"), hosts, origins).is_ok()
    }

    #[test]
    fn only_names_of_this_machine_are_let_through_unless_the_server_says_otherwise() {
        let local = Allowed::Local;
        for (host, origin, is_right) in [
            ("localhost:8080", None, true),
            ("LOCALHOST", None, true),
            ("127.0.0.1:8080", Some("http://localhost:3000"), true),
            ("127.1.2.3", None, true),
            ("[::1]:8080", Some("http://[::1]:3000"), true),
            ("", None, false),
            ("evil.example:8080", None, false),
            ("localhost.evil.example", None, false),
            ("127.0.0.1.evil.example", None, false),
            ("localhost:8080", Some("http://evil.example"), false),
            ("localhost:8080", Some("null"), false),
            ("localhost:8080", Some(""), false),
            ("192.168.0.1:8080", None, false),
        ] {
            assert_eq!(is_allowed(host, origin, &local, &local), is_right, "{host} {origin:?}");
        }
    }

    #[test]
    fn a_name_is_allowed_with_its_port_or_any_and_an_origin_with_that_of_its_scheme() {
        let these = |all: &[&str]| Allowed::These(all.iter().map(|&it| it.to_owned()).collect());
        let (hosts, origins) =
            (these(&["mcp.example", "other.example:8443"]), these(&["https://app.example"]));
        for (host, origin, is_right) in [
            ("mcp.example", None, true),
            ("MCP.example:9000", None, true),
            ("other.example:8443", None, true),
            ("other.example", None, false),
            ("other.example:443", None, false),
            ("localhost", None, false),
            ("mcp.example", Some("https://app.example"), true),
            ("mcp.example", Some("https://app.example:443"), true),
            ("mcp.example", Some("https://app.example:444"), false),
            ("mcp.example", Some("http://app.example"), false),
        ] {
            assert_eq!(is_allowed(host, origin, &hosts, &origins), is_right, "{host} {origin:?}");
        }
        assert!(is_allowed("anything", Some("null"), &Allowed::Any, &Allowed::Any));
    }

    #[test]
    fn what_no_header_ever_says_is_refused_when_the_server_is_built() {
        let one = |it: &str| Allowed::These(vec![it.to_owned()]);
        for (allowed, with_scheme) in
            [("https://a.example", false), ("a.example", true), ("https://a.example/", true)]
        {
            let error = one(allowed).check("allowed_hosts", with_scheme).expect_err("it is wrong");
            assert!(error.to_string().contains(allowed), "{error}");
        }
    }
}
