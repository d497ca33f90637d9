//! The tables for people.

use sluice_engine::event::{EventKind, NodeProfile};

use super::columns::{Align, Table, wrap};
use super::replay::Replay;
use super::tree::{Handlers, Tree, TreeNode, Whose, unlisted_name};

/// Characters of a line in the columns of filters and handlers.
const CELL_WIDTH: usize = 36;

/// Whether times are shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Times {
    /// They are.
    With,
    /// They are not: what is shown depends on the input only.
    Without,
}

/// Monitors, events and handlers.
pub(super) fn tree(tree: &Tree) -> String {
    let mut text = format!(
        "{}: {}, {} of its own, {}\n",
        tree.guest,
        count(tree.monitors.len(), "monitor"),
        count(tree.defined(), "event"),
        count(tree.handlers(), "handler")
    );
    if !tree.monitors.is_empty() {
        let left = |title| (title, Align::Left);
        let mut table =
            Table::new(&[("MONITOR", Align::Right), left("LISTENS TO"), left("LEVEL"), left("WITH")]);
        for (number, monitor) in tree.monitors.iter().enumerate() {
            let cells = [&number.to_string(), monitor.audience, &monitor.level, &monitor.options.join(", ")];
            table.row(cells.map(|cell: &str| vec![cell.to_owned()]).into(), String::new());
        }
        text.push('\n');
        text.push_str(&table.text());
    }
    if !tree.nodes.is_empty() {
        let mut table =
            Table::new(&[("EVENT", Align::Left), ("FILTER", Align::Left), ("HANDLERS", Align::Left)]);
        for node in &tree.nodes {
            let mut filter = wrap(&node.filter, CELL_WIDTH);
            filter.extend(node.argument.iter().flat_map(|argument| wrap(argument, CELL_WIDTH)));
            let handlers = node.handlers.iter();
            let handlers =
                handlers.flat_map(|handlers| wrap(&words(handlers, tree.monitors.len()), CELL_WIDTH));
            table.row(vec![vec![name(node)], filter, handlers.collect()], node.below());
        }
        text.push('\n');
        text.push_str(&table.text());
    }
    text
}

fn name(node: &TreeNode) -> String {
    node.branch() + &node.name
}

/// `1, 2 (deferred) at receiver`, and of which monitor if there are several.
fn words(handlers: &Handlers, monitors: usize) -> String {
    let number = |(number, is_deferred): &(u32, bool)| {
        if *is_deferred { format!("{number} (deferred)") } else { number.to_string() }
    };
    let numbers: Vec<String> = handlers.list.iter().map(number).collect();
    let place = format!("{} at {}", numbers.join(", "), handlers.hook.name());
    match handlers.whose {
        Whose::Monitor(number) if monitors > 1 => format!("{place} of monitor {number}"),
        Whose::Monitor(_) => place,
        Whose::Flows => format!("{place} of flows"),
    }
}

/// How often what happened, and what it took.
pub(super) fn replayed(tree: &Tree, replay: &Replay, times: Times) -> String {
    let mut titles = vec!["ASKED", "HAPPENED", "%"];
    match times {
        Times::With => titles.extend(["FILTER ms", "ns/ASK", "CALLS", "HANDLER ms", "ns/CALL"]),
        Times::Without => titles.push("CALLS"),
    }
    let titles = titles.into_iter().map(|title| (title, Align::Right));
    let mut table = Table::new(&std::iter::once(("EVENT", Align::Left)).chain(titles).collect::<Vec<_>>());
    for node in &tree.nodes {
        let profile = replay.profile.get(&node.event).copied().unwrap_or_default();
        table.row(numbers(name(node), &profile, node.parent.is_some(), times), String::new());
    }
    for (event, profile) in &replay.profile {
        if tree.nodes.iter().all(|node| node.event != *event) {
            let is_user = EventKind::from_number(*event).is_none();
            table.row(numbers(unlisted_name(*event), profile, is_user, times), String::new());
        }
    }
    let mut text = format!(
        "replayed {} in {}\n\n{}",
        count(replay.packets, "packet"),
        count(replay.flows, "flow"),
        table.text()
    );
    if times == Times::With {
        text.push_str(&format!("of each ask and call, the clock itself takes {} ns\n", replay.clock_ns));
    }
    text
}

fn numbers(name: String, profile: &NodeProfile, has_filter: bool, times: Times) -> Vec<Vec<String>> {
    let NodeProfile { asked, happened, called, filter_ticks, handler_ticks } = *profile;
    let mut cells = vec![name, asked.to_string(), happened.to_string(), per_cent(happened, asked)];
    if times == Times::With {
        // A built-in event has no filter: what was measured is the clock.
        let asked = if has_filter { asked } else { 0 };
        cells.extend([milliseconds(filter_ticks, asked), each(filter_ticks, asked)]);
    }
    cells.push(called.to_string());
    if times == Times::With {
        cells.extend([milliseconds(handler_ticks, called), each(handler_ticks, called)]);
    }
    cells.into_iter().map(|cell| vec![cell]).collect()
}

/// `part` of `all` in per cent, with one digit behind the point, cut off.
fn per_cent(part: u64, all: u64) -> String {
    let thousandths = u128::from(part).saturating_mul(1000).checked_div(u128::from(all));
    thousandths.map_or_else(|| "-".to_owned(), |number| format!("{}.{}", number / 10, number % 10))
}

/// Nanoseconds in milliseconds, with two digits behind the point, cut off; nothing for no times.
fn milliseconds(nanoseconds: u64, times: u64) -> String {
    if times == 0 {
        return "-".to_owned();
    }
    let hundredths = nanoseconds / 10_000;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn each(nanoseconds: u64, times: u64) -> String {
    nanoseconds.checked_div(times).map_or_else(|| "-".to_owned(), |each| each.to_string())
}

/// A number of things: `1 event`, `2 events`.
pub(super) fn count(number: impl TryInto<u64> + ToString, thing: &str) -> String {
    let text = number.to_string();
    let plural = if text == "1" { "" } else { "s" };
    format!("{text} {thing}{plural}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::sharing::Sharing;
    use super::*;
    use crate::input::Ending;

    #[test]
    fn what_happened_of_events_that_are_gone_is_shown_too() {
        let tree = Tree { guest: "g".to_owned(), monitors: Vec::new(), nodes: Vec::new() };
        let node =
            |asked| NodeProfile { asked, happened: 1, called: 1, filter_ticks: 900, handler_ticks: 40_000 };
        let replay = Replay {
            ending: Ending::Complete,
            packets: 1,
            flows: 2,
            profile: BTreeMap::from([(6, node(1)), (4097, node(3))]),
            sharing: Sharing::stopped(),
            clock_ns: 20,
        };
        let text = replayed(&tree, &replay, Times::With);
        let rows: Vec<Vec<&str>> =
            text.lines().skip(3).map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["new-data", "1", "1", "100.0", "-", "-", "1", "0.04", "40000"]);
        assert!(rows[1].ends_with(&["3", "1", "33.3", "0.00", "300", "1", "0.04", "40000"]), "{text}");
        assert!(text.contains("(number 4097, no longer or not yet defined)"), "{text}");
    }

    #[test]
    fn parts_and_times_are_cut_off_not_rounded_up() {
        assert_eq!(per_cent(999_999, 1_000_000), "99.9");
        assert_eq!(per_cent(0, 0), "-");
        assert_eq!(per_cent(u64::MAX, u64::MAX), "100.0");
        assert_eq!(milliseconds(1_239_999, 3), "1.23");
        assert_eq!((milliseconds(0, 0), each(7, 0)), ("-".to_owned(), "-".to_owned()));
        assert_eq!(each(1000, 3), "333");
    }

    #[test]
    fn one_thing_is_no_plural() {
        assert_eq!(count(1_u64, "flow"), "1 flow");
        assert_eq!(count(0_usize, "event"), "0 events");
    }
}
