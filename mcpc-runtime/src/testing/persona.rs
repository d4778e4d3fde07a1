//! The clients that a server has to do with, and what each of them does.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::answers::Forms;
use super::view::{Cut, View};
use crate::names::Dialect;

/// A kind of client, for [`connect`](super::connect).
///
/// The first nine are what a protocol says; the others are the hosts that people use, as they were measured on 29
/// November 2026 against a server of this crate: what each opens a connection with, whether its calls have a progress
/// token, how long it waits, what it does then, what its model sees of a reply, and when it kills a server that does not
/// end. Whatever else a host does (its name, capabilities that have nothing to do with tools) is left out.
///
/// | | opens with | calls with | gives up | its model sees | leaves |
/// |---|---|---|---|---|---|
/// | [`Mcpc`](Self::Mcpc) | 2024-11-05, the handshake of MCPC 0.2.1 | ids in `_metadata` | never | the result | and waits |
/// | [`Mcpc026`](Self::Mcpc026) | 2024-11-05, the handshake of MCPC 0.2.6 | ids in `mcpc_params` | never | the result | and waits |
/// | [`Tasks`](Self::Tasks) | 2026-07-28 | the Tasks extension | never | the texts | and waits |
/// | [`TasksOf2025`](Self::TasksOf2025) | 2025-11-25 | `task`, where the tool starts tasks | never | the texts | and waits |
/// | [`Progress`](Self::Progress) | 2025-06-18 | a progress token | never | the texts | and waits |
/// | [`Plain`](Self::Plain) | 2025-06-18 | nothing | never | the texts | and waits |
/// | [`Forms`](Self::Forms) | 2025-11-25 | nothing | never | the texts | and waits |
/// | [`Stalls`](Self::Stalls) | as `Mcpc` | as `Mcpc`, and reads nothing for a minute | never | the result | and waits |
/// | [`Leaves`](Self::Leaves) | as `Mcpc` | as `Mcpc` | never | nothing | in the middle of a call |
/// | [`ClaudeCode`](Self::ClaudeCode) 2.1.332 | `server/discover` 2026-07-28 | the Tasks extension, a progress token | never (653 s) | structured content alone, else the texts; of a task 100,000 characters, of a longer reply nothing but the name of a file | kills after 0.5 s (SIGINT, SIGTERM 0.1 s later) |
/// | [`Codex`](Self::Codex) CLI 0.171 | 2025-06-18 | a progress token | after 300 s | structured content alone, else the texts; about 12 kB, without the middle | kills after 0.27 s (SIGTERM and EOF) |
/// | [`Copilot`](Self::Copilot) CLI 1.0.102 | `server/discover` 2026-07-28 | a progress token | after 60 s without progress | the texts glued together, then structured content; of a long text 500 characters | kills after 10 ms (EOF, SIGTERM) |
/// | [`OpenCode`](Self::OpenCode) 1.18 | 2025-11-25 | a progress token | after 60 s without progress | the texts; of a long one the first 50 kB | and waits (EOF) |
/// | [`Gemini`](Self::Gemini) CLI 0.61 | 2025-06-18 | a progress token | after 600 s | the texts; 8,000 and 32,000 characters; fails on JSON that is not an object | and waits (SIGTERM) |
/// | [`Qwen`](Self::Qwen) Code 0.24 | 2025-11-25 | a progress token | after 600 s | the texts; of a long one the beginning | and waits (EOF) |
/// | [`Cline`](Self::Cline) CLI 3.0.65 | 2024-11-05 | nothing | after 60 s, without a word | the reply as JSON; 8,000 characters | and waits (EOF) |
/// | [`Continue`](Self::Continue) CLI 1.5 | 2025-11-25 | nothing | not within 50 s | the content as JSON | and waits (EOF) |
///
/// Who gives up takes the call back (`notifications/cancelled`), but for Cline; so does who is [stopped](super::Running::stop),
/// but for Gemini and Cline, whose servers hear nothing of it. opencode also takes back every call that was answered. Claude
/// Code polls a task until five polls in a row have failed, or one because the server does not know the method.
///
/// `TasksOf2025` asks about its task as the TypeScript SDK 1.32 does: until that has ended, for whose result it asks then, or
/// needs input, for which it waits for the result; and it asks for the result of a task that failed or was cancelled, too.
///
/// What a server asks is [answered](super::Client::answers) by `Forms`, `TasksOf2025`, Codex, Copilot, Claude Code and `Tasks` in a form
/// (`elicitation/create`; of 2026-07-28 in the reply to a call, or of a task), of which Codex only shows whether to agree,
/// and accepts without what was asked. `Forms` alone shows addresses. The models of all others read the question and answer
/// with `message_task`.
///
/// A server in this process hears of all signals as the end of its input, and is killed by dropping what serves it; a
/// [process](super::connect_process) gets the signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum As {
    /// A client of MCPC 0.2.1, as its reference: it gives tasks ids, and reads callbacks.
    Mcpc,
    /// A client of MCPC 0.2.6, as its reference.
    Mcpc026,
    /// A client of MCP 2026-07-28 with its Tasks extension: it gets a task, and asks about it.
    Tasks,
    /// A client of MCP 2025-11-25 with its tasks: it asks for a task with its call, asks about it, and fetches the result.
    TasksOf2025,
    /// A client that gives a progress token with its calls.
    Progress,
    /// A client that knows nothing but calls.
    Plain,
    /// A client that knows nothing but calls, and shows forms and addresses.
    Forms,
    /// A client of MCPC that reads nothing for a minute after each call; for a second where the clock is not
    /// [paused](super#the-clock).
    Stalls,
    /// A client of MCPC that goes away at the first update of a call, and half a second after the call at the latest.
    Leaves,
    /// Claude Code 2.1.332, in the terminal.
    ClaudeCode,
    /// Codex CLI 0.171.
    Codex,
    /// Copilot CLI 1.0.102.
    Copilot,
    /// opencode 1.18.
    OpenCode,
    /// Gemini CLI 0.61.
    Gemini,
    /// Qwen Code 0.24.
    Qwen,
    /// Cline CLI 3.0.65.
    Cline,
    /// Continue CLI 1.5.
    Continue,
}

impl As {
    /// Every kind of client.
    pub const ALL: [Self; 17] = [
        Self::Mcpc,
        Self::Mcpc026,
        Self::Tasks,
        Self::TasksOf2025,
        Self::Progress,
        Self::Plain,
        Self::Forms,
        Self::Stalls,
        Self::Leaves,
        Self::ClaudeCode,
        Self::Codex,
        Self::Copilot,
        Self::OpenCode,
        Self::Gemini,
        Self::Qwen,
        Self::Cline,
        Self::Continue,
    ];

    pub(super) fn facts(self) -> &'static Facts {
        match self {
            Self::Mcpc | Self::Stalls | Self::Leaves => &MCPC,
            Self::Mcpc026 => &MCPC_026,
            Self::Tasks => &TASKS,
            Self::TasksOf2025 => &TASKS_OF_2025,
            Self::Progress => &PROGRESS,
            Self::Plain => &PLAIN,
            Self::Forms => &FORMS,
            Self::ClaudeCode => &CLAUDE_CODE,
            Self::Codex => &CODEX,
            Self::Copilot => &COPILOT,
            Self::OpenCode => &OPENCODE,
            Self::Gemini => &GEMINI,
            Self::Qwen => &QWEN,
            Self::Cline => &CLINE,
            Self::Continue => &CONTINUE,
        }
    }
}

impl fmt::Display for As {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "As::{self:?}")
    }
}

/// The revision of MCP that has no session.
pub(super) const STATELESS: &str = "2026-07-28";

/// The key of MCP's Tasks extension.
pub(super) const EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// What is known of a client.
#[derive(Debug)]
pub(super) struct Facts {
    name: &'static str,
    version: &'static str,
    /// The revision of MCP that it opens with.
    pub(super) revision: &'static str,
    /// Whether it speaks MCPC, and how.
    pub(super) dialect: Option<Dialect>,
    /// Whether it declares the Tasks extension.
    pub(super) has_tasks: bool,
    /// Whether it asks for a task of MCP 2025-11-25 where it may.
    pub(super) asks_for_tasks: bool,
    /// Whether its calls have a progress token.
    pub(super) has_token: bool,
    /// What it shows of a question.
    pub(super) forms: Forms,
    /// How long it waits for a reply.
    pub(super) limit: Limit,
    pub(super) cancels: Cancels,
    /// How many polls of a task fail in a row before it gives the task up.
    pub(super) polls: u32,
    pub(super) view: View,
    pub(super) cut: Cut,
    /// The same of the result of a task.
    pub(super) cut_of_task: Cut,
    /// How it asks a process to end, and when.
    pub(super) asks: &'static [(Duration, Asks)],
    /// When it kills a server that has not ended, after it left.
    pub(super) kills_after: Option<Duration>,
}

/// How long a client waits for a reply.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    None,
    /// So long, whatever it hears meanwhile.
    InAll(Duration),
    /// So long without progress.
    Silent(Duration),
}

/// What asks a process to end: the end of its input, or a signal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Asks {
    Eof,
    Int,
    Term,
}

impl Limit {
    pub(super) fn duration(self) -> Option<Duration> {
        match self {
            Self::None => None,
            Self::InAll(limit) | Self::Silent(limit) => Some(limit),
        }
    }
}

/// When a client takes back a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cancels {
    /// When it does not wait any longer.
    pub(super) at_limit: bool,
    /// When a person stops it.
    pub(super) at_stop: bool,
    /// When it has been answered.
    pub(super) answered: bool,
}

impl Facts {
    /// Whether it opens with `server/discover`, and says in each request who it is.
    pub(super) fn is_stateless(&self) -> bool {
        self.revision == STATELESS
    }

    fn info(&self) -> Value {
        json!({"name": self.name, "version": self.version})
    }

    fn capabilities(&self) -> Value {
        match self.dialect {
            // As the reference has it.
            Some(_) => json!({"sampling": {}, "roots": {"listChanged": true}}),
            None => self.with_forms(json!({})),
        }
    }

    fn with_forms(&self, mut capabilities: Value) -> Value {
        if let Some(elicitation) = self.forms.capability() {
            capabilities["elicitation"] = elicitation;
        }
        capabilities
    }

    /// What it says of itself where there is a session.
    pub(super) fn initialize(&self) -> Value {
        // The one that it falls back to.
        let revision = if self.is_stateless() { "2025-11-25" } else { self.revision };
        json!({
            "protocolVersion": revision,
            "capabilities": self.capabilities(),
            "clientInfo": self.info(),
        })
    }

    /// What it says of itself in each request where there is none.
    pub(super) fn meta(&self) -> Value {
        let capabilities = match self.has_tasks {
            true => json!({"extensions": {EXTENSION: {}}}),
            false => json!({}),
        };
        json!({
            "io.modelcontextprotocol/protocolVersion": self.revision,
            "io.modelcontextprotocol/clientInfo": self.info(),
            "io.modelcontextprotocol/clientCapabilities": self.with_forms(capabilities),
        })
    }
}

const PLAIN: Facts = Facts {
    name: "plain",
    version: "1",
    revision: "2025-06-18",
    dialect: None,
    has_tasks: false,
    asks_for_tasks: false,
    has_token: false,
    forms: Forms::None,
    limit: Limit::None,
    cancels: Cancels { at_limit: true, at_stop: true, answered: false },
    polls: 1,
    view: View::Texts("\n"),
    cut: Cut::Nothing,
    cut_of_task: Cut::Nothing,
    asks: &[(Duration::ZERO, Asks::Eof)],
    kills_after: None,
};

const PROGRESS: Facts = Facts { name: "progress", has_token: true, ..PLAIN };

const FORMS: Facts =
    Facts { name: "forms", revision: "2025-11-25", forms: Forms::FullAndUrls, ..PLAIN };

const TASKS: Facts =
    Facts { name: "tasks", revision: STATELESS, has_tasks: true, forms: Forms::Full, ..PLAIN };

const TASKS_OF_2025: Facts = Facts {
    name: "tasks-of-2025",
    revision: "2025-11-25",
    asks_for_tasks: true,
    forms: Forms::Full,
    ..PLAIN
};

const MCPC: Facts = Facts {
    name: "mcp",
    version: "0.1.0",
    revision: "2024-11-05",
    dialect: Some(Dialect::V0_2_1),
    ..PLAIN
};

const MCPC_026: Facts = Facts { dialect: Some(Dialect::V0_2_6), ..MCPC };

const fn in_all(seconds: u64) -> Limit {
    Limit::InAll(Duration::from_secs(seconds))
}

/// That of the TypeScript SDK.
const SILENT: Limit = Limit::Silent(Duration::from_secs(60));

const fn millis(millis: u64) -> Option<Duration> {
    Some(Duration::from_millis(millis))
}

const CLAUDE_CODE: Facts = Facts {
    name: "claude-code",
    version: "2.1.332",
    has_token: true,
    view: View::StructuredAlone,
    polls: 5,
    cut: Cut::File { most: 100_000 },
    cut_of_task: Cut::After { most: 100_000, shown: 100_000 },
    asks: &[(Duration::ZERO, Asks::Int), (Duration::from_millis(100), Asks::Term)],
    kills_after: millis(500),
    ..TASKS
};

const CODEX: Facts = Facts {
    name: "codex",
    version: "0.171.0",
    forms: Forms::YesOrNo,
    limit: in_all(300),
    view: View::StructuredAlone,
    cut: Cut::Middle { beginning: 5_950, end: 5_950 },
    asks: &[(Duration::ZERO, Asks::Term), (Duration::ZERO, Asks::Eof)],
    kills_after: millis(270),
    ..PROGRESS
};

const COPILOT: Facts = Facts {
    name: "copilot",
    version: "1.0.102",
    revision: STATELESS,
    forms: Forms::Full,
    limit: SILENT,
    view: View::Glued,
    cut: Cut::After { most: 20_000, shown: 500 },
    asks: &[(Duration::ZERO, Asks::Eof), (Duration::ZERO, Asks::Term)],
    kills_after: millis(10),
    ..PROGRESS
};

const OPENCODE: Facts = Facts {
    name: "opencode",
    version: "1.18.33",
    revision: "2025-11-25",
    limit: SILENT,
    cancels: Cancels { answered: true, ..PLAIN.cancels },
    view: View::Texts("\n\n"),
    cut: Cut::After { most: 51_200, shown: 51_200 },
    ..PROGRESS
};

const GEMINI: Facts = Facts {
    name: "gemini-cli",
    version: "0.61.0",
    limit: in_all(600),
    cancels: Cancels { at_stop: false, ..PLAIN.cancels },
    view: View::Records,
    cut: Cut::Middle { beginning: 8_000, end: 32_000 },
    asks: &[(Duration::ZERO, Asks::Term)],
    ..PROGRESS
};

const QWEN: Facts = Facts {
    name: "qwen-code",
    version: "0.24.4",
    revision: "2025-11-25",
    limit: in_all(600),
    view: View::Texts("\n\n"),
    cut: Cut::After { most: 25_000, shown: 2_000 },
    ..PROGRESS
};

const CLINE: Facts = Facts {
    name: "cline",
    version: "3.0.65",
    revision: "2024-11-05",
    limit: in_all(60),
    cancels: Cancels { at_limit: false, at_stop: false, answered: false },
    view: View::Reply,
    cut: Cut::Middle { beginning: 4_000, end: 4_000 },
    ..PLAIN
};

const CONTINUE: Facts = Facts {
    name: "continue",
    version: "1.5.0",
    revision: "2025-11-25",
    view: View::Content,
    ..PLAIN
};
