//! `sluice streams`: each direction of each connection into a file, without a guest.
//!
//! The command is a native handler in the place where guests are: it registers for the same events and reads by the
//! same peek.

mod files;
mod record;

use std::io;

use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::flow::EndReason;
use sluice_engine::reassembly::Level;
use sluice_engine::{Direction, Grants, Records, View};

use crate::cli::StreamsArgs;
use crate::exit::{Exit, Failure};
use crate::input::{Ending, Input, engine_for};
use files::Files;
use record::{FlowRecord, Stretch};

/// Bytes taken out of a stream at once.
const PEEK_BYTES: u32 = 1 << 20;

/// Writes the streams of a capture to files.
///
/// # Errors
///
/// A [`Failure`] before the first packet, or when a file cannot be written.
pub(crate) fn run(args: &StreamsArgs) -> Result<Exit, Failure> {
    let mut input = Input::open(&args.input, &args.words)?;
    let files = Files::create(&args.output, args.gaps);
    let files = files.map_err(|error| file_failure(args, &error))?;
    let mut writer =
        StreamWriter { files, flows: Vec::new(), free: Vec::new(), error: None, buffer: Vec::new() };
    let mut engine = engine_for(&args.input, Records::None)?;
    let definitions = definitions().map_err(|error| Failure::new(Exit::Failed, error))?;
    engine.attach(definitions, Grants::NONE).map_err(|error| Failure::new(Exit::Failed, error))?;
    let fed = input.feed(&mut engine, &mut writer, |_, _| Ok(()));
    engine.finish(&mut writer);
    let ending = fed?;
    if let Some(error) = writer.error.take() {
        return Err(file_failure(args, &error));
    }
    let written = writer.files.finish().map_err(|error| file_failure(args, &error))?;
    input.warn_of_refusals();
    if !args.input.quiet {
        let counters = engine.counters();
        eprintln!(
            "-- {} packets, {} flows: {written} streams in {}, {} bytes; {} missing in {} gaps, {} conflicts",
            counters.packets.seen,
            counters.flows,
            args.output.display(),
            counters.bytes.delivered,
            counters.gap_bytes,
            counters.gaps,
            counters.conflicts
        );
    }
    Ok(match ending {
        Ending::Damaged(error) => {
            crate::say_error(&format!("{}: {}", args.input.read, crate::chain(&error)));
            Exit::Input
        }
        Ending::Interrupted => Exit::Interrupted,
        Ending::Complete => Exit::Ok,
    })
}

fn file_failure(args: &StreamsArgs, error: &io::Error) -> Failure {
    crate::run::output_failure(&args.output.display().to_string(), error)
}

/// What the command wants to see.
fn definitions() -> Result<Definitions, sluice_engine::Refusal> {
    let mut definitions = Definitions::new();
    let monitor = definitions.open_stream(None, Level::Full)?;
    for kind in [EventKind::Conflict, EventKind::NewData, EventKind::Gap] {
        definitions.register(monitor, kind.number(), Hook::Receiver, 0)?;
    }
    definitions.register(monitor, EventKind::ConnStart.number(), Hook::Sender, 0)?;
    definitions.register(monitor, EventKind::ConnEnd.number(), Hook::None, 0)?;
    Ok(definitions)
}

/// The handler: one record for each living flow, found by the flow's user context.
struct StreamWriter {
    files: Files,
    flows: Vec<Option<FlowRecord>>,
    free: Vec<usize>,
    error: Option<io::Error>,
    buffer: Vec<u8>,
}

impl StreamWriter {
    fn handle(&mut self, call: &EventCall, view: &mut View) -> io::Result<()> {
        let direction = call.place().direction();
        let stretch = Stretch { offset: call.offset, length: u64::from(call.length) };
        match call.event_kind() {
            Some(EventKind::ConnStart) => return self.begin(view),
            Some(EventKind::ConnEnd) => return self.end(call, view),
            Some(EventKind::NewData) => return self.read(call, direction, view),
            Some(EventKind::Gap) => {
                if let Some(record) = self.record(call) {
                    record.stream(direction).add_gap(stretch);
                }
                return self.with_files(call, |files, record| {
                    files.write_gap(record.stream(direction), stretch.length)
                });
            }
            Some(EventKind::Conflict) => {
                if let Some(record) = self.record(call) {
                    record.stream(direction).add_conflict(stretch);
                }
            }
            Some(EventKind::PacketIn | EventKind::StateChange | EventKind::Rexmit | EventKind::Error)
            | Some(EventKind::Orphan)
            | None => {}
        }
        Ok(())
    }

    fn begin(&mut self, view: &mut View) -> io::Result<()> {
        let (Ok(endpoints), Ok(info)) = (view.endpoints(), view.flow_info()) else { return Ok(()) };
        let record = FlowRecord::new(&endpoints, &info, self.files.next_number());
        let place = self.free.pop().unwrap_or(self.flows.len());
        if place == self.flows.len() {
            self.flows.push(None);
        }
        self.flows[place] = Some(record);
        // Refused only in a filter.
        let _ = view.set_user_context(place as u64 + 1);
        Ok(())
    }

    fn read(&mut self, call: &EventCall, direction: Direction, view: &mut View) -> io::Result<()> {
        loop {
            self.buffer.clear();
            let peeked = view.peek(direction, PEEK_BYTES, &mut self.buffer);
            if peeked.is_err() || self.buffer.is_empty() {
                return Ok(());
            }
            let bytes = std::mem::take(&mut self.buffer);
            let written =
                self.with_files(call, |files, record| files.write(record.stream(direction), &bytes));
            self.buffer = bytes;
            written?;
        }
    }

    fn end(&mut self, call: &EventCall, view: &View) -> io::Result<()> {
        let Some(place) = place_of(call) else { return Ok(()) };
        let Some(record) = self.flows.get_mut(place).and_then(Option::take) else { return Ok(()) };
        self.free.push(place);
        let reason =
            view.flow_info().ok().and_then(|info| info.end_reason).map_or("unknown", EndReason::name);
        self.files.end(record, reason)
    }

    fn record(&mut self, call: &EventCall) -> Option<&mut FlowRecord> {
        self.flows.get_mut(place_of(call)?)?.as_mut()
    }

    fn with_files(
        &mut self,
        call: &EventCall,
        work: impl FnOnce(&mut Files, &mut FlowRecord) -> io::Result<()>,
    ) -> io::Result<()> {
        let record = place_of(call).and_then(|place| self.flows.get_mut(place)?.as_mut());
        record.map_or(Ok(()), |record| work(&mut self.files, record))
    }
}

fn place_of(call: &EventCall) -> Option<usize> {
    usize::try_from(call.user_context.checked_sub(1)?).ok()
}

impl Handler for StreamWriter {
    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        if let Err(error) = self.handle(call, view) {
            // Nothing more can be written; the run ends with this error.
            self.error.get_or_insert(error);
            return Err(Faulted);
        }
        Ok(0)
    }
}
