//! Which of a call's arguments go together: as the fields of a struct, as a map of what is left, or all of them.

use rmcp::model::JsonObject;

use super::{Description, Place, Source};
use crate::argument::Pattern;
use crate::names::{HOST_ARGUMENTS, MetadataKeys};
use crate::schema::{Given, Writer};

/// The parameters of a tool that are several arguments.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    groups: Vec<Group>,
    /// The names of arguments that are parameters of their own.
    singles: Vec<&'static str>,
    /// The schema that was given with the tool.
    given: Option<Given>,
}

/// The arguments that one parameter is made of.
#[derive(Debug)]
pub(crate) struct Group {
    parameter: &'static str,
    /// As the schema lists them.
    fields: Box<[Box<str>]>,
    /// By which other names the type knows them.
    aliases: Vec<&'static str>,
    /// Whether it is also whatever else comes.
    takes_the_rest: bool,
    /// The patterns that the names of that match, where nothing else may come.
    patterns: Vec<Pattern>,
}

/// What a parameter's arguments cannot be.
pub(crate) type Wrong = (&'static str, String);

impl Groups {
    /// Those of a tool whose schema was not given with it.
    pub(crate) fn of_types(parameters: &[Description]) -> Result<Self, Wrong> {
        let mut groups = Self::default();
        let arguments = parameters.iter().filter(|parameter| parameter.is_argument);
        for parameter in arguments.clone().filter(|it| it.place == Place::One) {
            groups.singles.push(parameter.name);
        }
        let mut writer = Writer::for_problems();
        let count = arguments.clone().count();
        for parameter in arguments.filter(|it| it.place != Place::One) {
            let wrong = |problem: String| (parameter.name, problem);
            if parameter.place == Place::All && count > 1 {
                return Err(wrong("it is all arguments, and there are others".to_owned()));
            }
            if let Source::Argument { schema, .. } = (parameter.source)(&mut writer.generator) {
                let schema = match parameter.place {
                    Place::All => writer.all_arguments(schema, parameter.of_type.name),
                    Place::Fields | Place::One => writer.fields(schema, parameter.of_type.name),
                };
                groups.add(parameter, &schema.map_err(wrong)?).map_err(wrong)?;
            }
        }
        Ok(groups)
    }

    /// That of a tool with a schema of its own, which one parameter reads.
    pub(crate) fn of_schema(parameters: &[Description], given: Given) -> Result<Self, Wrong> {
        let mut groups = Self::default();
        let mut arguments = parameters.iter().filter(|it| it.is_argument);
        let parameter = arguments.clone().find(|it| it.place == Place::All);
        let parameter = parameter.expect("the attribute asks for it");
        if arguments.nth(1).is_some() {
            return Err((parameter.name, "it is all arguments, and there are others".to_owned()));
        }
        groups.add(parameter, &given.listed).map_err(|problem| (parameter.name, problem))?;
        for group in &mut groups.groups {
            group.patterns = patterns_of_all(&given.listed);
        }
        groups.given = Some(given);
        Ok(groups)
    }

    fn add(&mut self, parameter: &Description, schema: &JsonObject) -> Result<(), String> {
        let properties = schema.get("properties").and_then(|it| it.as_object());
        let fields: Box<[Box<str>]> =
            properties.into_iter().flatten().map(|(name, _)| name.as_str().into()).collect();
        let is_field = |name: &str| fields.iter().any(|field| **field == *name);
        let names = (parameter.field_names)().iter().copied();
        let aliases: Vec<&str> = names.filter(|name| !is_field(name)).collect();
        for name in fields.iter().map(|name| &**name).chain(aliases.iter().copied()) {
            self.is_free(name)?;
        }
        let takes_the_rest = crate::schema::is_open(schema, parameter.place == Place::All);
        if takes_the_rest && let Some(other) = self.groups.iter().find(|it| it.takes_the_rest) {
            let other = other.parameter;
            return Err(format!("it takes whatever arguments are left, and so does `{other}`"));
        }
        let parameter = parameter.name;
        let patterns = Vec::new();
        self.groups.push(Group { parameter, fields, aliases, takes_the_rest, patterns });
        Ok(())
    }

    /// Whether nothing else has a field's name.
    fn is_free(&self, name: &str) -> Result<(), String> {
        if MetadataKeys::ALL.iter().any(|keys| keys.argument == name) {
            return Err(format!(
                "its field `{name}` belongs to the MCPC protocol and never reaches a tool"
            ));
        }
        if self.singles.contains(&name) {
            return Err(format!("its field `{name}` has the name of another argument"));
        }
        match self.groups.iter().find(|group| group.knows(name)) {
            Some(Group { parameter, .. }) => {
                Err(format!("its field `{name}` is one of `{parameter}`, too"))
            }
            None => Ok(()),
        }
    }

    /// The arguments of a parameter.
    pub(super) fn of(&self, parameter: &str) -> &Group {
        let group = self.groups.iter().find(|group| group.parameter == parameter);
        group.expect("each parameter of several arguments has one")
    }

    /// Whether an argument is one of a group's.
    pub(super) fn is_in(&self, group: &Group, name: &str, has_host: bool) -> bool {
        let may_take = group.takes_the_rest && group.has_pattern_of(name);
        group.knows(name) || (may_take && self.is_left(name, has_host))
    }

    /// Whether an argument belongs to no parameter by its name, and was not added by a host.
    fn is_left(&self, name: &str, has_host: bool) -> bool {
        let is_of_host = has_host && HOST_ARGUMENTS.contains(&name);
        !is_of_host && !self.knows(name)
    }

    /// Whether an argument has the name of a parameter, or of a part of one.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.singles.contains(&name) || self.groups.iter().any(|it| it.knows(name))
    }

    /// Whether there is one group, and no other argument.
    pub(crate) fn is_one(&self) -> bool {
        self.groups.len() == 1 && self.singles.is_empty()
    }

    /// The schema that was given with the tool.
    pub(crate) fn given(&self) -> Option<&Given> {
        self.given.as_ref()
    }

    /// The names that arguments of a parameter have.
    pub(crate) fn fields_of(&self, parameter: &str) -> impl Iterator<Item = &str> + Clone {
        let group = self.groups.iter().find(|group| group.parameter == parameter);
        group.into_iter().flat_map(|group| group.fields.iter().map(|name| &**name))
    }
}

impl Group {
    /// The names of its arguments.
    pub(super) fn fields(&self) -> &[Box<str>] {
        &self.fields
    }

    fn knows(&self, name: &str) -> bool {
        self.fields.iter().any(|field| **field == *name) || self.aliases.contains(&name)
    }

    /// Whether a name matches one of the patterns, if there are any.
    fn has_pattern_of(&self, name: &str) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.is_match(name))
    }
}

/// The patterns of all other arguments that a schema takes; none if it takes any, or if there is one that cannot be
/// read.
fn patterns_of_all(schema: &JsonObject) -> Vec<Pattern> {
    let patterns = schema.get("patternProperties").and_then(|it| it.as_object());
    let is_closed = schema.get("additionalProperties") == Some(&false.into());
    let patterns = patterns.filter(|_| is_closed).into_iter().flat_map(|it| it.keys());
    let patterns: Vec<Pattern> = patterns.map(|pattern| Pattern::new(pattern.clone())).collect();
    let are_read = patterns.iter().all(Pattern::is_valid);
    if are_read { patterns } else { Vec::new() }
}
