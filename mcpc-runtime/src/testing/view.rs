//! What a model gets to see of a reply.

use serde_json::Value;

/// How a host makes a text of a reply for its model.
#[derive(Clone, Copy, Debug)]
pub(super) enum View {
    /// The texts with this between them, or structured content where there is no text.
    Texts(&'static str),
    /// Structured content hides the texts.
    StructuredAlone,
    /// The texts glued together, and after them structured content.
    Glued,
    /// The texts. Where there is no structured content, a first text that is JSON is taken for that, and it has to be
    /// an object.
    Records,
    /// The reply as JSON.
    Reply,
    /// Its content as JSON.
    Content,
}

/// How much of a text a model gets to see.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    Nothing,
    /// All but the middle.
    Middle {
        beginning: usize,
        end: usize,
    },
    /// So many characters of a text that has more than the most.
    After {
        most: usize,
        shown: usize,
    },
    /// Nothing of a text that has more characters: it is in a file, which a model may read.
    File {
        most: usize,
    },
}

impl View {
    /// What a model sees of a result.
    ///
    /// # Errors
    ///
    /// Why the call fails in place of that.
    pub(super) fn of(self, result: &Value) -> Result<String, String> {
        let structured = Some(&result["structuredContent"]).filter(|it| !it.is_null());
        Ok(match self {
            Self::Texts(between) => texts(result, between, structured),
            Self::StructuredAlone => match structured {
                Some(structured) => structured.to_string(),
                None => texts(result, "\n", None),
            },
            Self::Glued => {
                texts(result, "", None) + &structured.map(Value::to_string).unwrap_or_default()
            }
            Self::Records => {
                is_record(result, structured)?;
                texts(result, "\n\n", structured)
            }
            Self::Reply => result.to_string(),
            Self::Content => result["content"].to_string(),
        })
    }
}

fn texts(result: &Value, between: &str, otherwise: Option<&Value>) -> String {
    let blocks = result["content"].as_array().into_iter().flatten();
    let texts: Vec<&str> = blocks.filter_map(|block| block["text"].as_str()).collect();
    match otherwise {
        Some(structured) if texts.is_empty() => structured.to_string(),
        _ => texts.join(between),
    }
}

/// Whether what is taken for structured content is an object.
fn is_record(result: &Value, structured: Option<&Value>) -> Result<(), String> {
    let first = || serde_json::from_str(result["content"][0]["text"].as_str()?).ok();
    match structured.cloned().or_else(first) {
        None | Some(Value::Object(_)) => Ok(()),
        Some(other) => Err(format!("expected record, received {other}")),
    }
}

impl Cut {
    /// As much of a text as is shown.
    pub(super) fn of(self, text: String) -> String {
        let length = text.chars().count();
        let (beginning, end) = match self {
            Self::Middle { beginning, end } if length > beginning + end => (beginning, end),
            Self::After { most, shown } if length > most => (shown, 0),
            Self::File { most } if length > most => return "[in a file]".to_owned(),
            Self::Nothing | Self::Middle { .. } | Self::After { .. } | Self::File { .. } => {
                return text;
            }
        };
        let first: String = text.chars().take(beginning).collect();
        let last: String = text.chars().skip(length - end).collect();
        format!("{first}[cut]{last}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_view_shows_its_part() {
        let number = json!({
            "content": [{"type": "text", "text": "4"}, {"type": "text", "text": "2"}],
            "structuredContent": {"result": 42},
        });
        for (view, seen) in [
            (View::Texts("\n\n"), "4\n\n2"),
            (View::StructuredAlone, "{\"result\":42}"),
            (View::Glued, "42{\"result\":42}"),
            (View::Records, "4\n\n2"),
            (View::Content, &*number["content"].to_string()),
            (View::Reply, &*number.to_string()),
        ] {
            assert_eq!(view.of(&number).as_deref(), Ok(seen), "{view:?}");
        }
    }

    #[test]
    fn json_that_is_not_an_object_fails_where_it_is_taken_for_one() {
        let text = |text: &str| json!({"content": [{"type": "text", "text": text}]});
        for json in ["42", "null", "[1]", "true", " \"quoted\""] {
            let seen = View::Records.of(&text(json));
            assert!(seen.is_err_and(|error| error.starts_with("expected record, received")));
            assert!(View::Texts("\n").of(&text(json)).is_ok());
        }
        for other in ["{}", "plain", ""] {
            assert_eq!(View::Records.of(&text(other)).as_deref(), Ok(other));
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = "åäö".repeat(10);
        assert_eq!(Cut::Nothing.of(text.clone()), text);
        assert_eq!(Cut::Middle { beginning: 2, end: 1 }.of(text.clone()), "åä[cut]ö");
        assert_eq!(Cut::After { most: 29, shown: 1 }.of(text.clone()), "å[cut]");
        assert_eq!(Cut::After { most: 30, shown: 1 }.of(text.clone()), text);
        assert_eq!(Cut::File { most: 29 }.of(text.clone()), "[in a file]");
        assert_eq!(Cut::File { most: 30 }.of(text.clone()), text);
    }
}
