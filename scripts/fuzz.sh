#!/usr/bin/env bash
# Coverage-guided fuzzing with libFuzzer: scripts/fuzz.sh [seconds for each target] [target...]. Needs a C++ compiler;
# cargo-fuzz and a nightly toolchain are not needed. What fails is written to tests/fuzz/artifacts/.
set -euo pipefail
cd "$(dirname "$0")/../tests/fuzz"

seconds=${1:-3600}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(raw_frame capture_file segment_script lanes)

# What cargo-fuzz sets, without a sanitizer: there is no unsafe code here, and overflow checks are on.
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing"
# Build scripts are not instrumented: naming the target keeps the flags from them.
host=$(rustc -vV | sed -n 's/^host: //p')
output=${CARGO_TARGET_DIR:-target}

cargo run --release --quiet --bin seeds
for target in "${targets[@]}"; do
    RUSTFLAGS="${coverage//$'\n'/ }" cargo build --release --target "$host" --bin "$target"
    mkdir -p "corpus/$target" "artifacts/$target"
    "$output/$host/release/$target" -max_total_time="$seconds" -max_len=65536 -timeout=20 -rss_limit_mb=4096 \
        -print_final_stats=1 -artifact_prefix="artifacts/$target/" "corpus/$target"
done
