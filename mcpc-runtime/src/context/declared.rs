//! What a request says of its client and of itself: its `_meta`.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::{Arc, LazyLock, OnceLock};

use memchr::memmem;
use rmcp::model::{
    ClientCapabilities, ClientRequest, Extensions, GetExtensions, GetMeta as _, ProtocolVersion,
    RequestMetaObject,
};
use serde_json::Value;

/// How long a text is that is kept for the next request, which is more than clients write.
const LONGEST: usize = 4 << 10;

/// What a request said, and how.
struct Last {
    json: Box<str>,
    declared: Arc<Declared>,
}

thread_local! {
    /// The latest that named a version. From MCP 2026-07-28 on each request of a client brings all that the client can do, in
    /// the same words: to read them anew took half of all instructions of `tasks/get`.
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

/// What one request says, read as far as it was asked for; a request that says the same may share it.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    meta: RequestMetaObject,
    /// The version of the protocol that it names.
    version: Option<Box<str>>,
    /// The capabilities in it, once they were read, which takes its time.
    capabilities: OnceLock<Option<Box<ClientCapabilities>>>,
}

impl From<RequestMetaObject> for Declared {
    fn from(meta: RequestMetaObject) -> Self {
        let version = version_in(&meta).map(Into::into);
        Self { meta, version, capabilities: OnceLock::new() }
    }
}

impl Declared {
    /// Nothing.
    pub(crate) fn nothing() -> Arc<Self> {
        static NOTHING: LazyLock<Arc<Declared>> = LazyLock::new(Arc::default);
        Arc::clone(&NOTHING)
    }

    /// Reads it, unless the request before said the same; `None` if it is not an object.
    pub(crate) fn read(json: &str) -> Option<Arc<Self>> {
        let known = |last: &Option<Last>| {
            let last = last.as_ref().filter(|last| *last.json == *json)?;
            Some(Arc::clone(&last.declared))
        };
        if let Some(declared) = LAST.with_borrow(known) {
            return Some(declared);
        }
        let meta: RequestMetaObject = serde_json::from_str(json).ok()?;
        let declared = Arc::new(Self::from(meta));
        if declared.version.is_some() && json.len() <= LONGEST {
            let (json, declared) = (json.into(), Arc::clone(&declared));
            LAST.set(Some(Last { json, declared }));
        }
        Some(declared)
    }

    /// What the request before said, if that stands in a line where its first `_meta` does; and where in the line.
    pub(crate) fn find(line: &str) -> Option<(Range<usize>, Arc<Self>)> {
        const KEY: &[u8] = br#""_meta":"#;
        static FINDER: LazyLock<memmem::Finder<'static>> =
            LazyLock::new(|| memmem::Finder::new(KEY));
        LAST.with_borrow(|last| {
            let Last { json, declared } = last.as_ref()?;
            let after = FINDER.find(line.as_bytes())? + KEY.len();
            let start = after + line[after..].bytes().take_while(u8::is_ascii_whitespace).count();
            let place = start..start + json.len();
            (line.get(place.clone())? == &**json).then(|| (place, Arc::clone(declared)))
        })
    }

    /// That of a request, wherever it was read.
    pub(crate) fn of(request: &impl GetExtensions) -> Arc<Self> {
        let extensions = request.extensions();
        let as_rmcp_has_it = || extensions.get::<RequestMetaObject>().cloned();
        let declared = extensions.get::<Arc<Self>>().cloned();
        declared.unwrap_or_else(|| as_rmcp_has_it().map_or_else(Self::nothing, Self::shared))
    }

    /// The same, taken out of what a request brings.
    pub(crate) fn take(extensions: &mut Extensions) -> Arc<Self> {
        extensions.remove::<Arc<Self>>().unwrap_or_else(|| {
            extensions.remove::<RequestMetaObject>().map_or_else(Self::nothing, Self::shared)
        })
    }

    fn shared(meta: RequestMetaObject) -> Arc<Self> {
        Arc::new(meta.into())
    }

    /// Writes it where rmcp has it.
    pub(crate) fn hand_over(request: &mut ClientRequest) {
        let extensions = request.extensions_mut();
        if let Some(declared) = extensions.remove::<Arc<Self>>() {
            extensions.insert(declared.meta.clone());
        }
    }

    pub(crate) fn meta(&self) -> &RequestMetaObject {
        &self.meta
    }

    /// The version of the protocol that is named.
    pub(crate) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Whether a connection begins with a request that says this: it brings what is required of one without a session, in
    /// one of these versions.
    pub(crate) fn begins(&self, versions: &[ProtocolVersion]) -> bool {
        let is_one = |named| versions.iter().any(|version| version.as_str() == named);
        self.version().is_some_and(is_one) && self.capabilities().is_some()
    }

    /// What the client can do, if that is said.
    pub(crate) fn capabilities(&self) -> Option<&ClientCapabilities> {
        let read = || self.meta.client_capabilities().map(Box::new);
        self.capabilities.get_or_init(read).as_deref()
    }
}

/// The `_meta` of a request.
pub(crate) fn meta_of(request: &ClientRequest) -> &RequestMetaObject {
    match request.extensions().get::<Arc<Declared>>() {
        Some(declared) => declared.meta(),
        None => request.get_meta(),
    }
}

/// The version of the protocol that a request names.
pub(crate) fn named_version(request: &ClientRequest) -> Option<&str> {
    match request.extensions().get::<Arc<Declared>>() {
        Some(declared) => declared.version(),
        None => version_in(request.get_meta()),
    }
}

fn version_in(meta: &RequestMetaObject) -> Option<&str> {
    meta.get(RequestMetaObject::DRAFT_REQUIRED_KEYS[0]).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASKS: &str = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientCapabilities":
            {"extensions":{"io.modelcontextprotocol/tasks":{}}}}"#;

    #[test]
    fn what_a_request_says_again_is_not_read_again() {
        let first = Declared::read(TASKS).expect("an object");
        assert_eq!(first.version(), Some("2026-07-28"));
        assert!(first.capabilities().is_some_and(ClientCapabilities::supports_tasks));
        assert!(Arc::ptr_eq(&first, &Declared::read(TASKS).expect("the same")));
        let other = Declared::read(r#"{"progressToken":7}"#).expect("an object");
        assert_eq!((other.version(), other.capabilities()), (None, None));
        assert_eq!(other.meta()["progressToken"], 7);
        let again = Declared::read(TASKS).expect("an object");
        assert_eq!(again.meta(), first.meta());
    }

    #[test]
    fn what_was_said_before_is_found_in_a_line() {
        let line = |meta: &str| format!(r#"{{"params":{{"_meta":{meta},"name":"\u0022"}}}}"#);
        assert!(Declared::find(&line(TASKS)).is_none(), "nothing was said before");
        let known = Declared::read(TASKS).expect("an object");
        let (place, found) = Declared::find(&line(TASKS)).expect("the same");
        assert_eq!(line(TASKS)[place], *TASKS);
        assert!(Arc::ptr_eq(&known, &found));
        for other in ["{}", &TASKS[..9], &TASKS.replacen('"', " \"", 1), "\u{fc}"] {
            assert!(Declared::find(&line(other)).is_none(), "{other}");
        }
        let spaced = line(&format!(" \t{TASKS}"));
        assert_eq!(spaced[Declared::find(&spaced).expect("the same").0], *TASKS);
    }

    #[test]
    fn what_is_no_object_says_nothing_and_is_not_kept() {
        for json in ["7", "[]", r#""{}""#] {
            for _ in 0..2 {
                assert!(Declared::read(json).is_none(), "{json}");
            }
        }
        let long = TASKS.replacen('{', &format!(r#"{{"long":"{}","#, "x".repeat(5000)), 1);
        let first = Declared::read(&long).expect("an object");
        assert!(!Arc::ptr_eq(&first, &Declared::read(&long).expect("an object")));
    }
}
