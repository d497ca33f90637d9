//! User-defined events, made and changed while the middlebox runs. In `start`, [`Setup`](crate::Setup) makes them, with
//! filters that may also capture.
//!
//! Making the same event again gives the same one; a name belongs to one definition. Filters are functions, or closures
//! that capture nothing.
//!
//! ```no_run
//! # use sluice_guest_sdk as sluice;
//! use sluice::prelude::*;
//! use sluice::{EventId, events};
//!
//! # struct Middle { large: Option<EventId> }
//! impl Middle {
//!     fn is_large(&self, event: &Event) -> bool {
//!         event.length() > 1_000
//!     }
//!
//!     fn on_first_data(&mut self, event: &Event) -> Result<(), Error> {
//!         let large = events::define("large", NewData, Self::is_large)?;
//!         event.flow().on(large, Self::on_large)?;
//!         self.large = Some(large);
//!         Ok(())
//!     }
//!
//!     /// Once is enough: takes the event out, and with it the handlers of all flows.
//!     fn on_large(&mut self, _event: &Event) -> Result<(), Error> {
//!         self.large.take().map_or(Ok(()), EventId::undefine)
//!     }
//! }
//! ```

use crate::bindings::sluice::middlebox::event as raw;
use crate::functions::filter_number;
use crate::kind::EventId;
use crate::middlebox::Decision;
use crate::{Error, Event, Native};

/// Defines an event that happens when `parent` happens and `happens` says so: see [`Setup::define`].
///
/// [`Setup::define`]: crate::Setup::define
///
/// # Errors
///
/// [`Error::TooMany`], [`Error::TooLong`] for a name of more than 64 bytes, [`Error::Exists`] for one that is taken,
/// [`Error::BadId`] if `parent` was undefined, [`Error::NotAllowed`] in a filter.
pub fn define<M: 'static, D: Decision, F: Fn(&M, &Event) -> D + 'static>(
    name: &str,
    parent: impl Into<EventId>,
    happens: F,
) -> Result<EventId, Error> {
    define_bytes(name, parent, &[], happens)
}

/// As [`define`], with a number that comes with the event as [`Event::argument`].
///
/// # Errors
///
/// As there.
pub fn define_with<M: 'static, D: Decision, F: Fn(&M, &Event) -> D + 'static>(
    name: &str,
    parent: impl Into<EventId>,
    argument: u64,
    happens: F,
) -> Result<EventId, Error> {
    define_bytes(name, parent, &argument.to_le_bytes(), happens)
}

/// As [`define`], with up to 1,024 bytes that come with the event as [`Event::argument_bytes`]; their first eight are
/// [`Event::argument`], little-endian.
///
/// # Errors
///
/// As there, and [`Error::TooLong`] for more.
pub fn define_bytes<M: 'static, D: Decision, F: Fn(&M, &Event) -> D + 'static>(
    name: &str,
    parent: impl Into<EventId>,
    argument: &[u8],
    happens: F,
) -> Result<EventId, Error> {
    const { assert!(size_of::<F>() == 0, "a filter that is given later must not capture anything") };
    define_raw(name, parent.into(), &raw::Filter::Guest(filter_number(happens)?), argument)
}

/// Defines an event that happens when `parent` happens and the host finds that `filter` holds: see
/// [`Setup::define_native`](crate::Setup::define_native). Expressions are for `start` only.
///
/// # Errors
///
/// As [`define`], [`Error::BadFilter`] for a filter that means nothing or says nothing about `parent`, and
/// [`Error::NotAllowed`] for an expression.
pub fn define_native(name: &str, parent: impl Into<EventId>, filter: &Native) -> Result<EventId, Error> {
    define_raw(name, parent.into(), &filter.raw(), &[])
}

/// Makes an event below `parent` that happens only when it is [raised](EventId::raise).
///
/// # Errors
///
/// As [`define`].
pub fn alloc(name: &str, parent: impl Into<EventId>) -> Result<EventId, Error> {
    let parent = parent.into();
    let number = raw::alloc(name, parent.number).map_err(Error::from_number)?;
    Ok(EventId { number, root: parent.root })
}

pub(crate) fn define_raw(
    name: &str,
    parent: EventId,
    filter: &raw::Filter,
    argument: &[u8],
) -> Result<EventId, Error> {
    let number = raw::define(name, parent.number, filter, argument).map_err(Error::from_number)?;
    Ok(EventId { number, root: parent.root })
}

impl EventId {
    /// Lets an event that [`alloc`] made happen: once for the event at hand, after what is defined below its parent.
    /// Raising it twice is as good as once. Filters may raise as well; if one says no to the event whose child it
    /// raised, that does not happen.
    ///
    /// # Errors
    ///
    /// [`Error::BadId`] if the event happens by itself, or its parent is neither the event at hand nor one that led to
    /// it; [`Error::TooMany`] for more than 64 in one event; [`Error::NotAllowed`] outside of filters and handlers of
    /// events, and in deferred handlers.
    pub fn raise(self) -> Result<(), Error> {
        raw::raise(self.number).map_err(Error::from_number)
    }

    /// Takes a user-defined event out, with all below it and all registrations for it, of monitors and of flows.
    ///
    /// # Errors
    ///
    /// [`Error::BadId`] if it is built in or was undefined before, [`Error::NotAllowed`] in a filter.
    pub fn undefine(self) -> Result<(), Error> {
        raw::undefine(self.number).map_err(Error::from_number)
    }
}

impl Event {
    /// The argument of the definition of the user-defined event at hand, whole; empty for a built-in one. Replaces the
    /// content of `buffer`.
    ///
    /// # Errors
    ///
    /// [`Error::BadId`] if the event was undefined meanwhile.
    pub fn argument_bytes<'a>(&self, buffer: &'a mut Vec<u8>) -> Result<&'a [u8], Error> {
        self.flow.be_current();
        *buffer = raw::argument().map_err(Error::from_number)?;
        Ok(buffer)
    }
}
