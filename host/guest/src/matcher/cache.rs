//! Matchers, each compiled once.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::{Backend, Carry, Found, Literals, Patterns};

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
        if let Some((_, number)) = patterns.as_slice().iter().zip(0..).find(|(pattern, _)| pattern.regex) {
            return Err(CompileError::NoExpressions { number });
        }
        let backend =
            Literals::new(patterns).map_err(|error| CompileError::Refused { reason: error.to_string() })?;
        Ok(Self { patterns: patterns.clone(), backend: Box::new(backend) })
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

    #[test]
    fn expressions_are_refused_by_number() {
        let expression = Pattern { bytes: b"a+".to_vec(), regex: true, ..Pattern::default() };
        let patterns = Patterns::new(vec![Pattern::literal(b"a"), expression]).unwrap();
        assert_eq!(Matcher::new(&patterns).unwrap_err(), CompileError::NoExpressions { number: 1 });
    }
}
