#!/bin/bash
# Tests of scripts/test-gpu.sh and bench-gpu.sh without a GPU: what they say where there is none, and, with doubles of the
# programs in a bundle, their tables and what becomes of a part that fails. Speaks TAP. usage: scripts_test.sh BUILD
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
number=0 failed=0

holds() { # what, text that must be in $output, exit status that must be $status
    number=$((number + 1))
    if grep -qE "$2" <<<"$output" && [ "$status" -eq "$3" ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        echo "status $status: $output" | sed 's/^/# /'
        failed=1
    fi
}

for script in test bench; do
    output=$(BUILD=$1 VISAVIS_CUDA='' LOGS=$folder/logs scripts/$script-gpu.sh 2>&1)
    status=$?
    holds "$script-gpu says that there is no GPU" 'no GPU that can be used here: .*(no CUDA engine|says nothing)' 77
done

# ---- a bundle of doubles -----------------------------------------------------------------------------------------------

mkdir -p "$folder"/{bin,scripts,out,path}
cp scripts/gpu.sh scripts/test-gpu.sh scripts/bench-gpu.sh "$folder/scripts/"
cd "$folder" || exit 1
double() { printf '#!/bin/bash\n%s\n' "$2" >"$1"; chmod +x "$1"; }

double bin/visavis 'echo "note     GPU            the CUDA engine is of another version of visavis (2, wanted 1): all runs on the processor"'
double bin/checkkernels 'exit 1'
output=$(scripts/test-gpu.sh 2>&1)
status=$?
holds "an engine that does not fit fails" 'of another version' 1

double bin/checkkernels 'echo "ok 1 - norm"; case $* in *random*) echo "not ok 2 - warp"; exit 1 ;; esac'
double bin/ways-cuda 'echo "ok 1 - 64x64"'
double bin/libraries-cuda 'echo "ok 1 - cuBLASLt # SKIP not installed here"'
double bin/window_test 'echo "ok 1 - windows"; echo "ok 2 - batches"'
double bin/bench 'for a; do case $a in --table=*) printf "norm\t2.00\t80.0\nwarp\t5.00\t9.0\nwindow 32\t900.0\t950.0\t7000\n" >"${a#*=}" ;; esac; done'
double bin/visavis 'case $* in
doctor*) echo "ok       GPU            a GPU of 80 GiB" ;;
*"sessions 200"*) echo "the daemon is gone"; exit 1 ;;
*) printf "  speech in to its first frame out     41.00  43.00  55.00  56.00  9\n"
   printf "  interrupt in to the last of the old speech out  0.00  1.00  2.00  3.00  4\n  between two frames  40 41 42 43 9\n"
   printf "  window_lateness_ms  0.01  0.02  3.50    30\n  step_ms  5.00  6.00  7.25   30\n"
   printf "  missing_audio   0    refused     0\n  missing_frames  3    pts_jumps  0\n"
   printf "  unpaired   0    windows     400\n  windows_late     2    starved  0\n  windows_total  401    x  0\n" ;;
esac'
double path/python3 'printf "norm\t9.0\teager\nnorm\t6.0\tcompiled\nwindow 32\t2700.0\treduce-overhead\n"; [ "$2" != -c ]; exit 0'
double path/compute-sanitizer 'echo "========= no error"'
mkdir -p share/visavis/weights
touch share/visavis/weights/denoiser.safetensors

output=$(PATH=$folder/path:$PATH OUT=$folder/out scripts/test-gpu.sh 2>&1)
status=$?
holds "test-gpu fails if a part fails" '^not ok 2 - warp' 1
holds "its table names the part" '^kernels, random seed +FAILED \(status 1\) +[0-9]+ s +1 tests' 1
holds "ways are tried by themselves" '^our own ways +passed +[0-9]+ s +1 tests' 1
holds "and goes on with the rest" '^racecheck +passed' 1

output=$(PATH=$folder/path:$PATH OUT=$folder/out scripts/bench-gpu.sh 2>&1)
status=$?
holds "bench-gpu puts PyTorch's quickest way beside a kernel" '^norm +2\.0 +80\.0 +2\.0 +6\.0 +3\.00 +compiled' 1
holds "and nothing beside what PyTorch has not" '^warp +5\.0 +9\.0 +5\.0 +- +-' 1
holds "and whole windows" '^window 32 +900\.0 +7000 +900\.0 +2700\.0 +3\.00 +reduce-overhead' 1
holds "sessions, and how many windows were late" '^64 +400 +2 +0\.50 +3\.50 +7\.25 +3 +0' 1
holds "what a user waits for" '^speech in to its first frame out +41\.00 +55\.00' 1
holds "a part that fails is named" '^200 sessions: status 1, the daemon is gone' 1

output=$(tar -tzf out/bench-gpu-logs.tar.gz; tar -tzf out/test-gpu-logs.tar.gz)
status=$?
holds "the logs go where they are wanted" 'summary.txt' 0
echo "1..$number"
exit $failed
