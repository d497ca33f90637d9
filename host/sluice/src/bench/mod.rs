//! `sluice bench`: what guests cost on a capture.

mod capture;
mod clock;
mod figures;
mod pass;

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use sluice_engine::Records;
use sluice_guest::{Runtime, TenantSpec};

use crate::cli::{Allowed, GuestLimitArgs, InputArgs};
use crate::exit::{Exit, Failure};
use crate::input::{Ending, EnginePlan, Input};
use crate::run::{GuestWords, Need, grants, load, output_failure, runtime_options, sort};
use capture::Capture;
use figures::{Figures, Rounds};
use pass::{Course, Kind, Loaded};

/// Measure what middleboxes cost on a capture, from memory, in CPU time.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The capture is loaded into memory first. Then it goes through three kinds of passes that take turns, each as often as \
--passes says, each with a fresh engine and fresh instances: the engine without any guest, the engine with the \
guests, and the same with a clock that is looked at before and after each call of a guest. Printed are the best of \
each kind, which is what the program takes when nothing else has the core, and the median, which says how far the \
machine was from that.

Times are CPU time of the thread from the first packet to the last; starting guests and ending what the capture leaves \
open is not in them, but in what is counted. Time in guests is the time from the call until it returns, with what the \
host does for the guest in between, less what the clock itself takes. What guests say is dropped. If one is stopped, \
that is reported and nothing is measured.

Guests and filter are named as for `sluice run`; several guests also as GUEST.wasm[,KEY=VALUE...] one after the other.

Examples:
  sluice bench -r web.pcap midstat.wasm
  sluice bench -r web.pcap --passes 9 --json byte-reader.wasm tcp port 80
  sluice bench -r web.pcap http-log.wasm midstat.wasm,interval=5")]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    input: InputArgs,

    /// Passes of each kind
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    passes: u32,

    /// Print one JSON object instead of text
    #[arg(short = 'j', long)]
    json: bool,

    /// A guest, a tenant of its own; may be given several times
    #[arg(long = "guest", value_name = "FILE[,KEY=VALUE...]")]
    guests: Vec<String>,

    /// What guests may do beyond looking; may be given several times
    #[arg(long, value_name = "WHAT", value_enum)]
    allow: Vec<Allowed>,

    #[command(flatten)]
    limits: GuestLimitArgs,

    /// Memory that the capture may take, MiB
    #[arg(long, value_name = "MIB", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    limit_capture: u32,

    /// GUEST.wasm, then key=value words for it, then a filter
    #[arg(value_name = "GUEST.wasm [KEY=VALUE...] [FILTER]")]
    words: Vec<String>,
}

impl BenchArgs {
    /// How much the host logs.
    pub(crate) fn verbose(&self) -> u8 {
        self.input.verbose
    }
}

/// Measures, and prints what was found.
///
/// # Errors
///
/// A [`Failure`] if there is nothing to measure, a guest is not taken or is stopped, or output cannot be written.
pub(crate) fn run(args: &BenchArgs) -> Result<Exit, Failure> {
    if args.guests.is_empty() && args.words.is_empty() {
        let words = "no guest: name a component, as in `sluice bench -r web.pcap midstat.wasm`";
        return Err(Failure::say(Exit::Usage, words));
    }
    let (leading, words) = leading_guests(&args.words);
    let options: Vec<String> = args.guests.iter().chain(leading).cloned().collect();
    let words = sort(&options, words, Need::Guest)?;
    let mut input = Input::open(&args.input, &words.filter)?;
    let runtime =
        Runtime::new(runtime_options(&args.limits)).map_err(|error| Failure::new(Exit::Failed, error))?;
    let grants = grants(&args.allow);
    let load_one = |words: GuestWords| {
        let module = load(&words.file, &runtime)?;
        let spec = TenantSpec { name: words.name, configuration: words.configuration, grants };
        Ok(Loaded { file: words.file, module, spec })
    };
    let guests = words.guests.into_iter().map(load_one).collect::<Result<Vec<_>, Failure>>()?;
    let limit_bytes = usize::try_from(args.limit_capture).unwrap_or(usize::MAX).saturating_mul(1 << 20);
    let (capture, ending) = Capture::read(&mut input, &args.input.read, limit_bytes)?;
    input.warn_of_refusals();
    if let Ending::Damaged(error) = &ending {
        crate::say_error(&format!("{}: {}", args.input.read, crate::chain(error)));
    }
    if matches!(ending, Ending::Interrupted) {
        return Ok(Exit::Interrupted);
    }
    refuse_nothing(&capture, args, &input, &ending)?;
    let plan = EnginePlan::of(&args.input, Records::None)?;
    let course = Course { capture: Arc::new(capture), plan, runtime, guests };
    let Some(rounds) = measure(&course, args.passes, &input)? else { return Ok(Exit::Interrupted) };
    let figures = Figures::new(args, &course, &input, &rounds);
    print(&if args.json { figures.json() } else { figures.text() })?;
    Ok(if matches!(ending, Ending::Damaged(_)) { Exit::Input } else { Exit::Ok })
}

/// Guests at the beginning that are followed by another one or have their settings behind a comma: the rest is what
/// `run` knows too.
fn leading_guests(words: &[String]) -> (&[String], &[String]) {
    let is_guest = |word: &String| {
        let file = word.split_once(',').map_or(word.as_str(), |(file, _)| file);
        Path::new(file).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wasm"))
    };
    let guests = words.iter().take_while(|word| is_guest(word)).count();
    // The last one alone may have words of its own behind it.
    let is_plain = |word: &String| !word.contains(',');
    let last_is_plain = guests.checked_sub(1).and_then(|last| words.get(last)).is_some_and(is_plain);
    words.split_at(guests.saturating_sub(usize::from(last_is_plain)))
}

/// There must be packets, or no figure has a meaning.
fn refuse_nothing(
    capture: &Capture,
    args: &BenchArgs,
    input: &Input,
    ending: &Ending,
) -> Result<(), Failure> {
    if capture.len() > 0 {
        return Ok(());
    }
    let name = &args.input.read;
    let (exit, words) = if input.counters.filtered > 0 {
        (Exit::Usage, "no packet matches the filter, so there is nothing to measure")
    } else if matches!(ending, Ending::Damaged(_)) {
        (Exit::Input, "nothing could be read, so there is nothing to measure")
    } else {
        (Exit::Usage, "no packets, so there is nothing to measure")
    };
    Err(Failure::say(exit, format!("{name}: {words}")))
}

/// The passes, which take turns, so that what else the machine does falls on all kinds alike; `None` if interrupted.
fn measure(course: &Course, passes: u32, input: &Input) -> Result<Option<Rounds>, Failure> {
    let mut rounds = Rounds::new(clock::look_ns());
    for _ in 0..passes {
        for kind in [Kind::Alone, Kind::Guests, Kind::Timed] {
            let Some(pass) = course.run(kind, input)? else { return Ok(None) };
            rounds.push(kind, pass);
        }
    }
    Ok(Some(rounds))
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| output_failure("standard output", &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> (Vec<String>, Vec<String>) {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let (guests, rest) = leading_guests(&words);
        (guests.to_vec(), rest.to_vec())
    }

    #[test]
    fn guests_one_after_the_other_are_told_from_the_words_of_the_last() {
        for (text, guests) in [
            ("a.wasm", 0),
            ("a.wasm k=v tcp port 80", 0),
            ("a.wasm,k=v tcp port 80", 1),
            ("a.wasm b.wasm k=v tcp", 1),
            ("a.wasm,k=v b.wasm,l=w", 2),
            ("tcp port 80", 0),
            ("", 0),
        ] {
            let (found, rest) = split(text);
            assert_eq!((found.len(), found.len() + rest.len()), (guests, text.split_whitespace().count()));
        }
    }
}
