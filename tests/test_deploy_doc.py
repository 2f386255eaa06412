"""docs/deploy.md quotes what the program prints: a day of deployments, edits and pulls is lived through and compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import Place
from test_deploying import commit, run_git

DOCUMENT = Path(__file__).parent.parent / "docs" / "deploy.md"
BROKEN = "plugins:\n  - id: 7\n    name: [tides\n"


def quoted(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command behind a `$` and the lines below it."""
    for block in re.findall(r"```\n(\$ .*?)```", text, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            said, *lines = part.splitlines()
            yield said, [line for line in lines if line.strip()]


def normal(line: str, base: Path) -> str:
    """Return a line without what is another each time: ids, commits, times, folders, the hints' `-c`."""
    line = (
        line.replace(f" -c {base}/place/config.yaml", "")
        .replace(f"{base}/place/", "/srv/")
        .replace(f"{base}/", "/home/ann/")
    )
    line = re.sub(r"/\S*/configvault-edit-\w+", "/tmp/configvault-edit-XXXXXXXX", line)
    line = re.sub(r"(backup|rejected)_\d{8}_\d{6}", r"\1_TIME", line)
    line = re.sub(r"\b[0-9a-f]{12}([0-9a-f]{28})?\b", "COMMIT", line)
    line = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d( [+-]\d{4})?", "WHEN", line)
    return line.rstrip()


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[str]]]:
    """Return where the day was lived, and what each command printed, as often as it was given."""
    base = tmp_path_factory.mktemp("day")
    printed: dict[str, list[str]] = {}
    team = base / "plugins"
    (team / "conf").mkdir(parents=True)
    source = f"source: {{url: 'file://{team}', path: conf}}\n"
    place = Place(base / "place", source)
    place.init({"plugins.yaml": "plugins:\n  - id: 7\n    name: tides\n", "limits.yaml": "rate: 5\n"})

    def say(command: str, *, cwd: Path = base, **environ: str) -> None:
        words = command.removeprefix("configvault ").split()
        ran = place.process(*words, cwd=cwd, TZ="UTC", **environ)
        printed.setdefault(command, []).append(ran.out + ran.err + f"[exit {ran.code}]")

    offered = base / "offered"
    offered.mkdir()
    for name, text in (
        ("plugins.yaml", "plugins:\n  - id: 7\n    name: tides\n  - id: 8\n    name: ferries\n"),
        ("limits.yaml", "rate: 5\n"),
    ):
        (offered / name).write_text(text)
    say("configvault deploy ./offered -n")
    say("configvault deploy ./offered -m ferries")
    (offered / "plugins.yaml").write_text(BROKEN)
    say("configvault deploy ./offered")
    typed = base / "typed"
    typed.write_text("rate: [\n")
    say("configvault edit limits.yaml", EDITOR=f"cp {typed}", VISUAL="", TMPDIR=str(base))
    typed.write_text("rate: 9\n")
    say("configvault edit limits.yaml", EDITOR=f"cp {typed}", VISUAL="", TMPDIR=str(base))

    run_git(team, "init", "-q", "-b", "main", ".")
    (team / "conf" / "limits.yaml").write_text("rate: 9\n")
    (team / "conf" / "plugins.yaml").write_text("plugins: []\n")
    commit(team)
    say("configvault pull")
    say("configvault pull")
    (team / "conf" / "plugins.yaml").write_text(BROKEN)
    commit(team)
    say("configvault pull")
    say("configvault pull")
    say("configvault status")
    (team / "conf" / "plugins.yaml").write_text("plugins: [1]\n")
    commit(team)
    (place.root / "limits.yaml").write_text("rate: 1\n")
    place.ok("snapshot")
    say("configvault pull")
    return base, printed


def test_quoted_output_is_what_is_printed(day: tuple[Path, dict[str, list[str]]]) -> None:
    """Each line that the document shows below a command is one that it prints, in that order."""
    base, printed = day
    found = list(quoted(DOCUMENT.read_text()))
    assert len(found) >= 7
    for said, lines in found:
        assert said in printed, said
        outputs = [[normal(line, base) for line in output.splitlines()] for output in printed[said]]

        def shown(output: list[str], lines: list[str] = lines) -> bool:
            rest = iter(output)
            return all(normal(line, base) in rest for line in lines)

        assert any(map(shown, outputs)), (said, lines, outputs)
