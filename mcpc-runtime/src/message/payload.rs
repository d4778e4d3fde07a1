//! What a message about a task carries.

use std::io;

use serde::Serialize;

use super::Json;
use super::escape::push_escaped;

/// What `Sender::progress` sends: how far a task is.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct ProgressUpdate<'a> {
    pub(crate) status: &'a str,
    /// In percent, where that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) progress: Option<f64>,
}

/// What a message about a task carries.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Payload<'a> {
    Json(&'a Json),
    /// Written as JSON where it is sent, right into the line.
    Progress(ProgressUpdate<'a>),
}

impl Payload<'_> {
    pub(crate) fn to_json(self) -> Json {
        match self {
            Self::Json(json) => json.clone(),
            Self::Progress(update) => Json::new(&update).expect("a text and a number are JSON"),
        }
    }

    /// How many bytes it has as JSON.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Json(json) => json.as_str().len(),
            Self::Progress(update) => {
                let mut length = Length(0);
                serde_json::to_writer(&mut length, &update).expect("a length takes anything");
                length.0
            }
        }
    }

    /// Appends it as the inside of a JSON string.
    pub(super) fn push_escaped(self, line: &mut Vec<u8>) {
        match self {
            Self::Json(json) => push_escaped(line, json.as_str().as_bytes()),
            Self::Progress(update) => {
                serde_json::to_writer(Escaped(line), &update).expect("a line takes any text");
            }
        }
    }
}

/// Counts what is written.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Escapes what is written.
struct Escaped<'a>(&'a mut Vec<u8>);

impl io::Write for Escaped<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        push_escaped(self.0, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
