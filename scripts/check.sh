#!/bin/bash
# The rules that a compiler does not hold. usage: scripts/check.sh [tap] CHECK...
#   format      clang-format leaves every C and CUDA file as it is; no tabs, trailing space or missing final newline
#   generated   the page's protocol module, the schema and the reference match messages.def
#   depend      every folder includes only what docs/architecture.md lets it
#   headers     every header compiles alone
#   tidy        clang-tidy has nothing to say
set -u
cd "$(dirname "$0")/.."
build=${BUILD:-build}
tap=0
[ "${1:-}" = tap ] && { tap=1; shift; }

sources() { git ls-files -co --exclude-standard -- "$@" | while read -r f; do [ -f "$f" ] && echo "$f"; done; }

check_format() {
    sources '*.c' '*.h' '*.cu' '*.cuh' | xargs clang-format --dry-run -Werror &&
        ! sources '*.c' '*.h' '*.cu' '*.cuh' '*.js' '*.mjs' '*.css' '*.html' '*.md' '*.sh' '*.def' | xargs grep -nP '\t|[ ]+$' &&
        ! sources '*.c' '*.h' '*.cu' '*.cuh' '*.js' '*.mjs' '*.md' '*.sh' '*.def' | while read -r f; do
            [ -s "$f" ] && [ -n "$(tail -c1 "$f")" ] && echo "$f: no final newline"; done | grep .
}

check_generated() { "$build/generate" . --check; }

# Which folders may include headers of which others; every folder may use its own and server/base.
allowed() {
    case $1 in
    protocol) echo "protocol" ;;
    server/base) echo "server/base" ;;
    server/media) echo "server/media server/base" ;;
    kernels/cuda) echo "kernels test/cuda-emu" ;; # in the emulator
    kernels | kernels/*) echo "kernels" ;;
    weights) echo "weights" ;;
    server/avatar) echo "server/avatar server/media server/base kernels weights" ;;
    server/session) echo "server/session server/avatar server/media server/base protocol" ;;
    server/net) echo "server/net server/session server/avatar server/base protocol" ;;
    server/commands* | server) echo "server/commands server/net server/session server/avatar server/media server/base kernels weights protocol server" ;;
    *) echo "any" ;;
    esac
}

# Libraries that only one folder may know.
owner() {
    case $1 in
    libwebsockets.h) echo server/net ;;
    jansson.h) echo "protocol weights server/commands" ;;
    jwt.h) echo server/net ;;
    opus/*) echo "server/media server/commands" ;;
    vpx/* | speex/*) echo "server/media server/commands" ;;
    png.h | jpeglib.h | jerror.h | sndfile.h) echo server/media ;;
    flite/*) echo server/commands ;;
    oneapi/dnnl/* | omp.h | immintrin.h) echo kernels/cpu ;;
    cuda* | cublas* | cudnn*) echo kernels/cuda ;;
    *) echo any ;;
    esac
}

in_list() { # folder, list: whether it is one of them or below one
    for one in $2; do
        [ "$one" = any ] && return 0
        case $1 in "$one" | "$one"/*) return 0 ;; esac
    done
    return 1
}

check_depend() {
    local bad=0 file folder line included
    while read -r file; do
        folder=$(dirname "$file")
        while read -r line; do
            included=$(sed -E 's/.*#include "(.*)".*/\1/' <<<"$line")
            in_list "$(dirname "$included")" "$(allowed "$folder")" ||
                { echo "$file: may not include $included"; bad=1; }
        done < <(grep -hE '^#include "' "$file")
        while read -r line; do
            included=$(sed -E 's/.*#include <(.*)>.*/\1/' <<<"$line")
            in_list "$folder" "$(owner "$included")" || { echo "$file: may not include <$included>"; bad=1; }
        done < <(grep -hE '^#include <' "$file")
    done < <(sources 'protocol/*.c' 'protocol/*.h' 'kernels/*.c' 'kernels/*.h' 'kernels/*.cu' 'kernels/*.cuh' \
        ':(glob)weights/*.[ch]' 'server/*.c' 'server/*.h')
    return $bad
}

check_headers() {
    local bad=0 header
    while read -r header; do
        ${CC:-cc} -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -I. -x c -fsyntax-only - <<<"#include \"$header\"" ||
            { echo "$header does not compile alone"; bad=1; }
    done < <(sources 'protocol/*.h' 'kernels/*.h' ':(glob)weights/*.h' 'server/*.h')
    return $bad
}

check_tidy() {
    sources 'protocol/*.c' 'kernels/*.c' ':(glob)weights/*.c' 'server/*.c' | xargs -P "$(nproc)" -n 4 clang-tidy --quiet --warnings-as-errors='*' 2>/dev/null
}

number=0 failed=0
for check in "$@"; do
    number=$((number + 1))
    if output=$("check_$check" 2>&1); then
        [ $tap = 1 ] && echo "ok $number - check $check" || echo "check $check: ok"
    else
        failed=1
        [ $tap = 1 ] && echo "not ok $number - check $check" || echo "check $check: FAILED"
        sed 's/^/# /' <<<"$output"
    fi
done
exit $failed
