#!/usr/bin/env bash
# Make a virtual environment with pinned packages, unless it is there and up to date.
#
#   tools/environment.sh FOLDER PINS [EXTRA-INSTALL-ARGUMENT…]
#
# PINS is a file under requirements/. The environment is made anew when the pins, this script or pyproject.toml change.
# Needs Python 3.11 or newer (PYTHON=… chooses one); installs everything else, itself included, by the pins.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$1 pins=$2
shift 2
python=${PYTHON:-python3}

"$python" - <<'CHECK' || exit 1
import sys
if sys.version_info < (3, 11):
    sys.exit(f"otelkit needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}. Try: make PYTHON=python3.12 …")
try:
    import venv, ensurepip
except ImportError as error:
    sys.exit(f"{sys.executable} lacks {error.name}; on Debian and Ubuntu: apt install python3-venv")
CHECK

key=$({ cat "$pins" requirements/uv.txt pyproject.toml tools/environment.sh; "$python" -V; echo "$*"; } | sha256sum | cut -c1-16)
[ -e "$folder/.ready-$key" ] && exit 0

echo "making $folder ($pins) …" >&2
rm -rf "$folder"
"$python" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
"$folder/bin/uv" pip install --quiet --compile-bytecode --python "$folder/bin/python" --require-hashes -r "$pins"
# Ours, on top of the pins and with nothing else.
"$folder/bin/uv" pip install --quiet --python "$folder/bin/python" --no-deps --no-build-isolation -e . "$@"
touch "$folder/.ready-$key"
