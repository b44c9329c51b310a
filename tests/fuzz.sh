#!/bin/sh
# Runs the fuzz targets of one folder: fuzz.sh FUZZ_FOLDER BUILD_FOLDER [SECONDS_PER_TARGET].
#
# libFuzzer on stable Rust: the coverage that cargo-fuzz asks a nightly compiler for is asked of LLVM
# directly. `--target` keeps these flags away from build scripts, which do not link libFuzzer.
# New inputs go to BUILD_FOLDER; the committed corpus is only read.
set -eu
here=$(cd "$1" && pwd)
build=$2
seconds=${3:-60}
host=$(rustc -vV | sed -n 's/^host: //p')

RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table --cfg fuzzing" \
    cargo build --release --locked --bins --manifest-path "$here/Cargo.toml" --target "$host" --target-dir "$build"

for folder in "$here"/corpus/*; do
    target=$(basename "$folder")
    mkdir -p "$build/found/$target" "$build/artifacts"
    echo "fuzz: $target for $seconds s"
    "$build/$host/release/$target" -max_total_time="$seconds" -max_len=8192 -verbosity=0 -print_final_stats=1 \
        -artifact_prefix="$build/artifacts/$target-" "$build/found/$target" "$folder"
done
