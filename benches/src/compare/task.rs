//! What is done with the traffic, and the ways in which it is done.

use std::sync::Arc;

use sluice_engine::Config;

use crate::guest::{GuestError, Lane};
use crate::patterns::Searcher;
use crate::pipeline::{self, Run, RunError, run_alone, run_native};
use crate::traffic::Traffic;
use crate::twin::Work;

/// Whose matcher a guest looks for patterns with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Matcher {
    /// Its own.
    Guest,
    /// The host's.
    Host,
}

/// What is done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Task {
    /// Events are counted or bytes summed.
    Work(Work),
    /// All bytes are summed by a guest that gets them once a burst, in its arena; its twin reads in each event.
    Bursts,
    /// A thousand patterns are looked for in all streams.
    Patterns(Matcher),
}

impl Task {
    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Work(work) => work.name(),
            Self::Bursts => "all bytes, once a burst",
            Self::Patterns(Matcher::Guest) => "1,000 patterns, the guest's matcher",
            Self::Patterns(Matcher::Host) => "1,000 patterns, the host's matcher",
        }
    }

    /// Runs `traffic` with handlers that do nothing, or nothing but read.
    ///
    /// # Errors
    ///
    /// [`GuestError`] if the run proves nothing.
    pub fn alone(self, traffic: &Arc<Traffic>, config: Config) -> Result<Run, GuestError> {
        let work = match self {
            Self::Work(work) => work,
            Self::Bursts | Self::Patterns(_) => Work::AllBytes,
        };
        Ok(run_alone(traffic, config, work)?)
    }

    /// Runs `traffic` with native code that does it; gives how many matches it found, too.
    ///
    /// # Errors
    ///
    /// [`GuestError`] if the run proves nothing.
    pub fn twin(self, traffic: &Arc<Traffic>, config: Config) -> Result<(Run, u64), GuestError> {
        match self {
            Self::Work(work) => Ok((run_native(traffic, config, work)?, 0)),
            Self::Bursts => Ok((run_native(traffic, config, Work::AllBytes)?, 0)),
            Self::Patterns(_) => search(traffic, config),
        }
    }

    /// Runs `traffic` with a guest that does it and finds so many matches; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`GuestError`] if the run proves nothing.
    pub fn guest(
        self,
        lane: &Lane,
        traffic: &Arc<Traffic>,
        config: Config,
        matches: u64,
    ) -> Result<Option<Run>, GuestError> {
        match self {
            Self::Work(work) => lane.run(traffic, config, work),
            Self::Bursts => lane.run_bursts(traffic, config),
            Self::Patterns(matcher) => lane.run_patterns(traffic, config, matcher, matches),
        }
    }
}

/// Looks for the patterns in native code; gives how often they were found, too.
///
/// # Errors
///
/// [`GuestError`] if not all bytes were looked at.
fn search(traffic: &Arc<Traffic>, config: Config) -> Result<(Run, u64), GuestError> {
    let mut searcher = Searcher::new()?;
    let definitions = Searcher::definitions().map_err(RunError::from)?;
    let run = pipeline::run(traffic, config, definitions, &mut searcher)?;
    run.check_read(traffic)?;
    Ok((run, searcher.matches))
}
