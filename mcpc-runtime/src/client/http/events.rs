//! Reads the events of a stream (`text/event-stream`) from its bytes.

use std::time::Duration;

use super::error::HttpError;

/// The longest event and the longest answer that is read, as rmcp reads no longer line.
pub(super) const LONGEST: usize = 16 << 20;

/// An event with its data; one without any only moves the [`Place`].
#[derive(Debug, PartialEq)]
pub(super) struct Event {
    pub(super) data: Vec<u8>,
    /// Where its stream is once it was read.
    pub(super) id: Option<String>,
}

/// What a stream says of how to go on with it.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    data: Vec<u8>,
    id: Option<String>,
    /// Whether it is of the kind that carries messages.
    is_other: bool,
    /// Whether a line has just ended with a carriage return, to which a line feed may belong.
    after_return: bool,
    has_begun: bool,
    retry: Option<Duration>,
}

impl Parser {
    /// The events that end within these bytes. What is not ended yet is kept, and never comes if its stream breaks.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Result<Vec<Event>, HttpError> {
        let mut events = Vec::new();
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_return) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) else {
                self.line.extend_from_slice(bytes);
                break;
            };
            self.line.extend_from_slice(&bytes[..end]);
            self.after_return = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            let line = std::mem::take(&mut self.line);
            events.extend(self.end_line(&line));
            self.line = line;
            self.line.clear();
        }
        match self.line.len().max(self.data.len()) > LONGEST {
            true => Err(HttpError::TooLong { most: LONGEST }),
            false => Ok(events),
        }
    }

    /// After how long to come back if the stream ends.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    fn end_line(&mut self, line: &[u8]) -> Option<Event> {
        let mark = if self.has_begun { &b""[..] } else { "\u{feff}".as_bytes() };
        self.has_begun = true;
        let line = line.strip_prefix(mark).unwrap_or(line);
        if line.is_empty() {
            return self.end_event();
        }
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"data" => {
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            b"event" => self.is_other = !matches!(value, b"" | b"message"),
            b"id" if !value.contains(&0) => self.id = String::from_utf8(value.to_vec()).ok(),
            b"retry" => {
                let retry = str::from_utf8(value).ok().and_then(|value| value.parse().ok());
                self.retry = retry.map(Duration::from_millis).or(self.retry);
            }
            _ => {}
        }
        None
    }

    fn end_event(&mut self) -> Option<Event> {
        let (mut data, id) = (std::mem::take(&mut self.data), self.id.take());
        data.pop();
        if std::mem::take(&mut self.is_other) {
            data.clear();
        }
        (!data.is_empty() || id.is_some()).then_some(Event { data, id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(data: &str, id: Option<&str>) -> Event {
        Event { data: data.into(), id: id.map(str::to_owned) }
    }

    #[test]
    fn events_are_the_same_wherever_their_bytes_are_cut() {
        let text = "\u{feff}id: 1-0\nretry: 250\ndata:\n\n: nothing\n\ndata: {\"a\":\ndata: 1}\r\nid:1-1\r\n\r\n\
            event: ping\ndata: x\n\ndata: b\r\revent: message\ndata: c\nother: d\n\ndata: half";
        let expected = vec![
            event("", Some("1-0")),
            event("{\"a\":\n1}", Some("1-1")),
            event("b", None),
            event("c", None),
        ];
        for step in 1..text.len() {
            let mut parser = Parser::default();
            let parts = text.as_bytes().chunks(step);
            let events: Vec<_> =
                parts.flat_map(|part| parser.read(part).expect("short enough")).collect();
            assert_eq!(events, expected, "{step} bytes at once");
            assert_eq!(parser.retry(), Some(Duration::from_millis(250)));
        }
    }

    #[test]
    fn an_event_without_an_end_is_refused_once_it_is_too_long() {
        let mut parser = Parser::default();
        let line = [&b"data: "[..], &[b'x'; 1 << 20], b"\n"].concat();
        let refused = (0..20).find_map(|_| parser.read(&line).err()).expect("it is refused");
        assert_eq!(refused.to_string(), "the server sent more than 16777216 bytes at once");
    }
}
