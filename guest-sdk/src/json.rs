//! Builds the JSON object of a structured event.

use core::fmt::{self, Write as _};

/// A JSON object, written in the order of the calls. A key given twice is written twice.
///
/// ```
/// # use sluice_guest_sdk as sluice;
/// use sluice::json::Object;
///
/// let body = Object::new().string("hostname", "example.net").number("status", 200_u16);
/// assert_eq!(body.to_string(), r#"{"hostname":"example.net","status":200}"#);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Object {
    /// Everything between the braces.
    members: String,
}

impl Object {
    /// Without members.
    #[must_use]
    pub const fn new() -> Self {
        Self { members: String::new() }
    }

    /// Adds a string.
    #[must_use]
    pub fn string(mut self, key: &str, value: &str) -> Self {
        self.key(key);
        quote(&mut self.members, value);
        self
    }

    /// Adds bytes as a string; what is not UTF-8 becomes U+FFFD.
    #[must_use]
    pub fn text(self, key: &str, value: &[u8]) -> Self {
        self.string(key, &String::from_utf8_lossy(value))
    }

    /// Adds a number.
    #[must_use]
    pub fn number(mut self, key: &str, value: impl Into<u64>) -> Self {
        self.key(key);
        append(&mut self.members, format_args!("{}", value.into()));
        self
    }

    /// Adds `true` or `false`.
    #[must_use]
    pub fn boolean(mut self, key: &str, value: bool) -> Self {
        self.key(key);
        append(&mut self.members, format_args!("{value}"));
        self
    }

    /// Adds an object.
    #[must_use]
    pub fn object(mut self, key: &str, value: &Self) -> Self {
        self.key(key);
        append(&mut self.members, format_args!("{value}"));
        self
    }

    fn key(&mut self, key: &str) {
        if !self.members.is_empty() {
            self.members.push(',');
        }
        quote(&mut self.members, key);
        self.members.push(':');
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.members)
    }
}

/// A string with the escapes that RFC 8259 section 7 demands.
fn quote(into: &mut String, text: &str) {
    into.push('"');
    for character in text.chars() {
        match character {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            '\n' => into.push_str("\\n"),
            '\r' => into.push_str("\\r"),
            '\t' => into.push_str("\\t"),
            control if control < ' ' => append(into, format_args!("\\u{:04x}", u32::from(control))),
            other => into.push(other),
        }
    }
    into.push('"');
}

fn append(into: &mut String, text: fmt::Arguments<'_>) {
    // A string takes everything.
    let _never_fails = into.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_json_reserves_are_escaped() {
        let body = Object::new().string("k\"", "a\\b\n\t\r\u{1}\u{1f}é");
        assert_eq!(body.to_string(), "{\"k\\\"\":\"a\\\\b\\n\\t\\r\\u0001\\u001fé\"}");
    }

    #[test]
    fn members_keep_their_order() {
        let inner = Object::new().boolean("b", true);
        let body = Object::new().number("z", 1_u8).object("a", &inner).text("t", b"\xff");
        assert_eq!(body.to_string(), "{\"z\":1,\"a\":{\"b\":true},\"t\":\"\u{fffd}\"}");
    }

    #[test]
    fn an_empty_object_is_valid() {
        assert_eq!(Object::new().to_string(), "{}");
    }
}
