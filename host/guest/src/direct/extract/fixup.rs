//! The fixup: a core module that fills the shim's table, or runs `_initialize` of the main module.
//!
//! It has no code. What it does, it does by being instantiated: an element segment copies its imports into the table,
//! and its start function is an import.

use wasmparser::{
    ConstExpr, Element, ElementItems, ElementKind, FuncType, Operator, Parser, Payload, TypeRef,
};

use super::unfit::Unfit;

/// A core module that was checked to be a fixup.
#[derive(Debug, Default)]
pub(super) struct Fixup<'a> {
    types: Vec<FuncType>,
    /// Functions that it imports, in their order.
    pub(super) functions: Vec<Import<'a>>,
    /// The table that it fills, and with how many of its first functions: function `k` becomes element `k`.
    pub(super) fill: Option<(Import<'a>, usize)>,
    /// Number of the imported function that is its start function.
    pub(super) start: Option<usize>,
}

/// Something that a fixup imports.
#[derive(Clone, Copy, Debug)]
pub(super) struct Import<'a> {
    pub(super) module: &'a str,
    pub(super) field: &'a str,
    /// For a function, index of its type.
    type_index: u32,
}

impl<'a> Fixup<'a> {
    /// Checks a module, which is valid. `None` if it has code of its own.
    ///
    /// # Errors
    ///
    /// [`Unfit::Fixup`] for all that does more or something else.
    pub(super) fn read(module: &'a [u8]) -> Result<Option<Self>, Unfit> {
        let mut fixup = Self::default();
        let mut table = None;
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload?;
            if let Payload::TypeSection(types) = payload {
                for ty in types.into_iter_err_on_gc_types() {
                    fixup.types.push(ty.map_err(|_| unfit("has types other than functions"))?);
                }
            } else if let Payload::ImportSection(imports) = payload {
                for import in imports.into_imports() {
                    fixup.add_import(&import?, &mut table)?;
                }
            } else if let Payload::StartSection { func, .. } = payload {
                // All functions are imports, for it has no code: any other number is refused below.
                fixup.start = usize::try_from(func).ok();
            } else if let Payload::ElementSection(segments) = payload {
                for segment in segments {
                    fixup.add_segment(&segment?, table)?;
                }
            } else if let Payload::FunctionSection(_) = payload {
                return Ok(None);
            } else if !matches!(
                payload,
                Payload::Version { .. } | Payload::CustomSection(_) | Payload::End(_)
            ) {
                return Err(unfit("has more than imports and elements"));
            }
        }
        Ok(Some(fixup))
    }

    /// Type of an imported function.
    pub(super) fn ty(&self, import: &Import<'_>) -> Option<&FuncType> {
        self.types.get(usize::try_from(import.type_index).ok()?)
    }

    fn add_import(
        &mut self,
        import: &wasmparser::Import<'a>,
        table: &mut Option<Import<'a>>,
    ) -> Result<(), Unfit> {
        let (module, field) = (import.module, import.name);
        match import.ty {
            TypeRef::Func(type_index) => self.functions.push(Import { module, field, type_index }),
            TypeRef::Table(_) if table.is_none() => {
                *table = Some(Import { module, field, type_index: 0 });
            }
            TypeRef::Table(_)
            | TypeRef::Memory(_)
            | TypeRef::Global(_)
            | TypeRef::Tag(_)
            | TypeRef::FuncExact(_) => return Err(unfit("imports more than functions and a table")),
        }
        Ok(())
    }

    /// Takes the one segment: active, at the table's beginning, of the first functions in their order.
    fn add_segment(&mut self, segment: &Element<'a>, table: Option<Import<'a>>) -> Result<(), Unfit> {
        let (ElementKind::Active { table_index, offset_expr }, ElementItems::Functions(items)) =
            (&segment.kind, &segment.items)
        else {
            return Err(unfit("has elements that are not active functions"));
        };
        let Some(table) = table.filter(|_| table_index.unwrap_or(0) == 0) else {
            return Err(unfit("has elements of a table that it does not import"));
        };
        if self.fill.is_some() {
            return Err(unfit("has several segments of elements"));
        }
        if !is_zero(offset_expr)? {
            return Err(unfit("fills the table from elsewhere than its beginning"));
        }
        let mut count = 0;
        for (position, item) in items.clone().into_iter().enumerate() {
            if usize::try_from(item?).ok() != Some(position) {
                return Err(unfit("fills the table in another order than that of its imports"));
            }
            count = position.saturating_add(1);
        }
        self.fill = Some((table, count));
        Ok(())
    }
}

/// Whether an expression is exactly `i32.const 0`.
fn is_zero(expression: &ConstExpr<'_>) -> Result<bool, Unfit> {
    let mut code = expression.get_operators_reader();
    Ok(code.read()? == (Operator::I32Const { value: 0 })
        && matches!(code.read()?, Operator::End)
        && code.eof())
}

fn unfit(reason: &'static str) -> Unfit {
    Unfit::Fixup { reason }
}
