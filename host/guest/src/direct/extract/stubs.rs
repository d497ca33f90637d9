//! A component without its code.

use wasm_encoder::{CodeSection, Component, Function, Module, ModuleSection, RawSection};
use wasmparser::{Parser, Payload};

use super::sections::Sections;
use super::spaces::out_of_range;
use super::unfit::Unfit;

/// The same component with `unreachable` for the body of every function, and without data and custom sections.
///
/// Its types, imports, exports, memories and tables can be checked without the time that compiling the guest's code
/// takes, which is compiled once, as the core module.
///
/// # Errors
///
/// [`Unfit`] for what is no component, or has a component inside.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other sections are copied as they are")]
pub(crate) fn without_bodies(component: &[u8]) -> Result<Vec<u8>, Unfit> {
    let mut stubs = Component::new();
    let mut sections = Sections::new(component);
    while let Some(section) = sections.next()? {
        match section {
            Payload::ComponentSection { .. } => return Err(Unfit::NestedComponent),
            Payload::ModuleSection { unchecked_range, .. } => {
                let module = component.get(unchecked_range).ok_or_else(out_of_range)?;
                stubs.section(&ModuleSection(&module_without_bodies(module)?));
            }
            Payload::CustomSection(_) => {}
            section => {
                if let Some((id, range)) = section.as_section() {
                    let data = component.get(range).ok_or_else(out_of_range)?;
                    stubs.section(&RawSection { id, data });
                }
            }
        }
    }
    Ok(stubs.finish())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all other sections are copied as they are")]
fn module_without_bodies(module: &[u8]) -> Result<Module, Unfit> {
    let mut stubs = Module::new();
    for section in Parser::new(0).parse_all(module) {
        match section? {
            Payload::CodeSectionStart { count, size, .. } => {
                // A body takes bytes: a count without them would have stubs written for nothing.
                if count > size {
                    return Err(out_of_range());
                }
                let mut stub = Function::new([]);
                stub.instructions().unreachable().end();
                let mut code = CodeSection::new();
                for _ in 0..count {
                    code.function(&stub);
                }
                stubs.section(&code);
            }
            // Nothing refers to data but the code that is gone.
            Payload::DataSection(_) | Payload::DataCountSection { .. } | Payload::CustomSection(_) => {}
            section => {
                if let Some((id, range)) = section.as_section() {
                    let data = module.get(range).ok_or_else(out_of_range)?;
                    stubs.section(&RawSection { id, data });
                }
            }
        }
    }
    Ok(stubs)
}
