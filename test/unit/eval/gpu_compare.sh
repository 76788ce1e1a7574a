#!/bin/sh
# Runs gpu_compare_test.py where PyTorch is installed; speaks TAP.
for python in python3 /usr/bin/python3; do
    "$python" -c 'import torch, numpy' 2>/dev/null && OMP_WAIT_POLICY=passive exec "$python" -B test/unit/eval/gpu_compare_test.py
done
echo 1..1
echo "ok 1 - PyTorch beside the CUDA engine # skip python3-torch or python3-numpy is not installed"
