//! What the two sides of a connection can do.

use rmcp::model::{
    Implementation, InitializeResult, JsonObject, ServerCapabilities, ServerConfig, ServerResult,
    TASKS_EXTENSION_ID, ToolsCapability,
};

use super::ToolService;

impl ToolService {
    /// Adds what we know to what the user's handler said about the server.
    pub(super) fn complete(&self, mut result: ServerResult) -> ServerResult {
        let config = &*self.config();
        match &mut result {
            ServerResult::InitializeResult(info) => {
                *info = without_tasks(merge(info.clone(), config));
            }
            ServerResult::DiscoverResult(info) => {
                info.set_server_info(named(info.server_info(), &config.server_info));
                merge_into(&mut info.capabilities, &mut info.instructions, config);
            }
            ServerResult::SubscriptionsListenResult(result) => {
                result.meta.set_server_info(named(result.meta.server_info(), &config.server_info));
            }
            _ => {}
        }
        result
    }
}

/// The user's handler says what its own methods can do, and who it is where the server does not; the name, the version
/// and the tools are ours.
pub(super) fn merge(inner: ServerConfig, ours: &ServerConfig) -> InitializeResult {
    let mut merged = inner;
    merged.server_info = named(Some(merged.server_info), &ours.server_info);
    merge_into(&mut merged.capabilities, &mut merged.instructions, ours);
    merged
}

/// What the server says of itself, and what the user's handler says of itself where the server says nothing.
fn named(inner: Option<Implementation>, ours: &Implementation) -> Implementation {
    let mut named = ours.clone();
    let Some(inner) = inner else { return named };
    named.title = named.title.or(inner.title);
    named.description = named.description.or(inner.description);
    named.website_url = named.website_url.or(inner.website_url);
    named.icons = named.icons.or(inner.icons);
    named
}

fn merge_into(
    inner: &mut ServerCapabilities,
    instructions: &mut Option<String>,
    ours: &ServerConfig,
) {
    // The handler can tell clients, too, when what it lists has changed.
    let is_ours_fixed = ours.capabilities.tools.as_ref().is_none_or(|it| it.list_changed.is_none());
    inner.tools = inner.tools.take().filter(|_| is_ours_fixed);
    inner.tools = inner.tools.take().or_else(|| ours.capabilities.tools.clone());
    inner.logging = inner.logging.take().or_else(|| ours.capabilities.logging.clone());
    if let Some(ours) = &ours.capabilities.extensions {
        inner.extensions.get_or_insert_default().extend(ours.clone());
    }
    if ours.instructions.is_some() {
        instructions.clone_from(&ours.instructions);
    }
}

/// The capability of a server whose tools change.
pub(crate) fn list_changes() -> ToolsCapability {
    let mut tools = ToolsCapability::default();
    tools.list_changed = Some(true);
    tools
}

/// The capabilities of a server with background tools.
pub(crate) fn add_tasks(capabilities: &mut ServerCapabilities) {
    let extensions = capabilities.extensions.get_or_insert_default();
    extensions.insert(TASKS_EXTENSION_ID.to_owned(), JsonObject::new());
}

/// What a server can do in a session that began with `initialize`: no protocol that does knows tasks.
pub(super) fn without_tasks(mut info: InitializeResult) -> InitializeResult {
    if let Some(extensions) = &mut info.capabilities.extensions {
        extensions.remove(TASKS_EXTENSION_ID);
    }
    info.capabilities.extensions = info.capabilities.extensions.filter(|it| !it.is_empty());
    info
}
