//! A guest's events and handlers in the order of a tree, in words.

use std::collections::{BTreeMap, BTreeSet};

use sluice_engine::Direction;
use sluice_engine::event::{
    Audience, EventFilter, EventKind, Hook, MonitorSpec, Registration, TenantEvents, UserEvent,
};
use sluice_engine::flow::Kib;
use sluice_engine::reassembly::Level;

use crate::inspect::shown;

/// Bytes of an argument that are shown.
const ARGUMENT_SHOWN: usize = 32;

/// What a guest defined and registered.
#[derive(Debug)]
pub(super) struct Tree {
    /// Name of the guest.
    pub(super) guest: String,
    /// Its monitors, in the order of their numbers.
    pub(super) monitors: Vec<MonitorLine>,
    /// Its events, parents before their children.
    pub(super) nodes: Vec<TreeNode>,
}

/// A monitor in words.
#[derive(Clone, Debug)]
pub(super) struct MonitorLine {
    /// What it listens to.
    pub(super) audience: &'static str,
    /// What is done for its flows, by direction if that differs; empty for one of packets.
    pub(super) level: String,
    /// What else it asked for.
    pub(super) options: Vec<&'static str>,
}

/// An event.
#[derive(Debug)]
pub(super) struct TreeNode {
    /// Its number.
    pub(super) event: u32,
    /// Number of its parent; `None` for a built-in event.
    pub(super) parent: Option<u32>,
    /// Its name, safe to print.
    pub(super) name: String,
    /// What decides whether it happens; empty for a built-in event.
    pub(super) filter: String,
    /// Argument of the definition, if it has one.
    pub(super) argument: Option<String>,
    /// Its handlers, by monitor and hook.
    pub(super) handlers: Vec<Handlers>,
    /// For each step from the root whether it is the last child there.
    last: Vec<bool>,
    has_children: bool,
}

/// Handlers of an event at one hook.
#[derive(Clone, Debug)]
pub(super) struct Handlers {
    /// Who registered them.
    pub(super) whose: Whose,
    /// Where they run.
    pub(super) hook: Hook,
    /// Their numbers, and whether they run at the end of the burst.
    pub(super) list: Vec<(u32, bool)>,
}

/// Whose registration it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Whose {
    /// A monitor's, by its number: flows begin with it.
    Monitor(usize),
    /// That of flows which registered it themselves.
    Flows,
}

impl MonitorLine {
    /// What a monitor asked for in `start`.
    pub(super) fn of(spec: &MonitorSpec) -> Self {
        let (audience, level) = match spec.audience {
            Audience::Stream => ("TCP flows", level_words(spec)),
            Audience::Raw => ("packets", String::new()),
        };
        let asked = [
            (spec.filter.is_some(), "filtered"),
            (spec.orphan_filter.is_some(), "orphans filtered"),
            (spec.wants.iter().any(|want| want.size != Kib::OPERATORS), "size"),
            (spec.wants.iter().any(|want| want.retain.is_some()), "retain"),
            (spec.observes, "observables"),
            (spec.polls, "polled"),
        ];
        let options = asked.into_iter().filter_map(|(is_asked, word)| is_asked.then_some(word)).collect();
        Self { audience, level, options }
    }
}

fn level_words(spec: &MonitorSpec) -> String {
    let [to_server, to_client] =
        Direction::BOTH.map(|direction| level_name(spec.wants[direction.index()].level));
    if to_server == to_client {
        return to_server.to_owned();
    }
    format!("{to_server} to server, {to_client} to client")
}

const fn level_name(level: Level) -> &'static str {
    match level {
        Level::State => "state",
        Level::Count => "count",
        Level::Full => "full",
    }
}

impl Tree {
    /// The events that a guest defined, below the built-in ones that have a handler or an event below them, or that
    /// `is_wanted` names by number.
    pub(super) fn new(
        guest: &str,
        monitors: Vec<MonitorLine>,
        events: &TenantEvents,
        is_wanted: impl Fn(u32) -> bool,
    ) -> Self {
        let mut tree = Self { guest: guest.to_owned(), monitors, nodes: Vec::new() };
        let handlers = handlers(events);
        for kind in EventKind::ALL {
            let number = kind.number();
            let children = events.events().children(number);
            if !children.is_empty() || handlers.contains_key(&number) || is_wanted(number) {
                tree.add(events, &handlers, number, &mut Vec::new());
            }
        }
        tree
    }

    /// Adds an event and its subtree; as deep as the engine lets trees be.
    fn add(
        &mut self,
        events: &TenantEvents,
        handlers: &BTreeMap<u32, Vec<Handlers>>,
        event: u32,
        last: &mut Vec<bool>,
    ) {
        let user = events.events().get(event);
        let children = events.events().children(event);
        self.nodes.push(TreeNode {
            event,
            parent: user.map(|user| user.parent),
            name: event_name(events, event),
            filter: user.map_or_else(String::new, |user| filter_words(&user.filter)),
            argument: user.and_then(argument_words),
            handlers: handlers.get(&event).cloned().unwrap_or_default(),
            last: last.clone(),
            has_children: !children.is_empty(),
        });
        for (position, child) in (1..).zip(children) {
            last.push(position == children.len());
            self.add(events, handlers, *child, last);
            last.pop();
        }
    }

    /// How many events the guest defined.
    pub(super) fn defined(&self) -> usize {
        self.nodes.iter().filter(|node| node.parent.is_some()).count()
    }

    /// The guest's handlers that are registered somewhere.
    pub(super) fn handlers(&self) -> usize {
        let all = self.nodes.iter().flat_map(|node| &node.handlers).flat_map(|handlers| &handlers.list);
        all.map(|(number, _)| number).collect::<BTreeSet<&u32>>().len()
    }
}

impl TreeNode {
    /// The branches before its name.
    pub(super) fn branch(&self) -> String {
        match self.last.split_last() {
            Some((last, above)) => trunks(above) + if *last { "└─ " } else { "├─ " },
            None => String::new(),
        }
    }

    /// The branches that pass below its name.
    pub(super) fn below(&self) -> String {
        trunks(&self.last) + if self.has_children { "│" } else { "" }
    }
}

fn trunks(last: &[bool]) -> String {
    last.iter().map(|last| if *last { "   " } else { "│  " }).collect()
}

/// The name of an event, whatever the guest called it.
pub(super) fn event_name(events: &TenantEvents, event: u32) -> String {
    events.events().get(event).map_or_else(|| unlisted_name(event), |user| shown(&user.name))
}

/// The name of an event that the tree does not have: a built-in one, or one of the guest's that was undefined by then,
/// or defined only while the last flows ended.
pub(super) fn unlisted_name(event: u32) -> String {
    match EventKind::from_number(event) {
        Some(kind) => kind.name().to_owned(),
        None => format!("(number {event}, no longer or not yet defined)"),
    }
}

fn filter_words(filter: &EventFilter) -> String {
    match filter {
        EventFilter::Guest(number) => format!("guest's filter {number}"),
        EventFilter::Native(filter) => filter.to_string(),
        EventFilter::Raised => "raised".to_owned(),
    }
}

/// Text as text, eight bytes as the number that comes with every call, other bytes with escapes. The number 0 is what
/// calls have without an argument.
fn argument_words(user: &UserEvent) -> Option<String> {
    let bytes = &*user.argument;
    let is_number = bytes.len() == size_of::<u64>();
    if bytes.is_empty() || (is_number && user.argument_number() == 0) {
        return None;
    }
    let is_text = bytes.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    if is_number && !is_text {
        return Some(format!("argument {}", user.argument_number()));
    }
    Some(match bytes.get(..ARGUMENT_SHOWN) {
        Some(first) if bytes.len() > ARGUMENT_SHOWN => {
            format!("argument \"{}\"... of {} bytes", first.escape_ascii(), bytes.len())
        }
        _ => format!("argument \"{}\"", bytes.escape_ascii()),
    })
}

/// The handlers of each event: those of monitors, and those that only flows registered.
fn handlers(events: &TenantEvents) -> BTreeMap<u32, Vec<Handlers>> {
    let mut found: BTreeMap<(u32, Whose, Hook), Vec<(u32, bool)>> = BTreeMap::new();
    let mut add = |whose, entry: &Registration| {
        let list = found.entry((entry.event, whose, entry.hook)).or_default();
        list.push((entry.handler, events.deferred().contains(&entry.handler)));
    };
    let mut of_monitors = BTreeSet::new();
    for (number, (_, set)) in events.monitors().enumerate() {
        for entry in set.iter().flat_map(|set| set.entries()) {
            of_monitors.insert(*entry);
            add(Whose::Monitor(number), entry);
        }
    }
    let all = events.forests().iter().flat_map(|(_, set)| set.entries().iter().copied());
    let of_flows: BTreeSet<Registration> = all.filter(|entry| !of_monitors.contains(entry)).collect();
    of_flows.iter().for_each(|entry| add(Whose::Flows, entry));
    let mut handlers: BTreeMap<u32, Vec<Handlers>> = BTreeMap::new();
    for ((event, whose, hook), list) in found {
        handlers.entry(event).or_default().push(Handlers { whose, hook, list });
    }
    handlers
}

#[cfg(test)]
mod tests {
    use sluice_engine::event::Definitions;

    use super::*;

    fn argument(bytes: &[u8]) -> Option<String> {
        let mut definitions = Definitions::new();
        let event = definitions.define("a", 6, EventFilter::Guest(1), bytes).unwrap();
        argument_words(definitions.events().events().get(event).unwrap())
    }

    #[test]
    fn arguments_are_text_numbers_or_bytes() {
        assert_eq!(argument(b""), None);
        assert_eq!(argument(&0_u64.to_le_bytes()), None);
        assert_eq!(argument(&443_u64.to_le_bytes()).unwrap(), "argument 443");
        assert_eq!(argument(b"eight by").unwrap(), "argument \"eight by\"");
        assert_eq!(argument(b"\x1b\"").unwrap(), "argument \"\\x1b\\\"\"");
        let long = argument(&[b'x'; 33]).unwrap();
        assert_eq!(long, format!("argument \"{}\"... of 33 bytes", "x".repeat(32)));
    }

    #[test]
    fn a_level_is_told_by_direction_where_they_differ() {
        let mut definitions = Definitions::new();
        for level in [Level::Count, Level::Full] {
            definitions.open_stream(None, level).unwrap();
        }
        definitions.set_level(1, Direction::ToClient, Level::State).unwrap();
        let levels: Vec<String> =
            definitions.monitors().iter().map(|spec| MonitorLine::of(spec).level).collect();
        assert_eq!(levels, ["count", "full to server, state to client"]);
    }

    #[test]
    fn branches_lead_from_each_event_to_those_below_it() {
        let mut definitions = Definitions::new();
        let mut define =
            |name, parent, filter| definitions.define(name, parent, EventFilter::Guest(filter), b"").unwrap();
        let first = define("first", 6, 1);
        define("under", first, 2);
        define("second", 6, 3);
        let tree = Tree::new("g", Vec::new(), definitions.events(), |event| event == 9);
        let drawn: Vec<String> = tree.nodes.iter().map(|node| node.branch() + &node.name).collect();
        assert_eq!(drawn, ["new-data", "├─ first", "│  └─ under", "└─ second", "conn-end"]);
        let below: Vec<String> = tree.nodes.iter().map(TreeNode::below).collect();
        assert_eq!(below, ["│", "│  │", "│     ", "   ", ""]);
        assert_eq!((tree.defined(), tree.handlers()), (3, 0));
    }
}
