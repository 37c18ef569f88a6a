#!/usr/bin/env bash
# Run the matrix of workers with each version of Python, record the results, and write docs/reference/workers.md.
# Looks for python3.N on the PATH and among pyenv's; PYTHON_3_N=… names one. A version that is not there fails, by name.
set -euo pipefail
cd "$(dirname "$0")/.."

find_python() {
  local version=$1 given="PYTHON_${1/./_}" candidate
  for candidate in "${!given:-}" "$(command -v "python$version" || true)" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
    # A shim of pyenv's may be there without the version behind it.
    [ -n "$candidate" ] && "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null &&
      echo "$candidate" && return
  done
  echo "Python $version was not found; install it, or name it by PYTHON_${version/./_}=…" >&2
  return 1
}

for version in ${VERSIONS:-3.11 3.12 3.13}; do
  python=$(find_python "$version")
  PYTHON=$python tools/environment.sh ".venv-$version" requirements/dev.txt
  ".venv-$version/bin/python" -m tests.workers.record
done
".venv-$version/bin/python" -m docs.generate
