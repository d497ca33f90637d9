//! Exit codes and how a command fails. The codes are part of the interface: scripts look at them.

use std::fmt;

/// How the program ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// All went well.
    Ok = 0,
    /// Something failed on the way: output, a guest.
    Failed = 1,
    /// The command line cannot be carried out as it is.
    Usage = 2,
    /// A guest was not taken.
    GuestRejected = 3,
    /// The input is damaged or cut off; what could be read was processed.
    Input = 5,
    /// The system did not permit it.
    Permission = 6,
    /// Stopped by Ctrl-C.
    Interrupted = 130,
}

/// A command cannot go on: what it says, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    /// How the program ends.
    pub(crate) exit: Exit,
    /// Why, for the person in front of it.
    pub(crate) error: anyhow::Error,
}

impl Failure {
    /// A failure with this exit code.
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into() }
    }

    /// A failure that needs no more than words.
    pub(crate) fn say(exit: Exit, words: impl fmt::Display) -> Self {
        Self { exit, error: anyhow::anyhow!("{words}") }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}
