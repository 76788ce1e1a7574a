#!/bin/bash
# The CUDA backend on this machine's GPU: every kernel against the reference, whole windows against the processor's, and
# the kernels under compute-sanitizer. A short table last. Exit status: 0 all passed, 1 something failed, 77 no GPU.
# usage: BUILD=build scripts/test-gpu.sh  (make test-gpu; or test-gpu in a bundle)
set -u
. "$(dirname "${BASH_SOURCE[0]}")/gpu.sh"
need_gpu
echo "$state"
rows=() failed=0

# name, seconds it may take, command: a row of the table.
run() {
    local word=passed log="$logs/${1//[ ,]/-}.log" status
    logged "$@"
    status=$?
    if [ $status -ne 0 ]; then
        word="FAILED (status $status)" failed=1
        [ $status -eq 124 ] && word="FAILED (not done in $2 s)"
        grep -E '^not ok|^# .*got|ERROR|=====' "$log" | head -20
    fi
    rows+=("$(printf '%-34s %-24s %4d s  %s' "$1" "$word" "$took" "$(grep -cE '^ok ' "$log") tests")")
}

# Each way to compute a layer by itself first: where one never ends, the rest still runs.
run "our own ways" 30 "$ways"
run "NVIDIA's libraries" 30 "$libraries"
kernels="$check --kernels=cuda"
run "kernels, seed 1" 90 "$kernels --seed=1"
run "kernels, random seed" 90 "$kernels --seed=random"
run "kernels, all ways" 90 "VISAVIS_CUDA_WAY=all $kernels --seed=3"
run "whole windows" 50 "VV_TEST_KERNELS=cuda CMOCKA_MESSAGE_OUTPUT=TAP $windows"
sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
if [ -n "$sanitizer" ]; then
    for tool in memcheck racecheck initcheck; do
        run "$tool" 70 "$sanitizer --tool $tool --error-exitcode 9 $kernels --seed=2"
    done
else
    rows+=("$(printf '%-34s %s' "compute-sanitizer" "not installed: not run")")
fi

echo
printf '%s\n' "${rows[@]}" | tee "$logs/summary.txt"
exit $failed
