//! The functions that guests import, on both lanes.

use std::error::Error;
use std::fmt::Write;

use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function, Type};

use crate::rust::{list_of, owned, side, snake};
use crate::world::World;

pub(crate) fn write(world: &World, code: &mut String) -> Result<(), Box<dyn Error>> {
    writeln!(code, "/// Package of the world.\npub(crate) const PACKAGE: &str = \"{}\";", world.package)?;
    writeln!(code, "/// Version of the world.\npub(crate) const VERSION: &str = \"{}\";", world.version)?;
    let names: Vec<&str> = world.interfaces.iter().map(|(name, _)| name.as_str()).collect();
    writeln!(
        code,
        "/// Interfaces of the world.\npub(crate) const INTERFACES: [&str; {}] = {names:?};",
        names.len()
    )?;
    component(world, code)?;
    core(world, code)
}

/// Everything for the component lane.
fn component(world: &World, code: &mut String) -> Result<(), Box<dyn Error>> {
    writeln!(
        code,
        "/// Gives a linker of components every function.\n\
         pub(crate) fn link_component(linker: &mut wasmtime::component::Linker<Host>) -> wasmtime::Result<()> {{"
    )?;
    for (interface, content) in &world.interfaces {
        writeln!(
            code,
            "{{ let mut interface = linker.instance(\"{}/{interface}@{}\")?;",
            world.package, world.version
        )?;
        for function in content.functions.values() {
            let types: Result<Vec<_>, _> = function.params.iter().map(|p| owned(world, p.ty)).collect();
            let types: String = types?.iter().map(|ty| format!("{ty}, ")).collect();
            let names: String = (0..function.params.len()).map(|n| format!("p{n}, ")).collect();
            let answer = Answer::of(world, function)?;
            writeln!(
                code,
                "interface.func_wrap(\"{}\", |mut store: StoreContextMut<'_, Host>, ({names}): ({types})| {{\n\
                 let host = store.data_mut();\n{}\nlet answer = {};\n{}Ok((answer,)) }})?;",
                function.name,
                call(world, interface, function, "host", &answer)?,
                answer.for_component(),
                metered(interface, "store"),
            )?;
        }
        writeln!(code, "let _ = &mut interface; }}")?;
    }
    writeln!(code, "Ok(())\n}}")?;
    Ok(())
}

/// One function at a time for the direct lane: a core module names its imports as it likes.
fn core(world: &World, code: &mut String) -> Result<(), Box<dyn Error>> {
    writeln!(
        code,
        "/// Gives a linker of core modules a function of an interface under the name by which the module wants it;\n\
         /// whether there is such a function.\n\
         pub(crate) fn link_core(linker: &mut wasmtime::Linker<Host>, (module, field): (&str, &str), \
         interface: &str, function: &str) -> wasmtime::Result<bool> {{\nmatch (interface, function) {{"
    )?;
    for (interface, content) in &world.interfaces {
        for function in content.functions.values() {
            writeln!(code, "(\"{interface}\", \"{}\") => {{", function.name)?;
            core_function(world, interface, function, code)?;
            writeln!(code, "}}")?;
        }
    }
    writeln!(code, "_ => return Ok(false),\n}}\nOk(true)\n}}")?;
    Ok(())
}

fn core_function(
    world: &World,
    interface: &str,
    function: &Function,
    code: &mut String,
) -> Result<(), Box<dyn Error>> {
    let signature = world.resolve.wasm_signature(AbiVariant::GuestImport, function);
    if !signature.results.is_empty() || !signature.retptr {
        return Err(format!(
            "{}: the answer fits into a register, which no answer did so far",
            function.name
        )
        .into());
    }
    let flat = signature.params.len().saturating_sub(1);
    let mut params = String::new();
    for (number, ty) in signature.params.iter().take(flat).enumerate() {
        write!(params, "a{number}: {}, ", core_type(*ty)?)?;
    }
    let values: String = (0..flat).map(|n| format!("u64::from(a{n}), ")).collect();
    writeln!(
        code,
        "linker.func_wrap(module, field, |mut caller: Caller<'_, Host>, {params}area: u32| -> wasmtime::Result<()> {{\n\
         abi::check_may_leave(&caller)?;"
    )?;
    if !function.params.is_empty() {
        let memory = if function.params.iter().any(|param| world.is_in_memory(param.ty)) {
            "abi::memory_of(&caller)?"
        } else {
            "&[]"
        };
        writeln!(code, "let flat = [{values}];\nlet mut lift = Lift::new({memory}, &flat);")?;
        for (number, param) in function.params.iter().enumerate() {
            writeln!(code, "let p{number} = <{} as FromGuest>::flat(&mut lift)?;", owned(world, param.ty)?)?;
        }
    }
    let answer = Answer::of(world, function)?;
    writeln!(code, "{}", call(world, interface, function, "caller.data_mut()", &answer)?)?;
    write!(code, "{}", metered(interface, "caller"))?;
    writeln!(code, "{}\n}})?;", answer.for_core())?;
    Ok(())
}

/// What follows a call that costs fuel by the byte: the interface `matcher`.
fn metered(interface: &str, store: &str) -> String {
    if interface == "matcher" {
        format!("crate::budget::settle_fuel(wasmtime::AsContextMut::as_context_mut(&mut {store}))?;\n")
    } else {
        String::new()
    }
}

/// The call of the host's function: `let answer = ...;`.
fn call(
    world: &World,
    interface: &str,
    function: &Function,
    host: &str,
    answer: &Answer,
) -> Result<String, Box<dyn Error>> {
    let mut arguments = host.to_owned();
    for (number, param) in function.params.iter().enumerate() {
        let by_reference = world.resolved(param.ty) == Type::String || list_of(world, param.ty).is_some();
        write!(arguments, ", {}p{number}", if by_reference { "&" } else { "" })?;
    }
    let (interface, name) = (snake(interface), snake(&function.name));
    Ok(format!(
        "let answer: {} = crate::imports::{interface}::{name}({arguments}).map_err(Into::into);",
        answer.ty
    ))
}

fn core_type(ty: WasmType) -> Result<&'static str, Box<dyn Error>> {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => Ok("u32"),
        WasmType::I64 | WasmType::PointerOrI64 => Ok("u64"),
        WasmType::F32 | WasmType::F64 => Err("the direct lane cannot pass floating-point numbers yet".into()),
    }
}

/// What a function answers with.
struct Answer {
    /// `Result<.., ..>` as the host's function gives it, its error converted.
    ty: String,
    /// Whether a good answer stands for a list.
    is_list: bool,
}

impl Answer {
    fn of(world: &World, function: &Function) -> Result<Self, Box<dyn Error>> {
        let (ok, err) = world.answer(function)?;
        let (token, is_list) = match ok.and_then(|ok| list_of(world, ok)) {
            Some(Type::U8) => ("crate::imports::InView".to_owned(), true),
            Some(Type::U64) => ("crate::imports::InPairs".to_owned(), true),
            Some(_) => {
                return Err(
                    format!("{}: the lanes answer with lists of u8 and u64 only", function.name).into()
                );
            }
            None => (side(world, ok)?, false),
        };
        Ok(Self { ty: format!("Result<{token}, {}>", side(world, err)?), is_list })
    }

    fn for_component(&self) -> &'static str {
        if self.is_list { "answer.map(|list| crate::imports::Ready::share(list, host))" } else { "answer" }
    }

    fn for_core(&self) -> &'static str {
        if self.is_list {
            "abi::answer_with_list(&mut caller, area, answer)"
        } else {
            "abi::answer(&mut caller, area, &answer)"
        }
    }
}
