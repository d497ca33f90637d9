//! Which Rust compiler makes WebAssembly here.
//!
//! rustup's compiler does if its target was added. Debian's compiler has no such target, but comes with the source of
//! its own standard library, which cargo can build with the guest; each compiler needs the source of its very version.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) const TARGET: &str = "wasm32-unknown-unknown";

/// Instructions beyond the first WebAssembly that every host of sluice has, joined to what the crate's own
/// configuration says: vector instructions make scans several times as fast. `RUSTFLAGS` in the environment takes their
/// place.
const FEATURES: &str =
    r#"target.wasm32-unknown-unknown.rustflags=["-C", "target-feature=+simd128,+bulk-memory"]"#;

/// A compiler that can make a guest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Toolchain {
    /// The active one of rustup, or whatever is first in the path, with the target installed.
    Installed {
        /// What it calls itself.
        version: String,
    },
    /// Debian's, which builds the standard library.
    Debian {
        /// What it calls itself.
        version: String,
    },
}

/// No compiler here can make a guest: what was looked for, and what was found.
#[derive(Debug, thiserror::Error)]
pub(super) struct NoToolchain {
    active: String,
    debian: Vec<(&'static str, bool)>,
}

impl fmt::Display for NoToolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "no compiler here makes WebAssembly of Rust")?;
        writeln!(f, "  looked for the target {TARGET} of the active compiler: {}", self.active)?;
        writeln!(f, "  looked for Debian's compiler and what it needs:")?;
        for (what, found) in &self.debian {
            writeln!(f, "    {what}: {}", if *found { "found" } else { "not there" })?;
        }
        writeln!(f, "either of these helps:")?;
        writeln!(f, "  rustup target add {TARGET}")?;
        write!(f, "  apt-get install rustc-web cargo-web rust-web-src lld")
    }
}

const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

impl Toolchain {
    /// Looks for a compiler that serves the crate in `dir`, which may choose one with a `rust-toolchain.toml`.
    pub(super) fn find(dir: &Path) -> Result<Self, NoToolchain> {
        let active = match answer("rustc", &["--version"], dir) {
            Some(version) if has_target(dir) => return Ok(Self::Installed { version }),
            Some(version) => format!("{version} lacks it"),
            None => "no `rustc` in the path".to_owned(),
        };
        let version = answer(DEBIAN_RUSTC, &["--version"], dir);
        let source = answer(DEBIAN_RUSTC, &["--print", "sysroot"], dir)
            .map(|sysroot| PathBuf::from(sysroot).join("lib/rustlib/src/rust/library/std"));
        let debian = vec![
            (DEBIAN_CARGO, Path::new(DEBIAN_CARGO).exists()),
            (DEBIAN_RUSTC, version.is_some()),
            ("its library's source (rust-web-src)", source.is_some_and(|source| source.is_dir())),
            ("wasm-ld (lld)", answer("wasm-ld", &["--version"], dir).is_some()),
        ];
        match version {
            Some(version) if debian.iter().all(|(_, found)| *found) => Ok(Self::Debian { version }),
            _ => Err(NoToolchain { active, debian }),
        }
    }

    /// `cargo build` for the target, without what says which crate and where to.
    pub(super) fn cargo_build(&self) -> Command {
        match self {
            Self::Installed { .. } => {
                let mut cargo = Command::new("cargo");
                cargo.args(["build", "--release", "--target", TARGET, "--config", FEATURES]);
                cargo
            }
            Self::Debian { .. } => {
                let mut cargo = Command::new(DEBIAN_CARGO);
                cargo
                    .args(["build", "--release", "--target", TARGET, "--config", FEATURES])
                    .args(["-Z", "build-std=std,panic_abort"])
                    .env("RUSTC", DEBIAN_RUSTC)
                    // Allows -Z with a stable compiler.
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld")
                    .env("PATH", usr_bin_first());
                cargo
            }
        }
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Installed { version } => write!(f, "{version} and its target {TARGET}"),
            Self::Debian { version } => {
                write!(f, "Debian's {version}, which builds the standard library too")
            }
        }
    }
}

/// Whether the active compiler has the standard library of the target.
fn has_target(dir: &Path) -> bool {
    answer("rustc", &["--print", "target-libdir", "--target", TARGET], dir)
        .is_some_and(|libraries| Path::new(&libraries).is_dir())
}

/// The first line that a program answers, if it is there and succeeds.
fn answer(program: &str, arguments: &[&str], dir: &Path) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(dir).output().ok()?;
    if !output.status.success() {
        return None;
    }
    Some(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_owned())
}

fn usr_bin_first() -> OsString {
    let mut path = OsString::from("/usr/bin");
    if let Some(rest) = std::env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_compiler_the_message_says_what_is_missing() {
        let error = NoToolchain {
            active: "rustc 1.95.0 lacks it".to_owned(),
            debian: vec![("/usr/bin/cargo", false), ("wasm-ld (lld)", true)],
        };
        assert_eq!(
            error.to_string(),
            "no compiler here makes WebAssembly of Rust\n  \
             looked for the target wasm32-unknown-unknown of the active compiler: rustc 1.95.0 lacks it\n  \
             looked for Debian's compiler and what it needs:\n    \
             /usr/bin/cargo: not there\n    \
             wasm-ld (lld): found\n\
             either of these helps:\n  \
             rustup target add wasm32-unknown-unknown\n  \
             apt-get install rustc-web cargo-web rust-web-src lld"
        );
    }
}
