//! The words of `run`: which guests, how they are configured, and the filter.

use std::path::{Path, PathBuf};

use crate::exit::{Exit, Failure};

/// A guest as the command line names it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct GuestWords {
    /// Its file.
    pub(crate) file: PathBuf,
    /// Its name in reports: the file's, without the ending; with a number if another guest has it already.
    pub(crate) name: String,
    /// Its configuration.
    pub(crate) configuration: Vec<(String, String)>,
}

/// What the words mean.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Words {
    /// Guests in chain order: those of `--guest`, then the one among the words.
    pub(crate) guests: Vec<GuestWords>,
    /// Words of the filter.
    pub(crate) filter: Vec<String>,
}

/// Whether a run makes sense without a guest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Need {
    /// It does not: nothing would come out.
    Guest,
    /// It does: the host itself writes something.
    Nothing,
}

/// Sorts the words.
///
/// # Errors
///
/// A [`Failure`] with [`Exit::Usage`] if there is no guest where one is needed.
pub(crate) fn sort(options: &[String], words: &[String], need: Need) -> Result<Words, Failure> {
    let mut sorted = Words::default();
    for option in options {
        let mut parts = option.split(',');
        let file = parts.next().unwrap_or_default();
        let configuration = parts.map(|part| setting(part).ok_or_else(|| no_setting(option, part)));
        let configuration = configuration.collect::<Result<Vec<_>, Failure>>()?;
        sorted.add(file, configuration);
    }
    let mut words = words.iter().peekable();
    let must_be_guest = options.is_empty() && need == Need::Guest;
    if let Some(file) = words.next_if(|word| is_guest(word) || must_be_guest) {
        let mut configuration = Vec::new();
        while let Some(pair) = words.peek().and_then(|word| setting(word)) {
            configuration.push(pair);
            words.next();
        }
        sorted.add(file, configuration);
    }
    sorted.filter = words.cloned().collect();
    if sorted.guests.is_empty() && need == Need::Guest {
        return Err(Failure::say(
            Exit::Usage,
            "no guest: name a component, as in `sluice run -r web.pcap midstat.wasm` (`sluice streams` and \
             `--log conn` need none)",
        ));
    }
    Ok(sorted)
}

impl Words {
    fn add(&mut self, file: &str, configuration: Vec<(String, String)>) {
        let stem = Path::new(file).file_stem().map_or_else(|| file.into(), |stem| stem.to_string_lossy());
        let base = stem.into_owned();
        let is_taken = |name: &str| self.guests.iter().any(|guest| guest.name == name);
        let name = std::iter::once(base.clone())
            .chain((2_u32..).map(|number| format!("{base}-{number}")))
            .find(|name| !is_taken(name))
            .unwrap_or(base);
        self.guests.push(GuestWords { file: file.into(), name, configuration });
    }
}

fn is_guest(word: &str) -> bool {
    Path::new(word).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wasm"))
}

/// A `key=value` word. A filter may hold `=` too, but never right behind a plain key: `tcp[13] = 2`.
fn setting(word: &str) -> Option<(String, String)> {
    let (key, value) = word.split_once('=')?;
    let is_key = key.starts_with(|first: char| first.is_ascii_alphabetic())
        && key.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_');
    (is_key && !value.starts_with('=')).then(|| (key.to_owned(), value.to_owned()))
}

fn no_setting(option: &str, part: &str) -> Failure {
    Failure::say(Exit::Usage, format!("--guest {option}: `{part}` is no key=value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn pairs(configuration: &[(&str, &str)]) -> Vec<(String, String)> {
        configuration.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_guest_its_settings_and_a_filter_come_apart() {
        let sorted = sort(&[], &words("a/midstat.wasm interval=5 tcp port 80"), Need::Guest).unwrap();
        assert_eq!(sorted.guests.len(), 1);
        assert_eq!(sorted.guests[0].name, "midstat");
        assert_eq!(sorted.guests[0].configuration, pairs(&[("interval", "5")]));
        assert_eq!(sorted.filter, words("tcp port 80"));
    }

    #[test]
    fn an_equals_sign_of_a_filter_is_no_setting() {
        let sorted = sort(&[], &words("m.wasm tcp[13]=2 or len=5"), Need::Guest).unwrap();
        assert!(sorted.guests[0].configuration.is_empty());
        assert_eq!(sorted.filter, words("tcp[13]=2 or len=5"));
    }

    #[test]
    fn guests_of_one_name_are_told_apart() {
        let sorted = sort(&words("x/a.wasm,k=v,l=w y/a.wasm"), &words("port 80"), Need::Guest).unwrap();
        let names: Vec<&str> = sorted.guests.iter().map(|guest| guest.name.as_str()).collect();
        assert_eq!(names, ["a", "a-2"]);
        assert_eq!(sorted.guests[0].configuration, pairs(&[("k", "v"), ("l", "w")]));
        assert_eq!(sorted.filter, words("port 80"));
    }

    #[test]
    fn all_words_are_a_filter_where_no_guest_is_needed() {
        let sorted = sort(&[], &words("tcp port 80"), Need::Nothing).unwrap();
        assert!(sorted.guests.is_empty());
        assert_eq!(sorted.filter, words("tcp port 80"));
        let sorted = sort(&[], &words("m.wasm port 80"), Need::Nothing).unwrap();
        assert_eq!((sorted.guests.len(), sorted.filter), (1, words("port 80")));
    }

    #[test]
    fn no_guest_is_an_error() {
        assert_eq!(sort(&[], &[], Need::Guest).unwrap_err().exit, Exit::Usage);
        assert_eq!(sort(&words("a.wasm,novalue"), &[], Need::Guest).unwrap_err().exit, Exit::Usage);
    }
}
