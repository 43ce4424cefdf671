//! New room codes: four words of [`WORDS`], drawn independently, so 1024⁴ = 2⁴⁰ equally likely codes. PROTOCOL.md works
//! out what it takes to guess one.

use rand::{CryptoRng, seq::IndexedRandom};
use sightline_protocol::RoomCode;
use std::sync::LazyLock;

/// Short English words that are told apart by ear and by eye: no two differ in one letter only, none begins another,
/// none sounds like another.
static WORDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| include_str!("words.txt").lines().collect());

const WORDS_IN_A_CODE: usize = 4;

pub(crate) fn new_code(rng: &mut impl CryptoRng) -> RoomCode {
    let words: Vec<&str> = (0..WORDS_IN_A_CODE).filter_map(|_| WORDS.choose(rng).copied()).collect();
    RoomCode::parse(&words.join("-")).expect("words of the list make a code")
}

/// A name for a room that was given none: two words, drawn apart from its code, so that it gives nothing away.
pub(crate) fn new_name(rng: &mut impl CryptoRng) -> String {
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    let words: Vec<String> = (0..2).filter_map(|_| WORDS.choose(rng).map(|word| capital(word))).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};
    use std::collections::HashSet;

    #[test]
    fn the_list_has_a_thousand_words_that_are_easily_told_apart() {
        assert_eq!(WORDS.len(), 1024);
        for (index, word) in WORDS.iter().enumerate() {
            assert!((4..=7).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase()), "{word}");
            for other in &WORDS[index + 1..] {
                assert!(!one_edit_apart(word, other), "{word} and {other}");
                assert!(!word.starts_with(other) && !other.starts_with(word), "{word} and {other}");
            }
        }
    }

    /// Equal, or one letter changed, added or left out.
    fn one_edit_apart(a: &str, b: &str) -> bool {
        let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
        let (a, b) = (&a[same..], &b[same..]);
        let rest = |text: &str| text.get(1..).unwrap_or_default().to_owned();
        rest(a) == rest(b) || rest(a) == b || a == rest(b)
    }

    #[test]
    fn codes_are_four_words_in_their_canonical_spelling_and_do_not_repeat() {
        let mut rng = StdRng::seed_from_u64(7);
        let codes: Vec<RoomCode> = (0..5000).map(|_| new_code(&mut rng)).collect();
        for code in &codes {
            assert_eq!(RoomCode::parse(code.as_str()).as_ref(), Some(code));
            assert_eq!(code.as_str().split('-').filter(|w| WORDS.contains(w)).count(), WORDS_IN_A_CODE);
        }
        // 5000 of 2^40: a repetition has a chance of 1 in 90 000.
        assert_eq!(codes.iter().collect::<HashSet<_>>().len(), codes.len());
        // Every word is drawn in the end: 20 000 draws miss one of 1024 with a chance of 3 in a million.
        let drawn: HashSet<&str> = codes.iter().flat_map(|c| c.as_str().split('-')).collect();
        assert_eq!(drawn.len(), WORDS.len());
    }
}
