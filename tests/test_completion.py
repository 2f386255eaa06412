"""Completion in a real shell: commands, flags, references and pins, and silence where anything is wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sites import Place
from states import Link

ASK = """
source "$SCRIPT"
COMP_LINE="$LINE"
COMP_POINT=${#COMP_LINE}
COMP_TYPE=9
COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
read -ra COMP_WORDS <<< "$COMP_LINE"
[[ "$COMP_LINE" == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_python_argcomplete configvault "${COMP_WORDS[COMP_CWORD]}" ""
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a root with two snapshots, one of them pinned, and a `configvault` on a PATH."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    place = Place(tmp_path)
    place.init({"a": "1\n"})
    place.snapshot({"a": "2\n"}, "--pin", "stable")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "configvault"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m configvault "$@"\n')
    program.chmod(0o755)
    (tmp_path / "script").write_text(place.run("completion", "bash").out)
    return place


def offered(place: Place, line: str, **environ: str) -> list[str]:
    """Return what bash offers for a line that begins like this."""
    env = dict(os.environ) | {
        "CONFIGVAULT_CONFIG": str(place.config),
        "SCRIPT": str(place.base / "script"),
        "LINE": line,
    }
    env["PATH"] = f"{place.base / 'bin'}:{env['PATH']}"
    done = subprocess.run(
        ["bash", "-c", ASK], env=env | environ, capture_output=True, text=True, check=False, cwd=place.base
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [word.strip() for word in done.stdout.split("\n") if word.strip()]


def test_commands_and_flags(place: Place) -> None:
    """The beginning of a command and of a flag is completed."""
    assert offered(place, "configvault rollb") == ["rollback"]
    assert set(offered(place, "configvault rollback --no")) == {"--no-reload", "--no-color"}


def test_references(place: Place) -> None:
    """Where a reference stands, words, pins and ids are offered."""
    ids = [one["id"] for one in place.ok("list")["snapshots"]]
    assert set(ids) | {"latest", "previous", "good"} <= set(offered(place, "configvault rollback "))
    assert set(offered(place, "configvault show backup_2")) == set(ids)
    assert offered(place, "configvault diff prev") == ["previous"]
    assert set(offered(place, "configvault export 2")) == {one.removeprefix("backup_") for one in ids}


def test_pins(place: Place) -> None:
    """After `pin:` the shell has cut the word at the colon and gets the names alone."""
    assert offered(place, "configvault rollback pin:") == ["stable"]
    assert offered(place, "configvault unpin st") == ["stable"]


def test_flags_only_where_one_is_begun(place: Place) -> None:
    """What a command is mostly given is not lost among its flags."""
    assert [one for one in offered(place, "configvault rollback ") if one.startswith("-")] == []
    assert "--confirm" in offered(place, "configvault rollback --")


def test_paths_of_the_root(place: Place) -> None:
    """Where a path in the root stands, what lies there is offered, folder by folder, and nothing outside."""
    place.write({"area/one.yaml": "a: 1\n", "area/two.yaml": "a: 1\n", "out": Link("..")})
    assert offered(place, "configvault rollback latest --path ar") == ["area/"]
    assert set(offered(place, "configvault list --path area/")) == {"area/one.yaml", "area/two.yaml"}
    assert offered(place, "configvault edit area/t") == ["area/two.yaml"]
    assert offered(place, "configvault edit out/") == []
    assert offered(place, "configvault edit ../") == []


def test_rejected(place: Place) -> None:
    """`rejected show` is completed by the ids of refused states."""
    place.write({"x.json": "{"})
    id_ = place.run("snapshot", "--json").json["rejected"]
    assert offered(place, "configvault rejected show rej") == [id_]
    assert offered(place, "configvault rejected d") == ["diff", "drop"]


@pytest.mark.parametrize("what", ["no config", "bad config", "no vault", "damaged"])
def test_silent_on_any_error(place: Place, what: str) -> None:
    """Where nothing can be known nothing is offered, and nothing is said."""
    if what == "no config":
        place.config.unlink()
    elif what == "bad config":
        place.config.write_text("[")
    elif what == "no vault":
        place.vault.rename(place.base / "away")
    else:
        (place.vault / "refs" / "configvault" / "marks").write_text("damaged")
    assert offered(place, "configvault rollback lat") in ([], ["latest"])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_of_each_shell(place: Place, shell: str) -> None:
    """Each shell's script is printed and names the program."""
    done = place.run("completion", shell)
    assert done.code == 0
    assert "configvault" in done.out
    if shutil.which(shell) and shell != "bash":
        subprocess.run([shell, "-n"], input=done.out, text=True, check=True)
