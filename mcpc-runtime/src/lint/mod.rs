//! What hosts and models' APIs are known to object to in the tools that a server lists.

mod arguments;

use std::fmt;

use rmcp::model::Tool;
use serde::{Serialize, Serializer};

use crate::phrases::shown;

/// Something about a server's tools that a host or a model's API is known to object to; see
/// [`Server::lint`](crate::server::Server::lint).
///
/// It serializes to an object with these keys, for a report.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What kind of thing it is.
    pub rule: Rule,
    /// The tool; `None` if it is about the server as a whole.
    pub tool: Option<String>,
    /// Where in the tool's arguments, as `filters[].min`.
    pub argument: Option<String>,
    /// What is wrong, who objects and how, and what to do.
    pub text: String,
}

/// What a [`Finding`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// A name with characters that models' APIs refuse, or too long once a host has put the server's before it.
    Name,
    /// A tool or an argument without a description.
    Description,
    /// A value that may be of several types: `anyOf`, `oneOf`, `allOf`, or a list of types.
    Union,
    /// A value of any type.
    AnyValue,
    /// A `$ref`.
    Reference,
    /// A format that models' APIs refuse.
    Format,
    /// A keyword of JSON Schema that models' APIs do not know.
    Keyword,
    /// Objects in objects in objects.
    Depth,
    /// What a model reads of a tool, or of all of them, is long.
    Size,
    /// The schema of a result that is not an object.
    // Not `Result`: as soon as two things have one name, rustc writes the paths of both in full.
    ResultSchema,
}

impl Rule {
    /// The rule's name, by which a list of exceptions may have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Description => "description",
            Self::Union => "union",
            Self::AnyValue => "any_value",
            Self::Reference => "reference",
            Self::Format => "format",
            Self::Keyword => "keyword",
            Self::Depth => "depth",
            Self::Size => "size",
            Self::ResultSchema => "result_schema",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// As the sentence, which is what a test that expects none shows.
impl fmt::Debug for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.tool, &self.argument) {
            (None, _) => f.write_str("the server: ")?,
            (Some(tool), None) => write!(f, "tool `{tool}`: ")?,
            (Some(tool), Some(argument)) => write!(f, "tool `{tool}`, argument `{argument}`: ")?,
        }
        f.write_str(&self.text)
    }
}

/// How long a name may be for the APIs of OpenAI and most others. Gemini's takes 63 characters, but the hosts that
/// call it put a shorter prefix before a tool's name.
const MOST_OF_NAME: usize = 64;

/// How long the name of a tool should be able to be, whatever the server is called.
const LEAST_OF_NAME: usize = 16;

/// How long the name of a tool may be, whatever its server is called: its user may give it a longer name.
const MOST_OF_TOOL_NAME: usize = 48;

/// How many bytes of a tool a model may have to read.
const MOST_OF_TOOL: usize = 8 << 10;

/// How many of all tools: Claude Code warns of 25,000 tokens, which are about 100,000 bytes, of all servers.
const MOST_OF_ALL: usize = 64 << 10;

/// Everything that is objected to in the tools of a server that calls itself `server`.
pub(crate) fn findings(server: &str, tools: &[Tool]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let prefix = Prefix::of(server);
    findings.extend(prefix.finding());
    let mut all = 0;
    for tool in tools {
        let mut about = About { tool, findings: Vec::new() };
        about.name(&prefix);
        about.description();
        about.size();
        arguments::look(&mut about);
        about.result();
        findings.append(&mut about.findings);
        all += size(tool);
    }
    if all > MOST_OF_ALL {
        let text = format!(
            "its tools have {all} bytes, about {} tokens, which hosts send with every request (Claude Code warns \
             when all servers together have 25,000 tokens); take tools out, or make two servers",
            all / 4
        );
        findings.push(Finding { rule: Rule::Size, tool: None, argument: None, text });
    }
    findings
}

/// How many bytes of a tool a model reads.
fn size(tool: &Tool) -> usize {
    let description = tool.description.as_ref().map_or(0, |text| text.len());
    let schema = serde_json::to_string(&*tool.input_schema).map_or(0, |text| text.len());
    tool.name.len() + description + schema
}

/// What hosts put before the name of a tool: Claude Code and Codex call it `mcp__server__tool`, with the name that
/// the server has in their settings, which usually is its own.
struct Prefix<'a> {
    server: &'a str,
    /// What is left of the longest name.
    left: usize,
}

impl<'a> Prefix<'a> {
    fn of(server: &'a str) -> Self {
        let length = format!("mcp__{server}__").chars().count();
        Self { server, left: MOST_OF_NAME.saturating_sub(length) }
    }

    fn is_too_long(&self) -> bool {
        self.left < LEAST_OF_NAME
    }

    fn finding(&self) -> Option<Finding> {
        let text = format!(
            "its name has {} characters: Claude Code and Codex call a tool `mcp__<server>__<tool>`, and models' APIs \
             take {MOST_OF_NAME} characters, which leaves {} for a tool; give it a shorter name",
            self.server.chars().count(),
            self.left
        );
        let finding = Finding { rule: Rule::Name, tool: None, argument: None, text };
        self.is_too_long().then_some(finding)
    }
}

/// The findings about a tool.
struct About<'a> {
    tool: &'a Tool,
    findings: Vec<Finding>,
}

impl About<'_> {
    fn add(&mut self, rule: Rule, argument: Option<&str>, text: impl Into<String>) {
        let tool = Some(self.tool.name.as_ref().to_owned());
        let argument = argument.map(str::to_owned);
        let finding = Finding { rule, tool, argument, text: text.into() };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    fn name(&mut self, prefix: &Prefix<'_>) {
        let is_taken = |c: &char| c.is_ascii_alphanumeric() || *c == '_' || *c == '-';
        if let Some(refused) = self.tool.name.chars().find(|c| !is_taken(c)) {
            let text = format!(
                "its name has a `{refused}`: OpenAI's and Anthropic's APIs take letters, digits, `_` and `-`, and \
                 refuse every request of a host that passes the name on as it is (Copilot CLI); use `_`"
            );
            self.add(Rule::Name, None, text);
        }
        let length = self.tool.name.chars().count();
        if length > prefix.left && !prefix.is_too_long() {
            let text = format!(
                "its name has {length} characters: Claude Code and Codex call it `mcp__{}__{}`, and models' APIs \
                 take {MOST_OF_NAME} characters, so the host cuts it or the request is refused; use a maximum of {}",
                shown(prefix.server),
                self.tool.name,
                prefix.left.min(MOST_OF_TOOL_NAME)
            );
            self.add(Rule::Name, None, text);
        } else if length > MOST_OF_TOOL_NAME && !prefix.is_too_long() {
            let text = format!(
                "its name has {length} characters: hosts put the server's name before it, which their user chooses, \
                 and models' APIs take {MOST_OF_NAME} characters of both; use a maximum of {MOST_OF_TOOL_NAME}"
            );
            self.add(Rule::Name, None, text);
        }
    }

    fn description(&mut self) {
        if self.tool.description.as_ref().is_none_or(|text| text.trim().is_empty()) {
            let text = "it has no description: no model can tell what it is for, and tools are searched by their \
                        descriptions (Claude Code); write a doc comment above the function";
            self.add(Rule::Description, None, text);
        }
    }

    fn size(&mut self) {
        let size = size(self.tool);
        if size > MOST_OF_TOOL {
            let text = format!(
                "it has {size} bytes, about {} tokens, which hosts send with every request; shorten what its types \
                 say, or make several tools of it",
                size / 4
            );
            self.add(Rule::Size, None, text);
        }
    }

    fn result(&mut self) {
        let Some(schema) = &self.tool.output_schema else { return };
        if schema.get("type").is_none_or(|kind| kind != "object") {
            let text = "the schema of its result is not an object: clients made with MCP's TypeScript SDK (Claude \
                        Code, Cursor, LM Studio) refuse the whole list of tools; return a struct";
            self.add(Rule::ResultSchema, None, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::JsonObject;
    use serde_json::{Value, json};

    use super::*;

    fn tool(schema: Value) -> Tool {
        let Value::Object(schema) = schema else { panic!("a schema is an object") };
        Tool::new("tool", "It does something", schema)
    }

    fn found(server: &str, tool: Tool) -> Vec<(Rule, Option<String>)> {
        let findings = findings(server, &[tool]);
        findings.into_iter().map(|finding| (finding.rule, finding.argument)).collect()
    }

    #[test]
    fn arguments_that_are_one_of_several_groups() {
        let x = json!({"type": "string", "description": "x"});
        let schema =
            json!({"type": "object", "properties": {"x": x}, "anyOf": [{"required": ["x"]}]});
        assert_eq!(found("s", tool(schema)), [(Rule::Union, None)]);
    }

    #[test]
    fn a_result_that_is_not_an_object() {
        let mut tool = tool(json!({"type": "object"}));
        assert_eq!(found("s", tool.clone()), []);
        tool.output_schema = Some(std::sync::Arc::new(JsonObject::new()));
        assert_eq!(found("s", tool), [(Rule::ResultSchema, None)]);
    }

    #[test]
    fn a_name_is_as_long_as_what_hosts_make_of_it() {
        let named = |length: usize| {
            let mut tool = tool(json!({"type": "object"}));
            tool.name = "x".repeat(length).into();
            tool
        };
        // `mcp__a-calculator__` has 19 characters.
        assert_eq!(found("a-calculator", named(64 - 19)), []);
        assert_eq!(found("a-calculator", named(65 - 19)), [(Rule::Name, None)]);
        // A short name of the server is not the user's.
        assert_eq!(found("calc", named(48)), []);
        assert_eq!(found("calc", named(49)), [(Rule::Name, None)]);
        // Then it is not the tool's name that is too long.
        let long = "a".repeat(42);
        let findings = findings(&long, &[named(40), named(1)]);
        let tools: Vec<_> = findings.iter().map(|finding| (finding.rule, &finding.tool)).collect();
        assert_eq!(tools, [(Rule::Name, &None)]);
    }

    #[test]
    fn a_definition_is_looked_at_once() {
        let next = json!({"$ref": "#/$defs/Node", "description": "x"});
        let node = json!({"type": "object", "properties": {"a": next, "b": next, "c": {}}});
        let schema = json!({
            "type": "object",
            "properties": {"x": next, "y": next},
            "$defs": {"Node": node},
        });
        assert_eq!(
            found("s", tool(schema)),
            [(Rule::Reference, Some("x".into())), (Rule::AnyValue, Some("x.c".into()))]
        );
    }
}
