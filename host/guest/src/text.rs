//! Texts of guests, made fit to be shown.
//!
//! A terminal obeys control characters and reorders text at directional ones, so that a line of a hostile guest could
//! rewrite what the operator sees.

use std::borrow::Cow;

/// Stands for what is not shown.
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// On one line: without any control character.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    replace(text, is_unsafe)
}

/// On several lines: without control characters but line feed and tab.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    replace(text, |c| is_unsafe(c) && c != '\n' && c != '\t')
}

/// On one line, at most `chars` characters long.
pub(crate) fn excerpt(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}...", one_line(text.get(..end).unwrap_or_default())),
        None => one_line(text).into_owned(),
    }
}

fn replace(text: &str, bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.chars().any(&bad) {
        Cow::Owned(text.chars().map(|c| if bad(c) { REPLACEMENT } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// Control characters (C0, DEL, C1), line and paragraph separators, and those that change the direction of writing
/// (Unicode Standard Annex 9).
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(one_line("plain Ünïcode"), "plain Ünïcode");
        assert_eq!(one_line("a\x1b[2Jb\nc\u{9b}d"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
        assert_eq!(lines("a\n\tb\r"), "a\n\tb\u{fffd}");
        assert_eq!(one_line("user\u{202e}txt.exe"), "user\u{fffd}txt.exe");
    }

    #[test]
    fn an_excerpt_is_cut_at_a_character() {
        assert_eq!(excerpt("äöü", 2), "äö...");
        assert_eq!(excerpt("äöü", 3), "äöü");
    }
}
