//! How often handlers of the shipped guests call the host: each call costs as much as a handler's own work.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Instance, Linker, Type, Val};
use wasmtime::{Engine, Store};

use crate::shipped::shipped;

/// A guest in a host that answers every call with nothing and counts it.
struct Counted {
    store: Store<()>,
    instance: Instance,
    calls: Arc<AtomicU64>,
    /// The handler of each event.
    handlers: Arc<Mutex<BTreeMap<u32, u32>>>,
}

/// Nothing, in a type.
#[expect(clippy::wildcard_enum_match_arm, reason = "what no function answers with ends the test")]
fn nothing(ty: &Type) -> Val {
    match ty {
        Type::Bool => Val::Bool(false),
        Type::U8 => Val::U8(0),
        Type::U16 => Val::U16(0),
        Type::U32 => Val::U32(0),
        Type::U64 => Val::U64(0),
        Type::List(_) => Val::List(Vec::new()),
        Type::Tuple(tuple) => Val::Tuple(tuple.types().map(|ty| nothing(&ty)).collect()),
        Type::Record(record) => {
            Val::Record(record.fields().map(|field| (field.name.to_owned(), nothing(&field.ty))).collect())
        }
        Type::Result(result) => Val::Result(Ok(result.ok().map(|ty| Box::new(nothing(&ty))))),
        Type::Option(_) => Val::Option(None),
        other => panic!("no function of the world answers with {other:?}"),
    }
}

impl Counted {
    fn new(guest: &str, words: &[(&str, &str)]) -> Self {
        let engine = Engine::default();
        let component = Component::from_binary(&engine, &shipped(guest)).unwrap();
        let mut linker = Linker::new(&engine);
        let (calls, handlers) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(BTreeMap::new())));
        for (name, import) in component.component_type().imports(&engine) {
            let ComponentItem::ComponentInstance(interface) = import.ty else { continue };
            let mut instance = linker.instance(name).unwrap();
            for (function, export) in interface.exports(&engine) {
                let ComponentItem::ComponentFunc(_) = export.ty else { continue };
                let (calls, handlers) = (Arc::clone(&calls), Arc::clone(&handlers));
                let registers = function == "register";
                let count = move |_: wasmtime::StoreContextMut<'_, ()>,
                                  ty: wasmtime::component::types::ComponentFunc,
                                  params: &[Val],
                                  results: &mut [Val]| {
                    calls.fetch_add(1, Ordering::Relaxed);
                    if let (true, [_, Val::U32(event), _, Val::U32(handler)]) = (registers, params) {
                        handlers.lock().unwrap().insert(*event, *handler);
                    }
                    for (result, ty) in results.iter_mut().zip(ty.results()) {
                        *result = nothing(&ty);
                    }
                    Ok(())
                };
                instance.func_new(function, count).unwrap();
            }
        }
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let mut counted = Self { store, instance, calls, handlers };
        let word = |(key, value): &(&str, &str)| {
            Val::Tuple(vec![Val::String((*key).to_owned()), Val::String((*value).to_owned())])
        };
        counted.call("start", &[Val::List(words.iter().map(word).collect())]);
        counted
    }

    /// Calls an export; how often it called the host.
    fn call(&mut self, export: &str, params: &[Val]) -> u64 {
        let before = self.calls.load(Ordering::Relaxed);
        let function = self.instance.get_func(&mut self.store, export).unwrap();
        function.call(&mut self.store, params, &mut [Val::Bool(false)]).unwrap();
        self.calls.load(Ordering::Relaxed) - before
    }

    /// Raises an event for its handler.
    fn raise(&mut self, event: u32) -> u64 {
        let handler = self.handlers.lock().unwrap()[&event];
        let word = |number: u32| Val::U32(number);
        let mut params = vec![word(handler), word(event), word(2 << 8)];
        params.extend([4, 5, 0, 0, 0].map(Val::U64));
        params.extend([100, 100, 154, 1, 1, 1000, 40_000 << 16 | 80, 4 | 4 << 8].map(word));
        self.call("callback", &params)
    }
}

const CONN_START: u32 = 2;
const NEW_DATA: u32 = 6;
const GAP: u32 = 7;

#[test]
fn handlers_ask_the_host_only_for_what_did_not_come_with_the_event() {
    let mut reader = Counted::new("byte-reader", &[]);
    assert_eq!([CONN_START, NEW_DATA, GAP].map(|event| reader.raise(event)), [0, 1, 0]);
    let mut midstat = Counted::new("midstat", &[("interval", "5")]);
    assert_eq!(midstat.raise(CONN_START), 0);
}

#[test]
fn in_a_burst_all_bytes_are_read_without_a_call() {
    let mut reader = Counted::new("byte-reader", &[("mode", "burst")]);
    let handler = u64::from(reader.handlers.lock().unwrap()[&NEW_DATA]);
    let event = |flow: u64, from: u64| {
        let bytes = 3 << 32 | 3;
        [handler | u64::from(NEW_DATA) << 32, 2 << 8, flow, 7, 0, 0, 0, bytes, 0, 0, 0, 3 << 32 | from]
    };
    let words = [event(1, 0), event(2, 3)].concat();
    let arena = b"abcdef".map(Val::U8).to_vec();
    let calls =
        reader.call("burst", &[Val::List(words.into_iter().map(Val::U64).collect()), Val::List(arena)]);
    assert_eq!(calls, 0);
}
