//! `sluice inspect`: what is in a guest's file, and whether it would load.

mod facts;

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use sluice_guest::limits::MODULE_BYTES_MAX;
use sluice_guest::{Lane, LoadError, Module, Runtime, RuntimeOptions, world_version};

use crate::exit::Exit;
use facts::Facts;

/// Arguments of `sluice inspect`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct InspectArgs {
    /// The file to look at
    #[arg(value_name = "GUEST.wasm")]
    guest: PathBuf,
}

/// Prints what is in the file; the exit code tells whether it loads.
pub(crate) fn run(args: &InspectArgs) -> anyhow::Result<Exit> {
    let path = args.guest.display();
    let size = fs::metadata(&args.guest).with_context(|| format!("cannot read {path}"))?.len();
    if usize::try_from(size).map_or(true, |size| size > MODULE_BYTES_MAX) {
        anyhow::bail!("{path} has {size} bytes; guests have up to {MODULE_BYTES_MAX}");
    }
    let bytes = fs::read(&args.guest).with_context(|| format!("cannot read {path}"))?;
    let runtime = Runtime::new(RuntimeOptions::default())?;
    let loaded = Module::load(&runtime, &bytes);
    let mut out = io::stdout().lock();
    writeln!(out, "{path}")?;
    report(&mut out, &bytes, &loaded)?;
    Ok(if loaded.is_ok() { Exit::Ok } else { Exit::GuestRejected })
}

fn report(out: &mut impl Write, bytes: &[u8], loaded: &Result<Module, LoadError>) -> io::Result<()> {
    let facts = Facts::of(bytes);
    line(out, "kind", facts.kind.name())?;
    line(out, "size", &format!("{} bytes", grouped(bytes.len())))?;
    line(out, "imports", &list(&facts.imports))?;
    line(out, "exports", &list(&facts.exports))?;
    for memory in &facts.memories {
        let limit = memory.maximum.map_or_else(|| "its limit".to_owned(), grouped_pages);
        line(out, "memory", &format!("{} to begin with, up to {limit}", grouped_pages(memory.initial)))?;
    }
    if !facts.producers.is_empty() {
        line(out, "made by", &list(&facts.producers))?;
    }
    if let Some(error) = &facts.error {
        line(out, "broken", &shown(error))?;
    }
    match loaded {
        Ok(module) => {
            line(out, "code", &format!("{} bytes", grouped(module.contents().code_bytes)))?;
            let lane = match &module.contents().lane {
                Lane::Direct => "direct".to_owned(),
                Lane::Component { reason } => format!("component: {}", shown(reason)),
            };
            line(out, "lane", &lane)?;
            line(out, "loads", &format!("yes, as a guest of sluice:middlebox@{}", world_version()))
        }
        Err(error) => line(out, "loads", &format!("no: it {error}")),
    }
}

fn line(out: &mut impl Write, name: &str, value: &str) -> io::Result<()> {
    // Continuation lines stand under the first.
    let value = value.replace('\n', "\n             ");
    writeln!(out, "  {name:<10} {value}")
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(|name| shown(name)).collect::<Vec<_>>().join("\n")
}

/// A name from the file: it may hold anything, and a terminal obeys.
pub(crate) fn shown(name: &str) -> String {
    name.chars().flat_map(char::escape_debug).collect::<String>().replace("\\'", "'").replace("\\\"", "\"")
}

fn grouped_pages(pages: u64) -> String {
    match pages.checked_mul(64 << 10) {
        Some(bytes) => format!("{} bytes", grouped(bytes)),
        None => format!("{pages} pages"),
    }
}

/// A number with commas at the thousands.
fn grouped(number: impl ToString) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown_of(bytes: &[u8]) -> String {
        let runtime = Runtime::new(RuntimeOptions::default()).unwrap();
        let mut out = Vec::new();
        report(&mut out, bytes, &Module::load(&runtime, bytes)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(123_456), "123,456");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }

    #[test]
    fn a_core_module_is_shown_with_the_way_out() {
        let module =
            wat::parse_str(r#"(module (import "env" "\1b" (func)) (memory (export "m") 2 16))"#).unwrap();
        assert_eq!(
            shown_of(&module),
            "  kind       core module\n  \
             size       38 bytes\n  \
             imports    env \\u{1b}\n  \
             exports    m\n  \
             memory     131,072 bytes to begin with, up to 1,048,576 bytes\n  \
             loads      no: it is a core module, not a component: wrap it with `sluice build FILE`\n"
        );
    }

    #[test]
    fn other_files_are_shown_too() {
        let text = shown_of(b"hello");
        assert!(text.starts_with("  kind       not WebAssembly\n  size       5 bytes\n"), "{text}");
        assert!(
            text.ends_with("  loads      no: it is not WebAssembly: it begins with the bytes 68 65 6c 6c\n")
        );
    }
}
