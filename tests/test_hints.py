"""Every command in a hint of the program works when it is pasted, in a site whose configuration is not the default one."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from sites import Done, Place

from configvault.cli import parser
from configvault.cli.commands import COMMANDS
from configvault.core.errors import UsageError
from configvault.core.hints import in_place

PACKAGE = Path(__file__).parent.parent / "configvault"
ALERTS = PACKAGE.parent / "deploy" / "prometheus" / "alerts.yaml"
NAMES = "|".join(sorted({name for one in COMMANDS for name in (one.name, *one.aliases)}, key=len, reverse=True))
# A command ends where words go on; what it names stands for something that the site has.
COMMAND = re.compile(rf"configvault (?:{NAMES})\b(?:(?:'[^']*'|\"[^\"]*\"|[^,;`'\"]))*")
# A directory to deploy from, or only to plan it: small.
SMALL = str(Path(__file__).parent / "loader")
STANDS_FOR = {
    "REF": "latest", "NAME": "stable", "PATH": "a.yaml", "DIR": "/nonexistent", "URL": "/nonexistent/replica.git",
    "FILE": "/nonexistent", "N": "1", "DIRECTORY": SMALL, "SOURCE": SMALL, "PLACE": "/nonexistent/place", "{}": "latest",
}  # fmt: skip
# These would not come back, or change the machine: that they can be understood has to do.
# A tour shows how it starts a daemon; `edit` opens an editor and waits for it.
PARSED_ONLY = {
    "run", "unit", "demo", "init", "recover", "fleet", "export", "rollout", "git", "import", "edit", "pull",
}  # fmt: skip


def texts() -> Iterator[tuple[str, str]]:
    """Yield every text in the code that is no docstring, with its file; `{}` where something is filled in."""
    for file in sorted(PACKAGE.rglob("*.py")):
        if "cli/commands/__init__" in file.as_posix():
            continue  # the examples in the help, which tests/test_cli_help.py runs
        tree = ast.parse(file.read_bytes())
        documented = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                parts = [str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values]
                yield file.name, "".join(parts)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from [] if id(node) in documented | inner else [(file.name, node.value)]


def remedies() -> Iterator[tuple[str, str]]:
    """Yield what alerts advise, as where nothing says how configvault is called."""
    for found in re.findall(r"\{\{ end -\}\}\s+(.*)", ALERTS.read_text()):
        yield (
            ALERTS.name,
            found.replace("{{ $command }}", "configvault").replace("{{ $service }}", "configvault"),
        )


def commands() -> Iterator[str]:
    """Yield each command that a text names, with something in the place of what it leaves open."""
    for _, text in (*texts(), *remedies()):
        for found in COMMAND.findall(text):
            command = re.split(
                r"(?: or | and |: | says | needs | replaces | is | to | undoes | comes |\n|\. |\.$|\)|\\)",
                found,
            )[0]
            words = shlex.split(command.strip().removesuffix("&"))
            whole = shlex.join(STANDS_FOR.get(word, word.replace("{}", "latest")) for word in words)
            # What is filled in there is no reference, nor is what is deployed from.
            whole = re.sub(r"^configvault deploy (?:latest)+", f"configvault deploy {SMALL}", whole)
            yield whole.replace("--format latest", "--format tar").replace("-n latest 10", "-n --keep-last 10")


ALL = sorted(set(commands()))


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A site that one hint after the other is pasted into."""
    return site(tmp_path_factory.mktemp("hints"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A site with two snapshots, a pin, and a refused state that is live."""
    return site(tmp_path)


def site(folder: Path) -> Place:
    """Make a site with two snapshots, a pin, and a refused state that is live."""
    made = Place(folder)
    made.init({"a.yaml": "a: 1\n"})
    made.snapshot({"a.yaml": "a: 2\n"})
    made.ok("pin", "latest", "stable")
    made.write({"a.yaml": "a: [\n"})
    made.run("snapshot")
    return made


def test_there_are_many() -> None:
    """The search finds the commands: those of errors, of outcomes in words and of the daemon."""
    assert len(ALL) > 40
    assert {"configvault confirm", "configvault rejected show latest", "configvault unit install --now"} <= set(
        ALL
    )
    assert len(list(remedies())) == 21
    assert "configvault verify --replica --restore-test" in ALL


@pytest.mark.parametrize("command", ALL)
def test_a_hint_can_be_pasted(command: str, used: Place) -> None:
    """As printed, with the configuration named, the command line is understood, and what it asks for can be done."""
    words = shlex.split(in_place(command, str(used.config)))[1:]
    assert words[:2] == ["-c", str(used.config)], "the configuration is not named"
    called = words[2]
    if called in PARSED_ONLY:
        try:
            parser.parse(words)
        except SystemExit as ending:
            # Only --help ends like that.
            assert ending.code == 0  # noqa: PT017
        return
    done = used.process(*words)
    # An alert on the service's requests fires where its log is configured.
    assert done.code != 2 or "no reference is given" in done.err or "service_log.path is not set" in done.err, (
        done
    )
    assert "unexpected" not in done.err, done


def hints(done: Done) -> list[str]:
    """Return the commands in what was printed."""
    return re.findall(r"configvault(?= [a-z-])(?: -c \S+)?", done.out + done.err)


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["show", "nothing"], 4),
        (["rollback", "rejected_"], 4),
        (["snapshot"], 3),
        (["status"], 0),
        (["doctor"], 0),
        (["list", "--limit", "0"], 2),
        (["unpin", "nothing"], 4),
        (["cancel"], 1),
        (["rollback"], 2),
        (["list", "--path", "typo"], 4),
    ],
)
def test_what_is_printed_names_the_configuration(argv: list[str], code: int, place: Place) -> None:
    """Whatever a command prints, each command in it has the configuration that was given; in JSON as well."""
    for more in ([], ["--json"]):
        done = place.process("-c", str(place.config), *argv, *more)
        assert done.code == code, done
        assert set(hints(done)) <= {f"configvault -c {place.config}"}, done
        assert hints(done) or more or argv == ["doctor"], done


def test_the_newest_rejected_state_needs_no_name(place: Place) -> None:
    """With several refused states `rejected show` and `rejected diff` take the newest."""
    place.write({"a.yaml": "a: {\n"})
    newest = place.run("snapshot", "--json").json["rejected"]
    assert place.ok("rejected", "show")["id"] == newest
    assert "a: {" in place.run("rejected", "diff").out


def test_an_absolute_path_inside_the_root(place: Place) -> None:
    """A file may be named by its whole path wherever one inside the root may."""
    whole = str(place.root / "a.yaml")
    assert place.run("list", "--path", whole).out == place.run("list", "--path", "a.yaml").out != ""
    assert place.run("show", f"latest:{whole}").out == "a: 2\n"
    newest, first = (one["id"] for one in place.ok("list")["snapshots"])
    assert "a.yaml" in place.run("diff", first, newest, "--", whole).out
    assert place.run("rollback", "latest", "-n", "--path", whole).code == 0


def test_a_misspelt_path_is_said(place: Place) -> None:
    """`list --path` with a path that was never there is an error with the nearest one."""
    done = place.run("list", "--path", "b.yaml")
    assert (done.code, "no snapshot ever changed 'b.yaml'" in done.err) == (4, True)
    assert "list --path a.yaml" in done.err


def test_other_programs_words_are_understood() -> None:
    """What has a flag or another name here is answered with that."""
    for word, meant in (("version", "--version"), ("restore", "rollback"), ("log", "list")):
        with pytest.raises(UsageError) as caught:
            parser.parse([word])
        assert caught.value.hint == f"configvault {meant}"
