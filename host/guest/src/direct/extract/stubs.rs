//! A component without its code.

use std::collections::BTreeSet;

use wasm_encoder::{
    CodeSection, Component, ExportKind, ExportSection, Function, FunctionSection, Module, ModuleSection,
    RawSection,
};
use wasmparser::{ConstExpr, Export, ExternalKind, Operator, Parser, Payload, TableInit, TypeRef};

use super::sections::Sections;
use super::spaces::{at, out_of_range};
use super::unfit::Unfit;

/// The same component with `unreachable` for the body of every function that a core module exports, and without its
/// other functions, its data and its custom sections.
///
/// Types, imports, exports, memories and tables are the same, and can be checked without the time that compiling the
/// guest's code takes, which is compiled once, as the core module.
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
                stubs.section(&ModuleSection(&Stubs::plan(module)?.write(module)?));
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

/// Which functions of a core module stay.
#[derive(Debug, Default)]
struct Stubs {
    /// Functions that the module imports; they have the first numbers.
    imported: u32,
    /// Types of the functions that it defines.
    types: Vec<u32>,
    /// Those that stay, by their numbers, in order.
    kept: Vec<u32>,
}

impl Stubs {
    /// Finds the functions that can be named from outside. Code that is gone names none; where initial values of
    /// globals and tables or the start function do, all stay.
    fn plan(module: &[u8]) -> Result<Self, Unfit> {
        let mut stubs = Self::default();
        let mut exported = BTreeSet::new();
        let mut all = false;
        for section in Parser::new(0).parse_all(module) {
            let section = section?;
            if let Payload::ImportSection(imports) = section {
                for import in imports.into_imports() {
                    if matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)) {
                        stubs.imported = stubs.imported.checked_add(1).ok_or_else(out_of_range)?;
                    }
                }
            } else if let Payload::FunctionSection(functions) = section {
                stubs.types = functions.into_iter().collect::<Result<_, _>>()?;
            } else if let Payload::TableSection(tables) = section {
                for table in tables {
                    if let TableInit::Expr(value) = table?.init {
                        all |= names_function(&value)?;
                    }
                }
            } else if let Payload::GlobalSection(globals) = section {
                for global in globals {
                    all |= names_function(&global?.init_expr)?;
                }
            } else if let Payload::ExportSection(exports) = section {
                for export in exports {
                    let export = export?;
                    if export.kind == ExternalKind::Func && export.index >= stubs.imported {
                        exported.insert(export.index);
                    }
                }
            } else if let Payload::StartSection { .. } = section {
                all = true;
            }
        }
        stubs.kept = if all {
            (stubs.imported..).zip(&stubs.types).map(|(number, _)| number).collect()
        } else {
            exported.into_iter().collect()
        };
        Ok(stubs)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "all other sections are copied as they are")]
    fn write(&self, module: &[u8]) -> Result<Module, Unfit> {
        let mut written = Module::new();
        for section in Parser::new(0).parse_all(module) {
            match section? {
                Payload::FunctionSection(_) => written.section(&self.functions()?),
                Payload::ExportSection(exports) => {
                    let mut kept = ExportSection::new();
                    for export in exports {
                        let export = export?;
                        kept.export(export.name, kind(export.kind), self.number(&export)?);
                    }
                    written.section(&kept)
                }
                Payload::CodeSectionStart { .. } => written.section(&self.code()),
                // Of functions that are gone, which only code that is gone can reach.
                Payload::ElementSection(_) if !self.types.is_empty() => continue,
                // Nothing refers to data but code.
                Payload::DataSection(_) | Payload::DataCountSection { .. } | Payload::CustomSection(_) => {
                    continue;
                }
                section => {
                    let Some((id, range)) = section.as_section() else { continue };
                    let data = module.get(range).ok_or_else(out_of_range)?;
                    written.section(&RawSection { id, data })
                }
            };
        }
        Ok(written)
    }

    fn functions(&self) -> Result<FunctionSection, Unfit> {
        let mut functions = FunctionSection::new();
        for number in &self.kept {
            let position = number.checked_sub(self.imported).ok_or_else(out_of_range)?;
            functions.function(*at(&self.types, position)?);
        }
        Ok(functions)
    }

    fn code(&self) -> CodeSection {
        let mut stub = Function::new([]);
        stub.instructions().unreachable().end();
        let mut code = CodeSection::new();
        for _ in &self.kept {
            code.function(&stub);
        }
        code
    }

    /// The number that an exported item has among those that stay.
    fn number(&self, export: &Export<'_>) -> Result<u32, Unfit> {
        if export.kind != ExternalKind::Func || export.index < self.imported {
            return Ok(export.index);
        }
        let position = self.kept.binary_search(&export.index).map_err(|_| out_of_range())?;
        let position = u32::try_from(position).map_err(|_| out_of_range())?;
        self.imported.checked_add(position).ok_or_else(out_of_range)
    }
}

fn names_function(value: &ConstExpr<'_>) -> Result<bool, Unfit> {
    for operator in value.get_operators_reader() {
        if matches!(operator?, Operator::RefFunc { .. }) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn kind(kind: ExternalKind) -> ExportKind {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => ExportKind::Func,
        ExternalKind::Table => ExportKind::Table,
        ExternalKind::Memory => ExportKind::Memory,
        ExternalKind::Global => ExportKind::Global,
        ExternalKind::Tag => ExportKind::Tag,
    }
}
