"""What the documents tell to do is done, command by command, and prints what they show."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import walk

DOCS = Path(__file__).parent.parent / "docs"
CHINESE = {"LANG": "zh_CN.UTF-8"}


@dataclass(frozen=True)
class Before:
    """What a document takes for granted."""

    files: dict[str, str] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    first: str = ":"
    """What was run before."""
    anew: bool = False
    """Each part of it is about another machine."""


CONF = {"/srv/app/conf/app.yaml": "rate: 20\n"}
NGINX = {
    "/etc/nginx/nginx.conf": "events {}\nhttp { include conf.d/*.conf; }\n",
    "/etc/nginx/conf.d/a.conf": "server {}\n",
}
ETC_KEEPER = """git init -q /etc && cd /etc && git add nginx && git commit -q -m 'initial commit'
echo 'server { listen 81; }' > nginx/conf.d/a.conf && git commit -q -a -m 'daily autocommit' && cd"""

MACHINES = {
    "programs.md": Before(
        NGINX
        | CONF
        | {
            "/etc/prometheus/prometheus.yml": "global: {}\n",
            "/srv/homeassistant/configuration.yaml": "default_config:\n",
            "/srv/homeassistant/.HA_VERSION": "2026.11.0\n",
        },
        anew=True,
    ),
    "from-a-script.md": Before(
        CONF
        | {
            "/backup/backup_20260101_020000/app.yaml": "rate: 5\n",
            "/backup/backup_20260102_020000/app.yaml": "rate: [5\n",
            "/backup/backup_20260103_020000/app.yaml": "rate: 10\n",
        }
    ),
    "from-etckeeper.md": Before(NGINX, first=ETC_KEEPER),
    "moving.md": Before(CONF),
    "tutorial.md": Before(),
    "zh/tutorial.md": Before(environ=CHINESE),
}


def made(name: str, folder: Path) -> walk.Machine:
    """Return a machine on which the document `name` can be followed."""
    before = MACHINES[name]
    machine = walk.Machine(folder, before.environ)
    machine.write(before.files)
    machine.run(walk.Said(before.first, []))
    return machine


@pytest.mark.parametrize("name", MACHINES)
def test_a_document_can_be_followed(name: str, tmp_path: Path) -> None:
    """From its first command to its last, each prints the lines that stand below it."""
    machine = made(name, tmp_path / "m")
    walk.walk(DOCS / name, machine, anew=MACHINES[name].anew)
    assert machine.started


def test_a_line_that_is_not_printed_ends_the_walk(tmp_path: Path) -> None:
    """What the document says wrongly, and what the command prints, are both named."""
    document = tmp_path / "d.md"
    document.write_text("```\n$ echo one\ntwo\n```\n")
    with pytest.raises(AssertionError, match="one\n\n--- does not print:\ntwo"):
        walk.walk(document, walk.Machine(tmp_path / "m"))


def test_the_tutorials_do_the_same() -> None:
    """Both languages run the same commands, but for what is said to people in them."""
    said = [
        [one.command for _, block in walk.blocks((DOCS / name).read_text()) for one in walk.commands(block)]
        for name in ("tutorial.md", "zh/tutorial.md")
    ]
    assert said[0] == said[1]
    assert len(said[0]) >= 15
