//! The main core module: the one with the guest's code.

use wasmparser::{MemoryType, Parser, Payload, TypeRef};

use super::unfit::{Unfit, shown};

/// What the main module imports: functions only, in their order, as (module, field).
///
/// # Errors
///
/// [`Unfit`] unless the module, which is valid, has one memory of its own with 32-bit addresses, imports functions
/// only, and has no start function.
pub(super) fn function_imports(module: &[u8]) -> Result<Vec<(&str, &str)>, Unfit> {
    let mut functions = Vec::new();
    let mut memories = 0;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        if let Payload::ImportSection(imports) = payload {
            for import in imports.into_imports() {
                let import = import?;
                if !matches!(import.ty, TypeRef::Func(_)) {
                    return Err(Unfit::CoreImportKind { name: full_name(import.module, import.name) });
                }
                functions.push((import.module, import.name));
            }
        } else if let Payload::MemorySection(section) = payload {
            memories = section.count();
            for memory in section {
                check_memory(&memory?)?;
            }
        } else if let Payload::StartSection { .. } = payload {
            return Err(Unfit::CoreStart);
        } else if let Payload::CodeSectionStart { .. } = payload {
            // What comes behind decides nothing here.
            break;
        }
    }
    if memories != 1 {
        return Err(Unfit::Memories { count: memories });
    }
    Ok(functions)
}

fn check_memory(memory: &MemoryType) -> Result<(), Unfit> {
    if memory.memory64 {
        return Err(Unfit::Memory64);
    }
    if memory.shared {
        return Err(Unfit::SharedMemory);
    }
    Ok(())
}

/// Name of an import of the main module, to be shown.
pub(super) fn full_name(module: &str, field: &str) -> String {
    shown(&format!("{module} {field}"))
}
