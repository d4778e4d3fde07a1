//! Limits with which a server would be of use to nobody.

use std::fmt;
use std::time::Duration;

use rmcp::model::Implementation;

use super::{Parts, is_background_among};
use crate::error::{Error, Result};
use crate::tool::{ICON_ADDRESS, is_icon_address};

/// A session starts with this. No client says it in fewer bytes, and the newest protocol, which has none of it,
/// says as much in every request.
const SHORTEST_START: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"","version":""}}}"#;

/// Refuses limits that let nothing through. A grace or a patience of zero is a wish like any other.
pub(super) fn check(parts: &Parts) -> Result {
    at_least("max_requests", parts.max_requests, 1, "at least 1")?;
    at_least("max_questions", parts.max_questions, 1, "at least 1")?;
    at_least("max_queued_bytes", parts.bounds.queued_bytes, 1, "at least 1")?;
    let session = SHORTEST_START.len();
    let expected =
        format!("at least {session}, the length of the shortest request that starts a session");
    at_least("max_message_bytes", parts.bounds.message_bytes, session, expected)?;
    addresses(&parts.config.server_info)?;
    at_least("heartbeat", parts.heartbeat, SHORTEST_TIME, A_TIME)?;
    if parts.has_dynamic_tools || is_background_among(&parts.tools) {
        check_prefix(&parts.control_prefix)?;
        at_least("max_result_bytes", parts.result_bytes, SHORTEST_RESULT, "at least 200")?;
        at_least("max_tasks", parts.max_tasks, 1, "at least 1")?;
        at_least("retention", parts.retention, SHORTEST_TIME, A_TIME)?;
    }
    Ok(())
}

/// Refuses addresses that clients do not follow, as a tool's icons are refused.
fn addresses(server: &Implementation) -> Result {
    let icons = server.icons.iter().flatten().map(|icon| icon.src.as_str());
    let wrong = |setting, address: &str, expected: &str| {
        let expected = format!("an address that starts with {expected}");
        Err(Error::Limit { setting, value: format!("{address:?}"), expected })
    };
    if let Some(icon) = icons.into_iter().find(|icon| !is_icon_address(icon)) {
        return wrong("icons", icon, ICON_ADDRESS);
    }
    match server.website_url.as_deref() {
        Some(url) if !url.starts_with("https://") && !url.starts_with("http://") => {
            wrong("website", url, "`https://` or `http://`")
        }
        Some(_) | None => Ok(()),
    }
}

/// What is said about the rest of a result is about as long.
const SHORTEST_RESULT: usize = 200;

/// Refuses what makes no name of a tool that hosts and models' APIs take.
fn check_prefix(prefix: &str) -> Result {
    const LONGEST: usize = 32;
    let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if prefix.len() > LONGEST || !prefix.chars().all(is_of_a_name) {
        let expected = format!("at most {LONGEST} characters of `A-Z`, `a-z`, `0-9`, `_` and `-`");
        return Err(Error::Limit {
            setting: "control_prefix",
            value: format!("{prefix:?}"),
            expected,
        });
    }
    Ok(())
}

const SHORTEST_TIME: Duration = Duration::from_nanos(1);
const A_TIME: &str = "a longer time";

fn at_least<T: PartialOrd + fmt::Debug>(
    setting: &'static str,
    value: T,
    least: T,
    expected: impl fmt::Display,
) -> Result {
    if value < least {
        let (value, expected) = (format!("{value:?}"), expected.to_string());
        return Err(Error::Limit { setting, value, expected });
    }
    Ok(())
}
