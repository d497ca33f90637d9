;; A guest that does next to nothing: it adds up the wire lengths of its events.
(component
  (core module $code
    (memory (export "memory") 1)
    (global $wire_bytes (mut i64) (i64.const 0))
    ;; Called once, for the empty configuration.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    ;; Answers "ok": the discriminant 0 at address 0.
    (func (export "start") (param i32 i32) (result i32) (i32.const 0))
    (func (export "callback")
      (param i32 i32 i32 i64 i64 i64 i64 i64 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
      (global.set $wire_bytes (i64.add (global.get $wire_bytes) (i64.extend_i32_u (local.get 10))))
      (i32.const 0)))
  (core instance $code (instantiate $code))
  (func (export "start")
    (param "configuration" (list (tuple string string))) (result (result (error string)))
    (canon lift (core func $code "start") (memory $code "memory") (realloc (func $code "realloc"))))
  (func (export "callback")
    (param "id" u32) (param "kind" u32) (param "place" u32) (param "flow" u64)
    (param "time" u64) (param "user-context" u64) (param "argument" u64) (param "offset" u64)
    (param "readable" u32) (param "length" u32) (param "wire-length" u32) (param "sequence" u32)
    (param "acknowledgment" u32) (param "window" u32) (param "ports" u32) (param "states" u32)
    (result u32)
    (canon lift (core func $code "callback"))))
