//! Arguments, made type by type: most of them make sense, some are hostile.

use wit_parser::abi::{FlatTypes, WasmType};
use wit_parser::{Int, Type, TypeDefKind};

use super::memory::{FLOWS, NUMBERS};
use super::{Generator, HANDLERS};
use crate::world::core;

/// Texts that mean something somewhere, and some that never do.
const TEXTS: [&str; 16] = [
    "",
    "tcp",
    "udp",
    "tcp port 80",
    "not ((",
    "name",
    "other",
    "alert",
    "http",
    "flow_id",
    "{}",
    "{\"a\":1,\"b\":[\"x\",null]}",
    "{\"a\":",
    "line\nof\ttext\u{7}",
    "größer als 7 \u{1f980}",
    "a text that is rather longer than sixty-four bytes, which is as long as the names of events may be",
];

/// Lengths, limits and delays.
const SIZES: [u64; 14] =
    [0, 1, 3, 8, 16, 64, 200, 1_460, 4_096, 70_000, 1_000_000, 1_000_000_000, 3_000_000_000, u64::MAX];

/// Bytes that texts are not made of.
const NO_TEXT: &[u8] = b"caf\xc3\x28\xff\xed\xa0\x80";

/// Variants and lists within one another are made up to this depth.
const DEPTH_MAX: usize = 8;

/// A flat value: its type and an expression.
pub(super) struct Flat {
    ty: WasmType,
    pub(super) text: String,
}

fn constant(ty: WasmType, number: u64) -> Flat {
    let text = match core(ty) {
        "i32" => format!("(i32.const {:#x})", number & u64::from(u32::MAX)),
        core => format!("({core}.const {number:#x})"),
    };
    Flat { ty, text }
}

impl Generator<'_> {
    /// A number for an argument of this name.
    fn number(&mut self, name: &str, bytes: usize) -> u64 {
        let small = |generator: &mut Self, bound| generator.choices.below(bound) as u64;
        match name {
            "event" | "parent" => small(self, 10).saturating_add(1),
            "monitor" => small(self, 3),
            "handler" | "by" | "id" => small(self, HANDLERS),
            "mask" | "value" | "flags" => small(self, 256),
            "max" | "length" | "bytes" | "delay" | "every-bytes" | "every-packets" => self.choices.of(&SIZES),
            _ => match self.choices.below(8) {
                0 => self.choices.of(&SIZES),
                1 => self.choices.bits(),
                // A bound, or one too many.
                2 => (1u64 << (bytes.saturating_mul(8).min(63))).wrapping_sub(small(self, 3)),
                _ => small(self, 24),
            },
        }
    }

    /// A number as an argument: constant, from the call at hand, or answered before.
    fn number_flat(&mut self, name: &str, ty: WasmType, bytes: usize) -> Flat {
        let remembered = matches!(name, "event" | "parent" | "timer" | "monitor");
        let is_wide = core(ty) == "i64";
        if is_wide && name == "flow" && self.choices.below(2) == 0 {
            // That of the last call that was about one.
            if let Some((global, _)) = self.globals.iter().find(|(global, _)| global == "$param_flow_i64") {
                return Flat { ty, text: format!("(global.get {global})") };
            }
        }
        if is_wide && name == "flow" || !is_wide && remembered && self.choices.below(2) == 0 {
            return self.remembered(ty);
        }
        if matches!(name, "offset" | "argument" | "value") && self.choices.below(2) == 0
            || self.choices.below(8) == 0 && !remembered
        {
            let globals: Vec<&String> = self
                .globals
                .iter()
                .filter(|(_, ty)| *ty == if is_wide { "i64" } else { "i32" })
                .map(|(name, _)| name)
                .collect();
            if let Some(name) = globals.get(self.choices.below(globals.len())) {
                return Flat { ty, text: format!("(global.get {name})") };
            }
        }
        let mut number = self.number(name, bytes);
        if bytes < 4 && !self.is_hostile() {
            // What narrow types have no room for is wrapped; compilers do not write it.
            number &= (1u64 << bytes.saturating_mul(8)).wrapping_sub(1);
        }
        constant(ty, number)
    }

    /// A number that was answered before, or came in a list.
    fn remembered(&mut self, ty: WasmType) -> Flat {
        let (base, slots, size) = if core(ty) == "i64" { (FLOWS, 8, 8) } else { (NUMBERS, 16, 4) };
        // The first ones are those of `start`.
        let slots = self.choices.of(&[1, 2, 4, slots]);
        let at =
            base.saturating_add(u32::try_from(self.choices.below(slots)).unwrap_or(0).saturating_mul(size));
        Flat { ty, text: format!("({}.load (i32.const {at:#x}))", core(ty)) }
    }

    /// The place and length of a list of `count` items that stand in `bytes`; one of a hostile guest may be elsewhere.
    fn place(&mut self, bytes: &[u8], count: usize, align: usize) -> (u64, u64) {
        let at = u64::from(self.data.place(bytes, align));
        let count = count as u64;
        if !self.is_hostile() {
            return (at, count);
        }
        match self.choices.below(6) {
            0 => (at.wrapping_add(1), count),
            1 => (u64::from(u32::MAX), count),
            2 => (at, u64::from(u32::MAX)),
            3 => (at, 0x1000_0001),
            4 => (0x1_fff8, 16),
            _ => (self.choices.bits() & u64::from(u32::MAX), self.choices.bits() & 0xff_ffff),
        }
    }

    fn text(&mut self) -> (u64, u64) {
        let text = self.choices.of(&TEXTS).as_bytes();
        let text = if self.is_hostile() { NO_TEXT } else { text };
        self.place(text, text.len(), 1)
    }

    fn list(&mut self, item: &Type, name: &str, depth: usize) -> Result<(u64, u64), String> {
        let (size, align) = self.world.layout(item);
        if self.world.plain(item) == Type::U8 {
            let count = self.choices.of(&[0usize, 1, 4, 5, 8, 20, 40, 300]);
            let bytes: Vec<u8> = (0..count).map(|_| self.choices.of(b"x?GET \n{\"\xff\0")).collect();
            return Ok(self.place(&bytes, count, 1));
        }
        let count = self.choices.of(&[1usize, 1, 2, 3, 0, 9]);
        let mut bytes = Vec::new();
        for _ in 0..count {
            bytes.extend(self.image(item, name, depth)?);
            bytes.resize(bytes.len().next_multiple_of(size.max(1)), 0);
        }
        Ok(self.place(&bytes, count, align))
    }

    /// The case of a variant: its number and what it holds.
    fn case(&mut self, cases: &[(&str, Option<Type>)]) -> (u64, Option<(String, Type)>) {
        let number = self.choices.below(cases.len());
        let Some((name, ty)) = cases.get(number) else { return (0, None) };
        let held = ty.map(|ty| ((*name).to_owned(), ty));
        if self.is_hostile() {
            return (self.choices.of(&[cases.len() as u64, 255, 256, u64::from(u32::MAX)]), held);
        }
        (number as u64, held)
    }

    /// The flat values of an argument.
    pub(super) fn flat(&mut self, ty: &Type, name: &str, depth: usize) -> Result<Vec<Flat>, String> {
        if depth > DEPTH_MAX {
            return Err(format!("{name} is too deep"));
        }
        let ty = self.world.plain(ty);
        let (i32, i64) = (WasmType::I32, WasmType::I64);
        Ok(match ty {
            Type::Bool | Type::U8 | Type::S8 => vec![self.number_flat(name, i32, 1)],
            Type::U16 | Type::S16 => vec![self.number_flat(name, i32, 2)],
            Type::U32 | Type::S32 | Type::Char => vec![self.number_flat(name, i32, 4)],
            Type::U64 | Type::S64 => vec![self.number_flat(name, i64, 8)],
            Type::String => {
                let (at, len) = self.text();
                vec![constant(i32, at), constant(i32, len)]
            }
            Type::F32 | Type::F64 | Type::ErrorContext => return Err(format!("{name}: {ty:?}")),
            Type::Id(_) => return self.flat_defined(&ty, name, depth.saturating_add(1)),
        })
    }

    fn flat_defined(&mut self, ty: &Type, name: &str, depth: usize) -> Result<Vec<Flat>, String> {
        let world = self.world;
        let kind = world.kind(ty).ok_or_else(|| format!("{name} is of no type"))?;
        if let Some(cases) = cases(kind) {
            let (number, held) = self.case(&cases);
            let held = match held {
                Some((case, ty)) => self.flat(&ty, &case, depth)?,
                None => Vec::new(),
            };
            return self.joined(ty, number, held);
        }
        match kind {
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter().map(|field| self.flat(&field.ty, &field.name, depth));
                Ok(fields.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
            }
            TypeDefKind::Tuple(tuple) => {
                let parts = tuple.types.iter().map(|ty| self.flat(ty, name, depth));
                Ok(parts.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
            }
            TypeDefKind::Flags(_) => Ok(vec![constant(WasmType::I32, self.choices.bits())]),
            TypeDefKind::List(item) => {
                let (at, count) = self.list(item, name, depth)?;
                Ok(vec![constant(WasmType::I32, at), constant(WasmType::I32, count)])
            }
            other => Err(format!("{name}: {}", other.as_str())),
        }
    }

    /// The flat values of a variant: those of its case as the types that all cases share.
    fn joined(&mut self, ty: &Type, number: u64, held: Vec<Flat>) -> Result<Vec<Flat>, String> {
        let mut room = [WasmType::I32; 32];
        let mut types = FlatTypes::new(&mut room);
        if !self.world.resolve.push_flat(ty, &mut types) {
            return Err("a variant of too many flat values".to_owned());
        }
        let types = types.to_vec();
        let mut held = held.into_iter();
        let mut flat = vec![constant(WasmType::I32, number)];
        for ty in types.into_iter().skip(1) {
            // Where cases share a place, what is not the case's own means nothing.
            let rest = if self.choices.below(4) == 0 { self.choices.bits() } else { 0 };
            flat.push(match held.next() {
                None => constant(ty, rest),
                Some(value) if core(value.ty) == core(ty) => value,
                Some(value) if core(value.ty) == "i32" && core(ty) == "i64" => Flat {
                    ty,
                    text: format!(
                        "(i64.or (i64.extend_i32_u {}) (i64.const {:#x}))",
                        value.text,
                        rest & 0xffff_ffff_0000_0000
                    ),
                },
                Some(_) => return Err("a variant that joins other types".to_owned()),
            });
        }
        Ok(flat)
    }

    /// The bytes of a value in memory.
    pub(super) fn image(&mut self, ty: &Type, name: &str, depth: usize) -> Result<Vec<u8>, String> {
        if depth > DEPTH_MAX {
            return Err(format!("{name} is too deep"));
        }
        let ty = self.world.plain(ty);
        let (size, _) = self.world.layout(&ty);
        let mut image = match ty {
            Type::String => words(self.text()),
            Type::Id(_) => self.image_defined(&ty, name, depth.saturating_add(1))?,
            Type::F32 | Type::F64 | Type::ErrorContext => return Err(format!("{name}: {ty:?}")),
            _ => self.number(name, size).to_le_bytes().to_vec(),
        };
        image.resize(size, 0);
        Ok(image)
    }

    fn image_defined(&mut self, ty: &Type, name: &str, depth: usize) -> Result<Vec<u8>, String> {
        let world = self.world;
        let kind = world.kind(ty).ok_or_else(|| format!("{name} is of no type"))?;
        if let Some(cases) = cases(kind) {
            let (number, held) = self.case(&cases);
            let tag = int(kind, cases.len());
            let offset =
                world.sizes.payload_offset(tag, cases.iter().map(|(_, ty)| ty.as_ref())).size_wasm32();
            let mut image = number.to_le_bytes().to_vec();
            image.resize(offset, 0);
            if let Some((case, ty)) = held {
                image.extend(self.image(&ty, &case, depth)?);
            }
            return Ok(image);
        }
        let parts: Vec<(&str, &Type)> = match kind {
            TypeDefKind::Record(record) => {
                record.fields.iter().map(|field| (&*field.name, &field.ty)).collect()
            }
            TypeDefKind::Tuple(tuple) => tuple.types.iter().map(|ty| (name, ty)).collect(),
            TypeDefKind::Flags(_) => return Ok(self.choices.bits().to_le_bytes().to_vec()),
            TypeDefKind::List(item) => return Ok(words(self.list(item, name, depth)?)),
            other => return Err(format!("{name}: {}", other.as_str())),
        };
        let mut image = Vec::new();
        let offsets = world.sizes.field_offsets(parts.iter().map(|(_, ty)| *ty));
        for ((name, ty), (offset, _)) in parts.into_iter().zip(offsets) {
            image.resize(offset.size_wasm32(), 0);
            image.extend(self.image(ty, name, depth)?);
        }
        Ok(image)
    }
}

/// A pair of 32-bit numbers in memory.
fn words((at, len): (u64, u64)) -> Vec<u8> {
    let word = |number: u64| number.to_le_bytes().into_iter().take(4);
    word(at).chain(word(len)).collect()
}

/// The number type that tells the case of a variant in memory.
pub(super) fn int(kind: &TypeDefKind, cases: usize) -> Int {
    match kind {
        TypeDefKind::Variant(variant) => variant.tag(),
        TypeDefKind::Enum(r#enum) => r#enum.tag(),
        _ if cases <= 256 => Int::U8,
        _ => Int::U16,
    }
}

/// The cases of a variant and of what is like one.
pub(super) fn cases(kind: &TypeDefKind) -> Option<Vec<(&str, Option<Type>)>> {
    Some(match kind {
        TypeDefKind::Variant(variant) => variant.cases.iter().map(|case| (&*case.name, case.ty)).collect(),
        TypeDefKind::Enum(r#enum) => r#enum.cases.iter().map(|case| (&*case.name, None)).collect(),
        TypeDefKind::Option(ty) => vec![("none", None), ("some", Some(*ty))],
        TypeDefKind::Result(result) => vec![("ok", result.ok), ("err", result.err)],
        _ => return None,
    })
}
