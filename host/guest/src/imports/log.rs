//! The interface `log`.

use serde::de::IgnoredAny;
use sluice_engine::Refusal;
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, WasmStr};

use super::words::SeverityName;
use super::{number, text};
use crate::Severity;
use crate::host::Host;
use crate::limits::{EVENT_BYTES, EVENT_TYPE_BYTES, LINE_BYTES, REPORT_BYTES};
use crate::output::{EventContext, EventFlow, RESERVED_EVENT_TYPES};
use crate::text::{lines, one_line};

pub(super) fn define(interface: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    interface.func_wrap(
        "line",
        |mut store: StoreContextMut<'_, Host>, (severity, words): (SeverityName, WasmStr)| {
            let words = text(&store, &words, LINE_BYTES)?;
            let answer = words.and_then(|words| line(store.data_mut(), severity.into(), &words));
            Ok((answer.map_err(number),))
        },
    )?;
    interface.func_wrap(
        "event",
        |mut store: StoreContextMut<'_, Host>, (event_type, body): (WasmStr, WasmStr)| {
            let event_type = text(&store, &event_type, EVENT_TYPE_BYTES)?;
            let body = text(&store, &body, EVENT_BYTES)?;
            let both = event_type.and_then(|event_type| Ok((event_type, body?)));
            let answer = both.and_then(|(event_type, body)| event(store.data_mut(), &event_type, &body));
            Ok((answer.map_err(number),))
        },
    )?;
    interface.func_wrap("report", |mut store: StoreContextMut<'_, Host>, (words,): (WasmStr,)| {
        let words = text(&store, &words, REPORT_BYTES)?;
        let answer = words.and_then(|words| report(store.data_mut(), &words));
        Ok((answer.map_err(number),))
    })
}

fn line(host: &mut Host, severity: Severity, words: &str) -> Result<(), Refusal> {
    if !host.log.lines.take(words.len()) {
        return Err(Refusal::TooMany);
    }
    host.output.line(&host.name, severity, &one_line(words));
    Ok(())
}

fn event(host: &mut Host, event_type: &str, body: &str) -> Result<(), Refusal> {
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

fn report(host: &mut Host, words: &str) -> Result<(), Refusal> {
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
