//! Every name the protocol reserves, with the dialect it belongs to.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The `id` of every callback line: a JSON-RPC response that answers no request.
pub(crate) const CALLBACK_ID: &str = "MCPC_CALLBACK";

/// The value of `protocol` in every message.
pub(crate) const PROTOCOL: &str = "mcpc";

/// The session of a call that names none.
pub(crate) const DEFAULT_SESSION: &str = "default";

/// A generation of the MCPC protocol, told apart by its handshake.
///
/// The dialects differ in the handshake and in where a call carries its ids; the messages are the
/// same. Ids are accepted in either form from anyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// `mcpc` 0.2.1: the handshake tool `is_mcpc_enabled`, ids in `_metadata`.
    V0_2_1,
    /// `mcpc` 0.2.3 and 0.2.4: the handshake tool `_is_mcpc_enabled`, ids in `_metadata`.
    V0_2_3,
    /// `mcpc` 0.2.6: the handshake tool `_mcpc_init`, ids in `mcpc_params`.
    V0_2_6,
}

impl Dialect {
    /// Every dialect, the one that counts most first.
    pub const ALL: [Self; 3] = [Self::V0_2_1, Self::V0_2_6, Self::V0_2_3];

    /// The dialect whose handshake is a call of the tool `name`.
    #[must_use]
    pub fn of_handshake(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.handshake() == name)
    }

    /// The tool whose call is this dialect's handshake.
    #[must_use]
    pub const fn handshake(self) -> &'static str {
        match self {
            Self::V0_2_1 => "is_mcpc_enabled",
            Self::V0_2_3 => "_is_mcpc_enabled",
            Self::V0_2_6 => "_mcpc_init",
        }
    }

    /// The version a server states when it answers this dialect's handshake.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Self::V0_2_1 | Self::V0_2_3 => "0.2.1",
            Self::V0_2_6 => "0.2.6",
        }
    }

    /// Where this dialect carries the ids of a call.
    #[cfg(any(feature = "client", feature = "testing"))]
    pub(crate) const fn metadata(self) -> MetadataKeys {
        match self {
            Self::V0_2_1 | Self::V0_2_3 => MetadataKeys::UNDERSCORE,
            Self::V0_2_6 => MetadataKeys::PARAMS,
        }
    }
}

/// The argument that carries the ids of a call, and their keys in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MetadataKeys {
    /// The argument.
    pub(crate) argument: &'static str,
    /// The key of the session id.
    pub(crate) session_id: &'static str,
    /// The key of the task id.
    pub(crate) task_id: &'static str,
}

impl MetadataKeys {
    /// `_metadata`, up to 0.2.4.
    pub(crate) const UNDERSCORE: Self =
        Self { argument: "_metadata", session_id: "mcpc_session_id", task_id: "mcpc_task_id" };
    /// `mcpc_params`, from 0.2.6.
    pub(crate) const PARAMS: Self =
        Self { argument: "mcpc_params", session_id: "session_id", task_id: "task_id" };
    /// Both forms; the first one that names an id decides.
    pub(crate) const ALL: [Self; 2] = [Self::UNDERSCORE, Self::PARAMS];
}

/// The control tool that tells how a task is doing.
pub(crate) const CHECK_TASK: &str = "check_task";
/// The control tool that stops a task.
pub(crate) const STOP_TASK: &str = "stop_task";
/// The control tool that says something to a task.
pub(crate) const MESSAGE_TASK: &str = "message_task";

/// A text that is made when a server is built and kept until the process ends, once for all servers.
pub(crate) fn kept(text: &str) -> &'static str {
    static TEXTS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = texts.get(text) {
        return known;
    }
    let text: &'static str = Box::leak(text.into());
    texts.insert(text);
    text
}

/// What is wrong with the name of a tool, if anything is.
pub(crate) fn problem_of(name: &str) -> Option<String> {
    let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if let Some(wrong) = name.chars().find(|&c| !is_of_a_name(c)) {
        return Some(format!(
            "a tool's name is made of letters, digits, `_`, `-` and `.`; `{wrong}` is none of them"
        ));
    }
    if name.is_empty() || name.len() > LONGEST {
        return Some(format!("a tool's name has 1 to {LONGEST} characters"));
    }
    let what = match name {
        CHECK_TASK | STOP_TASK | MESSAGE_TASK => "controls tasks",
        _ if Dialect::of_handshake(name).is_some() => "is how clients find MCPC",
        _ => return None,
    };
    Some(format!("`{name}` {what}; choose another name"))
}

/// How many characters the name of a tool may have.
const LONGEST: usize = 128;

/// The arguments that n8n adds to every call, whatever the tool takes; it adds all of them.
pub(crate) const HOST_ARGUMENTS: [&str; 4] = ["sessionId", "action", "chatInput", "toolCallId"];
