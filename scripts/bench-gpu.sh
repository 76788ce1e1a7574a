#!/bin/bash
# What the CUDA backend costs on this machine's GPU: each kernel, whole windows, sessions in real time.
# Exit status: 0 measured, 1 something failed, 77 no GPU.
# usage: BUILD=build [MODEL=FOLDER] scripts/bench-gpu.sh  (make bench-gpu)
set -u
cd "$(dirname "$0")/.."
build=${BUILD:-build}
log=$build/bench-gpu.log
export VISAVIS_CUDA=${VISAVIS_CUDA-$build/libvisavis_cuda.so}

state=$("$build/visavis" doctor 2>/dev/null | grep -E '^(ok|note|missing) +GPU' | sed -E 's/^[a-z]+ +GPU +//')
if ! "$build/test/kernels/checkkernels" --kernels=cuda --check=names >/dev/null 2>&1; then
    echo "no GPU that can be used here: ${state:-visavis doctor says nothing of one}"
    exit 77
fi

# The chip's peaks as its maker tells them (dense bf16, TFLOP/s; memory, GB/s); others are measured against themselves.
case $state in
*H200*) peaks="--tflops=989 --gbytes=4800" ;;
*H100*PCIe*) peaks="--tflops=756 --gbytes=2000" ;;
*H100*) peaks="--tflops=989 --gbytes=3350" ;;
*A100*) peaks="--tflops=312 --gbytes=2039" ;;
*L40*) peaks="--tflops=362 --gbytes=864" ;;
*) peaks= ;;
esac

model=${MODEL:-weights}
if [ ! -f "$model/denoiser.safetensors" ]; then
    echo "no denoiser in $model: windows are the small test model's, and say nothing of speed"
    model=test/golden/model
fi
{
    date -u +%Y-%m-%d
    echo "$state"
    timeout --kill-after=10 400 "$build/test/gpu/bench" --kernels=cuda $peaks --model="$model" || exit 1
} | tee "$log"
status=${PIPESTATUS[0]}

# Sessions in real time, the whole daemon: as many as visavis bench carries with at most 1 % of windows late.
if [ "$status" -eq 0 ] && [ "$model" != test/golden/model ]; then
    for sessions in 32 64 128 200; do
        echo "# $sessions sessions" | tee -a "$log"
        timeout --kill-after=10 45 "$build/visavis" bench --sessions $sessions --seconds 15 \
            --daemon-args "--kernels cuda --weights $model" 2>&1 | grep -E 'window|lateness|missing' | tee -a "$log"
    done
fi
exit "$status"
