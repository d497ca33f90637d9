//! From core module to component.
//!
//! Modules made with bindings carry their types in a custom section. For one without, written against the ABI by hand,
//! the world is cut down to the exports that the module has: all but `start` are optional.

use wasmparser::{Encoding, Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use super::wit;

/// Why a file cannot become a guest.
#[derive(Debug, thiserror::Error)]
pub(super) enum WrapError {
    /// It is none that this program knows.
    #[error("not a WebAssembly module: {reason}")]
    NotWasm {
        /// Where and why.
        reason: String,
    },
    /// There is nothing to do.
    #[error("it is a component already")]
    AlreadyComponent,
    /// The one function that every guest has.
    #[error("it exports no start: a guest begins there")]
    NoStart,
    /// It was compiled for a system that is not there.
    #[error("it imports {name} of WASI, which sluice does not offer: compile for wasm32-unknown-unknown")]
    Wasi {
        /// The function.
        name: String,
    },
    /// It needs something that nobody gives.
    #[error("it imports {name} from {module}: a function that was declared but not defined?")]
    Foreign {
        /// Module of the import.
        module: String,
        /// The function.
        name: String,
    },
    /// Types or names do not fit the world.
    #[error("it does not fit the world of sluice: {reason}")]
    Encode {
        /// What does not fit.
        reason: String,
    },
}

/// Wraps a core module.
pub(super) fn wrap(module: &[u8]) -> Result<Vec<u8>, WrapError> {
    let facts = Facts::of(module)?;
    for (from, name) in &facts.imports {
        if from.starts_with("wasi") {
            return Err(WrapError::Wasi { name: name.clone() });
        }
        if !facts.has_types && !from.starts_with("sluice:middlebox/") {
            return Err(WrapError::Foreign { module: from.clone(), name: name.clone() });
        }
    }
    let encode = |error: anyhow::Error| WrapError::Encode { reason: format!("{error:#}") };
    let mut module = module.to_vec();
    if !facts.has_types {
        if !facts.exports.iter().any(|name| name == "start") {
            return Err(WrapError::NoStart);
        }
        let has = |export: &str| facts.exports.iter().any(|name| name == export);
        let (resolve, world) = wit::world(has).map_err(encode)?;
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).map_err(encode)?;
    }
    let encoder = ComponentEncoder::default().validate(true).module(&module);
    encoder.and_then(|mut encoder| encoder.encode()).map_err(encode)
}

/// What decides how a module is wrapped.
#[derive(Debug, Default)]
struct Facts {
    imports: Vec<(String, String)>,
    exports: Vec<String>,
    /// It says itself which types its functions have.
    has_types: bool,
}

impl Facts {
    fn of(module: &[u8]) -> Result<Self, WrapError> {
        let mut facts = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            facts.take(payload.map_err(not_wasm)?)?;
        }
        Ok(facts)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "other sections say nothing about the wrapping")]
    fn take(&mut self, payload: Payload<'_>) -> Result<(), WrapError> {
        match payload {
            Payload::Version { encoding: Encoding::Component, .. } => {
                return Err(WrapError::AlreadyComponent);
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import.map_err(not_wasm)?;
                    self.imports.push((import.module.to_owned(), import.name.to_owned()));
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    self.exports.push(export.map_err(not_wasm)?.name.to_owned());
                }
            }
            Payload::CustomSection(section) => {
                self.has_types |= section.name().starts_with("component-type");
            }
            _ => {}
        }
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn not_wasm(error: wasmparser::BinaryReaderError) -> WrapError {
    WrapError::NotWasm { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: &str = r#"(memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))"#;
    const START: &str = r#"(func (export "start") (param i32 i32) (result i32) (i32.const 0))"#;

    fn wrapped(text: &str) -> Result<Vec<u8>, String> {
        let module = wat::parse_str(format!("(module {text})")).unwrap();
        wrap(&module).map_err(|error| error.to_string())
    }

    #[test]
    fn a_module_by_hand_gets_the_exports_that_it_has() {
        let stop = r#"(func (export "stop"))"#;
        let component = wrapped(&format!("{MEMORY} {START} {stop}")).unwrap();
        assert_eq!(&component[4..8], [0x0d, 0, 1, 0]);
        assert_eq!(wrap(&component).unwrap_err().to_string(), "it is a component already");
    }

    #[test]
    fn what_cannot_be_a_guest_is_explained() {
        assert_eq!(wrapped(MEMORY).unwrap_err(), "it exports no start: a guest begins there");
        let wasi = r#"(import "wasi_snapshot_preview1" "fd_write" (func))"#;
        assert_eq!(
            wrapped(wasi).unwrap_err(),
            "it imports fd_write of WASI, which sluice does not offer: compile for wasm32-unknown-unknown"
        );
        let malloc = r#"(import "env" "malloc" (func (param i32) (result i32)))"#;
        assert_eq!(
            wrapped(malloc).unwrap_err(),
            "it imports malloc from env: a function that was declared but not defined?"
        );
        let error = wrap(b"#!/bin/sh\n").unwrap_err().to_string();
        assert!(error.starts_with("not a WebAssembly module: "), "{error}");
    }

    #[test]
    fn a_function_of_other_types_does_not_fit() {
        let error = wrapped(&format!(r#"{MEMORY} (func (export "start"))"#)).unwrap_err();
        assert!(error.starts_with("it does not fit the world of sluice: "), "{error}");
        let import = r#"(import "sluice:middlebox/timer@0.1.0" "pause" (func))"#;
        let error = wrapped(&format!("{import} {MEMORY} {START}")).unwrap_err();
        assert!(error.contains("pause"), "{error}");
    }
}
