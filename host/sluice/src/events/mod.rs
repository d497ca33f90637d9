//! `sluice events`: what a guest defines as a tree, and with a capture what became of it.

mod columns;
mod dot;
mod replay;
mod sharing;
mod text;
mod tree;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use sluice_engine::Grants;
use sluice_engine::event::Definitions;
use sluice_guest::{Guests, Runtime};

use crate::cli::{GuestLimitArgs, InputArgs};
use crate::exit::{Exit, Failure};
use crate::input::{Ending, Input};
use crate::run::{MonitorFilters, Need, define, output_failure, runtime_options, sort};
use replay::{QuietOutput, Replay};
use tree::{MonitorLine, Tree};

/// Show the events that a middlebox defines as a tree, and with a capture how often each happened.
#[derive(Debug, clap::Args)]
#[command(
    // A capture is only needed for what is done with one.
    mut_arg("read", |read| read.required(false)),
    mut_group("InputArgs", |input| input.requires("read")),
    after_help = "\
Each row is an event: a built-in one that has handlers or events below it, or one that the guest defined. FILTER says \
what decides whether it happens when its parent does: a filter of the guest, by number, one that the host evaluates \
itself, or `raised`, if filters and handlers let it happen. HANDLERS are the guest's, by number, and where they are \
registered.

With -r the capture is replayed. A second table counts how often the filter of each event was asked, how often it \
held, how many handlers were called, and how long both took. Below it is how many different sets of registrations \
(i-forests) there were, and how flows shared them when the last packet had been read. What the guest reports is left \
out; its log lines, and what went wrong, go to standard error. After the guest's words may come a filter in the syntax \
of pcap-filter(7), with numbers in place of names.

Examples:
  sluice events http-log.wasm
  sluice events --dot http-log.wasm | dot -Tsvg > http-log.svg
  sluice events -r web.pcap http-log.wasm tcp port 80"
)]
pub(crate) struct EventsArgs {
    #[command(flatten)]
    input: Option<InputArgs>,

    #[command(flatten)]
    limits: GuestLimitArgs,

    /// Print a graph for Graphviz instead of tables
    #[arg(long)]
    dot: bool,

    /// Leave out how long filters and handlers took: the same input prints the same
    #[arg(long)]
    no_times: bool,

    /// GUEST.wasm, then key=value words for it, then with -r a filter
    #[arg(value_name = "GUEST.wasm [KEY=VALUE...] [FILTER]")]
    words: Vec<String>,
}

impl EventsArgs {
    /// How much the host logs.
    pub(crate) fn verbose(&self) -> u8 {
        self.input.as_ref().map_or(0, |input| input.verbose)
    }
}

/// Starts the guest, replays the capture if there is one, and prints what there is to see.
///
/// # Errors
///
/// A [`Failure`] before the first packet, or when output cannot be written.
pub(crate) fn run(args: &EventsArgs) -> Result<Exit, Failure> {
    if args.words.is_empty() {
        let words = "no guest: name a component, as in `sluice events midstat.wasm`";
        return Err(Failure::say(Exit::Usage, words));
    }
    let words = sort(&[], &args.words, Need::Guest)?;
    if args.input.is_none() && !words.filter.is_empty() {
        let words = format!("`{}`: a filter is for a capture: -r FILE", words.filter.join(" "));
        return Err(Failure::say(Exit::Usage, words));
    }
    // There is one guest: none came by an option.
    let Some(guest) = words.guests.into_iter().next() else { return Ok(Exit::Usage) };
    // Before the guest is compiled, which takes longer.
    let input = match &args.input {
        Some(input) => Some((input, Input::open(input, &words.filter)?)),
        None => None,
    };
    let runtime =
        Runtime::new(runtime_options(&args.limits)).map_err(|error| Failure::new(Exit::Failed, error))?;
    let output = QuietOutput::default();
    let faults = output.faults();
    let mut guests = Guests::new(&runtime, Rc::new(MonitorFilters), Box::new(output));
    let file = guest.file.clone();
    let name = crate::inspect::shown(&guest.name);
    let definitions = define(guest, Grants::default(), &runtime, &mut guests)?;
    let started = Start { file, name, definitions };
    let Some((options, mut input)) = input else {
        let tree = started.tree();
        print(&if args.dot { dot::graph(&tree, None) } else { text::tree(&tree) })?;
        return Ok(Exit::Ok);
    };
    let (tree, replay) = replay::replay(started, options, &mut input, &mut guests)?;
    print(&if args.dot {
        dot::graph(&tree, Some(&replay))
    } else {
        let times = if args.no_times { text::Times::Without } else { text::Times::With };
        [text::tree(&tree), text::replayed(&tree, &replay, times), replay.sharing.text()].join("\n")
    })?;
    input.warn_of_refusals();
    Ok(exit(options, &replay, faults.get()))
}

/// A guest that has started.
struct Start {
    file: PathBuf,
    name: String,
    definitions: Definitions,
}

impl Start {
    /// What it defined in `start`.
    fn tree(&self) -> Tree {
        let monitors = self.definitions.monitors().iter().map(MonitorLine::of).collect();
        Tree::new(&self.name, monitors, self.definitions.events(), |_| false)
    }

    fn file(&self) -> &Path {
        &self.file
    }
}

fn exit(options: &InputArgs, replay: &Replay, faults: u64) -> Exit {
    match &replay.ending {
        Ending::Damaged(error) => {
            crate::say_error(&format!("{}: {}", options.read, crate::chain(error)));
            Exit::Input
        }
        Ending::Interrupted => Exit::Interrupted,
        Ending::Complete if faults > 0 => Exit::Failed,
        Ending::Complete => Exit::Ok,
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| output_failure("standard output", &error))
}
