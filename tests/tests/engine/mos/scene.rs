//! Conversations in the language of the packet scripts, in front of monitors that do what a test says.

use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::packet::Verdict;
use sluice_engine::reassembly::Level;
use sluice_engine::{Config, Direction, Engine, Grants, Nanos, Side, View};
use sluice_tests::script::{Action, Script};
use sluice_tests::{Frames, balance};

/// The beginning of most conversations: streams begin with the sequence numbers 1001 and 5001.
pub(super) const HANDSHAKE: &str = "0ms c S 1000\n1ms s S. 5000 ack 1001\n2ms c . 1001 ack 5001\n";

/// A call of a guest.
#[derive(Debug)]
pub(super) enum What<'a> {
    /// A handler, or the question of a filter.
    Event(&'a EventCall),
    Filter(&'a EventCall),
    /// A timer's number, argument and deadline.
    Timer(u32, u64, Nanos),
    /// Flows are ready, or the tenant is about to end.
    Other,
}

/// What a guest does in a call: it may write into its notes. The answer is that of a filter (0 for no) or the verdict.
pub(super) type Act = fn(&mut Vec<String>, TenantId, &What<'_>, &mut View) -> u32;

/// All guests of a scene.
#[derive(Debug)]
pub(super) struct Guests {
    act: Act,
    /// What was written down.
    pub(super) notes: Vec<String>,
}

impl Handler for Guests {
    fn filter(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<bool, Faulted> {
        Ok((self.act)(&mut self.notes, tenant, &What::Filter(call), view) != 0)
    }

    fn callback(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        Ok((self.act)(&mut self.notes, tenant, &What::Event(call), view))
    }

    fn timer(
        &mut self,
        tenant: TenantId,
        timer: u32,
        argument: u64,
        deadline: Nanos,
        view: &mut Box<View>,
    ) -> Result<(), Faulted> {
        (self.act)(&mut self.notes, tenant, &What::Timer(timer, argument, deadline), view);
        Ok(())
    }

    fn ready(&mut self, tenant: TenantId, _: &[u64], view: &mut Box<View>) -> Result<(), Faulted> {
        (self.act)(&mut self.notes, tenant, &What::Other, view);
        Ok(())
    }

    fn stop(&mut self, tenant: TenantId, view: &mut Box<View>) -> Result<(), Faulted> {
        (self.act)(&mut self.notes, tenant, &What::Other, view);
        Ok(())
    }
}

/// An engine and its guests.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) engine: Engine,
    pub(super) guests: Guests,
    /// What became of the packets, in order.
    pub(super) verdicts: Vec<Verdict>,
    /// What was played, and how many packets and commands it was: a sender repeats the ACK that it gave last.
    said: String,
    done: usize,
}

impl Scene {
    /// One tenant for each of the definitions, none of which may drop packets.
    pub(super) fn new(config: Config, tenants: Vec<Definitions>, act: Act) -> Self {
        let tenants = tenants.into_iter().map(|definitions| (definitions, false)).collect();
        Self::with_rights(config, tenants, act)
    }

    /// One tenant for each of the definitions; with each, whether it may drop packets.
    pub(super) fn with_rights(config: Config, tenants: Vec<(Definitions, bool)>, act: Act) -> Self {
        let mut engine = Engine::new(config);
        for (definitions, may_drop) in tenants {
            engine.attach(definitions, Grants { drop: may_drop, ..Grants::NONE }).unwrap();
        }
        let guests = Guests { act, notes: Vec::new() };
        Self { engine, guests, verdicts: Vec::new(), said: String::new(), done: 0 }
    }

    /// Goes on with the conversation, in bursts of so many packets.
    pub(super) fn play(&mut self, burst: usize, conversation: &str) {
        self.said += conversation;
        self.said += "\n";
        let script = Script::parse(&self.said).unwrap();
        let already = std::mem::replace(&mut self.done, script.actions.len());
        let mut frames = Vec::new();
        for action in &script.actions[already..] {
            if let Action::Packet(packet) = action {
                frames.push(packet.frame().unwrap());
                if frames.len() < burst {
                    continue;
                }
            }
            self.receive(std::mem::take(&mut frames));
            match action {
                Action::Packet(_) => {}
                Action::Expire(now) => self.engine.expire(*now, &mut self.guests),
                Action::Finish => self.engine.finish(&mut self.guests),
            }
            balance(&self.engine).unwrap();
        }
        self.receive(frames);
    }

    /// Takes a burst of frames.
    pub(super) fn receive(&mut self, frames: Vec<sluice_tests::Frame>) {
        if !frames.is_empty() {
            let _ = self.engine.receive(Box::new(Frames(frames)), &mut self.guests);
            self.verdicts.extend(self.engine.verdicts());
            balance(&self.engine).unwrap();
        }
    }

    /// Plays a conversation packet by packet and gives what was written down in it.
    pub(super) fn notes(&mut self, conversation: &str) -> Vec<String> {
        self.guests.notes.clear();
        self.play(1, conversation);
        std::mem::take(&mut self.guests.notes)
    }

    /// Ends the run: nothing is left of it.
    pub(super) fn end(mut self) -> Guests {
        self.engine.finish(&mut self.guests);
        self.engine.stop(&mut self.guests);
        balance(&self.engine).unwrap();
        assert_eq!((self.engine.budget().used(), self.engine.budget().segments()), (0, 0));
        self.guests
    }
}

/// A monitor that hears of everything, with the numbers of kinds as those of its handlers.
pub(super) fn everything(level: Level) -> Definitions {
    let mut definitions = Definitions::new();
    let monitor = definitions.open_stream(None, level).unwrap();
    register_all(&mut definitions, monitor);
    definitions
}

/// Registers a monitor for everything that it can hear of.
pub(super) fn register_all(definitions: &mut Definitions, monitor: u32) {
    for (kind, hook) in all_events() {
        definitions.register(monitor, kind.number(), hook, kind.number()).unwrap();
    }
}

/// A monitor of level `full` with handlers for these events, numbered as their kinds.
pub(super) fn hearing(events: &[(EventKind, Hook)]) -> Definitions {
    let mut definitions = Definitions::new();
    let monitor = definitions.open_stream(None, Level::Full).unwrap();
    for (kind, hook) in events {
        definitions.register(monitor, kind.number(), *hook, kind.number()).unwrap();
    }
    definitions
}

/// Every built-in event with every hook at which it is raised.
pub(super) fn all_events() -> Vec<(EventKind, Hook)> {
    let hooks = |kind: EventKind| Hook::ALL.into_iter().filter(move |hook| kind.allows(*hook));
    EventKind::ALL.into_iter().flat_map(|kind| hooks(kind).map(move |hook| (kind, hook))).collect()
}

/// Kind, hook and side of a call: "packet-in sender client".
pub(super) fn place(call: &EventCall) -> String {
    let hook = hook_name(call.place().hook());
    format!("{} {hook} {}", kind(call).name(), call.place().side().map_or("-", Side::name))
}

pub(super) fn hook_name(hook: Hook) -> &'static str {
    match hook {
        Hook::None => "none",
        Hook::Sender => "sender",
        Hook::Receiver => "receiver",
    }
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

/// Bytes that are held at an offset, as text.
pub(super) fn held(view: &View, direction: Direction, offset: u64, max: u32) -> String {
    let mut bytes = Vec::new();
    match view.peek_at(direction, offset, max, &mut bytes) {
        Ok(()) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(refusal) => refusal.to_string(),
    }
}
