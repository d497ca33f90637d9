//! Literal patterns and regular expressions by Vectorscan.

use std::ffi::CString;
use std::sync::Arc;

use sluice_vectorscan::{CompileError, Database, Expression, Stream};

use super::{Backend, Carry, Found, Patterns};

/// The backend of the feature `vectorscan`.
#[derive(Debug)]
pub struct Expressions {
    database: Arc<Database>,
}

impl Expressions {
    /// Compiles patterns.
    ///
    /// # Errors
    ///
    /// [`CompileError`]: an expression that is none, or none for streams.
    pub fn new(patterns: &Patterns) -> Result<Self, CompileError> {
        let expression = |(number, pattern): (usize, &super::Pattern)| {
            if !pattern.regex {
                return Ok(Expression::literal(&pattern.bytes, pattern.ignore_case));
            }
            let text = CString::new(&*pattern.bytes);
            let text =
                text.map_err(|_| CompileError { number, reason: "contains a zero byte".to_owned() })?;
            Ok(Expression { text, ignore_case: pattern.ignore_case })
        };
        let expressions = patterns.as_slice().iter().enumerate().map(expression);
        let database = Database::new(&expressions.collect::<Result<Vec<_>, _>>()?)?;
        Ok(Self { database: Arc::new(database) })
    }
}

impl Backend for Expressions {
    fn begin(&self) -> Carry {
        Carry::Stream(Stream::new(Arc::clone(&self.database)))
    }

    fn scan(&self, carry: &mut Carry, base: usize, piece: &[u8], found: &mut Found) {
        // What is carried comes from `begin`.
        let Carry::Stream(stream) = carry else { return };
        found.begin();
        let scanned = stream.scan(piece, |pattern, end| {
            let end = usize::try_from(end).unwrap_or(usize::MAX);
            found.push(base.saturating_add(end), pattern);
        });
        // The library has no memory for a stream: nothing is found in it, which counts as something left out.
        if scanned.is_err() {
            found.leave_out();
        }
        found.settle();
    }

    fn is_fresh(&self, _carry: &Carry) -> bool {
        false
    }

    fn bytes(&self) -> usize {
        self.database.bytes()
    }

    fn carry_bytes(&self) -> usize {
        self.database.stream_bytes()
    }
}
