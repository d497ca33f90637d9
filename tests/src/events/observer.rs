//! Which built-in events happen.

use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, Place, TenantId};
use sluice_engine::reassembly::Level;
use sluice_engine::{Config, Engine, Grants, Refusal, View};

/// Writes down every event. See the module.
#[derive(Debug, Default)]
pub struct Observer {
    /// What was told, without how much is readable.
    pub calls: Vec<EventCall>,
}

impl Observer {
    /// An engine whose monitors, one of streams and one of packets, are registered for everything.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if the engine does not take the registrations: a bug.
    pub fn engine(config: Config) -> Result<Engine, Refusal> {
        let mut definitions = Definitions::new();
        let raw = definitions.open_raw(None)?;
        definitions.register(raw, EventKind::PacketIn.number(), Hook::None, 0)?;
        let stream = definitions.open_stream(None, Level::Full)?;
        for kind in EventKind::ALL {
            for hook in Hook::ALL.into_iter().filter(|hook| kind.allows(*hook)) {
                definitions.register(stream, kind.number(), hook, 0)?;
            }
        }
        let mut engine = Engine::new(config);
        engine.attach(definitions, Grants::NONE)?;
        Ok(engine)
    }
}

impl Handler for Observer {
    fn callback(&mut self, _: TenantId, call: &EventCall, _: &mut Box<View>) -> Result<u32, Faulted> {
        self.calls.push(EventCall { readable: 0, ..*call });
        Ok(0)
    }
}

/// The passes that events were raised in: those of a packet at a hook are one, but each piece of a stream is told of in
/// a pass of its own, and so is what belongs to no hook.
pub fn passes(calls: &[EventCall]) -> impl Iterator<Item = &[EventCall]> {
    calls.chunk_by(|before, after| {
        let at = |call: &EventCall| {
            let place: Place = call.place();
            (call.flow, call.time, place.hook(), place.side())
        };
        let goes_on = matches!(
            after.event_kind(),
            Some(EventKind::ConnStart | EventKind::StateChange | EventKind::Rexmit | EventKind::Conflict)
        );
        goes_on && at(before) == at(after) && before.kind < after.kind
    })
}
