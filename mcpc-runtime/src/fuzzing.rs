//! What `fuzz/` looks at: the code that reads bytes which anybody may send.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use rmcp::model::ClientJsonRpcMessage;
use serde_json::Value;
use tokio::io::{AsyncRead, ReadBuf};

use crate::metadata::Metadata;
use crate::names::MetadataKeys;
use crate::transport::fuzzing::{Line, LineReader, decode, decode_request};

/// How many bytes a line may have here.
const LONGEST: usize = 200;

/// Splits a stream into lines, in whatever pieces it comes, and reads each as a message.
///
/// # Panics
///
/// When a line is not what it should be, or an answer is not one line of JSON.
pub fn lines(input: &[u8]) {
    let [sizes @ .., _] = input else { return };
    let expected = input.strip_suffix(b"\n").unwrap_or(input).split(|byte| *byte == b'\n');
    let sizes = sizes.iter().take(8).copied().collect();
    let pieces = Pieces { rest: input.to_vec().into(), sizes };
    let mut reader = LineReader::new(Box::new(pieces), LONGEST);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        for expected in expected {
            reader.ready().await;
            match reader.take() {
                Line::Whole(line) => {
                    assert_eq!(line, expected);
                    message(line);
                }
                Line::TooLong(id) => {
                    assert!(expected.len() > LONGEST);
                    assert!(id.is_null() || id.is_string() || id.is_number());
                }
                Line::End => assert!(expected.is_empty(), "a line is missing"),
            }
        }
        reader.ready().await;
        assert!(matches!(reader.take(), Line::End));
    });
}

/// A line is a message, or asks for no answer, or has one.
fn message(line: &[u8]) {
    // What is read on the short way is what rmcp reads, which gives up a little earlier what is nested deep.
    if let Some(request) = decode_request(line)
        && let Ok(same) = serde_json::from_slice::<ClientJsonRpcMessage>(line)
    {
        let json = |message| serde_json::to_value(message).expect("what was read can be written");
        assert_eq!(json(request), json(same));
    }
    match decode(line) {
        Ok(message) => {
            let written = serde_json::to_vec(&message).expect("what was read can be written");
            assert!(decode(&written).is_ok(), "and read again");
        }
        Err(None) => {}
        Err(Some(refusal)) => {
            let answer = refusal.to_line();
            assert_eq!(answer.find('\n'), Some(answer.len() - 1), "one line");
            let answer: Value = serde_json::from_str(&answer).expect("JSON");
            assert!(answer["error"]["code"].is_i64() && answer["error"]["message"].is_string());
        }
    }
}

/// Takes the protocol's ids out of the arguments of a call.
///
/// # Panics
///
/// When something of them is left, or an id is empty.
pub fn metadata(input: &[u8]) {
    let Ok(mut arguments) = serde_json::from_slice::<rmcp::model::JsonObject>(input) else {
        return;
    };
    let others: Vec<String> = arguments.keys().cloned().collect();
    if let Ok(metadata) = Metadata::take(&mut arguments) {
        let is_ours = |key: &String| MetadataKeys::ALL.iter().any(|keys| keys.argument == key);
        let others: Vec<&String> = others.iter().filter(|key| !is_ours(key)).collect();
        assert_eq!(arguments.keys().collect::<Vec<_>>(), others, "and nothing else");
        let ids = metadata.ids();
        assert!(!ids.session_id.is_empty() && !ids.task_id.is_empty());
    }
}

/// Bytes that come in pieces of given sizes, over and over.
struct Pieces {
    rest: VecDeque<u8>,
    sizes: VecDeque<u8>,
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let size = self.sizes.pop_front().unwrap_or(u8::MAX);
        self.sizes.push_back(size);
        let size = usize::from(size) + 1;
        let size = size.min(self.rest.len()).min(buffer.remaining());
        buffer.put_slice(&self.rest.drain(..size).collect::<Vec<u8>>());
        Poll::Ready(Ok(()))
    }
}
