//! Words, times and lines of a script.

use sluice_engine::Nanos;

/// When a script's clock shows 0: times before it exist too.
pub(super) const EPOCH: u64 = 1_000_000_000_000_000_000;

/// The words of a line. A quoted word keeps its opening quote, so that it is told from others; `\` in it protects the
/// next character.
pub(super) fn words(line: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        if character.is_whitespace() {
            continue;
        }
        if character == '#' {
            break;
        }
        let mut word = String::from(character);
        if character == '"' {
            loop {
                match characters.next().ok_or("a quote is not closed")? {
                    '"' => break,
                    '\\' => word.push(characters.next().ok_or("a quote is not closed")?),
                    other => word.push(other),
                }
            }
        } else {
            while let Some(next) = characters.next_if(|next| !next.is_whitespace()) {
                word.push(next);
            }
        }
        words.push(word);
    }
    Ok(words)
}

/// A time of a script: `5ms`, `1.5ms`, `10s`, `-3ms`.
pub(super) fn time(word: &str) -> Option<Nanos> {
    let (number, unit) = match word.strip_suffix("ms") {
        Some(number) => (number, 1_000_000),
        None => (word.strip_suffix('s')?, 1_000_000_000),
    };
    let (number, is_negative) = number.strip_prefix('-').map_or((number, false), |number| (number, true));
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let mut nanos = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    let mut digit_value = unit;
    for digit in part.chars() {
        digit_value /= 10;
        nanos = nanos.checked_add(u64::from(digit.to_digit(10)?).checked_mul(digit_value)?)?;
    }
    if is_negative { EPOCH.checked_sub(nanos).map(Nanos) } else { EPOCH.checked_add(nanos).map(Nanos) }
}

/// A span of time in nanoseconds.
pub(super) fn span(word: &str) -> Option<u64> {
    time(word)?.0.checked_sub(EPOCH)
}

/// A time as the trace shows it: whole seconds as such, the rest in milliseconds.
pub(super) fn show_time(time: Nanos) -> String {
    let (sign, nanos) =
        if time.0 < EPOCH { ("-", EPOCH - time.0) } else { ("", time.0.saturating_sub(EPOCH)) };
    if nanos > 0 && nanos % 1_000_000_000 == 0 {
        return format!("{sign}{}s", nanos / 1_000_000_000);
    }
    let (millis, rest) = (nanos / 1_000_000, nanos % 1_000_000);
    let fraction = format!("{rest:06}");
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{millis}ms"),
        fraction => format!("{sign}{millis}.{fraction}ms"),
    }
}

/// A wanted line in the form that the recorder gives it: one space between words, times written in one way.
pub(super) fn trace_line(words: &[&str]) -> String {
    let quoted = |word: &&str| match word.strip_prefix('"') {
        Some(text) => format!("\"{text}\""),
        None => (*word).to_owned(),
    };
    let mut words: Vec<String> = words.iter().map(quoted).collect();
    if let Some(first) = words.first_mut()
        && let Some(time) = time(first)
    {
        *first = show_time(time);
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_they_are_read() {
        for text in ["0ms", "5ms", "1.5ms", "1500ms", "10s", "-3ms", "0.000001ms"] {
            assert_eq!(time(text).map(show_time).as_deref(), Some(text));
        }
        assert_eq!(time("1000ms").map(show_time).as_deref(), Some("1s"));
        assert_eq!(time("5"), None);
        assert_eq!(time("s"), None);
    }

    #[test]
    fn a_hash_in_quotes_is_no_comment() {
        assert_eq!(words("a  \"b # \\\" c\" # d").unwrap(), ["a", "\"b # \" c"]);
        assert_eq!(words("# only").unwrap(), Vec::<String>::new());
        assert!(words("\"open").is_err());
    }
}
