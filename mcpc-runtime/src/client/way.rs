//! How a server runs the tasks of a client.

/// How a server runs a task, the best last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Way {
    /// The call stays open until there is a result.
    Result,
    /// The call stays open, and the server may tell how far it is.
    Progress,
    /// A task of MCP 2025-11-25.
    TasksOf2025,
    /// A task of MCP's Tasks extension (SEP-2663, MCP 2026-07-28).
    Tasks,
    /// MCPC: everything is told as it happens.
    Mcpc,
}
