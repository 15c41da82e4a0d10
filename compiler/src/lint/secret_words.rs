//! Finding the words that give secrets away, in every byte that was read: hundreds of megabytes, of which almost none
//! matter. Works on 64 bytes at a time with plain integer arithmetic that the compiler turns into vector
//! instructions: where two or three letters stand together that the words have and other text rarely has, the words
//! are compared; everything else is walked past. Knows the words and nothing of what they mean.

/// Words that a secret stands behind, and words that it starts with. Lower case; found in any.
pub const BEHIND: [&str; 9] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "api_key",
    "apikey",
    "psk",
    "community",
];
pub const ITSELF: [&str; 5] = ["private key-----", "ghp_", "akia", "eyjhbgci", "xoxb-"];

/// Letters that are rare in other text, `?` for any byte, and the words that have them: which, and how far from the
/// word's start.
type Anchor = (&'static [u8; 3], &'static [(usize, usize)]);

/// One for each word. The letters were counted in exports of several CRMs.
const ANCHORS: [Anchor; 10] = [
    (b"sw?", &[(0, 3), (1, 3)]),
    (b"ph?", &[(2, 4)]),
    (b"ecr", &[(3, 1)]),
    (b"ok?", &[(4, 1)]),
    (b"ey?", &[(5, 5), (6, 4), (9, 9), (12, 0)]),
    (b"sk?", &[(7, 1)]),
    (b"mm?", &[(8, 2)]),
    (b"hp?", &[(10, 1)]),
    (b"ak?", &[(11, 0)]),
    (b"xo?", &[(13, 0)]),
];

const BLOCK: usize = 64;
/// Bytes that are looked at beyond a block.
const AHEAD: usize = 2;

/// A word that stands somewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    pub start: usize,
    pub end: usize,
    /// Position in [`BEHIND`], and after those in [`ITSELF`].
    pub word: usize,
}

/// Every word in order, none of which begins in the one before.
pub fn find(bytes: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let mut padded = [0; BLOCK + AHEAD];
        let window = match rest.first_chunk::<{ BLOCK + AHEAD }>() {
            Some(window) => window,
            None => {
                padded[..rest.len()].copy_from_slice(rest);
                &padded
            }
        };
        let hits = hits(window);
        if hits.iter().fold(0, |any, hit| any | hit) != 0 {
            for (ahead, _) in hits.iter().enumerate().filter(|(_, hit)| **hit != 0) {
                words(bytes, at + ahead, &mut found);
            }
        }
        at += BLOCK;
    }
    // No word ends with another, so each has an end of its own.
    found.sort_unstable_by_key(|word| word.end);
    let mut free = 0;
    found.retain(|word| {
        let first = word.start >= free;
        if first {
            free = word.end;
        }
        first
    });
    found
}

/// At which of the first [`BLOCK`] bytes an anchor begins. They stand here once more, one by one: a loop over the table
/// would not become vector instructions.
#[inline(always)]
fn hits(window: &[u8; BLOCK + AHEAD]) -> [u8; BLOCK] {
    let (one, two, three) = (&window[..BLOCK], &window[1..=BLOCK], &window[2..]);
    let mut hits = [0u8; BLOCK];
    for (((hit, a), b), c) in hits.iter_mut().zip(one).zip(two).zip(three) {
        // Upper case to lower; other bytes meet letters nowhere.
        let (a, b, c) = (a | 0x20, b | 0x20, c | 0x20);
        let is = |x: u8, y: u8| u8::from(a == x) & u8::from(b == y);
        *hit = is(b's', b'w')
            | is(b'p', b'h')
            | (is(b'e', b'c') & u8::from(c == b'r'))
            | is(b'o', b'k')
            | is(b'e', b'y')
            | is(b's', b'k')
            | is(b'm', b'm')
            | is(b'h', b'p')
            | is(b'a', b'k')
            | is(b'x', b'o');
    }
    hits
}

/// The words whose anchors begin at `here`.
fn words(bytes: &[u8], here: usize, found: &mut Vec<Found>) {
    let letter = |ahead: usize| bytes.get(here + ahead).map_or(0, |b| b | 0x20);
    for (anchor, words) in ANCHORS {
        let [x, y, _] = *anchor;
        if letter(0) != x || letter(1) != y {
            continue;
        }
        for &(word, offset) in words {
            let text = spelling(word).as_bytes();
            let Some(start) = here.checked_sub(offset) else {
                continue;
            };
            let end = start + text.len();
            let is = bytes.get(start..end);
            if is.is_some_and(|is| is.eq_ignore_ascii_case(text)) {
                found.push(Found { start, end, word });
            }
        }
    }
}

/// A word by its position.
pub fn spelling(word: usize) -> &'static str {
    match BEHIND.get(word) {
        Some(word) => word,
        None => ITSELF[word - BEHIND.len()],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As one would look for them who has time.
    fn slowly(bytes: &[u8]) -> Vec<Found> {
        let mut found = Vec::new();
        let (mut at, mut free) = (1, 0);
        while at <= bytes.len() {
            for word in 0..BEHIND.len() + ITSELF.len() {
                let text = spelling(word).as_bytes();
                let Some(start) = at.checked_sub(text.len()) else {
                    continue;
                };
                if start >= free && bytes[start..at].eq_ignore_ascii_case(text) {
                    found.push(Found {
                        start,
                        end: at,
                        word,
                    });
                    free = at;
                }
            }
            at += 1;
        }
        found
    }

    #[test]
    fn every_word_has_its_anchor_where_it_says() {
        let mut seen = [0; BEHIND.len() + ITSELF.len()];
        for (anchor, words) in ANCHORS {
            for &(word, offset) in words {
                let text = &spelling(word).as_bytes()[offset..];
                assert_eq!(text[..2], anchor[..2], "{}", spelling(word));
                assert!(
                    anchor[2] == b'?' || anchor[2] == text[2],
                    "{}",
                    spelling(word)
                );
                seen[word] += 1;
            }
        }
        assert!(seen.iter().all(|times| *times == 1), "{seen:?}");
        for (one, other) in (0..seen.len()).flat_map(|a| (0..seen.len()).map(move |b| (a, b))) {
            assert!(one == other || !spelling(one).ends_with(spelling(other)));
        }
    }

    #[test]
    fn words_are_found_at_every_place_of_a_block() {
        for word in 0..BEHIND.len() + ITSELF.len() {
            for before in 0..2 * BLOCK {
                let mut text = vec![b'x'; before];
                text.extend_from_slice(spelling(word).to_ascii_uppercase().as_bytes());
                let found = find(&text);
                assert_eq!(found.len(), 1, "{} at {before}", spelling(word));
                assert_eq!((found[0].word, found[0].start), (word, before));
            }
        }
    }

    proptest! {
        /// Words, halves of words and words that share letters, in any case, with anything between them.
        #[test]
        fn as_many_as_somebody_with_time_finds(
            parts in proptest::collection::vec(
                (0..BEHIND.len() + ITSELF.len(), 0..20usize, 0..20usize, any::<bool>(), "[a-zA-Z_:\" -]{0,40}"),
                0..12,
            )
        ) {
            let mut text = Vec::new();
            for (word, from, to, upper, between) in parts {
                let word = spelling(word);
                let (from, to) = (from.min(word.len()), to.min(word.len()));
                let part = &word[from.min(to)..to];
                text.extend(part.bytes().map(|b| if upper { b.to_ascii_uppercase() } else { b }));
                text.extend_from_slice(between.as_bytes());
            }
            prop_assert_eq!(find(&text), slowly(&text));
        }
    }
}
