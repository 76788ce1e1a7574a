#!/bin/bash
# What the CUDA backend costs on this machine's GPU, beside PyTorch where python3 has it: each kernel, whole windows;
# then sessions in real time, and what one waits for. The tables come last; a part that fails is named in them, and the
# rest goes on. Exit status: 0 all measured, 1 something failed, 77 no GPU.
# usage: BUILD=build [MODEL=FOLDER] [TORCH_SECONDS=180] scripts/bench-gpu.sh  (make bench-gpu; or bench-gpu in a bundle)
set -u
. "$(dirname "${BASH_SOURCE[0]}")/gpu.sh"
need_gpu
torch_seconds=${TORCH_SECONDS:-180} missing=() failed=0

# The chip's peaks as its maker tells them (dense bf16, TFLOP/s; memory, GB/s); others are measured against themselves.
case $state in
*H200*) peaks="--tflops=989 --gbytes=4800" ;;
*H100*PCIe*) peaks="--tflops=756 --gbytes=2000" ;;
*H100*) peaks="--tflops=989 --gbytes=3350" ;;
*A100*) peaks="--tflops=312 --gbytes=2039" ;;
*L40*) peaks="--tflops=362 --gbytes=864" ;;
*) peaks= ;;
esac
model=${MODEL:-$weights}
if [ ! -f "$model/denoiser.safetensors" ]; then
    echo "no denoiser in $model: windows are the small test model's, and say nothing of speed"
    model=test/golden/model
fi

# ---- measuring ---------------------------------------------------------------------------------------------------------

# name, seconds, command: notes which part could not be measured, and why; 77 is no failure.
part() {
    local status
    logged "$@"
    status=$?
    [ $status -eq 0 ] && return
    [ $status -eq 77 ] || failed=1
    missing+=("$1: status $status, $(grep . "$logs/${1//[ ,]/-}.log" | tail -n 1 | cut -c1-160)")
}

part kernels 100 "$bench --kernels=cuda $peaks --model=$model --table=$logs/ours.tsv"
part "kernels, all ways" 40 "VISAVIS_CUDA_WAY=all $bench --kernels=cuda $peaks --table=$logs/all.tsv"
python=python3
$python -c 'import torch' 2>/dev/null || python=/usr/bin/python3
part PyTorch $((torch_seconds + 60)) "$python -B $compare --weights $model --seconds $torch_seconds >$logs/torch.tsv"
daemon="--kernels cuda --weights $model"
part latency 40 "$visavis bench --seconds 25 --daemon-args '$daemon'"
if [ "$model" != test/golden/model ]; then
    for sessions in 32 64 128 200; do
        part "$sessions sessions" 40 "$visavis bench --sessions $sessions --ramp 5 --seconds 12 --inspect 0 \
            --daemon-args '$daemon --capacity $sessions'"
    done
fi

# ---- tables ------------------------------------------------------------------------------------------------------------

# Of kernels (0) ours and its share of the peak, of windows (1) ours and sessions in real time; PyTorch's, how many times
# as long that is, and how it was run; and ours where layers may also go the ways that are only tried when asked for.
beside() {
    touch "$logs/ours.tsv" "$logs/torch.tsv" "$logs/all.tsv"
    awk -F '\t' -v windows="$1" -v third="$2" '
        BEGIN { printf "%-42s %9s %9s %9s %9s %6s  %s\n", "microseconds", "ours", third, "all ways", "PyTorch", "ratio", "how" }
        FILENAME == ARGV[1] { if (!($1 in time) || $2 + 0 < time[$1]) { time[$1] = $2 + 0; way[$1] = $3 } next }
        FILENAME == ARGV[2] { all[$1] = $2; next }
        ($1 ~ /^window /) == windows {
            printf "%-42s %9.1f %9s %9s ", $1, $2, $NF, $1 in all ? sprintf("%.1f", all[$1]) : "-"
            if ($1 in time) printf "%9.1f %6.2f  %s\n", time[$1], time[$1] / $2, way[$1]; else printf "%9s %6s\n", "-", "-"
        }' "$logs/torch.tsv" "$logs/all.tsv" "$logs/ours.tsv"
}

# Of a report of visavis bench: the counts, and p50 and p99 of a row.
count_in() { sed -nE "s/(^|.* )$2 +([0-9]+).*/\2/p" "$1"; }
row_in() { awk -v row="$2" 'index($0, row) { sub(/^ */, ""); sub(row, ""); print $1, $3; exit }' "$1"; }

# A row for each number of sessions; late: windows that missed their first frame's time.
sessions_table() {
    local log format='%-9s %8s %7s %6s %13s %13s %8s %8s\n' windows late
    # shellcheck disable=SC2059 # one format for head and rows
    printf "$format" sessions windows late "%" "late p99, ms" "step p99, ms" missing refused
    for log in "$logs"/*-sessions.log; do
        windows=$(count_in "$log" windows) late=$(count_in "$log" windows_late)
        [ "${windows:-0}" -gt 0 ] || continue
        # shellcheck disable=SC2059
        printf "$format" "$(basename "$log" -sessions.log)" "$windows" "$late" \
            "$(awk "BEGIN { printf \"%.2f\", 100 * $late / $windows }")" "$(row_in "$log" window_lateness_ms | cut -d' ' -f2)" \
            "$(row_in "$log" step_ms | cut -d' ' -f2)" "$(count_in "$log" missing_frames)" "$(count_in "$log" refused)"
    done | sort -n
}

latency_table() {
    printf '%-52s %9s %9s\n' "one session, milliseconds" p50 p99
    for row in "speech in to its first frame out" "interrupt in to the last of the old speech out" "between two frames"; do
        # shellcheck disable=SC2046 # two words
        printf '%-52s %9s %9s\n' "$row" $(row_in "$logs/latency.log" "$row")
    done
}

{
    echo
    date -u +%Y-%m-%d
    echo "$state"
    grep -E '^of peak|runs at' "$logs/kernels.log"
    sed -nE 's/^# (PyTorch .*)/\1/p' "$logs/PyTorch.log" | head -n 1
    echo
    beside 0 '% of peak'
    echo
    beside 1 'real time'
    echo
    sessions_table
    echo
    latency_table
    [ ${#missing[@]} -eq 0 ] || printf '\nnot measured, or not all of it:\n'
    [ ${#missing[@]} -eq 0 ] || printf '%s\n' "${missing[@]}"
} | tee "$logs/summary.txt"
exit $failed
