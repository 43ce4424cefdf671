//! Names of accounts: what may be one, when two are the same, and when two look the same.
//!
//! Invariants: two names have the same [`AccountName::key`] exactly if they differ in case or in compatibility forms only
//! (full-width letters, ligatures). Two names that share one of their [`AccountName::looks`] are not both given out.
//!
//! What is done against look-alikes: NFKC (UAX 15), no invisible characters, no marks in piles, and the skeletons of UTS 39
//! section 4, which catch letters of other scripts (Cyrillic 'а' for 'a'), digits for letters ('0' for 'o', '1' for 'l') and
//! 'rn' for 'm'. What is not done: names of several scripts are allowed, the Bidi rule of RFC 5893 is not enforced, 'vv'
//! passes for 'w' and 'cl' for 'd' (the table of UTS 39 does not have them), and nobody keeps 'anna' and 'anna_' apart.

use std::collections::BTreeSet;

use sightline_protocol::account::{name_key, shown_name, without_case};
use unicode_normalization::char::is_combining_mark;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use unicode_security::skeleton;

/// Longest name, in characters after NFKC: as long as names shown in a room may be.
pub(crate) const NAME_CHARS: usize = 32;

/// Longest text that is looked at, in bytes: room for each character as a base with three marks of four bytes. NFKC
/// makes up to 18 characters of one, and that is not done to a pasted novel.
const MAX_BYTES: usize = NAME_CHARS * 16;

/// Marks in a row: no living script needs more (UTS 39 section 5.4).
const MAX_MARKS: usize = 4;

/// A name that an account may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountName {
    shown: String,
    key: String,
}

/// Why a text is no account name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    #[error("A name has 1 to {NAME_CHARS} characters.")]
    Length,
    #[error("A name has no spaces inside. Use '_', '-' or '.' instead.")]
    Space,
    #[error("The name has characters that cannot be seen or that turn the direction of text. Type it without them.")]
    Invisible,
    #[error("The name begins with an accent, or has too many over one letter. Type it without them.")]
    Marks,
}

impl AccountName {
    /// Takes what a person typed. Space around it and the selectors between text and emoji style do not matter.
    pub(crate) fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        if text.len() > MAX_BYTES {
            return Err(NameError::Length);
        }
        let shown = shown_name(text);
        if !(1..=NAME_CHARS).contains(&shown.chars().count()) {
            return Err(NameError::Length);
        }
        if shown.chars().any(char::is_whitespace) {
            return Err(NameError::Space);
        }
        if shown.chars().any(is_invisible) {
            return Err(NameError::Invisible);
        }
        let mut marks = MAX_MARKS;
        for c in shown.chars() {
            marks = if is_combining_mark(c) { marks + 1 } else { 0 };
            if marks > MAX_MARKS {
                return Err(NameError::Marks);
            }
        }
        let key = name_key(&shown);
        Ok(Self { shown, key })
    }

    /// The name as its owner typed it, in NFKC.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// What is compared: NFKC without case.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// What it looks like, as it is shown and without case: 'I' looks like 'l', and 'i' does not.
    pub(crate) fn looks(&self) -> BTreeSet<String> {
        // Folded after, too: the skeleton of a Greek capital beta is a Latin capital B.
        [&self.shown, &self.key].into_iter().map(|text| without_case(&skeleton(text).collect::<String>())).collect()
    }
}

fn is_invisible(c: char) -> bool {
    use GeneralCategory as G;
    let control = matches!(
        c.general_category(),
        G::Control
            | G::Format
            | G::Surrogate
            | G::PrivateUse
            | G::Unassigned
            | G::LineSeparator
            | G::ParagraphSeparator
    );
    // Skeletons leave out what is ignorable by default: joiners, fillers, selectors. The blank of Braille is not among it.
    control || c == '\u{2800}' || skeleton(c.encode_utf8(&mut [0; 4])).next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> AccountName {
        AccountName::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
    }

    #[test]
    fn names_of_all_scripts_are_taken() {
        for text in ["a", "Anna", "žofie", "李小龍", "محمد", "שרה", "Ψυχή", "น้ำ", "🦊", "o'neil-2.x", "ﬁnn"]
        {
            name(text);
        }
        assert_eq!(name("  Anna\n").shown(), "Anna");
        assert_eq!(name("ﬁnn").shown(), "finn");
        assert_eq!(name("❤\u{fe0f}").shown(), "❤");
    }

    #[test]
    fn the_length_is_counted_in_characters_after_composition() {
        name(&"e\u{301}".repeat(NAME_CHARS));
        name(&"🦊".repeat(NAME_CHARS));
        let long = "x".repeat(NAME_CHARS + 1);
        // One character that NFKC makes eighteen of.
        let swelling = "\u{fdfa}".repeat(2);
        let novel = "x".repeat(10_000_000);
        for text in ["", "  \t", "\u{fe0f}", &long, &swelling, &novel] {
            assert_eq!(AccountName::parse(text), Err(NameError::Length), "{} bytes", text.len());
        }
    }

    #[test]
    fn what_cannot_be_seen_is_refused() {
        for text in ["an na", "an\u{a0}na", "an\u{3000}na", "an\nna", "an\u{2028}na", "´a"] {
            assert_eq!(AccountName::parse(text), Err(NameError::Space), "{text:?}");
        }
        let unseen = [
            '\0',
            '\u{7}',
            '\u{7f}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{17b4}',
            '\u{180e}',
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{2800}',
            '\u{3164}',
            '\u{fe00}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{e000}',
            '\u{e0041}',
            '\u{e0100}',
            '\u{10ffff}',
        ];
        for c in unseen {
            assert_eq!(AccountName::parse(&format!("an{c}na")), Err(NameError::Invisible), "{c:?}");
        }
    }

    #[test]
    fn marks_stand_on_letters_and_not_in_piles() {
        name(&format!("q{}", "\u{323}".repeat(MAX_MARKS)));
        for text in ["\u{301}a".to_owned(), format!("q{}", "\u{323}".repeat(MAX_MARKS + 1))] {
            assert_eq!(AccountName::parse(&text), Err(NameError::Marks), "{text:?}");
        }
    }

    #[test]
    fn case_and_compatibility_forms_do_not_make_another_name() {
        let same = [
            ("Anna", "aNNA"),
            ("Ａｎｎａ", "anna"),
            ("straße", "STRASSE"),
            ("STRAẞE", "strasse"),
            ("ΟΔΟΣ", "οδος"),
            ("οδοσ", "οδος"),
            ("é", "E\u{301}"),
            ("Ⅳ", "iv"),
            ("ΐ", "Ϊ\u{301}"),
        ];
        for (a, b) in same {
            assert_eq!(name(a).key(), name(b).key(), "{a} {b}");
        }
        for (a, b) in [("anna", "anne"), ("e", "é"), ("anna", "аnna")] {
            assert_ne!(name(a).key(), name(b).key(), "{a} {b}");
        }
    }

    #[test]
    fn a_key_is_its_own_key() {
        // Without the ideographs and the syllables of Hangul, which have no case.
        let letters = (' '..'\u{3400}').chain('\u{a000}'..'\u{ac00}').chain('\u{f900}'..'\u{1f000}');
        let odd = letters.filter_map(|c| AccountName::parse(&format!("x{c}")).ok());
        let mut looked_at = 0;
        for name in odd {
            assert_eq!(name_key(name.key()), name.key(), "{name:?}");
            looked_at += 1;
        }
        assert!(looked_at > 30_000, "{looked_at}");
    }

    #[test]
    fn look_alikes_share_a_look() {
        let alike = |a: &str, b: &str| !name(a).looks().is_disjoint(&name(b).looks());
        for (a, b) in [
            ("paypal", "pаypаl"), // Cyrillic а
            ("bob", "ΒOB"),       // Greek beta
            ("bob", "b0b"),
            ("Iulia", "lulia"), // capital i, small l
            ("anna1", "annal"),
            ("modern", "modem"),
            ("apple", "аррӏе"), // all Cyrillic
            ("Anna", "anna"),
        ] {
            assert!(alike(a, b) && alike(b, a), "{a} {b}");
        }
        for (a, b) in [("anna", "anne"), ("bob", "rob"), ("李", "王"), ("anna", "anna_"), ("iulia", "lulia")] {
            assert!(!alike(a, b), "{a} {b}");
        }
    }
}
