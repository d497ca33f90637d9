//! The interface `log`.

use serde::de::IgnoredAny;
use sluice_engine::Refusal;

use super::at_most;
use crate::host::Host;
use crate::limits::{EVENT_BYTES, EVENT_TYPE_BYTES, LINE_BYTES, REPORT_BYTES};
use crate::output::{EventContext, EventFlow, RESERVED_EVENT_TYPES};
use crate::text::{lines, one_line};
use crate::world::log::Severity;

pub(crate) fn line(host: &mut Host, severity: Severity, words: &str) -> Result<(), Refusal> {
    let words = at_most(words, LINE_BYTES)?;
    if !host.log.lines.take(words.len()) {
        return Err(Refusal::TooMany);
    }
    host.output.line(&host.name, severity.into(), &one_line(words));
    Ok(())
}

pub(crate) fn event(host: &mut Host, event_type: &str, body: &str) -> Result<(), Refusal> {
    let (event_type, body) = (at_most(event_type, EVENT_TYPE_BYTES)?, at_most(body, EVENT_BYTES)?);
    if !is_event_type(event_type) || !is_json_object(body) {
        return Err(Refusal::BadJson);
    }
    if !host.log.events.take(body.len()) {
        return Err(Refusal::TooMany);
    }
    let view = &host.view;
    let flow = view.flow_info().and_then(|info| {
        let endpoints = view.endpoints()?;
        Ok(EventFlow { log_id: info.log_id, endpoints })
    });
    let context = EventContext { time: view.now(), flow: flow.ok() };
    // Within strings JSON allows no line breaks, and elsewhere they mean no more than a space.
    let body = body.trim().replace(['\n', '\r'], " ");
    host.output.event(&host.name, event_type, &body, &context);
    Ok(())
}

pub(crate) fn report(host: &mut Host, words: &str) -> Result<(), Refusal> {
    let words = at_most(words, REPORT_BYTES)?;
    if !host.log.reports.take(words.len()) {
        return Err(Refusal::TooMany);
    }
    host.output.report(&host.name, &lines(words));
    Ok(())
}

/// Whether the event log can use the word as a key beside its own.
fn is_event_type(word: &str) -> bool {
    !word.is_empty()
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && !RESERVED_EVENT_TYPES.contains(&word)
}

fn is_json_object(text: &str) -> bool {
    // JSON's white space (RFC 8259 section 2) is what the parser skips.
    text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{')
        && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_one_json_object() {
        for good in ["{}", " {\"a\": [1, 2.5e3, null, \"\\u00e4\\n\"]}\n"] {
            assert!(is_json_object(good), "{good}");
        }
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        for bad in ["", "[]", "1", "{} {}", "{\"a\"}", "{a: 1}", "{\"a\": \"\n\"}", "\u{feff}{}", &deep] {
            assert!(!is_json_object(bad), "{bad:.20}");
        }
    }

    #[test]
    fn keys_of_the_event_log_are_its_own() {
        assert!(is_event_type("http"));
        assert!(is_event_type("fake-rexmit.v1"));
        for bad in ["", "timestamp", "a b", "a\"b", "ä"] {
            assert!(!is_event_type(bad), "{bad}");
        }
    }
}
