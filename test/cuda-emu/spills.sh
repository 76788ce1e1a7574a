#!/bin/bash
# What ptxas says of the CUDA kernels: registers and spills of each, the worst over all architectures. A spill fails: every
# kernel here is called many times in a window. So do products of a warpgroup that ptxas makes wait for each other, which
# it does where it does not see that nobody else touches their sums. usage: spills.sh REPORT...  (none: there is no nvcc,
# a skip)
set -u
if [ $# -eq 0 ]; then
    echo "ok 1 - CUDA kernels compile without spills # skip no nvcc on this machine"
    echo "1..1"
    exit 0
fi
# Lines come in threes: "Compiling entry function 'NAME' for 'ARCH'", "... bytes spill stores ...", "Used N registers".
summary=$(cat "$@" | awk '
    /Compiling entry function/ { name = $0; sub(/.*entry function .?/, "", name); sub(/. for .*/, "", name); seen[name]++ }
    /bytes spill stores/ { s = $0; sub(/ bytes spill stores.*/, "", s); sub(/.* /, "", s); if (s + 0 > spill[name]) spill[name] = s + 0 }
    /Used [0-9]+ registers/ { r = $0; sub(/.*Used /, "", r); sub(/ registers.*/, "", r); if (r + 0 > regs[name]) regs[name] = r + 0 }
    END { for (n in seen) printf "%d %d %d %s\n", spill[n], regs[n], seen[n], n }' |
    c++filt | sed -E 's/\(anonymous namespace\)::|vv::|void //g; s/ *\(.*//' | sort -k4)
count=$(grep -c . <<<"$summary")
sed -E 's/^([0-9]+) ([0-9]+) ([0-9]+) (.*)$/# \2 registers, \1 bytes spilled, \3 architectures: \4/' <<<"$summary"
if [ "$count" -eq 0 ]; then
    echo "not ok 1 - ptxas reported no kernel"
elif grep -qvE '^0 ' <<<"$summary"; then
    echo "not ok 1 - a CUDA kernel spills registers"
else
    echo "ok 1 - $count CUDA kernels compile without spills"
fi
if grep -h 'instructions are serialized' "$@" | sed 's/^/# /' | c++filt | grep .; then
    echo "not ok 2 - products of a warpgroup wait for each other"
else
    echo "ok 2 - no products of a warpgroup wait for each other"
fi
echo "1..2"
