//! What is done with an answer: every byte of it goes into the hash.

use std::fmt::Write;

use wit_parser::{Type, TypeDefKind};

use super::Generator;
use super::memory::{FLOWS, NUMBERS};
use super::values::{cases, int};

impl Generator<'_> {
    /// Code that folds the parts of a value that stand elsewhere in memory: texts and lists. `at` is an expression.
    pub(super) fn follow(&mut self, ty: &Type, at: &str, offset: usize) -> Result<String, String> {
        let ty = self.world.plain(ty);
        let world = self.world;
        if ty == Type::String {
            return Ok(list_at(at, offset, 1));
        }
        let Some(kind) = world.kind(&ty) else { return Ok(String::new()) };
        if let Some(cases) = cases(kind) {
            let tag = int(kind, cases.len());
            let payload =
                world.sizes.payload_offset(tag, cases.iter().map(|(_, ty)| ty.as_ref())).size_wasm32();
            let mut code = String::new();
            for (number, (_, ty)) in cases.iter().enumerate() {
                let Some(ty) = ty else { continue };
                let held = self.follow(ty, at, offset.saturating_add(payload))?;
                if !held.is_empty() {
                    let _ = write!(
                        code,
                        "(if (i32.eq (i32.load8_u offset={offset} {at}) (i32.const {number})) (then {held}))"
                    );
                }
            }
            return Ok(code);
        }
        let parts: Vec<&Type> = match kind {
            TypeDefKind::Record(record) => record.fields.iter().map(|field| &field.ty).collect(),
            TypeDefKind::Tuple(tuple) => tuple.types.iter().collect(),
            TypeDefKind::List(item) => return self.follow_list(item, at, offset),
            _ => return Ok(String::new()),
        };
        let offsets = world.sizes.field_offsets(parts.iter().copied());
        let follow = offsets
            .into_iter()
            .map(|(inner, ty)| self.follow(ty, at, offset.saturating_add(inner.size_wasm32())));
        follow.collect()
    }

    /// Code that folds a list whose pointer and length stand at `at`, and what its items hold.
    fn follow_list(&mut self, item: &Type, at: &str, offset: usize) -> Result<String, String> {
        let behind = offset.saturating_add(4);
        let place = (format!("(i32.load offset={offset} {at})"), format!("(i32.load offset={behind} {at})"));
        self.fold_list(item, (&place.0, &place.1))
    }

    /// Code that folds a list at a place: pointer and length.
    pub(super) fn fold_list(
        &mut self,
        item: &Type,
        (pointer, count): (&str, &str),
    ) -> Result<String, String> {
        let (size, _) = self.world.layout(item);
        let mut code = format!("(call $fold_bytes {pointer} (i32.mul {count} (i32.const {size})))");
        if self.world.plain(item) == Type::U64 {
            let _ = write!(code, "(call $remember_flows {pointer} {count})");
        }
        let held = self.follow(item, "(local.get $at)", 0)?;
        if !held.is_empty() {
            let number = self.helpers.len();
            self.helpers.push(format!(
                "(func $follow_{number} (param $at i32) (param $left i32)
                  (block $end (loop $next (br_if $end (i32.eqz (local.get $left)))
                    {held}
                    (local.set $at (i32.add (local.get $at) (i32.const {size})))
                    (local.set $left (i32.sub (local.get $left) (i32.const 1))) (br $next))))\n"
            ));
            let _ = write!(code, "(call $follow_{number} {pointer} {count})");
        }
        Ok(code)
    }
}

fn list_at(at: &str, offset: usize, size: usize) -> String {
    let behind = offset.saturating_add(4);
    format!(
        "(call $fold_bytes (i32.load offset={offset} {at}) \
         (i32.mul (i32.load offset={behind} {at}) (i32.const {size})))"
    )
}

/// Functions that every made guest has.
pub(super) fn helpers() -> String {
    format!(
        r#"
(global $hash (mut i64) (i64.const 0x2545f4914f6cdd1d))
(global $calls (mut i32) (i32.const 0))
(global $good (mut i32) (i32.const 0))
(global $numbers (mut i32) (i32.const 0))
(global $flows (mut i32) (i32.const 0))
(global $raised (mut i32) (i32.const 0))
(func $fold (param i64)
  (global.set $hash (i64.rotl (i64.mul (i64.xor (global.get $hash) (local.get 0))
    (i64.const 0x9e3779b97f4a7c15)) (i64.const 29))))
(func $fold_bytes (param $at i32) (param $left i32)
  (call $fold (i64.extend_i32_u (local.get $left)))
  (block $end (loop $next (br_if $end (i32.lt_u (local.get $left) (i32.const 8)))
    (call $fold (i64.load align=1 (local.get $at)))
    (local.set $at (i32.add (local.get $at) (i32.const 8)))
    (local.set $left (i32.sub (local.get $left) (i32.const 8))) (br $next)))
  (block $end (loop $next (br_if $end (i32.eqz (local.get $left)))
    (call $fold (i64.load8_u (local.get $at)))
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (local.set $left (i32.sub (local.get $left) (i32.const 1))) (br $next))))
(func $remember (param i32)
  (i32.store offset={NUMBERS} (i32.mul (global.get $numbers) (i32.const 4)) (local.get 0))
  (global.set $numbers (i32.and (i32.add (global.get $numbers) (i32.const 1)) (i32.const 15))))
(func $last (result i32) (i32.and (i32.sub (global.get $numbers) (i32.const 1)) (i32.const 15)))
(func $remember_flows (param $at i32) (param $count i32)
  (if (i32.and (i32.ne (local.get $count) (i32.const 0)) (i32.lt_u (local.get $count) (i32.const 0x1000)))
    (then (i64.store offset={FLOWS} (i32.mul (global.get $flows) (i32.const 8)) (i64.load align=1 (local.get $at)))
      (global.set $flows (i32.and (i32.add (global.get $flows) (i32.const 1)) (i32.const 7))))))
(func $digits (param $from i32) (param $to i32) (param $left i32) (local $digit i32)
  (block $end (loop $next (br_if $end (i32.eqz (local.get $left)))
    (local.set $digit (i32.shr_u (i32.load8_u (local.get $from)) (i32.const 4)))
    (i32.store8 (local.get $to) (call $digit (local.get $digit)))
    (local.set $digit (i32.and (i32.load8_u (local.get $from)) (i32.const 15)))
    (i32.store8 offset=1 (local.get $to) (call $digit (local.get $digit)))
    (local.set $from (i32.add (local.get $from) (i32.const 1)))
    (local.set $to (i32.add (local.get $to) (i32.const 2)))
    (local.set $left (i32.sub (local.get $left) (i32.const 1))) (br $next))))
(func $digit (param i32) (result i32)
  (i32.add (local.get 0) (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get 0) (i32.const 10)))))
"#
    )
}
