//! Texts, one behind the other in one piece of memory.

use std::collections::VecDeque;

/// The latest of some texts, within a bound of bytes.
///
/// A ring of bytes, as what a task writes next then lies beside what it wrote last. With memory of its own for
/// each text, ten thousand tasks that send in turns wait for memory above all (measured: three quarters of
/// the updates per second that a hundred send).
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// Each text behind its length.
    ring: VecDeque<u8>,
    count: usize,
    /// How many bytes the newest text has.
    newest: usize,
}

const LENGTH: usize = size_of::<usize>();

impl Texts {
    /// How many bytes of the bound a text of so many bytes takes.
    pub(super) const fn taken_by(bytes: usize) -> usize {
        LENGTH + bytes
    }

    /// How many texts there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// How many bytes of the bound they take.
    pub(super) fn bytes(&self) -> usize {
        self.ring.len()
    }

    /// Adds a text. Before that the oldest are dropped until all have at most `limit` bytes, and it returns how
    /// many that were; the new text is kept whatever its size.
    pub(super) fn push(&mut self, text: &str, limit: usize) -> usize {
        let bytes = Self::taken_by(text.len());
        let dropped = self.make_room(bytes, limit);
        self.reserve(bytes, limit);
        self.ring.extend(&text.len().to_le_bytes());
        self.ring.extend(text.as_bytes());
        self.count += 1;
        self.newest = text.len();
        dropped
    }

    /// Drops the oldest until `bytes` more are within `limit`, or none is left; returns how many that were.
    fn make_room(&mut self, bytes: usize, limit: usize) -> usize {
        let before = self.count;
        while self.count > 0 && self.ring.len().saturating_add(bytes) > limit {
            let oldest = Self::taken_by(self.length_at(0));
            self.ring.drain(..oldest);
            self.count -= 1;
        }
        before - self.count
    }

    /// Has memory for `bytes` more: twice as much as before, but no more than `limit` if that is enough.
    fn reserve(&mut self, bytes: usize, limit: usize) {
        // What one huge text needed is not kept.
        self.ring.shrink_to(limit);
        let needed = self.ring.len() + bytes;
        if needed > self.ring.capacity() {
            let wanted = needed.max(limit.min(2 * self.ring.capacity()));
            self.ring.reserve_exact(wanted - self.ring.len());
        }
    }

    /// Gives back the memory that nothing is in.
    pub(super) fn shrink(&mut self) {
        self.ring.shrink_to_fit();
    }

    /// The newest text.
    pub(super) fn newest(&self) -> Option<String> {
        (self.count > 0).then(|| self.text_at(self.ring.len() - self.newest, self.newest))
    }

    /// All texts but the first so many, the oldest first.
    pub(super) fn skip(&self, skipped: usize) -> impl Iterator<Item = String> {
        let mut at = 0;
        let spans = (0..self.count).map(move |_| {
            let start = at + LENGTH;
            let length = self.length_at(at);
            at = start + length;
            (start, length)
        });
        spans.skip(skipped).map(|(start, length)| self.text_at(start, length))
    }

    fn length_at(&self, at: usize) -> usize {
        let mut length = [0; LENGTH];
        for (to, from) in length.iter_mut().zip(self.ring.range(at..at + LENGTH)) {
            *to = *from;
        }
        usize::from_le_bytes(length)
    }

    fn text_at(&self, start: usize, length: usize) -> String {
        let bytes = self.ring.range(start..start + length).copied().collect();
        String::from_utf8(bytes).expect("it was put there as a text")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Room for two texts of four bytes.
    const LIMIT: usize = 2 * Texts::taken_by(4);

    fn all(texts: &Texts) -> Vec<String> {
        texts.skip(0).collect()
    }

    #[test]
    fn a_huge_text_is_kept_alone_and_its_memory_goes_with_it() {
        let mut texts = Texts::default();
        assert_eq!(texts.push("said", LIMIT), 0);
        assert_eq!(texts.push(&"x".repeat(1 << 20), LIMIT), 1);
        assert_eq!(texts.newest().map(|text| text.len()), Some(1 << 20));
        assert_eq!(texts.push("more", LIMIT), 1);
        assert_eq!(texts.push("last", LIMIT), 0);
        assert_eq!(all(&texts), ["more", "last"]);
        assert_eq!(texts.ring.capacity(), LIMIT);
    }

    proptest! {
        #[test]
        fn the_newest_that_fit_are_kept(
            said in prop::collection::vec("[a-zä]{0,9}", 0..40),
            limit in 0..100_usize,
            skipped in 0..9_usize,
        ) {
            let mut texts = Texts::default();
            let mut dropped = 0;
            for text in &said {
                dropped += texts.push(text, limit);
            }
            let bytes = |info: &[String]| -> usize {
                info.iter().map(|text| Texts::taken_by(text.len())).sum()
            };
            prop_assert_eq!(&all(&texts), &said[dropped..]);
            prop_assert_eq!((texts.count(), texts.bytes()), (said.len() - dropped, bytes(&said[dropped..])));
            prop_assert!(texts.bytes() <= limit || texts.count() == 1);
            prop_assert!(dropped == 0 || bytes(&said[dropped - 1..]) > limit);
            prop_assert_eq!(texts.newest(), said.last().cloned());
            let rest: Vec<String> = texts.skip(skipped).collect();
            prop_assert_eq!(&rest[..], said[dropped..].get(skipped..).unwrap_or_default());
            prop_assert!(texts.ring.capacity() <= limit.max(texts.bytes()));
            texts.shrink();
            prop_assert_eq!(texts.ring.capacity(), texts.bytes());
            prop_assert_eq!(&all(&texts), &said[dropped..]);
        }
    }
}
