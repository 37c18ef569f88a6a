#!/usr/bin/env bash
# Write the pins under requirements/ anew from pyproject.toml. Run it to take in new releases, then look at the diff.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
compile=("$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate)

echo "uv==$("$uv" --version | cut -d' ' -f2)" | "${compile[@]}" -o requirements/uv.txt -
printf "hatchling\neditables\n" > .cache-build.in
"${compile[@]}" -o requirements/run.txt pyproject.toml .cache-build.in
"${compile[@]}" -o requirements/bench.txt pyproject.toml .cache-build.in --group bench
"${compile[@]}" -o requirements/dev.txt pyproject.toml --extra grpc --extra config-file --group dev
rm .cache-build.in
# The oldest SDK that is supported, everything else as in dev.txt.
grep -v '^opentelemetry' requirements/dev.txt | sed -n 's/^\([a-zA-Z0-9._-]*==[^ ;]*\).*/\1/p' > .cache-constraints.in
"${compile[@]}" -o requirements/dev-oldest-sdk.txt -c .cache-constraints.in -c requirements/oldest-sdk.in pyproject.toml --extra grpc --extra config-file --group dev
rm .cache-constraints.in
