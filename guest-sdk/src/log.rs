//! What a middlebox tells the operator: lines, structured events, and a report for people.

use crate::Error;
use crate::bindings::sluice::middlebox::log as raw;
use crate::json::Object;

/// Longest piece of a report that the host takes in one call, in bytes.
const REPORT_BYTES_MAX: usize = 64 * 1024;

/// How important a line is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Severity {
    /// Something does not work.
    Error,
    /// Something may be wrong.
    Warn,
    /// Worth knowing.
    Info,
    /// For whoever works on the middlebox.
    Debug,
}

/// Writes a line of at most 4,096 bytes. The macros [`error!`](crate::log::error), [`warn!`](crate::log::warn),
/// [`info!`](crate::log::info) and [`debug!`](crate::log::debug) format one and leave the answer to the host, which
/// counts what it drops.
///
/// # Errors
///
/// [`Error::TooLong`], [`Error::TooMany`].
pub fn line(severity: Severity, text: &str) -> Result<(), Error> {
    let severity = match severity {
        Severity::Error => raw::Severity::Error,
        Severity::Warn => raw::Severity::Warn,
        Severity::Info => raw::Severity::Info,
        Severity::Debug => raw::Severity::Debug,
    };
    raw::line(severity, text).map_err(Error::from_number)
}

/// [`line`] for those who have nothing to do about a line that the host drops: it counts them.
#[doc(hidden)]
pub fn write(severity: Severity, text: &str) {
    let _counted_by_the_host = line(severity, text);
}

/// Writes a structured event: the host adds time, addresses and the identity of the current flow, and puts `body`
/// under the key `event_type`, as Suricata's EVE format does.
///
/// # Errors
///
/// [`Error::TooLong`] for more than 64 KiB, [`Error::TooMany`].
pub fn event(event_type: &str, body: &Object) -> Result<(), Error> {
    raw::event(event_type, &body.to_string()).map_err(Error::from_number)
}

/// Adds to the report for people: shown as it is, apart from the event log. [`report!`](crate::report) formats.
///
/// # Errors
///
/// [`Error::TooMany`].
pub fn report(text: &str) -> Result<(), Error> {
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(rest.floor_char_boundary(REPORT_BYTES_MAX));
        raw::report(piece).map_err(Error::from_number)?;
        rest = behind;
    }
    Ok(())
}

/// Formats a piece of the report for people; the text carries its own line ends.
///
/// ```no_run
/// # use sluice_guest_sdk as sluice;
/// sluice::report!("{} flows\n", 3);
/// ```
#[macro_export]
macro_rules! report {
    ($($text:tt)*) => {{
        let _counted_by_the_host = $crate::log::report(&::std::format!($($text)*));
    }};
}

/// Formats a line about something that does not work.
#[doc(hidden)]
#[macro_export]
macro_rules! log_error {
    ($($text:tt)*) => { $crate::log::write($crate::log::Severity::Error, &::std::format!($($text)*)) };
}

/// Formats a line about something that may be wrong.
#[doc(hidden)]
#[macro_export]
macro_rules! log_warn {
    ($($text:tt)*) => { $crate::log::write($crate::log::Severity::Warn, &::std::format!($($text)*)) };
}

/// Formats a line worth knowing.
#[doc(hidden)]
#[macro_export]
macro_rules! log_info {
    ($($text:tt)*) => { $crate::log::write($crate::log::Severity::Info, &::std::format!($($text)*)) };
}

/// Formats a line for whoever works on the middlebox.
#[doc(hidden)]
#[macro_export]
macro_rules! log_debug {
    ($($text:tt)*) => { $crate::log::write($crate::log::Severity::Debug, &::std::format!($($text)*)) };
}

#[doc(inline)]
pub use crate::{log_debug as debug, log_error as error, log_info as info, log_warn as warn};
