//! The program under test: where it is, how it is called, and folders for what it writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The capture that comes with the project.
pub(crate) const SAMPLE: &str = "samples/web.pcap.gz";

/// The folder of the project.
pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The program, beside the folder in which cargo puts this test.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join(format!("sluice{}", std::env::consts::EXE_SUFFIX));
    assert!(path.is_file(), "there is no {}: run `make test`, or `cargo build` first", path.display());
    path
}

/// A guest that comes with the project, as a component.
pub(crate) fn guest(name: &str) -> PathBuf {
    let path = project().join("target/guests").join(format!("{name}.wasm"));
    assert!(path.is_file(), "there is no {}: run `make guests` first", path.display());
    path
}

/// A folder of captures beside the project; says that there is none where it is not.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let folder = project().join("../shared").join(name);
    if !folder.is_dir() {
        skipped(&format!("there is no {}", folder.display()));
        return None;
    }
    Some(folder)
}

/// Tells who runs the tests what did not run.
#[expect(clippy::print_stdout, reason = "who runs the tests should know what did not run")]
pub(crate) fn skipped(why: &str) {
    println!("skipped: {why}");
}

/// Whether a program of this name can be run; says so where it cannot.
pub(crate) fn has(name: &str) -> bool {
    let run = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let found = run.is_ok_and(|status| status.success());
    if !found {
        skipped(&format!("{name} cannot be run"));
    }
    found
}

/// What a call gave.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Exit code.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Outcome {
    /// What the program said, from its first complaint on; without log lines and summary before it.
    pub(crate) fn complaint(&self) -> &str {
        let lines = self.err.split_inclusive('\n');
        let before: usize = lines.take_while(|line| !line.starts_with("sluice: ")).map(str::len).sum();
        self.err[before..].trim_end()
    }

    /// Standard output as JSON, a value for each line.
    pub(crate) fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
    }

    /// The same, once it is sure that all went well.
    pub(crate) fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.err);
        self
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// A folder of a test's own, in which the program runs. Removed with all that is in it.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes a folder for the test of this name.
    pub(crate) fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sluice-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The path of a file in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// The content of a file.
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// A call of the program with these words, which blanks separate. `SAMPLE` stands for the sample capture, `@NAME`
    /// for a guest of the project.
    pub(crate) fn command(&self, words: &str) -> Command {
        let mut command = Command::new(program());
        command.current_dir(&self.0).stdin(Stdio::null());
        for word in words.split_whitespace() {
            match word.strip_prefix('@').map(|rest| rest.split_once(',').unwrap_or((rest, ""))) {
                Some((name, "")) => command.arg(guest(name)),
                Some((name, settings)) => command.arg(format!("{},{settings}", guest(name).display())),
                None if word == "SAMPLE" => command.arg(project().join(SAMPLE)),
                None => command.arg(word),
            };
        }
        command
    }

    /// Calls the program; see [`Folder::command`].
    pub(crate) fn sluice(&self, words: &str) -> Outcome {
        self.command(words).output().unwrap().into()
    }

    /// Calls the program with a file of somewhere else behind the words.
    pub(crate) fn sluice_with(&self, words: &str, file: &Path) -> Outcome {
        self.command(words).arg(file).output().unwrap().into()
    }

    /// The lines of the list that `sluice streams` left in a folder here.
    pub(crate) fn streams(&self, folder: &str) -> Vec<Value> {
        let list = fs::read_to_string(self.path(folder).join("streams.jsonl")).unwrap();
        list.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left in the folder for temporary files does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}
