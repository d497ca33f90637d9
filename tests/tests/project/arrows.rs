//! Dependencies point one way, and the engine's are few: what `cargo metadata` says against the tables here.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// Packages of the workspace and those of it that each may depend on. The binary, the tests and the benches see all.
const ARROWS: [(&str, &[&str]); 6] = [
    ("sluice-wire", &[]),
    ("sluice-engine", &["sluice-wire"]),
    ("sluice-pktio", &[]),
    ("sluice-guest", &["sluice-engine", "sluice-vectorscan", "sluice-wire"]),
    ("sluice-vectorscan", &[]),
    ("sluice-guest-sdk", &["sluice-wire"]),
];

/// All that the engine may use besides `sluice-wire`: data structures, a hash, and the derive of errors.
const ENGINE_USES: [&str; 4] = ["ahash", "hashbrown", "smallvec", "thiserror"];

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// What a package depends on when it is used; its own tests may use more.
fn dependencies(package: &Value) -> BTreeSet<&str> {
    let all = package["dependencies"].as_array().unwrap();
    all.iter().filter(|entry| entry["kind"] != "dev").map(|entry| entry["name"].as_str().unwrap()).collect()
}

#[test]
fn dependencies_point_one_way() {
    let packages = packages();
    let names: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    for (name, allowed) in ARROWS {
        let package = packages.iter().find(|package| package["name"] == name);
        let package = package.unwrap_or_else(|| panic!("no package {name} among {names:?}"));
        let used: BTreeSet<&str> = dependencies(package).intersection(&names).copied().collect();
        let allowed = BTreeSet::from_iter(allowed.iter().copied());
        assert!(used.is_subset(&allowed), "{name} uses {used:?}, and may use {allowed:?}");
    }
}

#[test]
fn the_engine_uses_nothing_but_data_structures() {
    let packages = packages();
    let engine = packages.iter().find(|package| package["name"] == "sluice-engine").unwrap();
    let mut allowed = BTreeSet::from(ENGINE_USES);
    allowed.insert("sluice-wire");
    let used = dependencies(engine);
    assert!(used.is_subset(&allowed), "{used:?}");
}
