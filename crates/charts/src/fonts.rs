//! The fonts of the charts: Inter in two weights, and what the system has for letters that Inter has not.
//!
//! Invariant: looking for a letter is bounded, whatever names strangers give themselves.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use egui::epaint::text::{FallbackRequest, FontInsert, FontProvider};
use egui::{Context, FontData, FontDefinitions, FontFamily};
use fontdb::{Database, FaceInfo, Style};
use skrifa::{FontRef, MetadataProvider};

/// The family of the semibold weight.
pub(crate) const STRONG: &str = "strong";

/// Searches in one view. A font that is found serves all letters of its script, so that this is many scripts; each one
/// may mean to look into every font of the system.
const MOST_SEARCHES: u32 = 24;

/// Larger fonts are left alone: those for Chinese, Japanese and Korean together are about half as large.
const MOST_BYTES: usize = 40 << 20;

/// What is installed on this computer; found out once, when it is first needed.
static SYSTEM: LazyLock<Database> = LazyLock::new(|| {
    let mut database = Database::new();
    database.load_system_fonts();
    database
});

/// Gives a context its fonts.
pub(crate) fn install(context: &Context) {
    context.set_fonts(own());
    context.add_font_provider(Arc::new(Fallback { searches: AtomicU32::new(0), database: || &SYSTEM }));
}

/// Inter; see `fonts/README.md`.
fn own() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    let regular = FontData::from_static(include_bytes!("../fonts/Inter-Regular.otf"));
    let strong = FontData::from_static(include_bytes!("../fonts/Inter-SemiBold.otf"));
    fonts.font_data.insert("regular".to_owned(), Arc::new(regular));
    fonts.font_data.insert(STRONG.to_owned(), Arc::new(strong));
    for family in [FontFamily::Proportional, FontFamily::Monospace] {
        fonts.families.insert(family, vec!["regular".to_owned()]);
    }
    fonts.families.insert(FontFamily::Name(STRONG.into()), vec![STRONG.to_owned()]);
    fonts
}

/// Looks for letters in other fonts.
struct Fallback {
    searches: AtomicU32,
    database: fn() -> &'static Database,
}

impl FontProvider for Fallback {
    fn font_for(&self, request: &FallbackRequest<'_>) -> Option<FontInsert> {
        if self.searches.fetch_add(1, Ordering::Relaxed) >= MOST_SEARCHES {
            return None;
        }
        let letter = request.cluster.chars().next()?;
        let database = (self.database)();
        let mut faces: Vec<&FaceInfo> = database.faces().filter(|face| face.style == Style::Normal).collect();
        // Rather a plain one than a bold or a typewriter's.
        faces.sort_by_key(|face| (face.monospaced, face.weight.0.abs_diff(400)));
        faces.into_iter().find_map(|face| {
            let data = database.with_face_data(face.id, |data, index| {
                let fits = data.len() <= MOST_BYTES && has(data, index, letter);
                fits.then(|| FontData { index, ..FontData::from_owned(data.to_vec()) })
            });
            data.flatten().map(|data| FontInsert { name: format!("system {}", face.id), data, families: Vec::new() })
        })
    }
}

/// Whether a font can draw a letter. Pictures of letters, as for emoji, cannot be drawn here.
fn has(data: &[u8], index: u32, letter: char) -> bool {
    let Ok(font) = FontRef::from_index(data, index) else { return false };
    let glyph = font.charmap().map(letter);
    glyph.is_some_and(|glyph| font.outline_glyphs().get(glyph).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A computer with one font.
    static ONE: LazyLock<Database> = LazyLock::new(|| {
        let mut database = Database::new();
        database.load_font_data(include_bytes!("../fonts/Inter-Regular.otf").to_vec());
        database
    });

    fn ask(fallback: &Fallback, cluster: &str) -> Option<FontInsert> {
        fallback.font_for(&FallbackRequest { cluster, family: &FontFamily::Proportional })
    }

    #[test]
    fn a_letter_is_found_where_it_is_and_only_there() {
        let fallback = Fallback { searches: AtomicU32::new(0), database: || &ONE };
        assert!(ask(&fallback, "Ш").is_some());
        assert!(ask(&fallback, "語").is_none());
        assert!(ask(&fallback, "").is_none());
    }

    #[test]
    fn there_is_an_end_to_searching() {
        let fallback = Fallback { searches: AtomicU32::new(0), database: || &ONE };
        let found = (0..100).filter(|_| ask(&fallback, "A").is_some()).count();
        assert_eq!(found, MOST_SEARCHES as usize);
    }

    #[test]
    fn what_is_no_font_has_no_letters() {
        assert!(!has(b"no font at all", 0, 'A'));
        assert!(!has(include_bytes!("../fonts/Inter-Regular.otf"), 7, 'A'));
    }
}
