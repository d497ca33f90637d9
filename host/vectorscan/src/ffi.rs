//! Declarations of `hs_common.h`, `hs_compile.h` and `hs_runtime.h`, version 5.4.

use std::ffi::{c_char, c_int, c_uint, c_ulonglong, c_void};

pub(crate) const SUCCESS: c_int = 0;
pub(crate) const INVALID: c_int = -1;
pub(crate) const FLAG_CASELESS: c_uint = 1;
pub(crate) const MODE_STREAM: c_uint = 2;

/// `hs_database_t`
#[repr(C)]
pub(crate) struct Database {
    _private: [u8; 0],
}

/// `hs_stream_t`
#[repr(C)]
pub(crate) struct Stream {
    _private: [u8; 0],
}

/// `hs_scratch_t`
#[repr(C)]
pub(crate) struct Scratch {
    _private: [u8; 0],
}

/// `hs_compile_error_t`
#[repr(C)]
pub(crate) struct CompileError {
    pub(crate) message: *mut c_char,
    pub(crate) expression: c_int,
}

/// `match_event_handler`: expression, from, to, flags, context; anything but 0 ends the scan.
pub(crate) type OnMatch =
    Option<extern "C" fn(c_uint, c_ulonglong, c_ulonglong, c_uint, *mut c_void) -> c_int>;

#[link(name = "hs")]
unsafe extern "C" {
    pub(crate) fn hs_compile_multi(
        expressions: *const *const c_char,
        flags: *const c_uint,
        ids: *const c_uint,
        elements: c_uint,
        mode: c_uint,
        platform: *const c_void,
        database: *mut *mut Database,
        error: *mut *mut CompileError,
    ) -> c_int;
    pub(crate) fn hs_free_compile_error(error: *mut CompileError) -> c_int;
    pub(crate) fn hs_free_database(database: *mut Database) -> c_int;
    pub(crate) fn hs_database_size(database: *const Database, bytes: *mut usize) -> c_int;
    pub(crate) fn hs_stream_size(database: *const Database, bytes: *mut usize) -> c_int;
    pub(crate) fn hs_alloc_scratch(database: *const Database, scratch: *mut *mut Scratch) -> c_int;
    pub(crate) fn hs_free_scratch(scratch: *mut Scratch) -> c_int;
    pub(crate) fn hs_open_stream(database: *const Database, flags: c_uint, stream: *mut *mut Stream)
    -> c_int;
    pub(crate) fn hs_scan_stream(
        stream: *mut Stream,
        data: *const c_char,
        length: c_uint,
        flags: c_uint,
        scratch: *mut Scratch,
        on_event: OnMatch,
        context: *mut c_void,
    ) -> c_int;
    pub(crate) fn hs_close_stream(
        stream: *mut Stream,
        scratch: *mut Scratch,
        on_event: OnMatch,
        context: *mut c_void,
    ) -> c_int;
}
