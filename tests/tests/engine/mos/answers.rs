//! The calls of the guest interface, with their answers at every moment.

use std::any::Any;

use sluice_engine::event::{Change, EventFilter, EventKind, Hook};
use sluice_engine::reassembly::Level;
use sluice_engine::view::{PeekError, Region};
use sluice_engine::{Direction, Refusal, Side, Sides, View};

/// Numbers that a guest knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// The event at hand, or some event.
    pub(super) kind: EventKind,
    /// The first flow.
    pub(super) flow: u64,
    /// The place of the event in its burst, one that there is not where there is no event.
    pub(super) place: u32,
    /// Below each kind, by its number: an event with a filter, one that is raised.
    pub(super) defined: [u32; 11],
    pub(super) raised: [u32; 11],
}

pub(super) type Call = fn(&mut View, &Known) -> Result<(), Refusal>;

/// A call with its answers.
///
/// The columns: in a handler of a live flow with a packet, without one, of a flow that ends with a packet, without one,
/// of no flow; the same in a filter; in a deferred handler of a live flow, of one that has ended, of none; in a timer,
/// in `on-ready` and in `stop` with no flow selected, with a live one, with one that has ended; in `burst` with no
/// event selected, with one of a live flow, of one that has ended, of none, which `select` refuses.
///
/// `.` done, `p` no-packet, `f` no-flow, `n` not-allowed, `i` bad-id, `h` bad-hook, `d` no-data, `b` not-buffered,
/// `l` too-long, `x` exists, `a` bad-argument, `t` too-many.
pub(super) type Row = (&'static str, &'static str, Call);

const TO_SERVER: Direction = Direction::ToServer;
const TO_CLIENT: Direction = Direction::ToClient;

/// For a monitor that reads bytes and asked for observables.
#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    ("getlastpkt",           ".p.p. .p.p. ppp ppp pppp", |view, _| view.packet_info().map(drop)),
    ("bytes of the frame",   ".p.p. .p.p. ppp ppp pppp", |view, _| bytes(view, Region::Frame, 0, u32::MAX)),
    ("bytes of ip",          ".p.p. .p.p. ppp ppp pppp", |view, _| bytes(view, Region::Ip, 0, 0)),
    ("bytes of tcp",         ".p.p. .p.p. ppp ppp pppp", |view, _| bytes(view, Region::Tcp, u32::MAX, 1)),
    ("bytes of payload",     ".p.p. .p.p. ppp ppp pppp", |view, _| bytes(view, Region::Payload, u32::MAX, u32::MAX)),
    ("peek",                 "....f ....f ..f f.. f..f", |view, _| peek(view, TO_SERVER, u32::MAX)),
    ("peek nothing",         "....f ....f ..f f.. f..f", |view, _| peek(view, TO_SERVER, 0)),
    ("peek to-client",       "....f ....f ..f f.. f..f", |view, _| peek(view, TO_CLIENT, u32::MAX)),
    ("peek twice",           "....f ....f ..f f.. f..f", |view, _| {
        peek(view, TO_SERVER, u32::MAX)?;
        peek(view, TO_SERVER, u32::MAX)
    }),
    ("peek-at the end",      "ddddf ddddf ddf fdd fddf", |view, _| peek_at(view, TO_SERVER, u64::MAX, u32::MAX)),
    ("peek-at beyond",       "ddddf ddddf ddf fdd fddf", |view, _| peek_at(view, TO_CLIENT, 1 << 32, u32::MAX)),
    ("peek-at nothing",      "....f ....f ..f f.. f..f", |view, _| peek_at(view, TO_CLIENT, u64::MAX, 0)),
    ("fraginfo",             "....f ....f ..f f.. f..f", |view, _| view.fraginfo(TO_SERVER, &mut Vec::new())),
    ("fraginfo to-client",   "....f ....f ..f f.. f..f", |view, _| view.fraginfo(TO_CLIENT, &mut Vec::new())),
    ("buffer-info",          "....f ....f ..f f.. f..f", |view, _| view.buffer_info(TO_SERVER).map(drop)),
    ("overlap",              "....f ....f ..f f.. f..f", |view, _| view.overlap(TO_CLIENT).map(drop)),
    ("endpoints",            "....f ....f ..f f.. f..f", |view, _| view.endpoints().map(drop)),
    ("info",                 "....f ....f ..f f.. f..f", |view, _| view.flow_info().map(drop)),
    ("statistics",           "....f ....f ..f f.. f..f", |view, _| view.statistics(Side::Client).map(drop)),
    ("observables",          "....f ....f ..f f.. f..f", |view, _| view.observables(Side::Server).map(drop)),
    ("tcp-info",             "....f ....f ..f f.. f..f", |view, _| view.tcp_info(Side::Client).map(drop)),
    ("set-user-context",     "....f nnnnf ..f f.. f..f", |view, _| view.set_user_context(u64::MAX)),
    ("stop-monitoring",      "....f nnnnf ..f f.. f..f", |view, _| view.stop_monitoring(Sides::BOTH)),
    ("stop one side",        "....f nnnnf ..f f.. f..f", |view, _| view.stop_monitoring(Sides::SERVER)),
    ("stop no side",         "....f nnnnf ..f f.. f..f", |view, _| view.stop_monitoring(Sides::NONE)),
    ("set-level full",       "....f nnnnf ..f f.. f..f", |view, _| view.set_level(TO_SERVER, Level::Full)),
    ("set-level count",      "....f nnnnf ..f f.. f..f", |view, _| view.set_level(TO_SERVER, Level::Count)),
    ("set-level state",      "....f nnnnf ..f f.. f..f", |view, _| view.set_level(TO_CLIENT, Level::State)),
    ("set-level there, back", "....f nnnnf ..f f.. f..f", |view, _| {
        view.set_level(TO_SERVER, Level::State)?;
        view.set_level(TO_SERVER, Level::Full)
    }),
    ("set-size 1",           "....f nnnnf ..f f.. f..f", |view, _| view.set_size(TO_SERVER, 1).map(drop)),
    ("set-size most",        "....f nnnnf ..f f.. f..f", |view, _| view.set_size(TO_CLIENT, u32::MAX).map(drop)),
    ("set-size 0",           "aaaaf nnnnf aaf faa faaf", |view, _| view.set_size(TO_SERVER, 0).map(drop)),
    ("retain nothing",       "....f nnnnf ..f f.. f..f", |view, _| view.set_retain(TO_SERVER, 0).map(drop)),
    ("retain most",          "....f nnnnf ..f f.. f..f", |view, _| view.set_retain(TO_SERVER, u32::MAX).map(drop)),
    ("scan",                 "....f nnnnn ..f f.. f..f", |view, _| scan(view, TO_SERVER)),
    ("scan to-client",       "....f nnnnn ..f f.. f..f", |view, _| scan(view, TO_CLIENT)),
    ("scan twice",           "....f nnnnn ..f f.. f..f", |view, _| {
        scan(view, TO_SERVER)?;
        scan(view, TO_SERVER)
    }),
    ("scan and be refused",  "ttttf nnnnn ttf ftt fttf", |view, _| {
        asked(view.read_with(TO_SERVER, |_| Err::<((), _), _>(Refusal::TooMany)))
    }),
    ("select an event",      "nnnnn nnnnn nnn nnn i..f", |view, known| view.select_event(known.place)),
    ("select it twice",      "nnnnn nnnnn nnn nnn i..f", |view, known| {
        let _ = view.select_event(known.place);
        view.select_event(known.place)
    }),
    ("select no event",      "nnnnn nnnnn nnn nnn iiii", |view, _| view.select_event(64)),
    ("select far away",      "nnnnn nnnnn nnn nnn iiii", |view, _| view.select_event(u32::MAX)),
    // A place that is refused leaves no flow current, where there is a choice.
    ("select and ask",       "....f ....f ..f f.. ffff", |view, _| {
        let _ = view.select_event(u32::MAX);
        view.endpoints().map(drop)
    }),
    ("select and come back", "nnnnn nnnnn nnn nnn i..f", |view, known| {
        let _ = view.select_event(u32::MAX);
        view.select_event(known.place)?;
        view.endpoints().map(drop)
    }),
    ("select-flow",          "nnnnn nnnnn nnn ... ....", |view, known| view.select_flow(known.flow)),
    ("select-flow 0",        "nnnnn nnnnn nnn fff ffff", |view, _| view.select_flow(0)),
    ("select-flow unknown",  "nnnnn nnnnn nnn fff ffff", |view, _| view.select_flow(u64::MAX)),
    ("select-monitor",       "nnnnn nnnnn nnn f.. f..f", |view, _| view.select_monitor(0)),
    ("select-monitor raw",   "nnnnn nnnnn nnn fii fiif", |view, _| view.select_monitor(1)),
    ("select-monitor none",  "nnnnn nnnnn nnn fii fiif", |view, _| view.select_monitor(u32::MAX)),
    ("set a timer",          "..... nnnnn ... ... ....", |view, _| view.set_timer(0, 1).map(drop)),
    ("set a late timer",     "..... nnnnn ... ... ....", |view, _| view.set_timer(u64::MAX, u64::MAX).map(drop)),
    ("cancel a timer",       "..... nnnnn ... ... ....", |view, _| view.cancel_timer(LATE_TIMER)),
    ("cancel it twice",      "iiiii nnnnn iii iii iiii", |view, _| {
        view.cancel_timer(LATE_TIMER)?;
        view.cancel_timer(LATE_TIMER)
    }),
    ("cancel no timer",      "iiiii nnnnn iii iii iiii", |view, _| view.cancel_timer(u32::MAX)),
    ("argument",             "..... ..... ... nnn n...", |view, _| view.argument().map(drop)),
    ("raise",                "..... ..... nnn nnn nnnn", |view, known| view.raise(known.raised[known.kind.index()])),
    ("raise twice",          "..... ..... nnn nnn nnnn", |view, known| {
        view.raise(known.raised[known.kind.index()])?;
        view.raise(known.raised[known.kind.index()])
    }),
    ("raise elsewhere",      "iiiii iiiii nnn nnn nnnn", |view, known| {
        view.raise(known.raised[11 - known.kind.index()])
    }),
    ("raise what has a filter", "iiiii iiiii nnn nnn nnnn", |view, known| {
        view.raise(known.defined[known.kind.index()])
    }),
    ("raise a built-in one", "iiiii iiiii nnn nnn nnnn", |view, known| view.raise(known.kind.number())),
    ("raise nothing",        "iiiii iiiii nnn nnn nnnn", |view, _| view.raise(u32::MAX)),
    ("define",               "..... nnnnn ... ... ....", |view, known| define(view, "new", known.kind.number())),
    ("define below itself",  "..... nnnnn ... ... ....", |view, known| define(view, "new", known.defined[1])),
    ("define the same",      "..... nnnnn ... ... ....", |view, _| define(view, "packet-in", 1)),
    ("define another one",   "xxxxx nnnnn xxx xxx xxxx", |view, _| {
        view.define("new-data", 1, EventFilter::Guest(2), b"").map(drop)
    }),
    ("define below nothing", "iiiii nnnnn iii iii iiii", |view, _| define(view, "new", 0)),
    ("define far away",      "iiiii nnnnn iii iii iiii", |view, _| define(view, "new", u32::MAX)),
    ("define with a long name", "lllll nnnnn lll lll llll", |view, _| define(view, &"n".repeat(65), 1)),
    ("define with a long argument", "lllll nnnnn lll lll llll", |view, _| {
        view.define("new", 1, EventFilter::Guest(1), &[0; 1025]).map(drop)
    }),
    ("alloc",                "..... nnnnn ... ... ....", |view, _| {
        view.define("new", 9, EventFilter::Raised, b"").map(drop)
    }),
    ("undefine",             "..... nnnnn ... ... ....", |view, known| {
        view.undefine(known.defined[known.kind.index()])
    }),
    ("undefine it twice",    "iiiii nnnnn iii iii iiii", |view, known| {
        view.undefine(known.raised[known.kind.index()])?;
        view.undefine(known.raised[known.kind.index()])
    }),
    ("undefine a built-in one", "iiiii nnnnn iii iii iiii", |view, known| view.undefine(known.kind.number())),
    ("undefine nothing",     "iiiii nnnnn iii iii iiii", |view, _| view.undefine(u32::MAX)),
    ("register",             "..... nnnnn ... ... ....", |view, _| {
        view.change_monitor(0, Change::register(1, Hook::Sender, 50))
    }),
    ("register twice",       "..... nnnnn ... ... ....", |view, _| {
        view.change_monitor(0, Change::register(1, Hook::Sender, AT_ONCE))
    }),
    ("register nowhere",     "iiiii nnnnn iii iii iiii", |view, _| {
        view.change_monitor(2, Change::register(1, Hook::Sender, 50))
    }),
    ("register far away",    "iiiii nnnnn iii iii iiii", |view, _| {
        view.change_monitor(u32::MAX, Change::register(1, Hook::Sender, 50))
    }),
    ("register for nothing", "iiiii nnnnn iii iii iiii", |view, _| {
        view.change_monitor(0, Change::register(11, Hook::Sender, 50))
    }),
    ("register at no hook",  "hhhhh nnnnn hhh hhh hhhh", |view, _| {
        view.change_monitor(0, Change::register(6, Hook::Sender, 50))
    }),
    ("register on packets",  "hhhhh nnnnn hhh hhh hhhh", |view, _| {
        view.change_monitor(1, Change::register(6, Hook::Receiver, 50))
    }),
    ("unregister",           "..... nnnnn ... ... ....", |view, _| {
        view.change_monitor(0, Change::unregister(1, Hook::Sender, AT_ONCE))
    }),
    ("unregister a stranger", "iiiii nnnnn iii iii iiii", |view, _| {
        view.change_monitor(0, Change::unregister(1, Hook::Sender, u32::MAX))
    }),
    ("replace",              "..... nnnnn ... ... ....", |view, _| {
        view.change_monitor(0, Change::replace(1, Hook::Sender, AT_ONCE, 50))
    }),
    ("register-flow",        "..fff nnnnn .ff f.f f.ff", |view, _| {
        view.change_flow(Change::register(1, Hook::Receiver, 50))
    }),
    ("register-flow no hook", "hhfff nnnnn hff fhf fhff", |view, _| {
        view.change_flow(Change::register(9, Hook::Receiver, 50))
    }),
    ("register-flow nothing", "iifff nnnnn iff fif fiff", |view, _| {
        view.change_flow(Change::register(u32::MAX, Hook::Receiver, 50))
    }),
    ("unregister-flow",      "..fff nnnnn .ff f.f f.ff", |view, _| {
        view.change_flow(Change::unregister(1, Hook::Sender, AT_ONCE))
    }),
    ("unregister-flow again", "iifff nnnnn iff fif fiff", |view, _| {
        view.change_flow(Change::unregister(1, Hook::Sender, AT_ONCE))?;
        view.change_flow(Change::unregister(1, Hook::Sender, AT_ONCE))
    }),
    ("replace-flow",         "..fff nnnnn .ff f.f f.ff", |view, _| {
        view.change_flow(Change::replace(1, Hook::Sender, AT_ONCE, 50))
    }),
];

/// For a monitor of level `count` that asked for nothing.
#[rustfmt::skip]
pub(super) const ROWS_OF_COUNTS: &[Row] = &[
    ("peek",                 "bbbbf bbbbf bbf fbb fbbf", |view, _| peek(view, TO_SERVER, u32::MAX)),
    ("peek-at",              "bbbbf bbbbf bbf fbb fbbf", |view, _| peek_at(view, TO_CLIENT, 0, 1)),
    ("scan",                 "bbbbf nnnnn bbf fbb fbbf", |view, _| scan(view, TO_SERVER)),
    ("fraginfo",             "bbbbf bbbbf bbf fbb fbbf", |view, _| view.fraginfo(TO_SERVER, &mut Vec::new())),
    ("buffer-info",          "bbbbf bbbbf bbf fbb fbbf", |view, _| view.buffer_info(TO_CLIENT).map(drop)),
    ("statistics",           "....f ....f ..f f.. f..f", |view, _| view.statistics(Side::Client).map(drop)),
    ("observables",          "nnnnf nnnnf nnf fnn fnnf", |view, _| view.observables(Side::Client).map(drop)),
    ("tcp-info",             "nnnnf nnnnf nnf fnn fnnf", |view, _| view.tcp_info(Side::Server).map(drop)),
    ("overlap",              "....f ....f ..f f.. f..f", |view, _| view.overlap(TO_SERVER).map(drop)),
    ("set-size",             "....f nnnnf ..f f.. f..f", |view, _| view.set_size(TO_SERVER, 1).map(drop)),
    ("retain",               "....f nnnnf ..f f.. f..f", |view, _| view.set_retain(TO_CLIENT, 1).map(drop)),
    // What is changed shows from the next pass on.
    ("peek at a new level",  "bbbbf nnnnf bbf fbb fbbf", |view, _| {
        view.set_level(TO_SERVER, Level::Full)?;
        peek(view, TO_SERVER, u32::MAX)
    }),
];

fn bytes(view: &View, region: Region, offset: u32, max: u32) -> Result<(), Refusal> {
    view.packet_bytes(region, offset, max).map(drop)
}

pub(super) fn peek(view: &mut View, direction: Direction, max: u32) -> Result<(), Refusal> {
    asked(view.peek(direction, max, &mut Vec::new()))
}

/// What `matcher.scan` does with a stream: reads it in place, and keeps something for the next time.
fn scan(view: &mut View, direction: Direction) -> Result<(), Refusal> {
    asked(view.read_with(direction, |unread| {
        let kept: Box<dyn Any> = Box::new(unread.pieces.map(<[u8]>::len));
        Ok(((), Some(kept)))
    }))
}

/// Bytes that were missed are an answer, too.
fn asked(answer: Result<(), PeekError>) -> Result<(), Refusal> {
    match answer {
        Err(PeekError::Refused(refusal)) => Err(refusal),
        Ok(()) | Err(PeekError::Missed(_)) => Ok(()),
    }
}

fn peek_at(view: &View, direction: Direction, offset: u64, max: u32) -> Result<(), Refusal> {
    view.peek_at(direction, offset, max, &mut Vec::new())
}

fn define(view: &mut View, name: &str, parent: u32) -> Result<(), Refusal> {
    view.define(name, parent, EventFilter::Guest(1), b"").map(drop)
}

pub(super) fn letter(answer: Result<(), Refusal>) -> char {
    match answer {
        Ok(()) => '.',
        Err(Refusal::NoPacket) => 'p',
        Err(Refusal::NoFlow) => 'f',
        Err(Refusal::NotAllowed) => 'n',
        Err(Refusal::BadId) => 'i',
        Err(Refusal::BadHook) => 'h',
        Err(Refusal::NoData) => 'd',
        Err(Refusal::NotBuffered) => 'b',
        Err(Refusal::TooLong) => 'l',
        Err(Refusal::Exists) => 'x',
        Err(Refusal::BadArgument) => 'a',
        Err(Refusal::TooMany) => 't',
        Err(_) => '?',
    }
}
/// The prober's handler that is called at once.
pub(super) const AT_ONCE: u32 = 1;

/// The last of the timers that are set before the first packet.
pub(super) const LATE_TIMER: u32 = 2;
