#!/bin/bash
# Whether the emulator's headers give NVIDIA's names NVIDIA's values. Prints TAP.
# usage: names.sh EMULATED [INSTALLED]      what names.cu became with either's headers
set -u
wanted=$([ $# -lt 2 ] || "$2")
name="the emulator's values of NVIDIA's names"
if [ -z "$wanted" ]; then
    echo "ok 1 - $name # skip no nvcc, or no headers of cuBLASLt and cuDNN, on this machine"
elif diff <("$1") - <<<"$wanted"; then
    echo "ok 1 - $name, $(wc -l <<<"$wanted") of them"
else
    echo "not ok 1 - $name"
fi
echo "1..1"
