//! The sessions that a client of MCPC named on its connection.

use std::collections::VecDeque;

/// The latest of them, the latest last: a client may name a session per call.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    ids: VecDeque<Box<str>>,
    /// How many bytes these are.
    bytes: usize,
}

impl Sessions {
    const MOST: usize = 64;
    const MOST_BYTES: usize = 64 << 10;

    /// A call names one.
    pub(super) fn name(&mut self, id: &str) {
        if self.ids.back().is_some_and(|latest| **latest == *id) {
            return;
        }
        if let Some(at) = self.ids.iter().position(|known| **known == *id) {
            let known = self.ids.remove(at);
            self.ids.extend(known);
            return;
        }
        self.bytes += id.len();
        self.ids.push_back(id.into());
        while self.ids.len() > Self::MOST || (self.bytes > Self::MOST_BYTES && self.ids.len() > 1) {
            self.bytes -= self.ids.pop_front().map_or(0, |oldest| oldest.len());
        }
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.ids.iter().any(|known| **known == *id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(|id| &**id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_sessions_are_known_and_no_more_of_them_than_have_room() {
        let mut sessions = Sessions::default();
        for number in 0..=Sessions::MOST {
            sessions.name(&number.to_string());
            sessions.name("kept");
        }
        assert_eq!(sessions.iter().count(), Sessions::MOST);
        assert!(sessions.has("kept") && !sessions.has("0") && !sessions.has("1"));
        let large = "x".repeat(Sessions::MOST_BYTES + 1);
        sessions.name(&large);
        assert_eq!(sessions.iter().collect::<Vec<_>>(), [&large], "the latest always is");
        sessions.name("small");
        assert_eq!(sessions.iter().collect::<Vec<_>>(), ["small"]);
        assert_eq!(sessions.bytes, "small".len());
    }
}
