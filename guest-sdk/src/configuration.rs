//! The `key=value` words that the operator gave to this guest.

use core::fmt::Display;
use core::str::FromStr;

use thiserror::Error;

/// The `key=value` words of the command line. Where a key is given twice, the last one counts.
///
/// ```
/// # use sluice_guest_sdk as sluice;
/// use sluice::Configuration;
///
/// let configuration = Configuration::from_iter([("interval", "5"), ("name", "edge")]);
/// assert_eq!(configuration.get("name"), Some("edge"));
/// assert_eq!(configuration.parse::<u64>("interval")?, Some(5));
/// assert_eq!(
///     configuration.allow_only(&["interval"]).unwrap_err().to_string(),
///     "unknown option name (options: interval)",
/// );
/// # Ok::<(), sluice::ConfigurationError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    words: Vec<(String, String)>,
}

impl Configuration {
    pub(crate) const fn from_words(words: Vec<(String, String)>) -> Self {
        Self { words }
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.words.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The value of `key` as a number or anything else that is written as a word.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError::BadValue`] with what the type says about the word.
    pub fn parse<T>(&self, key: &str) -> Result<Option<T>, ConfigurationError>
    where
        T: FromStr,
        T::Err: Display,
    {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.parse().map(Some).map_err(|error: T::Err| ConfigurationError::BadValue {
            key: key.into(),
            value: value.into(),
            reason: error.to_string(),
        })
    }

    /// Refuses keys that are not in `keys`, so that a misspelt option is noticed.
    ///
    /// # Errors
    ///
    /// [`ConfigurationError::UnknownKey`] for the first.
    pub fn allow_only(&self, keys: &[&str]) -> Result<(), ConfigurationError> {
        match self.words.iter().find(|(name, _)| !keys.contains(&name.as_str())) {
            None => Ok(()),
            Some((key, _)) if keys.is_empty() => Err(ConfigurationError::NoOptions { key: key.clone() }),
            Some((key, _)) => {
                Err(ConfigurationError::UnknownKey { key: key.clone(), known: keys.join(", ") })
            }
        }
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Configuration {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(words: I) -> Self {
        Self { words: words.into_iter().map(|(key, value)| (key.into(), value.into())).collect() }
    }
}

/// What is wrong with the operator's words.
#[derive(Clone, Debug, Eq, PartialEq, Error)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// The middlebox has no such option.
    #[error("unknown option {key} (options: {known})")]
    UnknownKey {
        /// What was given.
        key: String,
        /// What could have been given.
        known: String,
    },
    /// The middlebox has no options.
    #[error("unknown option {key} (there are none)")]
    NoOptions {
        /// What was given.
        key: String,
    },
    /// The value does not do.
    #[error("bad value {value} for option {key}: {reason}")]
    BadValue {
        /// The option.
        key: String,
        /// What was given.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<ConfigurationError> for String {
    fn from(error: ConfigurationError) -> Self {
        error.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_a_key_counts() {
        let configuration = Configuration::from_iter([("a", "1"), ("a", "2")]);
        assert_eq!(configuration.get("a"), Some("2"));
    }

    #[test]
    fn a_bad_number_is_named_with_its_option() {
        let configuration = Configuration::from_iter([("interval", "soon")]);
        assert_eq!(
            configuration.parse::<u32>("interval").unwrap_err().to_string(),
            "bad value soon for option interval: invalid digit found in string",
        );
    }
}
