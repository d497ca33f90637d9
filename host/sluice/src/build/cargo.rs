//! Guests in Rust: an ordinary crate, compiled by cargo.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use serde_json::Value;

use super::CoreModule;
use super::toolchain::Toolchain;

/// Compiles the crate in `dir`. Cargo decides what is out of date, and shows its progress and its errors itself.
pub(super) fn build(dir: &Path, target_dir: Option<&Path>) -> anyhow::Result<CoreModule> {
    let manifest = dir.join("Cargo.toml");
    if !manifest.is_file() {
        bail!("{} has no Cargo.toml: name the folder of a guest, a .c or a .wasm file", dir.display());
    }
    let manifest = fs::canonicalize(&manifest)?;
    let toolchain = Toolchain::find(dir)?;
    eprintln!("compiling {} with {toolchain}", dir.display());
    let mut cargo = toolchain.cargo_build();
    if let Some(target_dir) = target_dir {
        // Cargo runs in the crate's folder, the path is meant from here.
        cargo.arg("--target-dir").arg(std::path::absolute(target_dir)?);
    }
    // In the crate's folder, so that its .cargo/config.toml counts.
    cargo.arg("--message-format=json-render-diagnostics").current_dir(dir).stdout(Stdio::piped());
    let program = PathBuf::from(cargo.get_program());
    let mut running = cargo.spawn().with_context(|| format!("cannot run {}", program.display()))?;
    let mut artifacts = Vec::new();
    if let Some(messages) = running.stdout.take() {
        for line in BufReader::new(messages).lines() {
            artifacts.extend(artifact(&line?, &manifest));
        }
    }
    let status = running.wait()?;
    if !status.success() {
        bail!("{} did not compile: cargo ended with {status}", dir.display());
    }
    match artifacts.as_slice() {
        [(name, file)] => {
            let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            Ok(CoreModule { name: name.clone(), bytes })
        }
        [] => bail!(
            "{} compiled, but not to a WebAssembly module: its Cargo.toml needs\n  [lib]\n  crate-type = [\"cdylib\"]",
            dir.display()
        ),
        _ => bail!("{} has more than one guest: name the folder of one", dir.display()),
    }
}

/// Package and module, if this message of cargo is about a module of the crate that `manifest` describes.
fn artifact(line: &str, manifest: &Path) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message.get("reason")?.as_str()? != "compiler-artifact"
        || Path::new(message.get("manifest_path")?.as_str()?) != manifest
    {
        return None;
    }
    let files = message.get("filenames")?.as_array()?;
    let is_module = |file: &&str| Path::new(file).extension().is_some_and(|extension| extension == "wasm");
    let file = files.iter().filter_map(Value::as_str).find(is_module)?;
    // The package's name is the folder's and the user's word; the library's has underscores.
    let name = message.get("target")?.get("name")?.as_str()?.replace('_', "-");
    Some((name, PathBuf::from(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///g#http-log@0.1.0",
        "manifest_path":"/g/Cargo.toml","target":{"kind":["cdylib"],"name":"http_log"},
        "filenames":["/t/http_log.d","/t/http_log.wasm"],"fresh":true}"#;

    #[test]
    fn the_module_of_the_crate_is_picked() {
        let found = artifact(MESSAGE, Path::new("/g/Cargo.toml"));
        assert_eq!(found, Some(("http-log".to_owned(), PathBuf::from("/t/http_log.wasm"))));
    }

    #[test]
    fn other_messages_are_passed_over() {
        let manifest = Path::new("/g/Cargo.toml");
        assert_eq!(artifact(MESSAGE, Path::new("/other/Cargo.toml")), None);
        assert_eq!(artifact(&MESSAGE.replace(".wasm", ".rlib"), manifest), None);
        assert_eq!(artifact(r#"{"reason":"build-finished","success":true}"#, manifest), None);
        assert_eq!(artifact("   Compiling", manifest), None);
    }
}
