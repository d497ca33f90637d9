//! `sluice run`: guests over traffic.

mod conn;
mod copy;
mod eve;
mod output;
mod summary;
mod words;

use std::path::Path;
use std::rc::Rc;

use sluice_engine::event::{Definitions, Predicate, TenantId};
use sluice_engine::{Engine, Grants, Records};
use sluice_guest::{
    FilterCompiler, GuestOutput, Guests, Lane, MemoryLimit, Module, Runtime, RuntimeOptions, StartError,
    TenantSpec, TimeLimit,
};
use sluice_wire::LinkType;

use crate::cli::{Allowed, GuestLimitArgs, LogKind, RunArgs};
use crate::exit::{Exit, Failure};
use crate::filter::PacketFilter;
use crate::input::{Ending, Input, engine_for};
use copy::Copy;
use output::{JsonOutput, SharedSink, Sink, TextOutput};
use words::GuestWords;

pub(crate) use eve::socket;
pub(crate) use output::{log_line, output_failure, say_fault};
pub(crate) use words::{Need, sort};

/// Fuel of `start` and `stop` for each unit of a call's.
const LIFECYCLE_FUEL: u64 = 100;

/// Runs guests over a capture.
///
/// # Errors
///
/// A [`Failure`] before the first packet, or when output cannot be written.
pub(crate) fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let words =
        sort(&args.guests, &args.words, if args.log.is_empty() { Need::Guest } else { Need::Nothing })?;
    refuse_same_file(&args.input.read, args.write.as_deref())?;
    let mut input = Input::open(&args.input, &words.filter)?;
    let sink = Sink::beside(args.write.as_deref());
    let runtime =
        Runtime::new(runtime_options(&args.limits)).map_err(|error| Failure::new(Exit::Failed, error))?;
    let output: Box<dyn GuestOutput> = if args.json {
        Box::new(JsonOutput { sink: Rc::clone(&sink) })
    } else {
        Box::new(TextOutput { sink: Rc::clone(&sink) })
    };
    let mut guests = Guests::new(&runtime, Rc::new(MonitorFilters), output);
    let records = if args.log.contains(&LogKind::Conn) { Records::Each } else { Records::None };
    let mut engine = engine_for(&args.input, records)?;
    let may = |what| args.allow.contains(&what);
    let grants =
        Grants { drop: may(Allowed::Drop), modify: may(Allowed::Modify), inject: may(Allowed::Inject) };
    for guest in words.guests {
        start(guest, grants, &runtime, &mut guests, &mut engine)?;
    }
    let mut copy = Copy::new(args.write.clone());
    let fed = input.feed(&mut engine, &mut guests, |burst, engine| {
        sink.borrow_mut().check()?;
        copy.write(burst, engine)
    });
    engine.finish(&mut guests);
    let rest = copy.write_injected(&engine, None);
    engine.stop(&mut guests);
    let ending = fed?;
    rest?;
    copy.finish()?;
    input.warn_of_refusals();
    finish(args, &ending, &input, &engine, &guests, &sink)
}

/// Says how it went.
fn finish(
    args: &RunArgs,
    ending: &Ending,
    input: &Input,
    engine: &Engine,
    guests: &Guests,
    sink: &SharedSink,
) -> Result<Exit, Failure> {
    let summary = summary::Summary { read: &input.counters, engine, guests };
    if args.json {
        sink.borrow_mut().write_json(summary.to_json());
    }
    sink.borrow_mut().flush()?;
    if !args.json && !args.input.quiet {
        eprint!("{summary}");
    }
    Ok(match ending {
        Ending::Damaged(error) => {
            crate::say_error(&format!("{}: {}", args.input.read, crate::chain(error)));
            Exit::Input
        }
        Ending::Interrupted => Exit::Interrupted,
        Ending::Complete if sink.borrow().faults > 0 => Exit::Failed,
        Ending::Complete => Exit::Ok,
    })
}

/// How guests run under these limits.
pub(crate) fn runtime_options(args: &GuestLimitArgs) -> RuntimeOptions {
    let time = args.fuel.map_or_else(TimeLimit::default, |fuel| TimeLimit::Fuel {
        call: fuel,
        lifecycle: fuel.saturating_mul(LIFECYCLE_FUEL),
    });
    let memory_bytes = usize::try_from(args.limit_mem).unwrap_or(usize::MAX).saturating_mul(1 << 20);
    RuntimeOptions {
        time,
        memory: MemoryLimit { memory_bytes, ..MemoryLimit::default() },
        lane: args.lane.choice(),
        ..RuntimeOptions::default()
    }
}

/// Loads a guest, starts it, and attaches what it defined.
fn start(
    words: GuestWords,
    grants: Grants,
    runtime: &Runtime,
    guests: &mut Guests,
    engine: &mut Engine,
) -> Result<(), Failure> {
    let file = words.file.clone();
    let definitions = define(words, grants, runtime, guests)?;
    attach(&file, definitions, grants, engine).map(|_| ())
}

/// Loads a guest, starts it, and gives what it defined.
pub(crate) fn define(
    words: GuestWords,
    grants: Grants,
    runtime: &Runtime,
    guests: &mut Guests,
) -> Result<Definitions, Failure> {
    let file = words.file.display().to_string();
    let bytes = std::fs::read(&words.file).map_err(|error| {
        let is_forbidden = error.kind() == std::io::ErrorKind::PermissionDenied;
        let exit = if is_forbidden { Exit::Permission } else { Exit::Usage };
        Failure::say(exit, format!("guest {file}: {error}"))
    })?;
    let module = Module::load(runtime, &bytes)
        .map_err(|error| Failure::say(Exit::GuestRejected, format!("guest {file} {error}")))?;
    if let Lane::Component { reason } = &module.contents().lane {
        tracing::info!("guest {file} runs on the component lane: {reason}");
    }
    let spec = TenantSpec { name: words.name, configuration: words.configuration, grants };
    guests.add(&module, &spec).map_err(|error| {
        let exit = if matches!(error, StartError::Faulted(_)) { Exit::Failed } else { Exit::GuestRejected };
        Failure::new(exit, error)
    })
}

/// Attaches what the guest of a file defined.
pub(crate) fn attach(
    file: &Path,
    definitions: Definitions,
    grants: Grants,
    engine: &mut Engine,
) -> Result<TenantId, Failure> {
    let refused = |error| Failure::say(Exit::GuestRejected, format!("guest {}: {error}", file.display()));
    engine.attach(definitions, grants).map_err(refused)
}

/// Filters of monitors: about the flow's IP datagram, so without a link header.
pub(crate) struct MonitorFilters;

impl FilterCompiler for MonitorFilters {
    fn compile(&self, expression: &str) -> Result<Box<dyn Predicate>, String> {
        let filter = PacketFilter::parse(expression, LinkType::RawIp.to_pcap());
        filter
            .map(|filter| Box::new(MonitorFilter(filter)) as Box<dyn Predicate>)
            .map_err(|error| error.to_string())
    }
}

struct MonitorFilter(PacketFilter);

impl Predicate for MonitorFilter {
    fn matches(&mut self, datagram: &[u8]) -> bool {
        self.0.matches(LinkType::RawIp.to_pcap(), datagram)
    }
}

/// Writing over the capture that is being read would destroy it.
fn refuse_same_file(read: &str, write: Option<&Path>) -> Result<(), Failure> {
    let Some(write) = write else { return Ok(()) };
    let same = std::fs::canonicalize(read).ok().zip(std::fs::canonicalize(write).ok());
    if same.is_some_and(|(read, write)| read == write) {
        return Err(Failure::say(Exit::Usage, format!("{read}: cannot be read and written at once")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_help_names_the_default_limit() {
        assert!(
            matches!(TimeLimit::default(), TimeLimit::Cpu { call, .. } if call == Duration::from_millis(20))
        );
    }
}
