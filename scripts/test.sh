#!/usr/bin/env bash
# Runs every check and every test, and ends with one line that counts the tests. Fails when anything did.
set -uo pipefail
cd "$(dirname "$0")/.."

failed=0
scripts/lint.sh || failed=1

mkdir -p target
cargo test --workspace --locked --no-fail-fast 2>&1 | tee target/test.log || failed=1
# The feature needs a library. With the whole workspace selected, wasmtime is not built again for other features.
if pkg-config --exists libhs; then
    cargo test --workspace --features sluice-guest/vectorscan --lib --test guest --locked --no-fail-fast 2>&1 |
        tee -a target/test.log || failed=1
else
    echo "test: skipped: the feature vectorscan (pkg-config finds no libhs: apt-get install libvectorscan-dev)"
fi
# What guests do apart from calling the host is tested on the host.
cargo test --workspace --locked --no-fail-fast --manifest-path guests/Cargo.toml --target-dir target/guests-test 2>&1 |
    tee -a target/test.log || failed=1
awk '
    /^test result:/ {
        for (i = 2; i <= NF; i++) {
            if ($i ~ /^passed/) passed += $(i - 1)
            if ($i ~ /^failed;/) failed += $(i - 1)
        }
    }
    END { printf "%d passed, %d failed\n", passed, failed }
' target/test.log
exit "$failed"
