//! Calls of imports, and the exports that make them.

use std::fmt::Write;

use wit_parser::{Type, TypeDefKind};

use super::memory::{AREA, AREA_BYTES, DIGITS, HEAP, TALLY};
use super::{Generator, Manner};
use crate::world::core;

/// Calls of imports that a guest makes in all: timers and raised events lead to more.
const CALLS_MAX: u32 = 20_000;

/// Places for answers that no compiler would name.
const WILD_AREAS: [u32; 6] = [AREA + 1, AREA + 4, 0x1_fffc, 0x2_0000, u32::MAX, 0xffff_fff8];

/// Digits of the tally that are no counts of imports: hash, calls, good answers.
const TALLY_HEAD: u32 = 16;

impl Generator<'_> {
    /// Makes a function that calls an import and folds its answer; gives its name, and whether it is hostile.
    pub(super) fn stub(&mut self, import: usize) -> Result<(String, bool), String> {
        self.was_hostile = false;
        let world = self.world;
        let Some(called) = world.imports.get(import) else { return Err("no such import".to_owned()) };
        let arguments = self.arguments(import)?;
        let area =
            if called.signature.retptr && self.is_hostile() { self.choices.of(&WILD_AREAS) } else { AREA };
        let name = format!("$stub_{}", self.stubs.len());
        let call = self.call(import, &arguments, area);
        let (mut code, is_hostile) = (String::new(), self.was_hostile);
        let _ = write!(
            code,
            "(func {name}
              (if (i32.gt_u (global.get $calls) (i32.const {CALLS_MAX})) (then (return)))
              (global.set $calls (i32.add (global.get $calls) (i32.const 1)))\n"
        );
        if called.signature.retptr {
            let _ = write!(
                code,
                "(memory.fill (i32.const {AREA}) (i32.const 0xa5) (i32.const {AREA_BYTES})) {call}
                 (call $fold_bytes (i32.const {AREA}) (i32.const {AREA_BYTES}))\n"
            );
            if let Some(result) = called.function.result {
                code += &self.follow(&result, &format!("(i32.const {AREA})"), 0)?;
                code += &self.when_good(&result, import);
            }
        } else {
            match called.signature.results.first().map(|ty| core(*ty)) {
                None => code += &call,
                Some("i64") => code += &format!("(call $fold {call})"),
                Some(_) => code += &format!("(call $fold (i64.extend_i32_u {call}))"),
            }
        }
        self.stubs.push(code + ")\n");
        Ok((name, is_hostile))
    }

    /// The arguments of an import without the place of its answer.
    fn arguments(&mut self, import: usize) -> Result<Vec<String>, String> {
        let world = self.world;
        let Some(called) = world.imports.get(import) else { return Err("no such import".to_owned()) };
        let mut arguments = Vec::new();
        for param in &called.function.params {
            let flat = self.flat(&param.ty, &param.name, 0)?;
            arguments.extend(flat.into_iter().map(|value| value.text));
        }
        if !called.signature.indirect_params {
            return Ok(arguments);
        }
        // More than are passed one by one: they stand in memory.
        let types: Vec<&Type> = called.function.params.iter().map(|param| &param.ty).collect();
        let mut image = Vec::new();
        for (param, (offset, ty)) in called.function.params.iter().zip(world.sizes.field_offsets(types)) {
            image.resize(offset.size_wasm32(), 0);
            image.extend(self.image(ty, &param.name, 0)?);
        }
        let at = self.data.place(&image, 8);
        Ok(vec![format!("(i32.const {at})")])
    }

    /// A call of an import, with the place of its answer if it has one.
    pub(super) fn call(&mut self, import: usize, arguments: &[String], area: u32) -> String {
        self.used.insert(import);
        let has_area = self.world.imports.get(import).is_some_and(|called| called.signature.retptr);
        let area = if has_area { format!("(i32.const {area:#x})") } else { String::new() };
        format!("(call $import_{import} {} {area})", arguments.join(" "))
    }

    /// Code that counts a good answer, and remembers it if it is a number.
    pub(super) fn when_good(&mut self, result: &Type, import: usize) -> String {
        let world = self.world;
        let Some(TypeDefKind::Result(result)) = world.kind(result) else { return String::new() };
        let number = match result.ok.map(|ty| world.plain(&ty)) {
            Some(Type::U32) => format!("(call $remember (i32.load (i32.const {})))", AREA + 4),
            _ => String::new(),
        };
        let count = TALLY + TALLY_HEAD + 4 * u32::try_from(import).unwrap_or(0);
        format!(
            "(if (i32.eqz (i32.load8_u (i32.const {AREA}))) (then
               (global.set $good (i32.add (global.get $good) (i32.const 1)))
               (i32.store (i32.const {count}) (i32.add (i32.load (i32.const {count})) (i32.const 1))) {number}))\n"
        )
    }

    /// A few calls, some under a condition that the hash decides about.
    pub(super) fn sequence(&mut self) -> String {
        let mut code = String::new();
        for _ in 0..self.choices.below(5).saturating_add(1) {
            let Some((name, is_hostile)) = self.menu.get(self.choices.below(self.menu.len())).cloned() else {
                continue;
            };
            // What may end the guest is rare, so that it does other things first.
            let rarely = if is_hostile { 255 } else { self.choices.of(&[0u32, 0, 1, 3]) };
            let shift = self.choices.below(32);
            let _ = writeln!(
                code,
                "(if (i64.eqz (i64.and (i64.shr_u (global.get $hash) (i64.const {shift})) (i64.const {rarely})))
                   (then (call {name})))"
            );
        }
        code
    }

    /// An export: folds what it gets, makes calls, and answers.
    pub(super) fn export(&mut self, number: usize, first: &str) -> Result<String, String> {
        let world = self.world;
        let Some(export) = world.exports.get(number) else { return Err("no such export".to_owned()) };
        let (function, signature) = (&export.function, &export.signature);
        let types: Vec<&str> = signature.params.iter().map(|ty| core(*ty)).collect();
        let result =
            signature.results.first().map(|ty| format!("(result {})", core(*ty))).unwrap_or_default();
        let mut code = format!(
            "(func $in_{0} (export \"{0}\") (param {1}) {result} (local $variant i32)\n",
            function.name,
            types.join(" ")
        );
        let mut at = 0usize;
        for param in &function.params {
            code += &self.take(&param.name, &param.ty, &mut at)?;
        }
        code += first;
        let pick = "(i32.wrap_i64 (i64.and (i64.shr_u (global.get $hash) (i64.const 40)) (i64.const 3)))";
        let _ = writeln!(code, "(local.set $variant {pick})");
        // What belongs to the beginning is said there or never.
        let pieces = if function.name == "start" { 4 } else { 1 };
        for variant in 0..4 {
            let sequence: String = (0..pieces).map(|_| self.sequence()).collect();
            let _ =
                writeln!(code, "(if (i32.eq (local.get $variant) (i32.const {variant})) (then {sequence}))");
        }
        if function.name == "stop" {
            code += &self.tell()?;
        }
        let _ = writeln!(code, "(global.set $top (i32.const {HEAP}))");
        code += &self.answer(number)?;
        Ok(code + ")\n")
    }

    /// Code that takes a parameter in.
    fn take(&mut self, name: &str, ty: &Type, at: &mut usize) -> Result<String, String> {
        let world = self.world;
        let plain = world.plain(ty);
        let first = *at;
        if let Some(TypeDefKind::List(item)) = world.kind(&plain) {
            *at = first.saturating_add(2);
            let place = (format!("(local.get {first})"), format!("(local.get {})", first.saturating_add(1)));
            return self.fold_list(item, (&place.0, &place.1));
        }
        *at = first.saturating_add(1);
        let ty = match plain {
            Type::U64 | Type::S64 => "i64",
            Type::U32 | Type::S32 | Type::U16 | Type::S16 | Type::U8 | Type::S8 | Type::Bool => "i32",
            _ => return Err(format!("an export with {name}: {plain:?}")),
        };
        let global = format!("$param_{name}_{ty}");
        self.globals.insert((global.clone(), ty));
        let wide = if ty == "i32" { "(i64.extend_i32_u " } else { "(i64.add (i64.const 0) " };
        Ok(format!("(global.set {global} (local.get {first})) (call $fold {wide} (local.get {first})))\n"))
    }

    /// The answer of an export.
    fn answer(&mut self, number: usize) -> Result<String, String> {
        let world = self.world;
        let Some(export) = world.exports.get(number) else { return Ok(String::new()) };
        let Some(ty) = export.function.result.map(|ty| world.plain(&ty)) else { return Ok(String::new()) };
        if export.signature.retptr {
            // `start` is mostly content: a guest that is not does nothing else.
            let many = if export.function.name == "start" { 24 } else { 2 };
            let (size, align) = world.layout(&ty);
            let image = if self.choices.one_in(many) { self.image(&ty, "answer", 0)? } else { vec![0; size] };
            let at = self.data.place(&image, align);
            let at = if self.is_hostile() { self.choices.of(&WILD_AREAS) } else { at };
            return Ok(format!("(i32.const {at:#x})"));
        }
        let hash = "(i32.wrap_i64 (i64.shr_u (global.get $hash) (i64.const 33)))";
        Ok(match (ty, self.manner) {
            // A bit for each event of a burst; one of sixteen drops its packets.
            (Type::U64, _) => {
                let turned = |bits| format!("(i64.rotl (global.get $hash) (i64.const {bits}))");
                format!(
                    "(i64.and (i64.and (global.get $hash) {}) (i64.and {} {}))",
                    turned(11),
                    turned(23),
                    turned(41)
                )
            }
            (Type::Bool, Manner::Calm) => format!("(i32.and {hash} (i32.const 1))"),
            (Type::Bool, Manner::Wild) => format!("(i32.and {hash} (i32.const 0x102))"),
            // One packet of sixteen is dropped, and all other bits mean nothing.
            _ => format!(
                "(i32.or (i32.and {hash} (i32.const 0x7ffffffe))
                   (i32.eqz (i32.and {hash} (i32.const 15))))"
            ),
        })
    }

    /// Code that reports hash and counts.
    fn tell(&mut self) -> Result<String, String> {
        let report = self.world.import("log", "report")?;
        let bytes = TALLY_HEAD + 4 * u32::try_from(self.world.imports.len()).unwrap_or(0);
        let name = self.data.place(b"tally ", 1);
        let arguments = [format!("(i32.const {DIGITS})"), format!("(i32.const {})", 6 + 2 * bytes)];
        let call = self.call(report, &arguments, AREA);
        Ok(format!(
            "(i64.store (i32.const {TALLY}) (global.get $hash))
             (i32.store offset=8 (i32.const {TALLY}) (global.get $calls))
             (i32.store offset=12 (i32.const {TALLY}) (global.get $good))
             (memory.copy (i32.const {DIGITS}) (i32.const {name}) (i32.const 6))
             (call $digits (i32.const {TALLY}) (i32.const {}) (i32.const {bytes}))
             {call}\n",
            DIGITS + 6
        ))
    }
}
