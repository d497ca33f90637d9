//! The tree as a graph for Graphviz.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::replay::Replay;
use super::tree::{Tree, TreeNode, Whose};

/// A graph in the DOT language: events as boxes, handlers as ellipses, an edge from each event to those below it and to
/// its handlers.
pub(super) fn graph(tree: &Tree, replay: Option<&Replay>) -> String {
    let mut text = format!(
        "digraph {} {{\n  rankdir=LR;\n  node [shape=box, fontname=\"monospace\"];\n  edge [fontname=\"monospace\"];\n",
        quoted(std::slice::from_ref(&tree.guest))
    );
    let mut handlers = BTreeMap::new();
    for node in &tree.nodes {
        let style = if node.parent.is_none() { ", style=bold" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  e{} [label={}{style}];", node.event, quoted(&label(node, replay)));
        if let Some(parent) = node.parent {
            let _ = writeln!(text, "  e{parent} -> e{};", node.event);
        }
        for group in &node.handlers {
            let whose = match group.whose {
                Whose::Monitor(number) if tree.monitors.len() > 1 => format!("monitor {number}"),
                Whose::Monitor(_) => String::new(),
                Whose::Flows => "flows".to_owned(),
            };
            let place = [group.hook.name().to_owned(), whose];
            let place: Vec<String> = place.into_iter().filter(|word| !word.is_empty()).collect();
            for (handler, is_deferred) in &group.list {
                handlers.insert(*handler, *is_deferred);
                let label = quoted(&place);
                let _ = writeln!(text, "  e{} -> h{handler} [label={label}, style=dashed];", node.event);
            }
        }
    }
    for (handler, is_deferred) in handlers {
        let mut label = vec![format!("handler {handler}")];
        label.extend(is_deferred.then(|| "deferred".to_owned()));
        let _ = writeln!(text, "  h{handler} [label={}, shape=ellipse];", quoted(&label));
    }
    text.push_str("}\n");
    text
}

fn label(node: &TreeNode, replay: Option<&Replay>) -> Vec<String> {
    let mut label = vec![node.name.clone()];
    label.extend((!node.filter.is_empty()).then(|| node.filter.clone()));
    label.extend(node.argument.clone());
    if let Some(replay) = replay {
        let profile = replay.profile.get(&node.event).copied().unwrap_or_default();
        label.push(format!("asked {}, happened {}", profile.asked, profile.happened));
        label.push(format!("handlers called {}", profile.called));
    }
    label
}

/// Lines as a quoted string of the DOT language. Guests choose some of them: a quotation mark would end the string, and
/// a backslash begins what Graphviz replaces.
fn quoted(lines: &[String]) -> String {
    let line = |line: &String| line.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", lines.iter().map(line).collect::<Vec<String>>().join("\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_guests_choose_stays_within_its_quotation_marks() {
        let lines = ["a\"]; b".to_owned(), "\\N".to_owned()];
        assert_eq!(quoted(&lines), r#""a\"]; b\n\\N""#);
    }
}
