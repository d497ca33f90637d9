#!/usr/bin/env bash
# Coverage-guided fuzzing with libFuzzer: scripts/fuzz.sh [seconds for each target] [target...]. Needs a C++ compiler;
# cargo-fuzz and a nightly toolchain are not needed. What fails is written to tests/fuzz/artifacts/.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-3600}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(raw_frame capture_file segment_script lanes)

# From the workspace, which is built anyway: what is instrumented runs in a target only.
cargo run --locked --quiet -p sluice-lanes --bin seeds

wrapper=$PWD/scripts/fuzz-rustc.sh
cd tests/fuzz
output=${CARGO_TARGET_DIR:-target}/instrumented
for target in "${targets[@]}"; do
    RUSTC_WRAPPER=$wrapper cargo build --locked --profile instrumented --bin "$target"
    mkdir -p "corpus/$target" "artifacts/$target"
    "$output/$target" -max_total_time="$seconds" -max_len=65536 -timeout=20 -rss_limit_mb=4096 \
        -print_final_stats=1 -artifact_prefix="artifacts/$target/" "corpus/$target"
done
