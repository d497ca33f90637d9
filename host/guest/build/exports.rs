//! The functions that guests export: one trait, implemented by both lanes.

use std::error::Error;
use std::fmt::Write;

use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function, Type};

use crate::rust::{list_of, owned, snake, wit};
use crate::world::{World, is_optional};

pub(crate) fn write(world: &World, code: &mut String) -> Result<(), Box<dyn Error>> {
    lane(world, code)?;
    check(world, code)?;
    component(world, code)?;
    direct(world, code)?;
    either(world, code)
}

/// What a call takes: numbers by value, lists by reference, bytes from where they lie.
fn params(world: &World, function: &Function) -> Result<String, Box<dyn Error>> {
    let mut params = String::new();
    for param in &function.params {
        let name = snake(&param.name);
        match list_of(world, param.ty) {
            Some(Type::U8) => write!(params, ", {name}: &dyn crate::exports::Bytes")?,
            Some(inner) => write!(params, ", {name}: &[{}]", owned(world, inner)?)?,
            None => write!(params, ", {name}: {}", owned(world, param.ty)?)?,
        }
    }
    Ok(params)
}

fn result(world: &World, function: &Function) -> Result<String, Box<dyn Error>> {
    function.result.map_or_else(|| Ok("()".to_owned()), |ty| owned(world, ty))
}

fn head(world: &World, function: &Function) -> Result<String, Box<dyn Error>> {
    Ok(format!(
        "fn {}(&self, store: &mut Store<Host>{}) -> wasmtime::Result<{}>",
        snake(&function.name),
        params(world, function)?,
        result(world, function)?
    ))
}

fn lane(world: &World, code: &mut String) -> Result<(), Box<dyn Error>> {
    writeln!(
        code,
        "/// An instance as the host calls it. An export that the guest lacks answers with nothing."
    )?;
    writeln!(code, "pub(crate) trait Lane {{")?;
    for function in &world.exports {
        if is_optional(&function.name) {
            writeln!(
                code,
                "/// Whether the guest exports `{0}`.\nfn has_{1}(&self) -> bool;",
                function.name,
                snake(&function.name)
            )?;
        }
        writeln!(code, "/// Calls `{}`.\n{};", function.name, head(world, function)?)?;
    }
    writeln!(code, "}}")?;
    Ok(())
}

/// The type of a component's export as a tuple of parameters and one of results.
fn component_types(world: &World, function: &Function) -> Result<String, Box<dyn Error>> {
    let params: Result<Vec<_>, _> = function.params.iter().map(|param| owned(world, param.ty)).collect();
    let params: String = params?.iter().map(|ty| format!("{ty}, ")).collect();
    let results =
        if function.result.is_some() { format!("({},)", result(world, function)?) } else { "()".to_owned() };
    Ok(format!("({params}), {results}"))
}

fn check(world: &World, code: &mut String) -> Result<(), Box<dyn Error>> {
    writeln!(
        code,
        "/// Compares a component's exports with the world's.\n\
         pub(crate) fn check_exports(exports: &crate::module::Exports<'_>) -> Result<(), crate::LoadError> {{"
    )?;
    for function in &world.exports {
        let params: Vec<_> = function.params.iter().map(|param| wit(world, param.ty)).collect();
        let mut text = format!("func({})", params.join(", "));
        if let Some(ty) = function.result {
            write!(text, " -> {}", wit(world, ty))?;
        }
        writeln!(
            code,
            "exports.check::<{}>(\"{}\", {text:?})?;",
            component_types(world, function)?,
            function.name
        )?;
    }
    writeln!(code, "Ok(())\n}}")?;
    Ok(())
}

fn component(world: &World, code: &mut String) -> Result<(), Box<dyn Error>> {
    writeln!(
        code,
        "/// The exports of a component's instance; looked up once, typed.\npub(crate) struct ComponentLane {{"
    )?;
    for function in &world.exports {
        let ty = format!("wasmtime::component::TypedFunc<{}>", component_types(world, function)?);
        writeln!(code, "{}: {},", snake(&function.name), optional(function, &ty))?;
    }
    writeln!(code, "}}\nimpl ComponentLane {{\n/// Looks the exports up.")?;
    writeln!(
        code,
        "pub(crate) fn new(component: &wasmtime::component::Component, instance: &wasmtime::component::Instance, \
         store: &mut Store<Host>) -> wasmtime::Result<Self> {{ Ok(Self {{"
    )?;
    for function in &world.exports {
        let name = &function.name;
        if is_optional(name) {
            writeln!(
                code,
                "{}: component.get_export_index(None, \"{name}\").map(|index| \
                 instance.get_typed_func(&mut *store, index)).transpose()?,",
                snake(name)
            )?;
        } else {
            writeln!(code, "{}: instance.get_typed_func(&mut *store, \"{name}\")?,", snake(name))?;
        }
    }
    writeln!(code, "}}) }}\n}}\nimpl Lane for ComponentLane {{")?;
    for function in &world.exports {
        has(function, code)?;
        let arguments: Vec<_> = function.params.iter().map(|param| argument(world, param)).collect();
        let arguments: String = arguments.iter().map(|argument| format!("{argument}, ")).collect();
        let taken = if function.result.is_some() { "(answer,)" } else { "()" };
        let answer = if function.result.is_some() { "answer" } else { "()" };
        let bytes = function.params.iter().filter(|param| list_of(world, param.ty) == Some(Type::U8));
        let collected = bytes.map(|param| {
            let name = snake(&param.name);
            format!("let {name} = crate::exports::to_vec({name}, store.data());")
        });
        writeln!(
            code,
            "{} {{ {} {} let {taken} = function.call(&mut *store, ({arguments}))?; Ok({answer}) }}",
            head(world, function)?,
            found(function),
            collected.collect::<String>(),
        )?;
    }
    writeln!(code, "}}")?;
    Ok(())
}

fn argument(world: &World, param: &wit_parser::Param) -> String {
    let name = snake(&param.name);
    match list_of(world, param.ty) {
        Some(Type::U8) | None => name,
        Some(_) => format!("{name}.to_vec()"),
    }
}

fn optional(function: &Function, ty: &str) -> String {
    if is_optional(&function.name) { format!("Option<{ty}>") } else { ty.to_owned() }
}

fn has(function: &Function, code: &mut String) -> Result<(), Box<dyn Error>> {
    let name = snake(&function.name);
    if is_optional(&function.name) {
        writeln!(code, "fn has_{name}(&self) -> bool {{ self.{name}.is_some() }}")?;
    }
    Ok(())
}

/// The function to be called, if there is one.
fn found(function: &Function) -> String {
    let name = snake(&function.name);
    if is_optional(&function.name) {
        format!("let Some(function) = &self.{name} else {{ return Ok(Default::default()) }};")
    } else {
        format!("let function = &self.{name};")
    }
}

fn direct(world: &World, code: &mut String) -> Result<(), Box<dyn Error>> {
    writeln!(
        code,
        "/// The exports of a core instance; looked up once, typed.\npub(crate) struct DirectLane {{"
    )?;
    for function in &world.exports {
        let ty = format!("abi::Export<{}>", core_types(world, function)?);
        writeln!(code, "{}: {},", snake(&function.name), optional(function, &ty))?;
    }
    writeln!(code, "}}\nimpl DirectLane {{\n/// Looks the exports up.")?;
    writeln!(
        code,
        "pub(crate) fn new(exports: &[crate::direct::ExportNames], instance: &wasmtime::Instance, \
         store: &mut Store<Host>) -> wasmtime::Result<Self> {{ Ok(Self {{"
    )?;
    for function in &world.exports {
        let name = &function.name;
        let end = if is_optional(name) { "?" } else { "?.ok_or_else(abi::no_such_export)?" };
        writeln!(code, "{}: abi::export(exports, instance, store, \"{name}\"){end},", snake(name))?;
    }
    writeln!(code, "}}) }}\n}}\nimpl Lane for DirectLane {{")?;
    for function in &world.exports {
        has(function, code)?;
        writeln!(code, "#[inline]\n{} {{ {}", head(world, function)?, found(function))?;
        writeln!(code, "abi::enter(store)?;")?;
        let mut flat = String::new();
        for param in &function.params {
            let name = snake(&param.name);
            if let Some(inner) = list_of(world, param.ty) {
                let lower = if inner == Type::U8 { "lower_bytes" } else { "lower_list" };
                writeln!(code, "let {name} = abi::{lower}(store, {name})?;")?;
                write!(flat, "{name}.0, {name}.1, ")?;
            } else if world.is_in_memory(param.ty) {
                return Err(
                    format!("{}: the direct lane passes numbers and lists only", function.name).into()
                );
            } else {
                write!(flat, "{name}, ")?;
            }
        }
        writeln!(code, "let result = function.call(store, ({flat}))?;")?;
        writeln!(code, "{}", lifted(world, function)?)?;
        writeln!(code, "function.leave(store, result)?; Ok(answer) }}")?;
    }
    writeln!(code, "}}")?;
    Ok(())
}

/// Whichever lane an instance is on. No object behind a pointer: the sixteen numbers of an event would go through
/// memory once more on their way to one.
fn either(world: &World, code: &mut String) -> Result<(), Box<dyn Error>> {
    writeln!(
        code,
        "/// An instance on whichever lane.\npub(crate) enum EitherLane {{\n\
         /// By the runtime's component API.\nComponent(Box<ComponentLane>),\n\
         /// By its core module.\nDirect(Box<DirectLane>),\n}}\nimpl Lane for EitherLane {{"
    )?;
    for function in &world.exports {
        let name = snake(&function.name);
        let names: Vec<_> = function.params.iter().map(|param| snake(&param.name)).collect();
        let names = names.join(", ");
        if is_optional(&function.name) {
            let both = format!(
                "Self::Component(lane) => lane.has_{name}(), Self::Direct(lane) => lane.has_{name}()"
            );
            writeln!(code, "fn has_{name}(&self) -> bool {{ match self {{ {both} }} }}")?;
        }
        writeln!(
            code,
            "#[inline]\n{} {{ match self {{ Self::Component(lane) => lane.{name}(store, {names}), \
             Self::Direct(lane) => lane.{name}(store, {names}) }} }}",
            head(world, function)?
        )?;
    }
    writeln!(code, "}}")?;
    Ok(())
}

/// `let answer = ...;` from the core function's `result`.
fn lifted(world: &World, function: &Function) -> Result<String, Box<dyn Error>> {
    let signature = world.resolve.wasm_signature(AbiVariant::GuestExport, function);
    let Some(ty) = function.result else { return Ok("let answer = ();".to_owned()) };
    if signature.retptr {
        return Ok(format!("let answer = abi::lift_result::<{}>(store, result)?;", owned(world, ty)?));
    }
    match world.resolved(ty) {
        Type::Bool => Ok("let answer = result != 0;".to_owned()),
        Type::U32 | Type::U64 => Ok("let answer = result;".to_owned()),
        other => Err(format!("{}: the direct lane takes no {other:?} as result yet", function.name).into()),
    }
}

/// Parameters and result of the core function.
fn core_types(world: &World, function: &Function) -> Result<String, Box<dyn Error>> {
    let signature = world.resolve.wasm_signature(AbiVariant::GuestExport, function);
    let name = |ty: &WasmType| match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => Ok("u32"),
        WasmType::I64 | WasmType::PointerOrI64 => Ok("u64"),
        WasmType::F32 | WasmType::F64 => Err("the direct lane cannot pass floating-point numbers yet"),
    };
    let params: Result<Vec<_>, _> = signature.params.iter().map(name).collect();
    let params: String = params?.iter().map(|ty| format!("{ty}, ")).collect();
    let result = signature.results.first().map_or(Ok("()"), name)?;
    Ok(format!("({params}), {result}"))
}
