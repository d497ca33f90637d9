//! Running a script.

use std::fmt;

use sluice_engine::counters::{Counters, Eviction, PressureCounters, Shortage};
use sluice_engine::defrag::FragmentReason;
use sluice_engine::event::{Definitions, EventKind, Hook};
use sluice_engine::tcp::RefuseReason;
use sluice_engine::{Engine, Grants, Refusal};

use super::recorder::Recorder;
use super::{Action, Options, Script};
use crate::{Frames, balance};

/// How a script failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Failure {
    /// The trace is not the wanted one, or not the same in every burst size.
    Trace {
        /// Packets in a burst.
        burst: usize,
        /// What was wanted.
        want: Vec<String>,
        /// What came.
        got: Vec<String>,
    },
    /// Something else does not hold.
    Broken {
        /// Packets in a burst.
        burst: usize,
        /// What.
        problem: String,
    },
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken { burst, problem } => write!(f, "in bursts of {burst}: {problem}"),
            Self::Trace { burst, want, got } => {
                writeln!(f, "in bursts of {burst}:")?;
                for line in difference(want, got) {
                    writeln!(f, "  {line}")?;
                }
                Ok(())
            }
        }
    }
}

/// Burst sizes that every script runs in; all must give the same trace.
const BURSTS: [usize; 4] = [1, 2, 7, 32];

impl Script {
    /// Runs the script in every burst size and compares the traces with the wanted one.
    ///
    /// # Errors
    ///
    /// [`Failure`] for the first burst size that does not give it.
    pub fn check(&self) -> Result<(), Failure> {
        for burst in BURSTS {
            let got = self.run(burst).map_err(|problem| Failure::Broken { burst, problem })?;
            if got != self.want {
                return Err(Failure::Trace { burst, want: self.want.clone(), got });
            }
        }
        Ok(())
    }

    /// Runs the script in bursts of `burst` packets and gives the trace.
    ///
    /// # Errors
    ///
    /// What does not hold, in words.
    pub fn run(&self, burst: usize) -> Result<Vec<String>, String> {
        let mut engine = Engine::new(self.options.config);
        let definitions = definitions(&self.options).map_err(|refusal| refusal.to_string())?;
        engine.attach(definitions, Grants::NONE).map_err(|refusal| refusal.to_string())?;
        let mut recorder = Recorder::new(self.options);
        let mut frames = Vec::new();
        for action in &self.actions {
            if let Action::Packet(packet) = action {
                frames.push(packet.frame()?);
                if frames.len() < burst {
                    continue;
                }
            }
            receive(&mut engine, &mut frames, &mut recorder)?;
            match action {
                Action::Packet(_) => {}
                Action::Expire(now) => engine.expire(*now, &mut recorder),
                Action::Finish => engine.finish(&mut recorder),
            }
        }
        receive(&mut engine, &mut frames, &mut recorder)?;
        let mut trace = std::mem::take(&mut recorder.trace);
        if self.options.shows_counters {
            trace.extend(counter_lines(engine.counters()));
        }
        engine.finish(&mut recorder);
        balance(&engine).map_err(|imbalance| imbalance.to_string())?;
        if engine.budget().used() > 0 {
            recorder.problems.push(format!("{} bytes in use after the end", engine.budget().used()));
        }
        if engine.budget().segments() > 0 {
            let segments = engine.budget().segments();
            recorder.problems.push(format!("{segments} segments held after the end"));
        }
        match recorder.problems.first() {
            Some(problem) => Err(problem.clone()),
            None => Ok(trace),
        }
    }
}

fn receive(
    engine: &mut Engine,
    frames: &mut Vec<crate::Frame>,
    recorder: &mut Recorder,
) -> Result<(), String> {
    if !frames.is_empty() {
        let _ = engine.receive(Box::new(Frames(std::mem::take(frames))), recorder);
    }
    balance(engine).map_err(|imbalance| imbalance.to_string())
}

/// One monitor with a handler of every event.
fn definitions(options: &Options) -> Result<Definitions, Refusal> {
    let mut definitions = Definitions::new();
    let monitor = definitions.open_stream(None, options.level)?;
    for kind in EventKind::ALL {
        for hook in Hook::ALL.into_iter().filter(|hook| kind.allows(*hook)) {
            // Both stacks see the start of a flow; once is enough for a trace.
            if !(kind == EventKind::ConnStart && hook == Hook::Receiver) {
                definitions.register(monitor, kind.number(), hook, kind.number())?;
            }
        }
    }
    Ok(definitions)
}

/// What is out of the ordinary, in counters.
fn counter_lines(counters: &Counters) -> Vec<String> {
    let (packets, bytes) = (&counters.packets, &counters.bytes);
    let refused = RefuseReason::ALL.into_iter().map(|reason| packets.refused[reason.index()]);
    let names = RefuseReason::ALL.into_iter().map(|reason| format!("refused {}", reason.name()));
    let mut lines: Vec<(String, u64)> = names.zip(refused).collect();
    let fragments = &packets.fragments;
    lines.extend(
        FragmentReason::ALL.map(|reason| (reason.name().to_owned(), fragments.refused[reason.index()])),
    );
    let others = [
        ("fragments held", fragments.held),
        ("fragments joined", fragments.joined),
        ("packets malformed", packets.malformed.iter().sum()),
        ("packets orphan", packets.orphan),
        ("packets no-room", packets.no_room),
        ("bytes delivered", bytes.delivered),
        ("bytes duplicate", bytes.duplicate),
        ("bytes replaced", bytes.replaced),
        ("bytes buffered", bytes.buffered),
        ("bytes urgent", bytes.urgent),
        ("bytes refused", bytes.refused),
        ("bytes no-room", bytes.no_room),
        ("bytes before-start", bytes.before_start),
        ("bytes after-fin", bytes.after_fin),
        ("bytes cut", bytes.cut),
        ("bytes untracked", bytes.untracked),
        ("bytes syn-data", bytes.syn_data),
        ("bytes syn-data-waiting", bytes.syn_data_waiting),
        ("bytes gap", counters.gap_bytes),
        ("bytes unverifiable", counters.unverifiable_bytes),
    ];
    lines.extend(others.map(|(name, count)| (name.to_owned(), count)));
    lines.extend(pressure_lines(&counters.pressure));
    lines.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name} {count}")).collect()
}

/// What caps did.
fn pressure_lines(pressure: &PressureCounters) -> impl Iterator<Item = (String, u64)> {
    let evicted = Eviction::ALL.map(|why| (format!("evicted {}", why.name()), pressure.evicted[why.index()]));
    let emergencies = Shortage::ALL
        .map(|what| (format!("emergencies {}", what.name()), pressure.emergencies[what.index()]));
    let holes = [("holes given up".to_owned(), pressure.holes_given_up)];
    evicted.into_iter().chain(emergencies).chain(holes)
}

/// Both traces as one list of lines: those of both with a space before, wanted ones with `-`, others with `+`.
fn difference(want: &[String], got: &[String]) -> Vec<String> {
    // Longest common subsequence; traces are short.
    let mut common = vec![vec![0usize; got.len() + 1]; want.len() + 1];
    for (row, wanted) in want.iter().enumerate().rev() {
        for (column, came) in got.iter().enumerate().rev() {
            common[row][column] = if wanted == came {
                common[row + 1][column + 1] + 1
            } else {
                common[row + 1][column].max(common[row][column + 1])
            };
        }
    }
    let (mut row, mut column, mut lines) = (0, 0, Vec::new());
    while row < want.len() || column < got.len() {
        match (want.get(row), got.get(column)) {
            (Some(wanted), Some(came)) if wanted == came => {
                lines.push(format!("  {wanted}"));
                (row, column) = (row + 1, column + 1);
            }
            (Some(wanted), came) if came.is_none() || common[row + 1][column] >= common[row][column + 1] => {
                lines.push(format!("- {wanted}"));
                row += 1;
            }
            (_, Some(came)) => {
                lines.push(format!("+ {came}"));
                column += 1;
            }
            (_, None) => break,
        }
    }
    lines
}
