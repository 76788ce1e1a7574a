#!/bin/bash
# What test-gpu.sh and bench-gpu.sh share; they source it. In a checkout programs lie under $BUILD, in a bundle
# (gpu-bundle.sh) beside the scripts. Everything is logged under $logs; what is in there at the end goes to $OUT too, if set.
[ -z "${MODEL:-}" ] || MODEL=$(realpath "$MODEL")
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
if [ -x bin/checkkernels ]; then
    visavis=bin/visavis check=bin/checkkernels windows=bin/window_test bench=bin/bench logs=${LOGS:-logs}
    ways=bin/ways-cuda libraries=bin/libraries-cuda
    engine=lib/visavis/libvisavis_cuda.so weights=share/visavis/weights compare=python/eval/gpu_compare.py
else
    build=${BUILD:-build}
    visavis=$build/visavis check=$build/test/kernels/checkkernels windows=$build/test/gpu/window_test
    ways=$build/test/cuda-emu/ways-cuda libraries=$build/test/cuda-emu/libraries-cuda
    bench=$build/test/gpu/bench logs=${LOGS:-$build/gpu-logs} engine=$build/libvisavis_cuda.so weights=weights
    compare=weights/eval/gpu_compare.py
fi
logs=$logs/$(basename "$0" .sh)
export VISAVIS_CUDA=${VISAVIS_CUDA-$engine}
mkdir -p "$logs" || exit 1
rm -f "$logs"/*

keep_logs() {
    [ -z "${OUT:-}" ] || tar -czf "$OUT/$(basename "$0" .sh)-logs.tar.gz" -C "$logs" .
}
trap keep_logs EXIT

# Ends with 77 where there is no GPU, with 1 where the engine itself is no good; else $state says what the GPU is.
need_gpu() {
    state=$("$visavis" doctor --avatar test-pattern 2>/dev/null | sed -nE 's/^(ok|note|missing) +GPU +//p')
    "$check" --kernels=cuda --check=names >"$logs/probe.log" 2>&1 && return
    case $state in
    *"of another version"* | *"cannot be opened"* | *"is no CUDA engine"*) echo "$state"; exit 1 ;;
    esac
    echo "no GPU that can be used here: ${state:-visavis doctor says nothing of one}"
    exit 77
}

# name, seconds it may take, command: its output goes to the name's log. Sets $took; the status is the command's.
logged() {
    local limit=$2 log="$logs/${1//[ ,]/-}.log" begin=$SECONDS status
    echo "# $1"
    shift 2
    timeout --kill-after=10 "$limit" bash -c "$*" >"$log" 2>&1
    status=$?
    took=$((SECONDS - begin))
    return $status
}
