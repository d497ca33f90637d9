//! Matchers, each compiled once.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::{Backend, Carry, Found, Literals, Patterns};
#[cfg(feature = "vectorscan")]
use crate::limits::EXPRESSIONS_BYTES;

/// Why patterns cannot be compiled.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// There is a regular expression, which no backend of this host takes.
    #[error("pattern {number} is a regular expression: this host was built without vectorscan")]
    NoExpressions {
        /// The pattern's number.
        number: u32,
    },
    /// A backend refuses them.
    #[error("{reason}")]
    Refused {
        /// Its words.
        reason: String,
    },
}

/// Patterns, and what they were compiled to. Never changes, and any number of instances use the same.
#[derive(Debug)]
pub struct Matcher {
    patterns: Patterns,
    backend: Box<dyn Backend>,
}

impl Matcher {
    /// Compiles patterns. Takes up to half a second for the most that there may be.
    ///
    /// # Errors
    ///
    /// [`CompileError`].
    pub fn new(patterns: &Patterns) -> Result<Self, CompileError> {
        let backend = backend(patterns)?;
        Ok(Self { patterns: patterns.clone(), backend })
    }

    /// Bytes that it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let patterns = self.patterns.as_slice();
        self.backend.bytes().saturating_add(self.patterns.bytes()).saturating_add(size_of_val(patterns))
    }

    /// Scans bytes that continue nothing.
    pub fn scan(&self, bytes: &[u8], found: &mut Found) {
        let mut carry = self.backend.begin();
        self.backend.scan(&mut carry, 0, bytes, found);
    }

    /// The beginning of a stream.
    #[must_use]
    pub fn begin(&self) -> Carry {
        self.backend.begin()
    }

    /// Scans the next bytes of a stream: `pieces`, one behind the other. Gives how many.
    pub fn scan_stream(&self, carry: &mut Carry, pieces: &[&[u8]], found: &mut Found) -> usize {
        let mut base = 0usize;
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            self.backend.scan(carry, base, piece, found);
            base = base.saturating_add(piece.len());
        }
        base
    }

    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.backend
    }
}

/// Compiles patterns for the backend of this host.
#[cfg(not(feature = "vectorscan"))]
fn backend(patterns: &Patterns) -> Result<Box<dyn Backend>, CompileError> {
    if let Some((_, number)) = patterns.as_slice().iter().zip(0..).find(|(pattern, _)| pattern.regex) {
        return Err(CompileError::NoExpressions { number });
    }
    literals(patterns)
}

/// Compiles patterns: by Vectorscan, unless there are so many literals that it would take long.
#[cfg(feature = "vectorscan")]
fn backend(patterns: &Patterns) -> Result<Box<dyn Backend>, CompileError> {
    if patterns.bytes() > EXPRESSIONS_BYTES {
        if patterns.as_slice().iter().any(|pattern| pattern.regex) {
            let reason = format!("more than {EXPRESSIONS_BYTES} bytes with an expression among them");
            return Err(CompileError::Refused { reason });
        }
        return literals(patterns);
    }
    let compiled = super::Expressions::new(patterns)
        .map_err(|error| CompileError::Refused { reason: error.to_string() })?;
    Ok(Box::new(compiled))
}

fn literals(patterns: &Patterns) -> Result<Box<dyn Backend>, CompileError> {
    let compiled =
        Literals::new(patterns).map_err(|error| CompileError::Refused { reason: error.to_string() })?;
    Ok(Box::new(compiled))
}

/// The matchers in use, by their patterns.
#[derive(Debug, Default)]
pub struct MatcherCache {
    hasher: RandomState,
    matchers: Mutex<HashMap<u64, Vec<Weak<Matcher>>>>,
}

impl MatcherCache {
    /// The matcher of these patterns: one that is in use, or a new one. Whoever asks for the same meanwhile waits.
    ///
    /// # Errors
    ///
    /// [`CompileError`].
    pub fn get(&self, patterns: &Patterns) -> Result<Arc<Matcher>, CompileError> {
        let hash = self.hasher.hash_one(patterns);
        // A compiler that panicked has put nothing in.
        let mut matchers = self.matchers.lock().unwrap_or_else(PoisonError::into_inner);
        matchers.retain(|_, those| {
            those.retain(|matcher| matcher.strong_count() > 0);
            !those.is_empty()
        });
        let known = matchers.get(&hash).into_iter().flatten().filter_map(Weak::upgrade);
        if let Some(matcher) = known.into_iter().find(|matcher| matcher.patterns == *patterns) {
            return Ok(matcher);
        }
        let matcher = Arc::new(Matcher::new(patterns)?);
        matchers.entry(hash).or_default().push(Arc::downgrade(&matcher));
        Ok(matcher)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::Pattern;

    fn patterns(texts: &[&str]) -> Patterns {
        Patterns::new(texts.iter().map(|text| Pattern::literal(text.as_bytes())).collect()).unwrap()
    }

    #[test]
    fn the_same_patterns_are_compiled_once_and_others_apart() {
        let cache = MatcherCache::default();
        let one = cache.get(&patterns(&["abc", "de"])).unwrap();
        assert!(Arc::ptr_eq(&one, &cache.get(&patterns(&["abc", "de"])).unwrap()));
        assert!(!Arc::ptr_eq(&one, &cache.get(&patterns(&["ab", "cde"])).unwrap()));
    }

    #[test]
    fn what_nobody_uses_is_forgotten() {
        let cache = MatcherCache::default();
        for n in 0..100 {
            cache.get(&patterns(&[&format!("abc{n}")])).unwrap();
        }
        assert_eq!(cache.matchers.lock().unwrap().len(), 1);
    }

    #[cfg(feature = "vectorscan")]
    #[test]
    fn expressions_are_compiled_or_refused_with_their_number() {
        let expression = |text: &str| Pattern { bytes: text.into(), regex: true, ..Pattern::default() };
        let patterns = |text| Patterns::new(vec![Pattern::literal(b"a"), expression(text)]).unwrap();
        let matcher = Matcher::new(&patterns("b+c$")).unwrap();
        let mut found = Found::default();
        matcher.scan(b"abbc", &mut found);
        // What ends with the data cannot be known in a stream.
        assert_eq!(found.matches(), [1 << 32]);
        Matcher::new(&patterns("b[0-9]{2,4}c")).unwrap().scan(b"xb123cb1c", &mut found);
        assert_eq!(found.matches().last(), Some(&(6 << 32 | 1)));
        for wrong in ["(", "a*", "\\1", "b\0"] {
            let error = Matcher::new(&patterns(wrong)).unwrap_err();
            assert!(matches!(&error, CompileError::Refused { reason } if reason.contains('1')), "{error}");
        }
    }

    #[cfg(not(feature = "vectorscan"))]
    #[test]
    fn expressions_are_refused_by_number() {
        let expression = Pattern { bytes: b"a+".to_vec(), regex: true, ..Pattern::default() };
        let patterns = Patterns::new(vec![Pattern::literal(b"a"), expression]).unwrap();
        assert_eq!(Matcher::new(&patterns).unwrap_err(), CompileError::NoExpressions { number: 1 });
    }
}
