//! What an event costs by the handlers that are called for it and the user-defined events that are asked about.

use std::sync::Arc;

use sluice_engine::event::{
    Definitions, EventCall, EventFilter, EventKind, Faulted, Handler, Hook, NativeFilter, TenantId,
};
use sluice_engine::reassembly::Level;
use sluice_engine::{Config, Refusal, View};

use crate::pipeline::{self, Run, RunError};
use crate::traffic::Traffic;

/// Who evaluates the filters, and who is called.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Filters {
    /// The host evaluates filters that are data; handlers are native code.
    Native,
    /// Filters and handlers are native code, called like a guest.
    Code,
    /// Filters and handlers are a WebAssembly guest's.
    Guest,
}

impl Filters {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Native, Self::Code, Self::Guest];

    /// The name in tables and plots.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native filters",
            Self::Code => "filters in code",
            Self::Guest => "guest",
        }
    }
}

/// What a monitor has registered for each packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shape {
    /// Handlers of `packet-in` itself.
    pub callbacks: u32,
    /// User-defined events below `packet-in`, each with a filter that says no, and a handler.
    pub events: u32,
    /// Who evaluates the filters.
    pub filters: Filters,
}

impl Shape {
    /// What a tenant defines for it.
    ///
    /// # Errors
    ///
    /// [`Refusal`] for more than a tenant may have.
    pub fn definitions(self) -> Result<Definitions, Refusal> {
        let mut definitions = Definitions::new();
        let monitor = definitions.open_stream(None, Level::State)?;
        let packet = EventKind::PacketIn.number();
        for handler in 1..=self.callbacks {
            definitions.register(monitor, packet, Hook::Sender, handler)?;
        }
        for number in 1..=self.events {
            let filter = match self.filters {
                // Payload longer than any segment's.
                Filters::Native => NativeFilter::length(2_000, 2_000 + number)?.into(),
                Filters::Code | Filters::Guest => EventFilter::Guest(number),
            };
            let event = definitions.define(&format!("event-{number}"), packet, filter, b"")?;
            definitions.register(monitor, event, Hook::Sender, 100 + number)?;
        }
        Ok(definitions)
    }

    /// Runs all packets of `traffic` with native handlers. Each packet must have called the handlers and, where filters
    /// are code, been shown to each filter.
    ///
    /// # Errors
    ///
    /// [`RunError`] if something was called more or less often.
    pub fn run(self, traffic: &Arc<Traffic>) -> Result<Run, RunError> {
        let mut handler = No::default();
        let run = pipeline::run(traffic, Config::default(), self.definitions()?, &mut handler)?;
        let asked = if self.filters == Filters::Code { u64::from(self.events) } else { 0 };
        let expected = run.packets.saturating_mul(asked);
        if handler.asked != expected {
            return Err(RunError::Calls { found: handler.asked, expected });
        }
        self.check(run)
    }

    /// Whether each packet called as many handlers as it should.
    ///
    /// # Errors
    ///
    /// [`RunError::Calls`] if not.
    pub fn check(self, run: Run) -> Result<Run, RunError> {
        let expected = run.packets.saturating_mul(u64::from(self.callbacks));
        match run.counters.callbacks {
            found if found == expected => Ok(run),
            found => Err(RunError::Calls { found, expected }),
        }
    }
}

/// Says no to each filter, and adds up what it is called with.
#[derive(Debug, Default)]
struct No {
    asked: u64,
    wire_bytes: u64,
}

impl Handler for No {
    fn filter(&mut self, _: TenantId, call: &EventCall, _: &mut Box<View>) -> Result<bool, Faulted> {
        self.asked += 1;
        Ok(call.length > 2_000)
    }

    fn callback(&mut self, _: TenantId, call: &EventCall, _: &mut Box<View>) -> Result<u32, Faulted> {
        self.wire_bytes = self.wire_bytes.wrapping_add(u64::from(call.wire_length));
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use sluice_guest::LaneChoice;

    use super::*;
    use crate::guest::Lane;
    use crate::traffic::{Mix, generate};

    #[test]
    fn each_packet_calls_the_handlers_and_no_event_happens() {
        let traffic = Arc::new(generate(Mix::LongFlows, 3, 1));
        let lane = Lane::open(LaneChoice::Direct).unwrap();
        for filters in Filters::ALL {
            for (callbacks, events) in [(0, 0), (0, 5), (5, 0), (10, 10)] {
                let shape = Shape { callbacks, events, filters };
                match filters {
                    Filters::Native | Filters::Code => shape.run(&traffic).map(drop).unwrap(),
                    Filters::Guest => lane.run_shape(&traffic, shape).map(drop).unwrap(),
                }
            }
        }
    }
}
