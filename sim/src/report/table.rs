//! Tables in Markdown, and what stands in their cells.

use menagerie::ids::Span;

/// A table in Markdown; texts that start a cell with a digit are set to the right by their column.
pub(super) fn table(text: &mut String, head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let owned: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    text.push_str(&line(&owned));
    text.push_str(&line(&vec!["---".to_owned(); head.len()]));
    for row in rows {
        let escaped: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        text.push_str(&line(&escaped));
    }
}

/// A span in milliseconds.
pub(super) fn millis(span: Span) -> f64 {
    span.0 as f64 / 1e6
}
