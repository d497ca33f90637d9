;; A guest that calls one import over and over. The number of the handler says which (its low eight bits) and how often.
(module
  (import "sluice:middlebox/flow@0.1.0" "set-user-context" (func $set (param i64 i32)))
  (import "sluice:middlebox/packet@0.1.0" "getlastpkt" (func $getlastpkt (param i32)))
  (import "sluice:middlebox/packet@0.1.0" "bytes" (func $bytes (param i32 i32 i32 i32)))
  (import "sluice:middlebox/stream@0.1.0" "peek-at" (func $peek_at (param i32 i64 i32 i32)))
  (memory (export "memory") 2)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (if (i32.gt_u (local.get 3) (i32.const 0x10000)) (then unreachable))
    (i32.const 0x10000))
  (func (export "start") (param i32 i32) (result i32) (i32.const 0))
  ;; Ends the guest unless an import answered `ok` at 64.
  (func $well (if (i32.load8_u (i32.const 64)) (then unreachable)))
  ;; The same for a list of this many bytes.
  (func $well_with (param $length i32)
    (call $well)
    (if (i32.ne (i32.load (i32.const 72)) (local.get $length)) (then unreachable)))
  (func (export "callback")
    (param $id i32) (param i32) (param $place i32) (param i64 i64 i64 i64) (param $offset i64)
    (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (local $left i32) (local $which i32) (local $direction i32)
    (local.set $which (i32.and (local.get $id) (i32.const 0xff)))
    (local.set $left (i32.shr_u (local.get $id) (i32.const 8)))
    (local.set $direction (i32.and (i32.shr_u (local.get $place) (i32.const 12)) (i32.const 1)))
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $left)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (block $other
          (block $peek_1460
            (block $bytes_1460
              (block $bytes_64
                (block $getlastpkt
                  (block $scalar
                    (br_table $scalar $getlastpkt $bytes_64 $bytes_1460 $peek_1460 $other (local.get $which)))
                  (call $set (i64.extend_i32_u (local.get $left)) (i32.const 64))
                  (call $well)
                  (br $again))
                (call $getlastpkt (i32.const 64))
                (call $well)
                (br $again))
              ;; Region 3 is the payload.
              (call $bytes (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 64))
              (call $well_with (i32.const 64))
              (br $again))
            (call $bytes (i32.const 3) (i32.const 0) (i32.const 1460) (i32.const 64))
            (call $well_with (i32.const 1460))
            (br $again))
          (call $peek_at (local.get $direction) (local.get $offset) (i32.const 1460) (i32.const 64))
          (call $well_with (i32.const 1460))
          (br $again))
        unreachable))
    (i32.const 0)))
