#!/bin/sh
# Compares the features of this build with the independent computation in weights/train/log_mel.py; speaks TAP.
# usage: log_mel_numpy.sh LOG_MEL_ROWS     the program built from test/unit/media/log_mel_rows.c
echo 1..1
for python in python3 /usr/bin/python3; do
    "$python" -c 'import numpy' 2>/dev/null && break
    python=
done
if [ -z "$python" ]; then
    echo "ok 1 - log-mel rows as numpy computes them # skip python3-numpy is not installed"
    exit 0
fi
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
if "$1" "$rows" && "$python" weights/train/log_mel.py --check "$rows" --golden test/golden/log_mel.bin; then
    echo "ok 1 - log-mel rows as numpy computes them"
else
    echo "not ok 1 - log-mel rows as numpy computes them"
    exit 1
fi
