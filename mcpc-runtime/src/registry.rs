//! The tools of a server, by name.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::watch;

use crate::error::{Error, Result};
use crate::logging::event;
use crate::names::problem_of;
use crate::parameter::{StateType, States};
use crate::phrases::{did_you_mean, shown};
use crate::schema::Schemas;
use crate::tool::{About, Definition, Kind};

/// Hashes the names of tools (FNV-1a), which every call looks one up by several times. The names are the server's, so
/// nobody else can make them collide.
#[derive(Debug)]
struct NameHasher(u64);

impl Default for NameHasher {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The tools of a server at one time.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    tools: Vec<Arc<Definition>>,
    by_name: HashMap<Arc<str>, usize, BuildHasherDefault<NameHasher>>,
    /// What `tools/list` answers, written once.
    listed: Vec<rmcp::model::Tool>,
}

impl Registry {
    /// Checks that the tools go together and that `states` has what they take.
    pub(crate) fn new(tools: Vec<Definition>, states: &States, schemas: Schemas) -> Result<Self> {
        if let Some(state) = states.given_twice() {
            return Err(Error::DuplicateState { state });
        }
        Self::default().with(tools, states, schemas)
    }

    /// The same, if no state is taken for an argument. Where others may come, one of them may take it.
    pub(crate) fn checked(self, states: &States, others_may_come: bool) -> Result<Self> {
        if !others_may_come {
            let taken: Vec<StateType> = self.tools().flat_map(Definition::states).collect();
            self.tools().try_for_each(|tool| tool.state_as_argument(states, &taken))?;
        }
        Ok(self)
    }

    /// The same with more tools.
    pub(crate) fn with(
        &self,
        more: Vec<Definition>,
        states: &States,
        schemas: Schemas,
    ) -> Result<Self> {
        let known = self.tools.iter().map(|tool| &tool.about);
        let mut by_name: HashMap<&str, &About> = known.map(|about| (&*about.name, about)).collect();
        for Definition { about, .. } in &more {
            if about.kind != Kind::Control
                && let Some(problem) = problem_of(&about.name)
            {
                return Err(Error::ToolName { tool: about.name.to_string(), problem });
            }
            if let Some(first) = by_name.insert(&about.name, about) {
                return Err(duplicate(first, about));
            }
        }
        let mut entries: Vec<_> =
            self.tools.iter().cloned().zip(self.listed.iter().cloned()).collect();
        for mut tool in more {
            let listed = tool.list(states, schemas)?;
            tool.promises_output = listed.output_schema.is_some();
            tool.is_simple = tool.takes_single_arguments_alone();
            entries.push((Arc::new(tool), listed));
        }
        // A list ends with what looks after tasks.
        entries.sort_by_key(|(tool, _)| tool.about.kind == Kind::Control);
        Ok(entries.into_iter().collect())
    }

    /// The same without a tool; `None` if there is none of this name that could be taken away.
    pub(crate) fn without(&self, name: &str) -> Option<Self> {
        self.find(name).filter(|tool| tool.about.kind != Kind::Control)?;
        let entries = self.tools.iter().cloned().zip(self.listed.iter().cloned());
        Some(entries.filter(|(tool, _)| &*tool.about.name != name).collect())
    }

    /// The same without the tools that look after tasks.
    pub(crate) fn without_control(&self) -> Self {
        let entries = self.tools.iter().cloned().zip(self.listed.iter().cloned());
        entries.filter(|(tool, _)| tool.about.kind != Kind::Control).collect()
    }

    /// All tools.
    pub(crate) fn tools(&self) -> impl Iterator<Item = &Definition> {
        self.tools.iter().map(|tool| &**tool)
    }

    /// Logs what a model will miss in a server, which may have other tools than these.
    pub(crate) fn warn(&self, server: &str, may_have_others: bool) {
        if self.tools.is_empty() && !may_have_others {
            event!(warn, server, "the server has no tools: give it some with `Server::tools`");
        }
        for about in self.tools.iter().map(|tool| &tool.about) {
            if about.kind == Kind::Background && about.description.is_empty() {
                event!(
                    warn,
                    tool = &*about.name,
                    place = &*about.location,
                    "a background tool has no description: a model cannot tell what it starts"
                );
            }
        }
    }

    /// The tool called `name`, if there is one.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Definition>> {
        self.by_name.get(name).map(|&index| &self.tools[index])
    }

    /// The same as a client sees it.
    #[cfg(feature = "http")]
    pub(crate) fn listed(&self, name: &str) -> Option<&rmcp::model::Tool> {
        self.by_name.get(name).map(|&index| &self.listed[index])
    }

    /// What is said of a call of a tool that there is not, with the nearest name there is.
    fn unknown(&self, name: &str) -> String {
        let known = self.tools.iter().map(|tool| &*tool.about.name);
        format!("unknown tool `{}`{}", shown(name), did_you_mean(name, known))
    }

    /// Every tool, as a client sees it, in the order of registration.
    pub(crate) fn list(&self) -> &[rmcp::model::Tool] {
        &self.listed
    }

    /// Whether any tool is of a kind.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.tools.iter().any(|tool| tool.about.kind == kind)
    }
}

impl FromIterator<(Arc<Definition>, rmcp::model::Tool)> for Registry {
    fn from_iter<I: IntoIterator<Item = (Arc<Definition>, rmcp::model::Tool)>>(entries: I) -> Self {
        let (tools, listed): (Vec<Arc<Definition>>, _) = entries.into_iter().unzip();
        let names = tools.iter().map(|tool| Arc::clone(&tool.about.name));
        let by_name = names.enumerate().map(|(index, name)| (name, index)).collect();
        Self { tools, by_name, listed }
    }
}

fn duplicate(first: &About, second: &About) -> Error {
    Error::DuplicateTool {
        name: second.name.to_string(),
        first: first.location.to_string(),
        second: second.location.to_string(),
    }
}

/// The tools of a server.
#[derive(Debug)]
pub(crate) enum LiveRegistry {
    /// They are the same as long as it runs, and found without a lock.
    Fixed(Arc<Registry>),
    /// They come and go.
    Changing(ChangingRegistry),
}

impl LiveRegistry {
    pub(crate) fn new(registry: Registry, is_dynamic: bool) -> Self {
        let registry = Arc::new(registry);
        match is_dynamic {
            true => Self::Changing(ChangingRegistry::new(registry)),
            false => Self::Fixed(registry),
        }
    }

    /// What changes the tools, if they come and go.
    pub(crate) fn changing(&self) -> Option<&ChangingRegistry> {
        match self {
            Self::Fixed(_) => None,
            Self::Changing(changing) => Some(changing),
        }
    }

    /// The tools as they are now.
    pub(crate) fn now(&self) -> Cow<'_, Arc<Registry>> {
        match self {
            Self::Fixed(registry) => Cow::Borrowed(registry),
            Self::Changing(changing) => Cow::Owned(changing.now()),
        }
    }

    /// The tool called `name`, if there is one now.
    pub(crate) fn find(&self, name: &str) -> Option<Cow<'_, Arc<Definition>>> {
        match self {
            Self::Fixed(registry) => registry.find(name).map(Cow::Borrowed),
            Self::Changing(changing) => changing.find(name).map(Cow::Owned),
        }
    }

    /// The tool called `name`.
    ///
    /// # Errors
    ///
    /// A sentence for the client if there is none, with the nearest name there is.
    pub(crate) fn get(&self, name: &str) -> Result<Cow<'_, Arc<Definition>>, String> {
        self.find(name).ok_or_else(|| self.now().unknown(name))
    }
}

/// Tools that come and go. A lookup holds a lock for as long as that takes, which nobody has for longer than it takes
/// to replace a pointer.
#[derive(Debug)]
pub(crate) struct ChangingRegistry {
    now: RwLock<Arc<Registry>>,
    /// Held by who makes the next one.
    changing: Mutex<()>,
    changes: watch::Sender<()>,
}

impl ChangingRegistry {
    fn new(registry: Arc<Registry>) -> Self {
        let now = RwLock::new(registry);
        Self { now, changing: Mutex::default(), changes: watch::Sender::new(()) }
    }

    fn now(&self) -> Arc<Registry> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn find(&self, name: &str) -> Option<Arc<Definition>> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).find(name).cloned()
    }

    /// Replaces the tools, and tells everybody who hears of changes.
    pub(crate) fn change(
        &self,
        change: impl FnOnce(&Registry) -> Result<Option<Registry>>,
    ) -> Result<bool> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(next) = change(&self.now())? else { return Ok(false) };
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        self.changes.send_replace(());
        Ok(true)
    }

    /// Notified of each change from now on, or once of several.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }
}
