//! The table that a bench ends with.

/// One line of it.
pub(crate) struct Line {
    what: String,
    figure: String,
    bound: String,
    met: bool,
}

/// A figure that has no bound.
pub(crate) fn stated(what: impl Into<String>, figure: String) -> Line {
    Line { what: what.into(), figure, bound: "stated".to_owned(), met: true }
}

/// A figure that must not be larger.
pub(crate) fn at_most(what: impl Into<String>, value: f64, figure: String, bound: f64, unit: &str) -> Line {
    Line { what: what.into(), figure, bound: format!("<= {bound} {unit}"), met: value <= bound }
}

/// A figure that must not be smaller.
pub(crate) fn at_least(what: impl Into<String>, value: f64, figure: String, bound: f64, unit: &str) -> Line {
    Line { what: what.into(), figure, bound: format!(">= {bound} {unit}"), met: value >= bound }
}

/// Prints them in Markdown.
pub(crate) fn print(lines: &[Line]) {
    println!("| figure | measured | bound | met |\n|---|---|---|---|");
    for Line { what, figure, bound, met } in lines {
        println!("| {what} | {figure} | {bound} | {} |", if *met { "yes" } else { "NO" });
    }
}

/// Median and largest of some values.
pub(crate) fn median_and_worst(values: &mut [f64]) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let median = values.get(values.len() / 2).copied().unwrap_or(f64::NAN);
    (median, values.last().copied().unwrap_or(f64::NAN))
}
