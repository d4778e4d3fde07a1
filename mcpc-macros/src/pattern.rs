//! Regular expressions that a server and its clients read alike.
//!
//! JSON Schema's patterns are those of ECMAScript, in its Unicode mode; the server matches with
//! `regex-lite`. What only one of them knows is refused.

use regex_lite::Regex;

/// Reads a pattern.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn parse(pattern: &str) -> Result<Regex, String> {
    let regex = Regex::new(pattern).map_err(|error| format!("invalid `pattern`: {error}"))?;
    match foreign(pattern) {
        None => Ok(regex),
        Some(part) => Err(format!(
            "`{part}` means nothing in the patterns of JSON Schema, which are JavaScript's"
        )),
    }
}

/// The first part of a valid pattern that ECMAScript does not know.
fn foreign(pattern: &str) -> Option<String> {
    let mut rest = pattern;
    let mut in_class = false;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\\' => escape(rest)?,
            _ => first.len_utf8(),
        };
        let part = &rest[..length];
        let wrong = match first {
            '\\' => !is_known_escape(part, in_class),
            '(' if !in_class => rest.starts_with("(?") && !["(?:", "(?<"].contains(&head(rest, 3)),
            '[' if in_class => true,
            ']' if !in_class => true,
            '}' if !in_class => !closes_repetition(pattern, pattern.len() - rest.len()),
            _ => false,
        };
        if wrong {
            return Some(if first == '(' { head(rest, 3).to_owned() } else { part.to_owned() });
        }
        match first {
            '[' => in_class = true,
            ']' => in_class = false,
            _ => {}
        }
        rest = &rest[length..];
    }
    None
}

/// How long the escape is that a text starts with.
fn escape(text: &str) -> Option<usize> {
    let after = text[1..].chars().next()?;
    let length = 1 + after.len_utf8();
    let braced = text[length..].starts_with('{').then(|| text[length..].find('}')).flatten();
    match (after, braced) {
        ('x' | 'u', Some(end)) => Some(length + end + 1),
        ('x', None) => Some(length + 2),
        ('u', None) => Some(length + 4),
        _ => Some(length),
    }
}

fn is_known_escape(escape: &str, in_class: bool) -> bool {
    match escape[1..].chars().next() {
        Some('-') => in_class,
        Some('x') => !escape.contains('{'),
        Some('b' | 'B') => !in_class,
        Some(letter) => "dDsSwWfnrtvu^$\\.*+?()[]{}|/".contains(letter),
        None => false,
    }
}

/// Whether the brace at `end` belongs to a repetition like `{2,5}`.
fn closes_repetition(pattern: &str, end: usize) -> bool {
    pattern[..end]
        .rsplit_once('{')
        .is_some_and(|(_, count)| count.chars().all(|c| c.is_ascii_digit() || c == ','))
}

fn head(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn what_both_know_is_a_pattern() {
        for pattern in [
            "^[a-z][a-z0-9_-]*$",
            r"\d{4}-\d{2}-\d{2}",
            r"^(?:GET|POST) /[^\s]+$",
            r"^(?<year>\d{4})$",
            r"^\$[0-9.,]{1,12}\.$",
            r"[\-\]\\]",
            r"\u00e4|\u{1F600}|\x41",
            "größe",
            "",
        ] {
            assert!(parse(pattern).is_ok(), "{pattern}: {:?}", parse(pattern));
        }
    }

    #[test]
    fn what_only_one_knows_is_none() {
        for (pattern, part) in [
            ("(?i)abc", "(?i"),
            ("(?P<a>b)", "(?P"),
            (r"\Aabc", r"\A"),
            (r"abc\z", r"\z"),
            (r"\x{41}", r"\x{41}"),
            (r"a\@b", r"\@"),
            (r"a\-b", r"\-"),
            ("a]b", "]"),
        ] {
            let error = parse(pattern).expect_err(pattern);
            assert!(error.starts_with(&format!("`{part}` means nothing")), "{pattern}: {error}");
        }
        for pattern in ["(", "[z-a]", r"\p{L}", "a**{", r"(?=a)"] {
            let error = parse(pattern).expect_err(pattern);
            assert!(error.starts_with("invalid `pattern`: "), "{pattern}: {error}");
        }
    }
}
