#!/bin/sh
# Runs the tests and the benchmark that need a graphics card, on a machine that has one. Results lie in OUT [out/gpu].
# Without a network, bring .venv along, made by: make setup && uv sync --frozen --inexact --extra all --extra gpu
set -u
cd "$(dirname "$0")/../.."
out=${OUT:-out/gpu}
mkdir -p "$out"
nvidia-smi > "$out/card.txt" 2>&1 || { cat "$out/card.txt"; echo "no graphics card here"; exit 1; }
if ! .venv/bin/python -c 'import cupy' 2> /dev/null; then
  make setup && .venv/bin/uv sync --quiet --frozen --inexact --extra all --extra gpu || exit 1
fi
failed=0
.venv/bin/python -m pytest tests/gpu -m gpu -ra --durations=10 > "$out/tests.txt" 2>&1 || failed=1
tail -n 40 "$out/tests.txt"
.venv/bin/python benchmarks/gpu.py > "$out/benchmark.md" 2> "$out/benchmark.log" || failed=1
cat "$out/benchmark.md"
if command -v compute-sanitizer > /dev/null; then  # finds what an emulator cannot: races and reads beyond memory
  compute-sanitizer --error-exitcode 1 .venv/bin/python -m pytest -q tests/gpu -k random_cases \
    > "$out/sanitizer.txt" 2>&1 || failed=1
fi
exit $failed
