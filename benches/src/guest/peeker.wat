;; A guest that reads what it is told of and looks at none of it: what reading costs without what is done with the bytes.
(module
  (import "sluice:middlebox/stream@0.1.0" "peek" (func $peek (param i32 i32 i32)))
  (memory (export "memory") 48)
  ;; Bytes that the host hands over lie from 64 KiB on, each time anew; more than 2 MiB at a time are too many.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (if (i32.gt_u (local.get 3) (i32.const 0x200000)) (then unreachable))
    (i32.const 0x10000))
  (func (export "start") (param i32 i32) (result i32) (i32.const 0))
  (func (export "callback")
    (param i32 i32 i32 i64 i64 i64 i64 i64 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    ;; new-data; the direction is bit 12 of the place.
    (if (i32.eq (local.get 1) (i32.const 6))
      (then
        (call $peek
          (i32.and (i32.shr_u (local.get 2) (i32.const 12)) (i32.const 1)) (i32.const -1) (i32.const 64))
        (if (i32.load8_u (i32.const 64)) (then unreachable))))
    (i32.const 0)))
