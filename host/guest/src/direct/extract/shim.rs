//! The shim: a core module that passes calls on through a table.
//!
//! Imports that need the main module's memory can be lowered only when that memory is there, but the main module is
//! instantiated with its imports. So wit-component gives it functions of a shim, which call through a table that is
//! filled later. The table of such a module is found here to be used for nothing else: function `k` calls element `k`
//! with its own parameters and does nothing more.

use wasmparser::{
    ExternalKind, FuncType, FunctionBody, Operator, Parser, Payload, RefType, Table, TableInit,
};

use super::unfit::Unfit;

/// Name of the export of the shim's table.
pub(super) const TABLE: &str = "$imports";

/// A core module that was checked to be a shim: export "k" passes calls on to element `k` of its table.
#[derive(Debug, Default)]
pub(super) struct Shim {
    types: Vec<FuncType>,
    /// Index into `types` of each function.
    functions: Vec<u32>,
}

impl Shim {
    /// Checks a module, which is valid, instruction by instruction.
    ///
    /// # Errors
    ///
    /// [`Unfit::Shim`] for all that does more or something else.
    pub(super) fn read(module: &[u8]) -> Result<Self, Unfit> {
        let mut shim = Self::default();
        let mut bodies = 0;
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload?;
            if let Payload::TypeSection(types) = payload {
                for ty in types.into_iter_err_on_gc_types() {
                    shim.types.push(ty.map_err(|_| unfit("has types other than functions"))?);
                }
            } else if let Payload::FunctionSection(functions) = payload {
                shim.functions = functions.into_iter().collect::<Result<_, _>>()?;
            } else if let Payload::TableSection(tables) = payload {
                if tables.count() != 1 {
                    return Err(unfit("has more than one table"));
                }
                for table in tables {
                    shim.check_table(&table?)?;
                }
            } else if let Payload::ExportSection(exports) = payload {
                for export in exports {
                    check_export(&export?)?;
                }
            } else if let Payload::CodeSectionEntry(body) = payload {
                shim.check_body(bodies, &body)?;
                bodies += 1;
            } else if !matches!(
                payload,
                Payload::Version { .. }
                    | Payload::CustomSection(_)
                    | Payload::CodeSectionStart { .. }
                    | Payload::End(_)
            ) {
                return Err(unfit("has more than functions and a table"));
            }
        }
        Ok(shim)
    }

    /// Whether a module claims to be a shim: it exports the table.
    pub(super) fn is_meant(module: &[u8]) -> Result<bool, Unfit> {
        for payload in Parser::new(0).parse_all(module) {
            if let Payload::ExportSection(exports) = payload? {
                for export in exports {
                    let export = export?;
                    if export.kind == ExternalKind::Table && export.name == TABLE {
                        return Ok(true);
                    }
                }
                break;
            }
        }
        Ok(false)
    }

    /// Functions, which are also the elements of its table.
    pub(super) fn len(&self) -> usize {
        self.functions.len()
    }

    /// Type of the function, and of the element, with this number.
    pub(super) fn ty(&self, slot: usize) -> Option<&FuncType> {
        self.types.get(usize::try_from(*self.functions.get(slot)?).ok()?)
    }

    fn check_table(&self, table: &Table<'_>) -> Result<(), Unfit> {
        let ty = table.ty;
        let plain = ty.element_type == RefType::FUNCREF && !ty.table64 && !ty.shared;
        if !plain || !matches!(table.init, TableInit::RefNull) {
            return Err(unfit("has a table other than of functions"));
        }
        // The function section comes before this one.
        let elements = u64::try_from(self.len()).ok();
        if elements.is_none() || Some(ty.initial) != elements || ty.maximum != elements {
            return Err(unfit("has a table of another size than its functions"));
        }
        Ok(())
    }

    /// Compares a body with: each parameter in its order, the function's own number, a call through the table with the
    /// function's own type.
    fn check_body(&self, slot: usize, body: &FunctionBody<'_>) -> Result<(), Unfit> {
        let (Some(ty), Some(&type_index), Ok(number)) =
            (self.ty(slot), self.functions.get(slot), i32::try_from(slot))
        else {
            return Err(unfit("has a function without a type"));
        };
        if body.get_locals_reader()?.get_count() != 0 {
            return Err(unfit("has a function with local variables"));
        }
        let mut code = body.get_operators_reader()?;
        for parameter in 0_u32.. {
            let operator = code.read()?;
            if usize::try_from(parameter).is_ok_and(|parameter| parameter < ty.params().len()) {
                if operator != (Operator::LocalGet { local_index: parameter }) {
                    return Err(unfit("has a function that does not pass its parameters on"));
                }
            } else if operator == (Operator::I32Const { value: number }) {
                break;
            } else {
                return Err(unfit("has a function that calls another element than its own"));
            }
        }
        if code.read()? != (Operator::CallIndirect { type_index, table_index: 0 }) {
            return Err(unfit("has a function that does not call through its table"));
        }
        if !matches!(code.read()?, Operator::End) || !code.eof() {
            return Err(unfit("has a function that does more than a call"));
        }
        Ok(())
    }
}

/// Functions are exported under their own numbers, the table under its name.
fn check_export(export: &wasmparser::Export<'_>) -> Result<(), Unfit> {
    let fits = match export.kind {
        ExternalKind::Func => export.name == export.index.to_string(),
        ExternalKind::Table => export.index == 0 && export.name == TABLE,
        ExternalKind::Memory | ExternalKind::Global | ExternalKind::Tag | ExternalKind::FuncExact => false,
    };
    if fits { Ok(()) } else { Err(unfit("exports a function under another number")) }
}

fn unfit(reason: &'static str) -> Unfit {
    Unfit::Shim { reason }
}
