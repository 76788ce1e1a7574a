#!/bin/sh
# Has weights/train/export.py write its sample and read it again, and compares it byte by byte with the one that
# weights_test.c reads value by value; speaks TAP. After a change of the format:
#     weights/train/export.py --sample test/golden/weights_sample.safetensors
name="the weights that export.py writes are those that the loader's test reads"
echo 1..1
for python in python3 /usr/bin/python3; do
    "$python" -c 'import numpy' 2>/dev/null && break
    python=
done
if [ -z "$python" ]; then
    echo "ok 1 - $name # skip python3-numpy is not installed"
    exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if shown=$("$python" -B weights/train/export.py --sample "$folder/sample" --show "$folder/sample") &&
    cmp "$folder/sample" test/golden/weights_sample.safetensors && [ "$(ls "$folder")" = sample ]; then
    echo "$shown" | sed 's/^/# /'
    echo "ok 1 - $name"
else
    echo "not ok 1 - $name"
    exit 1
fi
