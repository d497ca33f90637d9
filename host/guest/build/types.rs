//! Named types: for the component lane by the derives of the runtime, for the direct lane field by field.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write;

use wit_parser::{Case, Field, Function, Int, Type, TypeDef, TypeDefKind, TypeId};

use crate::rust::{camel, owned, snake};
use crate::world::World;

pub(crate) fn write(world: &World, code: &mut String) -> Result<(), Box<dyn Error>> {
    let (mut given, mut answered) = (BTreeSet::new(), BTreeSet::new());
    for function in world.interfaces.iter().flat_map(|(_, interface)| interface.functions.values()) {
        params(function).for_each(|ty| world.named_types(ty, &mut given));
        function.result.iter().for_each(|ty| world.named_types(*ty, &mut answered));
    }
    for (name, interface) in &world.interfaces {
        writeln!(code, "/// Types of the interface `{name}`.\npub(crate) mod {} {{", snake(name))?;
        writeln!(code, "#![allow(unused_imports, reason = \"an interface may have no types\")]")?;
        writeln!(code, "use crate::direct::abi::{{FromGuest, Lift, Plain, put}};")?;
        writeln!(code, "use wasmtime::component::{{ComponentType, Lift as Lifted, Lower as Lowered}};")?;
        for id in interface.types.values() {
            let def = world.type_def(*id);
            if matches!(def.kind, TypeDefKind::Type(_)) {
                continue;
            }
            definition(world, def, code)?;
            if given.contains(id) {
                from_guest(world, *id, code)?;
            }
            if answered.contains(id) {
                plain(world, *id, code)?;
            }
        }
        writeln!(code, "}}")?;
    }
    Ok(())
}

fn params(function: &Function) -> impl Iterator<Item = Type> {
    function.params.iter().map(|param| param.ty)
}

fn name_of(def: &TypeDef) -> Result<String, Box<dyn Error>> {
    Ok(camel(def.name.as_deref().ok_or("a type without a name")?))
}

/// The type itself.
fn definition(world: &World, def: &TypeDef, code: &mut String) -> Result<(), Box<dyn Error>> {
    let wit_name = def.name.as_deref().unwrap_or_default();
    let name = name_of(def)?;
    let derives = "ComponentType, Lifted, Lowered";
    match &def.kind {
        TypeDefKind::Record(record) => {
            writeln!(code, "/// `{wit_name}` of the WIT.\n#[derive({derives})]\n#[component(record)]")?;
            writeln!(code, "pub(crate) struct {name} {{")?;
            for Field { name, ty, .. } in &record.fields {
                let ty = owned(world, *ty)?;
                writeln!(code, "#[component(name = \"{name}\")]\npub(crate) {}: {ty},", snake(name))?;
            }
            writeln!(code, "}}")?;
        }
        TypeDefKind::Variant(variant) => {
            writeln!(code, "/// `{wit_name}` of the WIT.\n#[derive({derives})]\n#[component(variant)]")?;
            writeln!(code, "pub(crate) enum {name} {{")?;
            for Case { name, ty, .. } in &variant.cases {
                let payload =
                    ty.map_or_else(|| Ok(String::new()), |ty| owned(world, ty).map(|ty| format!("({ty})")))?;
                writeln!(code, "#[component(name = \"{name}\")]\n{}{payload},", camel(name))?;
            }
            writeln!(code, "}}")?;
        }
        TypeDefKind::Enum(words) => {
            writeln!(code, "/// `{wit_name}` of the WIT.\n#[derive(Clone, Copy, {derives})]")?;
            writeln!(code, "#[component(enum)]\n#[repr(u8)]\npub(crate) enum {name} {{")?;
            if words.tag() != Int::U8 {
                return Err(format!("{wit_name} has more than 256 cases").into());
            }
            for case in &words.cases {
                writeln!(code, "#[component(name = \"{0}\")]\n{1},", case.name, camel(&case.name))?;
            }
            writeln!(code, "}}")?;
        }
        other => return Err(format!("{wit_name}: the lanes cannot pass a {} yet", other.as_str()).into()),
    }
    Ok(())
}

/// How the direct lane takes a value from a guest: as flat values, and out of memory.
fn from_guest(world: &World, id: TypeId, code: &mut String) -> Result<(), Box<dyn Error>> {
    let def = world.type_def(id);
    let (name, ty) = (name_of(def)?, Type::Id(id));
    let (size, align) = (world.sizes.size(&ty).size_wasm32(), world.sizes.align(&ty).align_wasm32());
    let (mut flat, mut load, flat_count);
    match &def.kind {
        TypeDefKind::Record(record) => {
            (flat, load) = ("Ok(Self {".to_owned(), "Ok(Self {".to_owned());
            for (field, (offset, _)) in
                record.fields.iter().zip(world.sizes.field_offsets(record.fields.iter().map(|f| &f.ty)))
            {
                let (name, offset) = (snake(&field.name), offset.size_wasm32());
                write!(flat, "{name}: FromGuest::flat(lift)?,")?;
                write!(load, "{name}: FromGuest::load(lift, at.wrapping_add({offset}))?,")?;
            }
            flat.push_str("})");
            load.push_str("})");
            flat_count = sum(world, record.fields.iter().map(|field| field.ty))?;
        }
        TypeDefKind::Variant(variant) => {
            let payloads = variant.cases.iter().map(|case| case.ty.as_ref());
            let payload = world.sizes.payload_offset(variant.tag(), payloads).size_wasm32();
            flat = "let rest = lift.left().saturating_sub(Self::FLAT);let value = match lift.word()? {"
                .to_owned();
            load = "match u32::from(u8::load(lift, at)?) {".to_owned();
            let mut counts = vec!["0".to_owned()];
            for (number, case) in variant.cases.iter().enumerate() {
                let case_name = camel(&case.name);
                if let Some(ty) = case.ty {
                    write!(flat, "{number} => Self::{case_name}(FromGuest::flat(lift)?),")?;
                    write!(
                        load,
                        "{number} => Ok(Self::{case_name}(FromGuest::load(lift, at.wrapping_add({payload}))?)),"
                    )?;
                    counts.push(format!("<{} as FromGuest>::FLAT", owned(world, ty)?));
                } else {
                    write!(flat, "{number} => Self::{case_name},")?;
                    write!(load, "{number} => Ok(Self::{case_name}),")?;
                }
            }
            flat.push_str("other => return Err(Lift::no_such_case(other)),}; lift.skip_to(rest); Ok(value)");
            load.push_str("other => Err(Lift::no_such_case(other)),}");
            flat_count = format!("1 + crate::direct::abi::largest(&[{}])", counts.join(", "));
        }
        TypeDefKind::Enum(words) => {
            let mut cases = String::new();
            for (number, case) in words.cases.iter().enumerate() {
                write!(cases, "{number} => Ok(Self::{}),", camel(&case.name))?;
            }
            cases.push_str("other => Err(Lift::no_such_case(other)),");
            flat = format!("match lift.word()? {{ {cases} }}");
            load = format!("match u8::load(lift, at)? {{ {cases} }}");
            flat_count = "1".to_owned();
        }
        other => return Err(format!("{name}: the lanes cannot take a {} yet", other.as_str()).into()),
    }
    writeln!(
        code,
        "impl FromGuest for {name} {{\nconst SIZE: usize = {size};\nconst ALIGN: usize = {align};\n\
         const FLAT: usize = {flat_count};\n#[inline]\n\
         fn flat(lift: &mut Lift<'_>) -> wasmtime::Result<Self> {{ {flat} }}\n\
         fn load(lift: &mut Lift<'_>, at: usize) -> wasmtime::Result<Self> {{ {load} }}\n}}"
    )?;
    Ok(())
}

fn sum(world: &World, types: impl Iterator<Item = Type>) -> Result<String, Box<dyn Error>> {
    let counts: Result<Vec<_>, _> =
        types.map(|ty| owned(world, ty).map(|ty| format!("<{ty} as FromGuest>::FLAT"))).collect();
    Ok(format!("0 + {}", counts?.join(" + ")))
}

/// How the direct lane writes a value of fixed size for a guest.
fn plain(world: &World, id: TypeId, code: &mut String) -> Result<(), Box<dyn Error>> {
    let def = world.type_def(id);
    let (name, ty) = (name_of(def)?, Type::Id(id));
    if world.is_in_memory(ty) {
        return Err(format!("{name}: the only lists that imports answer with are of bytes or u64").into());
    }
    let (size, align) = (world.sizes.size(&ty).size_wasm32(), world.sizes.align(&ty).align_wasm32());
    let mut store = String::new();
    match &def.kind {
        TypeDefKind::Record(record) => {
            for (field, (offset, _)) in
                record.fields.iter().zip(world.sizes.field_offsets(record.fields.iter().map(|f| &f.ty)))
            {
                write!(store, "put(&self.{}, area, {});", snake(&field.name), offset.size_wasm32())?;
            }
        }
        TypeDefKind::Variant(variant) => {
            let payloads = variant.cases.iter().map(|case| case.ty.as_ref());
            let payload = world.sizes.payload_offset(variant.tag(), payloads).size_wasm32();
            store.push_str("match self {");
            for (number, case) in variant.cases.iter().enumerate() {
                let name = camel(&case.name);
                if case.ty.is_some() {
                    write!(
                        store,
                        "Self::{name}(value) => {{ put(&{number}_u8, area, 0); put(value, area, {payload}); }}"
                    )?;
                } else {
                    write!(store, "Self::{name} => put(&{number}_u8, area, 0),")?;
                }
            }
            store.push('}');
        }
        TypeDefKind::Enum(_) => store.push_str("put(&(*self as u8), area, 0);"),
        other => return Err(format!("{name}: the lanes cannot answer with a {} yet", other.as_str()).into()),
    }
    writeln!(
        code,
        "impl Plain for {name} {{\nconst SIZE: usize = {size};\nconst ALIGN: usize = {align};\n#[inline]\n\
         fn store(&self, area: &mut [u8]) {{ {store} }}\n}}"
    )?;
    Ok(())
}
