//! Guests made of bytes: as WebAssembly text first, then as components.

mod calls;
mod fold;
mod memory;
mod values;

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::World;
use crate::choices::Choices;
use crate::component::encode;
use crate::world::core;
use memory::{AREA, AREA_BYTES, Data, HEAP, NUMBERS, PAGES};

/// Calls that a guest has ready.
const STUBS: usize = 36;

/// Handlers that a guest registers.
pub(super) const HANDLERS: usize = 4;

/// Built-in events of streams with the hooks at which they are raised (0 none, 1 sender, 2 receiver).
const EVENTS: [(usize, usize); 13] =
    [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2), (4, 2), (5, 2), (6, 2), (7, 2), (8, 2), (9, 0), (10, 0)];

/// How a made guest behaves.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Manner {
    /// Its arguments make sense or are refused.
    #[default]
    Calm,
    /// Some arguments break the canonical ABI, and its allocator may misbehave: a fault ends it.
    Wild,
}

/// Makes a guest of the bytes of an input.
///
/// # Errors
///
/// A type of the world of which no value can be made, or code that is not valid: a bug of the generator.
pub fn guest_of(world: &World, input: &[u8]) -> Result<Vec<u8>, String> {
    encode(world, &text_of(world, input)?)
}

/// The text of that guest's core module.
///
/// # Errors
///
/// As [`guest_of`].
pub fn text_of(world: &World, input: &[u8]) -> Result<String, String> {
    Generator::new(world, input).module()
}

struct Generator<'a> {
    world: &'a World,
    choices: Choices<'a>,
    manner: Manner,
    data: Data,
    /// Numbers of the imports that are called.
    used: BTreeSet<usize>,
    /// Functions that call an import.
    stubs: Vec<String>,
    /// Their names, and whether they are hostile.
    menu: Vec<(String, bool)>,
    /// Functions that follow lists.
    helpers: Vec<String>,
    /// Globals that hold what the call at hand was given, and their types.
    globals: BTreeSet<(String, &'static str)>,
    /// Whether what is being made was made hostile.
    was_hostile: bool,
}

impl<'a> Generator<'a> {
    fn new(world: &'a World, input: &'a [u8]) -> Self {
        let mut choices = Choices::new(input);
        let manner = if choices.below(3) == 2 { Manner::Wild } else { Manner::Calm };
        Self {
            world,
            choices,
            manner,
            data: Data::default(),
            used: BTreeSet::new(),
            stubs: Vec::new(),
            menu: Vec::new(),
            helpers: Vec::new(),
            globals: BTreeSet::new(),
            was_hostile: false,
        }
    }

    /// Whether the next thing is to be hostile.
    fn is_hostile(&mut self) -> bool {
        let hostile = self.manner == Manner::Wild && self.choices.one_in(24);
        self.was_hostile |= hostile;
        hostile
    }

    /// The text of the core module.
    fn module(mut self) -> Result<String, String> {
        let world = self.world;
        let mut present = Vec::new();
        for (number, export) in world.exports.iter().enumerate() {
            // A guest that lacks what it waits for does not start.
            if export.function.name == "start" || !self.choices.one_in(40) {
                present.push(number);
            }
        }
        // What calls bring is there before the code that uses it.
        for number in &present {
            let Some(export) = world.exports.get(*number) else { continue };
            for (param, ty) in export.function.params.iter().zip(&export.signature.params) {
                if world.kind(&world.plain(&param.ty)).is_none() {
                    self.globals.insert((format!("$param_{}_{}", param.name, core(*ty)), core(*ty)));
                }
            }
        }
        for _ in 0..STUBS {
            let import = self.choices.below(world.imports.len());
            let stub = self.stub(import)?;
            self.menu.push(stub);
        }
        let mut exports = String::new();
        for number in present {
            let is_start = world.exports.get(number).is_some_and(|export| export.function.name == "start");
            let first = if is_start { self.beginning()? } else { self.selection(number)? };
            exports += &self.export(number, &first)?;
            exports += &self.post_return(number)?;
        }
        exports += &self.initialization();
        let realloc = self.realloc()?;
        let mut text = String::from("(module\n");
        for number in &self.used {
            let Some(import) = world.imports.get(*number) else { continue };
            let types = |types: &[wit_parser::abi::WasmType]| {
                types.iter().map(|ty| core(*ty)).collect::<Vec<_>>().join(" ")
            };
            let _ = writeln!(
                text,
                "(import \"{}\" \"{}\" (func $import_{number} (param {}) (result {})))",
                import.module,
                import.function.name,
                types(&import.signature.params),
                types(&import.signature.results)
            );
        }
        for (name, ty) in &self.globals {
            let _ = writeln!(text, "(global {name} (mut {ty}) ({ty}.const 0))");
        }
        let _ = writeln!(text, "(memory (export \"memory\") {PAGES})");
        text += &realloc;
        text += &fold::helpers();
        text += &self.data.text();
        Ok(text + &self.helpers.concat() + &self.stubs.concat() + &exports + ")")
    }

    /// What `start` does first: monitors, and handlers for most events.
    fn beginning(&mut self) -> Result<String, String> {
        let mut code = String::new();
        let level = self.choices.of(&[2, 2, 2, 2, 1, 0]);
        code += &self.first("monitor", "open-stream", &[0, 0, level])?;
        let register = |generator: &mut Self, monitor: usize, event: usize, hook: usize| {
            let handler = generator.choices.below(HANDLERS);
            generator.first("event", "register", &[monitor, event, hook, handler])
        };
        for (event, hook) in EVENTS {
            if !self.choices.one_in(3) {
                code += &register(self, 0, event, hook)?;
            }
            if self.choices.one_in(20) {
                let handler = self.choices.below(HANDLERS);
                code += &self.first("event", "unregister", &[0, event, hook, handler])?;
            }
        }
        if self.choices.one_in(3) {
            code += &self.first("monitor", "open-raw", &[0, 0])?;
            code += &register(self, 1, 1, 0)?;
        }
        if self.choices.one_in(2) {
            code += &self.first("monitor", "observe", &[0])?;
        }
        if self.choices.one_in(3) {
            code += &self.first("monitor", "poll", &[0])?;
        }
        if self.choices.one_in(3) {
            let handler = self.choices.below(HANDLERS);
            code += &self.first("event", "defer", &[handler])?;
        }
        // Events of its own, with handlers; the one to be raised comes first.
        let name = self.data.place(b"raised", 1) as usize;
        code += &self.first("event", "alloc", &[name, 6, 6])?;
        let _ = writeln!(code, "(global.set $raised (i32.load (i32.const {})))", AREA.saturating_add(4));
        let define = self.world.import("event", "define")?;
        for _ in 0..self.choices.below(3).saturating_add(1) {
            let register = self.world.import("event", "register")?;
            let handler = format!("(i32.const {})", self.choices.below(HANDLERS));
            let event = format!("(i32.load offset={NUMBERS} (i32.shl (call $last) (i32.const 2)))");
            let arguments = ["(i32.const 0)".to_owned(), event, "(i32.const 2)".to_owned(), handler];
            code += &self.call(register, &arguments, AREA);
            let (stub, _) = self.stub(define)?;
            let _ = writeln!(code, "(call {stub})");
        }
        if self.choices.one_in(2) {
            let (stub, _) = self.stub(self.world.import("timer", "set")?)?;
            let _ = writeln!(code, "(call {stub})");
        }
        let _ = writeln!(code, "(call $fold_bytes (i32.const {AREA}) (i32.const {AREA_BYTES}))");
        Ok(code)
    }

    /// What an export does first: it raises an event of its own, or where it gets no flow, makes one current that
    /// another call was about.
    fn selection(&mut self, number: usize) -> Result<String, String> {
        let world = self.world;
        let has_flow = world
            .exports
            .get(number)
            .is_some_and(|export| export.function.params.iter().any(|param| param.name == "flow"));
        if self.choices.one_in(4) {
            return Ok(String::new());
        }
        if has_flow {
            // Of no use but where the event is at hand.
            let raise = world.import("event", "raise")?;
            let answer = world.imports.get(raise).and_then(|called| called.function.result);
            let good = answer.map(|answer| self.when_good(&answer, raise)).unwrap_or_default();
            return Ok(self.call(raise, &["(global.get $raised)".to_owned()], AREA) + "\n" + &good);
        }
        let mut code = String::new();
        let is_burst = world.exports.get(number).is_some_and(|export| export.function.name == "burst");
        let selects: &[_] = if is_burst {
            &[("event", "select")]
        } else {
            &[("flow", "select-flow"), ("flow", "select-monitor")]
        };
        for (interface, name) in selects {
            let (stub, _) = self.stub(world.import(interface, name)?)?;
            let _ = writeln!(code, "(call {stub})");
        }
        Ok(code)
    }

    /// A call with these numbers.
    fn first(&mut self, interface: &str, name: &str, numbers: &[usize]) -> Result<String, String> {
        let import = self.world.import(interface, name)?;
        let arguments: Vec<String> = numbers.iter().map(|number| format!("(i32.const {number})")).collect();
        let answer = self.world.imports.get(import).and_then(|called| called.function.result);
        let good = answer.map(|answer| self.when_good(&answer, import)).unwrap_or_default();
        Ok(self.call(import, &arguments, AREA) + "\n" + &good)
    }

    /// `cabi_realloc`, which never frees before the call at hand ends. A wild guest's may misbehave, late.
    fn realloc(&mut self) -> Result<String, String> {
        let mut mischief = String::new();
        if self.manner == Manner::Wild && self.choices.one_in(3) {
            let import = self.choices.below(self.world.imports.len());
            let what = match self.choices.below(7) {
                0 => "(return (i32.add (global.get $top) (i32.const 1)))".to_owned(),
                1 => "(return (i32.const -16))".to_owned(),
                2 => "(unreachable)".to_owned(),
                3 => format!("(call {})", self.stub(import)?.0),
                4 => "(return (i32.const 0))".to_owned(),
                5 => "(return (call $realloc (local.get 0) (local.get 1) (local.get 2) (local.get 3)))"
                    .to_owned(),
                _ => "(drop (memory.grow (i32.const 1)))".to_owned(),
            };
            let from = self.choices.below(40);
            mischief = format!("(if (i32.gt_u (global.get $reallocs) (i32.const {from})) (then {what}))");
        }
        Ok(format!(
            r#"
(global $top (mut i32) (i32.const {HEAP}))
(global $reallocs (mut i32) (i32.const 0))
(func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
  (global.set $reallocs (i32.add (global.get $reallocs) (i32.const 1)))
  (call $fold (i64.extend_i32_u (local.get 0))) (call $fold (i64.extend_i32_u (local.get 1)))
  (call $fold (i64.extend_i32_u (local.get 2))) (call $fold (i64.extend_i32_u (local.get 3)))
  {mischief}
  (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
  (global.set $top (i32.add (local.get $at) (local.get 3)))
  (block $enough (loop $more
    (br_if $enough (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
    (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then (unreachable)))
    (br $more)))
  (local.get $at))
"#
        ))
    }

    /// What the guest's language wants to run first, before the host calls anything.
    fn initialization(&mut self) -> String {
        if !self.choices.one_in(6) {
            return String::new();
        }
        let calls = if self.choices.one_in(2) { self.sequence() } else { String::new() };
        format!("(func $initialize (export \"_initialize\") (call $fold (i64.const 1)) {calls})\n")
    }

    /// What is called once the answer of an export was read that stands in memory.
    fn post_return(&mut self, number: usize) -> Result<String, String> {
        let world = self.world;
        let Some(export) = world.exports.get(number) else { return Ok(String::new()) };
        if !export.signature.retptr || !self.choices.one_in(2) {
            return Ok(String::new());
        }
        let import = self.choices.below(world.imports.len());
        let what = if self.is_hostile() { format!("(call {})", self.stub(import)?.0) } else { String::new() };
        let name = &export.function.name;
        Ok(format!(
            "(func $post_{name} (export \"cabi_post_{name}\") (param i32)
              (call $fold (i64.extend_i32_u (local.get 0))) {what})\n"
        ))
    }
}
