#!/bin/bash
# The CUDA backend on this machine's GPU: every kernel against the reference, whole windows against the processor's, and
# the kernels under compute-sanitizer. A short table last. Exit status: 0 all passed, 1 something failed, 77 no GPU.
# usage: BUILD=build scripts/test-gpu.sh  (make test-gpu)
set -u
cd "$(dirname "$0")/.."
build=${BUILD:-build}
logs=$build/gpu-logs
check="$build/test/kernels/checkkernels --kernels=cuda"
rows=() failed=0
export VISAVIS_CUDA=${VISAVIS_CUDA-$build/libvisavis_cuda.so}
mkdir -p "$logs"

state=$("$build/visavis" doctor 2>/dev/null | grep -E '^(ok|note|missing) +GPU' | sed -E 's/^[a-z]+ +GPU +//')
if ! $check --check=names >"$logs/probe.log" 2>&1; then
    echo "no GPU that can be used here: ${state:-visavis doctor says nothing of one}"
    exit 77
fi
echo "$state"

# name, seconds it may take, command: its log is kept, its last line is the table's
run() {
    local name=$1 limit=$2 log="$logs/${1// /-}.log" begin=$SECONDS status
    shift 2
    echo "# $name"
    timeout --kill-after=10 "$limit" bash -c "$*" >"$log" 2>&1
    status=$?
    local word=passed
    [ $status -eq 0 ] || { word="FAILED (status $status)"; failed=1; grep -E '^not ok|^# .*got|ERROR|=====' "$log" | head -20; }
    [ $status -eq 124 ] && word="FAILED (not done in $limit s)"
    rows+=("$(printf '%-34s %-24s %4d s  %s' "$name" "$word" $((SECONDS - begin)) "$(grep -cE '^ok ' "$log") tests")")
}

run "kernels, seed 1" 120 "$check --seed=1"
run "kernels, random seed" 120 "$check --seed=random"
run "whole windows" 60 "VV_TEST_KERNELS=cuda $build/test/gpu/window_test"
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
if [ -n "$sanitizer" ]; then
    for tool in memcheck racecheck initcheck; do
        run "$tool" 90 "$sanitizer --tool $tool --error-exitcode 9 $check --seed=2"
    done
else
    rows+=("$(printf '%-34s %s' "compute-sanitizer" "not installed: not run")")
fi

echo
printf '%s\n' "${rows[@]}"
exit $failed
