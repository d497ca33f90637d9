//! Where guests' words appear: text for people, or JSON lines for machines.

use std::cell::RefCell;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::rc::Rc;

use serde_json::{Map, Value};
use sluice_engine::Nanos;
use sluice_engine::flow::ConnRecord;
use sluice_guest::{EventContext, FaultReport, GuestOutput, Severity};
use sluice_pktio::STANDARD_STREAM;

use super::{conn, eve};
use crate::exit::{Exit, Failure};

/// Where text goes, and the first error on it: guests go on talking for a moment after it is closed.
pub(crate) struct Sink {
    name: &'static str,
    writer: BufWriter<Box<dyn Write>>,
    error: Option<io::Error>,
    /// Structured events written.
    pub(crate) events: u64,
    /// Guests that were stopped.
    pub(crate) faults: u64,
}

/// A sink that both the run and the guests hold.
pub(crate) type SharedSink = Rc<RefCell<Sink>>;

impl Sink {
    /// A sink on standard output, or on standard error where packets go to standard output.
    pub(crate) fn beside(packets: Option<&Path>) -> SharedSink {
        let is_taken = packets.is_some_and(|path| path.as_os_str() == STANDARD_STREAM);
        let (name, writer): (_, Box<dyn Write>) = if is_taken {
            ("standard error", Box::new(io::stderr()))
        } else {
            ("standard output", Box::new(io::stdout()))
        };
        Rc::new(RefCell::new(Self {
            name,
            writer: BufWriter::with_capacity(64 << 10, writer),
            error: None,
            events: 0,
            faults: 0,
        }))
    }

    /// Writes text as it is.
    pub(crate) fn write(&mut self, text: &str) {
        if self.error.is_none() {
            self.error = self.writer.write_all(text.as_bytes()).err();
        }
    }

    /// Writes a line of JSON.
    pub(crate) fn write_json(&mut self, line: Map<String, Value>) {
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        self.write(&text);
    }

    /// Fails if something could not be written.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        match self.error.take() {
            Some(error) => Err(output_failure(self.name, &error)),
            None => Ok(()),
        }
    }

    /// Brings everything out.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.check()?;
        self.writer.flush().map_err(|error| output_failure(self.name, &error))
    }
}

/// Output that could not be written: a full disk, a closed pipe.
pub(crate) fn output_failure(name: &str, error: &io::Error) -> Failure {
    Failure::say(Exit::Failed, format!("{name}: cannot be written: {error}"))
}

/// Text for people: reports as they are, structured events as rows.
pub(crate) struct TextOutput {
    pub(crate) sink: SharedSink,
}

impl GuestOutput for TextOutput {
    fn line(&mut self, guest: &str, severity: Severity, text: &str) {
        log_line(guest, severity, text);
    }

    fn event(&mut self, guest: &str, event_type: &str, body: &str, context: &EventContext) {
        let flow = context.flow.as_ref().map_or_else(
            || "-".to_owned(),
            |flow| {
                let ends = &flow.endpoints;
                let client = eve::socket(ends.client_address, ends.client_port);
                format!("{client} -> {}", eve::socket(ends.server_address, ends.server_port))
            },
        );
        let time = eve::timestamp(context.time);
        let clock = time.get(11..26).unwrap_or(&time);
        let row = format!("{clock}  {guest:<12} {event_type:<8} {flow:<44} {}\n", fields(body));
        let mut sink = self.sink.borrow_mut();
        sink.events += 1;
        sink.write(&row);
    }

    fn report(&mut self, _guest: &str, text: &str) {
        self.sink.borrow_mut().write(text);
    }

    fn fault(&mut self, report: &FaultReport) {
        self.sink.borrow_mut().faults += 1;
        say_fault(report);
    }

    fn conn_record(&mut self, record: &ConnRecord) {
        self.sink.borrow_mut().write_json(conn::line(record));
    }
}

/// The members of a JSON object as `key=value` words.
fn fields(body: &str) -> String {
    let Ok(Value::Object(body)) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
    let word = |(key, value): (&String, &Value)| match value {
        Value::String(text) if text.contains([' ', '"']) || text.is_empty() => format!("{key}={text:?}"),
        Value::String(text) => format!("{key}={text}"),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            format!("{key}={value}")
        }
    };
    body.iter().map(word).collect::<Vec<String>>().join(" ")
}

/// JSON lines: one object for each event, report and fault.
pub(crate) struct JsonOutput {
    pub(crate) sink: SharedSink,
}

impl GuestOutput for JsonOutput {
    fn line(&mut self, guest: &str, severity: Severity, text: &str) {
        log_line(guest, severity, text);
    }

    fn event(&mut self, guest: &str, event_type: &str, body: &str, context: &EventContext) {
        let mut line = eve::line(event_type, context.time, Some(guest), context.flow.as_ref());
        line.insert(event_type.into(), serde_json::from_str(body).unwrap_or(Value::Null));
        let mut sink = self.sink.borrow_mut();
        sink.events += 1;
        sink.write_json(line);
    }

    fn report(&mut self, guest: &str, text: &str) {
        let mut line = Map::new();
        line.insert("schema".into(), eve::SCHEMA.into());
        line.insert("event_type".into(), "report".into());
        line.insert("guest".into(), guest.into());
        line.insert("text".into(), text.into());
        self.sink.borrow_mut().write_json(line);
    }

    fn fault(&mut self, report: &FaultReport) {
        let time: Nanos = report.call.time;
        let mut line = eve::line("fault", time, Some(&report.guest), None);
        let mut fault = Map::new();
        fault.insert("export".into(), report.call.export.name().into());
        if let Some(event) = report.call.event {
            fault.insert("event".into(), event.name().into());
        }
        fault.insert("reason".into(), report.reason.to_string().into());
        let frames: Vec<Value> =
            report.backtrace.iter().map(|frame| frame.function.as_str().into()).collect();
        fault.insert("backtrace".into(), frames.into());
        line.insert("fault".into(), fault.into());
        let mut sink = self.sink.borrow_mut();
        sink.faults += 1;
        sink.write_json(line);
        drop(sink);
        say_fault(report);
    }

    fn conn_record(&mut self, record: &ConnRecord) {
        self.sink.borrow_mut().write_json(conn::line(record));
    }
}

/// A fault and the guest's stack, innermost function first.
pub(crate) fn say_fault(report: &FaultReport) {
    tracing::error!("{report}");
    for frame in &report.backtrace {
        match frame.offset {
            Some(offset) => eprintln!("    at {} (offset {offset:#x})", frame.function),
            None => eprintln!("    at {}", frame.function),
        }
    }
}

/// A guest's log line, among those of the host.
pub(crate) fn log_line(guest: &str, severity: Severity, text: &str) {
    match severity {
        Severity::Error => tracing::error!("{guest}: {text}"),
        Severity::Warn => tracing::warn!("{guest}: {text}"),
        Severity::Info => tracing::info!("{guest}: {text}"),
        Severity::Debug => tracing::debug!("{guest}: {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_become_words() {
        assert_eq!(
            fields(r#"{"method":"GET","status":200,"agent":"a b","x":""}"#),
            r#"method=GET status=200 agent="a b" x="""#
        );
        assert_eq!(fields("no json"), "no json");
    }
}
