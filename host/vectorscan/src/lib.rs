//! The part of Vectorscan's C interface that sluice's matcher needs, made safe: expressions compiled for streams, and
//! streams that are scanned.
//!
//! Vectorscan is a portable fork of Intel's Hyperscan with the same interface (`hs.h`, version 5.4), under the BSD
//! licence; Debian has it as `libvectorscan5`. What each function promises is written in `hs_common.h`, `hs_compile.h`
//! and `hs_runtime.h`; the proofs here refer to that.

mod ffi;

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulonglong, c_void};
use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An expression to be compiled.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Expression {
    /// In the syntax of PCRE, as far as Vectorscan takes it.
    pub text: CString,
    /// ASCII letters match in both cases.
    pub ignore_case: bool,
}

impl Expression {
    /// An expression that matches these bytes and nothing else.
    #[must_use]
    pub fn literal(bytes: &[u8], ignore_case: bool) -> Self {
        let text: Vec<u8> = bytes.iter().flat_map(|byte| format!("\\x{byte:02x}").into_bytes()).collect();
        // Backslashes, `x` and digits: no zero among them.
        Self { text: CString::new(text).unwrap_or_default(), ignore_case }
    }
}

/// Why expressions are not compiled.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expression {number}: {reason}")]
pub struct CompileError {
    /// Which one; 0 if the reason concerns all.
    pub number: usize,
    /// Vectorscan's words.
    pub reason: String,
}

/// Expressions compiled for streams. Never changes; any number of threads may use it.
pub struct Database {
    raw: NonNull<ffi::Database>,
    /// Unlike an address, never given twice.
    id: u64,
    bytes: usize,
    stream_bytes: usize,
}

// SAFETY: "a database is read-only and can be shared by threads" (Hyperscan's reference, "Runtime"); nothing here
// changes one before it is freed.
unsafe impl Send for Database {}

// SAFETY: as above.
unsafe impl Sync for Database {}

impl Database {
    /// Compiles expressions. Their numbers are their places.
    ///
    /// # Errors
    ///
    /// [`CompileError`]: an expression that is none, one that matches nothing at all or the empty text, too many.
    pub fn new(expressions: &[Expression]) -> Result<Self, CompileError> {
        let unnamed = |reason: &str| CompileError { number: 0, reason: reason.to_owned() };
        let count = c_uint::try_from(expressions.len()).map_err(|_| unnamed("too many"))?;
        let texts: Vec<*const c_char> = expressions.iter().map(|one| one.text.as_ptr()).collect();
        let flags: Vec<c_uint> =
            expressions.iter().map(|one| if one.ignore_case { ffi::FLAG_CASELESS } else { 0 }).collect();
        let numbers: Vec<c_uint> = (0..count).collect();
        let mut raw = ptr::null_mut();
        let mut error = ptr::null_mut();
        // SAFETY: the three lists have `count` elements each, all texts end with zero and outlive the call; without a
        // platform the one that this runs on is meant; the last two point to writable pointers.
        let code = unsafe {
            ffi::hs_compile_multi(
                texts.as_ptr(),
                flags.as_ptr(),
                numbers.as_ptr(),
                count,
                ffi::MODE_STREAM,
                ptr::null(),
                &raw mut raw,
                &raw mut error,
            )
        };
        if let Some(error) = NonNull::new(error) {
            return Err(take_error(error));
        }
        let raw =
            NonNull::new(raw).filter(|_| code == ffi::SUCCESS).ok_or_else(|| unnamed("not compiled"))?;
        static IDS: AtomicU64 = AtomicU64::new(1);
        let mut database = Self { raw, id: IDS.fetch_add(1, Ordering::Relaxed), bytes: 0, stream_bytes: 0 };
        // SAFETY: the database is there, and the second argument is writable.
        let code = unsafe { ffi::hs_database_size(raw.as_ptr(), &raw mut database.bytes) };
        // SAFETY: likewise, and it was compiled for streams.
        let stream_code = unsafe { ffi::hs_stream_size(raw.as_ptr(), &raw mut database.stream_bytes) };
        if (code, stream_code) == (ffi::SUCCESS, ffi::SUCCESS) {
            Ok(database)
        } else {
            Err(unnamed("its size cannot be told"))
        }
    }

    /// Bytes that it takes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that a [`Stream`] takes.
    #[must_use]
    pub const fn stream_bytes(&self) -> usize {
        self.stream_bytes
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // SAFETY: made by `hs_compile_multi`, freed once; streams keep it alive.
        unsafe { ffi::hs_free_database(self.raw.as_ptr()) };
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Takes over what the compiler says.
fn take_error(error: NonNull<ffi::CompileError>) -> CompileError {
    // SAFETY: the compiler gave it, and it is freed below.
    let told = unsafe { error.as_ref() };
    let reason = if told.message.is_null() {
        String::new()
    } else {
        // SAFETY: the message ends with zero and lives as long as the error.
        unsafe { CStr::from_ptr(told.message) }.to_string_lossy().into_owned()
    };
    let number = usize::try_from(told.expression).unwrap_or(0);
    // SAFETY: freed once; nothing refers to it any more.
    unsafe { ffi::hs_free_compile_error(error.as_ptr()) };
    CompileError { number, reason }
}

/// The library has no memory left, or refuses what this crate never asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("vectorscan answers {0}")]
pub struct ScanError(c_int);

/// Where the scan of one stream stands.
pub struct Stream {
    /// `None` until the first byte is scanned.
    raw: Option<NonNull<ffi::Stream>>,
    database: Arc<Database>,
    /// Bytes scanned.
    scanned: u64,
}

impl Stream {
    /// The beginning of a stream.
    #[must_use]
    pub const fn new(database: Arc<Database>) -> Self {
        Self { raw: None, database, scanned: 0 }
    }

    /// Scans the next bytes. `found` is called with the number of an expression and how many of these bytes lie before
    /// the end of the match, in the order of the ends.
    ///
    /// # Errors
    ///
    /// [`ScanError`]: what was found until then was told.
    pub fn scan(&mut self, bytes: &[u8], mut found: impl FnMut(u32, u64)) -> Result<(), ScanError> {
        let before = self.scanned;
        let mut tell = |number: u32, end: u64| found(number, end.saturating_sub(before));
        // A list of bytes has no more than 2 GiB, but the library counts in 32 bits.
        for piece in bytes.chunks(1 << 30) {
            self.scan_piece(piece, &mut tell)?;
        }
        Ok(())
    }

    fn scan_piece(&mut self, piece: &[u8], tell: &mut dyn FnMut(u32, u64)) -> Result<(), ScanError> {
        let stream = match self.raw {
            Some(stream) => stream,
            None => *self.raw.insert(open(&self.database)?),
        };
        let len = c_uint::try_from(piece.len()).map_err(|_| ScanError(ffi::INVALID))?;
        let mut sink = Sink { tell };
        with_scratch(&self.database, |scratch| {
            // SAFETY: the stream is open and used by nobody else (`&mut self`), the scratch space is large enough for
            // its database and used by nobody else meanwhile; `piece` has `len` bytes; `on_match` gets the sink, which
            // lives longer than the call.
            let code = unsafe {
                ffi::hs_scan_stream(
                    stream.as_ptr(),
                    piece.as_ptr().cast(),
                    len,
                    0,
                    scratch,
                    Some(on_match),
                    (&raw mut sink).cast(),
                )
            };
            check(code)
        })?;
        self.scanned = self.scanned.saturating_add(u64::from(len));
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let Some(raw) = self.raw else { return };
        // SAFETY: opened by `hs_open_stream`, closed once; without a callback no scratch space is needed.
        unsafe { ffi::hs_close_stream(raw.as_ptr(), ptr::null_mut(), None, ptr::null_mut()) };
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("scanned", &self.scanned).finish_non_exhaustive()
    }
}

/// Where matches go.
struct Sink<'a> {
    tell: &'a mut dyn FnMut(u32, u64),
}

/// Called by the library for each match. A panic in it ends the process, as in any `extern "C"` function.
extern "C" fn on_match(
    number: c_uint,
    _from: c_ulonglong,
    until: c_ulonglong,
    _flags: c_uint,
    sink: *mut c_void,
) -> c_int {
    // SAFETY: `scan_piece` passed a `Sink` that lives until the library returns, and touches it no more before.
    let sink = unsafe { &mut *sink.cast::<Sink<'_>>() };
    (sink.tell)(number, until);
    0
}

fn open(database: &Database) -> Result<NonNull<ffi::Stream>, ScanError> {
    let mut stream = ptr::null_mut();
    // SAFETY: the database was compiled for streams; the last argument is a writable pointer.
    check(unsafe { ffi::hs_open_stream(database.raw.as_ptr(), 0, &raw mut stream) })?;
    NonNull::new(stream).ok_or(ScanError(ffi::INVALID))
}

/// The scratch space of a thread, large enough for the databases that it was asked for.
struct Scratch {
    raw: *mut ffi::Scratch,
    /// For which databases; short, as few are in use at a time.
    fits: Vec<u64>,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: made by `hs_alloc_scratch`, or null, which is allowed; freed once.
        unsafe { ffi::hs_free_scratch(self.raw) };
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch { raw: ptr::null_mut(), fits: Vec::new() }) };
}

/// Databases of which a thread remembers that its scratch space fits them.
const REMEMBERED: usize = 64;

fn with_scratch(
    database: &Database,
    scan: impl FnOnce(*mut ffi::Scratch) -> Result<(), ScanError>,
) -> Result<(), ScanError> {
    SCRATCH.with(|scratch| {
        // In use: a match is told to something that scans. The library forbids that.
        let mut scratch = scratch.try_borrow_mut().map_err(|_| ScanError(ffi::INVALID))?;
        if !scratch.fits.contains(&database.id) {
            // SAFETY: the database is there; the pointer is null or came from here, and is replaced if it has to grow.
            check(unsafe { ffi::hs_alloc_scratch(database.raw.as_ptr(), &raw mut scratch.raw) })?;
            if scratch.fits.len() >= REMEMBERED {
                scratch.fits.clear();
            }
            scratch.fits.push(database.id);
        }
        scan(scratch.raw)
    })
}

const fn check(code: c_int) -> Result<(), ScanError> {
    if code == ffi::SUCCESS { Ok(()) } else { Err(ScanError(code)) }
}
