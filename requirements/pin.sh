#!/usr/bin/env bash
# Resolve pyproject.toml anew in throw-away environments and write down exactly what came: run.txt, dev.txt, docs.txt, mutants.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# frozen EXTRA: install the project and what it needs into a new environment, print the versions.
frozen() {
    "$python" -m venv "$work/$1"
    "$work/$1/bin/pip" install --quiet "setuptools>=77" ".$2" >&2
    "$work/$1/bin/pip" freeze --all --exclude pip --exclude configvault | LC_ALL=C sort
}

frozen run "" > "$work/run.txt"
frozen dev "[dev]" > "$work/dev.txt"
frozen docs "[docs]" > "$work/docs.txt"
frozen mutants "[dev,mutants]" > "$work/mutants.txt"
{
    echo '# What configvault runs on, exactly; made by `make pins` from pyproject.toml.'
    cat "$work/run.txt"
} > requirements/run.txt
{
    echo '# What its tests and checks need besides, exactly; made by `make pins` from pyproject.toml.'
    echo '-r run.txt'
    LC_ALL=C comm -13 "$work/run.txt" "$work/dev.txt"
} > requirements/dev.txt
{
    echo '# What `make mutants` needs besides, exactly; made by `make pins` from pyproject.toml.'
    echo '-r dev.txt'
    LC_ALL=C comm -13 "$work/dev.txt" "$work/mutants.txt"
} > requirements/mutants.txt
{
    echo '# What `make docs` needs besides, exactly; made by `make pins` from pyproject.toml.'
    echo '-r run.txt'
    LC_ALL=C comm -13 "$work/run.txt" "$work/docs.txt"
} > requirements/docs.txt
