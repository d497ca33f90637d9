//! Monitors that hear of everything.

use sluice_engine::event::{Definitions, EventCall, EventKind, Hook};
use sluice_engine::reassembly::Level;
use sluice_engine::{Direction, View};

/// A monitor that hears of everything, with the numbers of kinds as those of its handlers.
pub(super) fn everything(level: Level) -> Definitions {
    let mut definitions = Definitions::new();
    let monitor = definitions.open_stream(None, level).unwrap();
    for (kind, hook) in all_events() {
        definitions.register(monitor, kind.number(), hook, kind.number()).unwrap();
    }
    definitions
}

/// Every built-in event with every hook at which it is raised.
pub(super) fn all_events() -> Vec<(EventKind, Hook)> {
    let hooks = |kind: EventKind| Hook::ALL.into_iter().filter(move |hook| kind.allows(*hook));
    EventKind::ALL.into_iter().flat_map(|kind| hooks(kind).map(move |hook| (kind, hook))).collect()
}

pub(super) fn kind(call: &EventCall) -> EventKind {
    call.event_kind().unwrap()
}

/// All that a monitor can read of a direction now, as text; what it missed or was refused in words.
pub(super) fn read(view: &mut View, direction: Direction) -> String {
    let mut bytes = Vec::new();
    match view.peek(direction, u32::MAX, &mut bytes) {
        Ok(()) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => error.to_string(),
    }
}
