"""Bad input and bad surroundings: the exit code of the contract, one line that names the thing, one with the remedy."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from harness.apart import apart, fill, mount_small, why_not
from service import Script, answer, close, hang, serving
from sites import NOBODY, Done, Place, needs_other_user, recorded


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a root with two snapshots."""
    return recorded(tmp_path, {"a": "1\n"}, {"a": "2\n"})


@pytest.fixture
def open_place(open_folder: Path) -> Place:
    """Return the same where other users may look."""
    return recorded(open_folder / "place", {"a": "1\n"}, {"a": "2\n"})


def fails(done: Done, code: int, *words: str) -> Done:
    """Fail unless `done` ended with `code`, one line that names `words`, and one hint; no traceback, ever."""
    assert done.code == code, done
    assert "Traceback" not in done.err
    assert (len(done.said("error")), len(done.said("hint"))) == (1, 1), done
    for word in words:
        assert word in done.err, (word, done)
    return done


# --- the command line


@pytest.mark.parametrize(
    "argv",
    [
        ["nonsense"], ["--nonsense"], ["list", "--nonsense"], ["show"], ["rollback", "a", "b"], ["export"], ["pin", "x"],
        ["rejected"], ["rejected", "nonsense"], ["config"], ["--config"], ["list", "--lim", "3"], ["completion", "csh"],
        ["rollback", "latest", "--at", "now"], ["annotate", "latest"], ["diff", "a", "b", "c"], ["list", "extra"],
        ["--wait", "soon", "list"], ["snapshot", "-m"], ["check", "--profile", "x"], ["-q"],
    ],
)  # fmt: skip
def test_usage(place: Place, argv: list[str]) -> None:
    """What cannot be understood is exit code 2, in one line each, and nothing is done."""
    fails(place.run(*argv), 2)


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        (["rolback", "latest"], "configvault rollback"),
        (["-c", "x", "snapshto"], "configvault snapshot"),
        (["quux"], "configvault --help"),
        (["rollback", "--dry-rn", "latest"], "configvault rollback --help"),
    ],
)
def test_misspelt(place: Place, argv: list[str], hint: str) -> None:
    """The hint of a misspelt command is the nearest one, that of a misspelt flag the help of its command."""
    [said] = fails(place.run(*argv), 2).said("hint")
    assert said.replace(f" -c {Path('x').absolute()}", "").replace(f" -c {place.config}", "") == f"hint: {hint}"


def test_no_command(place: Place) -> None:
    """Without any word the help is printed to standard error, exit code 2."""
    done = place.process()
    assert (done.code, done.raw) == (2, b"")
    assert "usage: configvault" in done.err


def test_version(place: Place) -> None:
    """`--version` is one line and exit code 0, and needs neither config nor vault."""
    done = place.process("--version", CONFIGVAULT_CONFIG="/nowhere")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("configvault ")


# --- references


def test_rejected_without_force(place: Place) -> None:
    """A rejected state is restored only when told to by force."""
    place.write({"x.json": "{"})
    id_ = place.run("snapshot", "--json").json["rejected"]
    place.ok("rollback", "latest")
    fails(place.run("rollback", id_), 4, id_, "--force")
    assert not (place.root / "x.json").exists()
    outcome = place.ok("rollback", id_, "--force")
    assert (outcome["outcome"], outcome["recorded"]) == ("rolled_back", None)
    assert (place.root / "x.json").exists()


def test_target_that_todays_rules_reject(place: Place) -> None:
    """A snapshot from before a rule is refused with the findings (3), and restored by force."""
    place.write({"x.json": '{"a": 1}'})
    id_ = place.snapshot()
    place.snapshot({"x.json": '{"a": 2}'})
    place.configure("", profile="coze")
    done = fails(place.run("rollback", id_), 3, id_)
    assert "error " in done.err.splitlines()[0]
    found = place.run("rollback", id_, "--json")
    assert found.error["kind"] == "rejected"
    assert json.loads(found.err)["error"]["findings"]
    assert place.ok("rollback", id_, "--force")["outcome"] == "rolled_back"


def test_expect(place: Place) -> None:
    """`--expect` refuses where somebody recorded since (5), and names what is latest now."""
    newest = place.ok("status")["latest"]
    previous = place.ok("show", "previous")["id"]
    fails(place.run("rollback", "previous", "--expect", previous), 5, newest)
    assert place.ok("rollback", "previous", "--expect", newest)["outcome"] == "rolled_back"


def test_path_outside(place: Place) -> None:
    """A path that leaves the root, is absolute or is nowhere is usage."""
    for path in ("../x", "/etc/passwd", ".", "", "nowhere", "a/../../x"):
        fails(place.run("rollback", "previous", "--path", path), 2)


# --- configuration


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("scheduel: {}", ("scheduel", "schedule")),
        ("watch: {quite: 1s}", ("watch.quite", "quiet")),
        ("watch: {quiet: [1]}", ("watch.quiet",)),
        ("watch: {quiet: 1 fortnight}", ("watch.quiet", "1 fortnight")),
        ("watch: {quiet: -1s}", ("watch.quiet", "-1s")),
        ("validate: {max_files: many}", ("validate.max_files", "many")),
        ("validate: {profile: cozy}", ("validate.profile", "cozy", "coze")),
        ("reload: {kind: telnet}", ("reload.kind", "telnet", "http")),
        ("timezone: Mars/Olympus", ("timezone", "Mars/Olympus")),
        ("http: {listen: '0.0.0.0:80'}", ("http.listen", "0.0.0.0:80")),
    ],
)
def test_configuration(place: Place, line: str, words: tuple[str, ...]) -> None:
    """A wrong key or value is exit code 78, with file, line, key, value and what is allowed."""
    place.config.write_text(f"root: {place.root}\nvault: {place.vault}\n{line}\n")
    done = fails(place.run("list"), 78, f"{place.config}:3", *words)
    assert len(done.err.splitlines()) == 2


def test_several_faults_at_once(place: Place) -> None:
    """All faults are reported in one go, each on a line of its own."""
    place.config.write_text(f"root: {place.root}\nvault: relative\nwatch: {{quiet: x}}\nnonsense: 1\n")
    done = fails(place.run("list"), 78, "vault", "watch.quiet", "nonsense", "3 errors")
    assert len(done.err.splitlines()) == 5
    assert len(json.loads(place.run("list", "--json").err)["error"]["faults"]) == 3


@pytest.mark.parametrize("body", [b"", b"[", b"\xff", b"- a\n", b"root: 1: 2\n", b"a" * 100, b"\x00"])
def test_no_configuration_at_all(place: Place, body: bytes) -> None:
    """What is no configuration is exit code 78, never a traceback."""
    place.config.write_bytes(body)
    fails(place.run("list"), 78)


def test_configuration_missing(place: Place) -> None:
    """No configuration is exit code 78, and the hint says how to make one."""
    place.config.unlink()
    fails(place.run("list"), 78, str(place.config), f"configvault -c {place.config} init")
    place.config.mkdir()
    fails(place.run("list"), 78, str(place.config))


def test_init_without_flags(tmp_path: Path) -> None:
    """Without a configuration `init` asks for the directory, unless there is one that it knows."""
    place = Place(tmp_path)
    place.config.unlink()
    fails(place.run("init"), 2, "which directory", "--root")
    assert not place.config.exists()


def test_failed_init_leaves_nothing(tmp_path: Path) -> None:
    """An `init` that cannot work leaves no configuration that would stand in the way of the next."""
    place = Place(tmp_path)
    place.config.unlink()
    fails(
        place.run("init", "--root", str(tmp_path / "no"), "--vault", str(place.vault)), 1, str(tmp_path / "no")
    )
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "x").write_text("x")
    fails(place.run("init", "--root", str(place.root), "--vault", str(tmp_path / "theirs")), 10, "theirs")
    assert not place.config.exists()
    assert not place.vault.exists()


def test_init_that_contradicts(place: Place) -> None:
    """Flags that say something else than the configuration are refused."""
    fails(place.run("init", "--root", "/elsewhere"), 2, str(place.root), "/elsewhere")


# --- the vault


def test_no_vault(tmp_path: Path) -> None:
    """Without a vault every command is exit code 10 and says what makes one."""
    place = Place(tmp_path)
    for argv in (
        ["list"],
        ["status"],
        ["snapshot"],
        ["rollback", "latest"],
        ["verify"],
        ["git", "log"],
        ["diff"],
    ):
        fails(place.run(*argv), 10, str(place.vault), f"configvault -c {place.config} init")
    place.vault.mkdir()
    fails(place.run("list"), 10)


def test_later_format(place: Place) -> None:
    """A vault of a later version is not touched."""
    (place.vault / "configvault" / "format").write_text("configvault 99\n")
    fails(place.run("list"), 10, "later", "upgrade")


# --- permission


@needs_other_user
def test_no_permission_for_the_vault(open_place: Place) -> None:
    """Another user is told to become the vault's owner."""
    place = open_place
    place.config.chmod(0o644)
    fails(place.process("list", before=NOBODY), 1, str(place.vault), "sudo")
    fails(place.process("init", before=NOBODY), 1, str(place.vault))
    place.config.chmod(0o600)
    fails(place.process("list", before=NOBODY), 78, str(place.config), "sudo")


@needs_other_user
def test_no_permission_to_write_the_vault(open_place: Place) -> None:
    """Who may only read the vault can look, and is told so when they record."""
    place = open_place
    place.config.chmod(0o644)
    for path in [place.vault, *place.vault.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert place.process("list", before=NOBODY).code == 0
    assert place.process("status", before=NOBODY).code == 0
    assert place.process("diff", before=NOBODY).code == 0
    (place.root / "a").write_text("3\n")
    fails(place.process("snapshot", before=NOBODY), 1, str(place.vault))


@needs_other_user
def test_no_permission_to_write_the_root(open_place: Place) -> None:
    """Who may not write the root is told so, with nothing changed."""
    place = open_place
    place.config.chmod(0o644)
    for path in [place.vault, *place.vault.rglob("*")]:
        os.chown(path, 65534, 65534)
    fails(place.process("rollback", "previous", before=NOBODY), 1, "sudo")
    assert (place.root / "a").read_text() == "2\n"
    assert place.ok("status")["degraded"] == []


# --- the disk


def test_full_disk(tmp_path: Path) -> None:
    """On a full disk recording and rolling back fail aloud, naming the place, and work again when there is room."""
    if reason := why_not():
        pytest.skip(reason)

    def body() -> None:
        mount_small(tmp_path / "small", "3m")
        place = Place(tmp_path / "small" / "place")
        place.init({"a": "1\n", "big": os.urandom(200_000)})
        place.snapshot({"a": "2\n"})
        ballast = fill(tmp_path / "small", leave_bytes=0)
        os.truncate(place.root / "a", 0)
        for argv in (["snapshot"], ["rollback", "previous"], ["pin", "latest", "x"]):
            fails(place.run(*argv), 1, "No space left on device", str(place.base))
        assert (place.root / "a").read_text() == ""
        assert len(place.ok("list")["snapshots"]) == 2
        place.fsck()
        ballast.unlink()
        assert place.ok("snapshot")["outcome"] == "recorded"
        place.ok("rollback", "previous")
        place.fsck()

    apart(body)


def test_full_standard_output(place: Place) -> None:
    """Output that cannot be written is an error, not silence."""
    for argv in (["list"], ["list", "--json"], ["show", "latest:a"], ["status"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "configvault", "-c", place.config, *argv],
                stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
        assert done.returncode == 1, (argv, done)
        assert "no space left on device" in done.stderr.lower()
        assert "Traceback" not in done.stderr


# --- git


def _path_with(tmp_path: Path, script: str | None) -> str:
    """Return a PATH on which `git` is this shell script, or nothing."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in ("sh", "env", "true"):
        if found := shutil.which(program):
            (folder / program).symlink_to(found)
    if script is not None:
        (folder / "git").write_text(f"#!/bin/sh\n{script}\n")
        (folder / "git").chmod(0o755)
    return str(folder)


def _run(place: Place, *argv: str, PATH: str) -> Done:  # noqa: N803 - the variable's name
    return place.run(*argv, environ=dict(os.environ) | {"PATH": PATH})


COMMANDS = [
    ["list"],
    ["snapshot"],
    ["status"],
    ["rollback", "previous"],
    ["verify"],
    ["git", "log"],
    ["show", "latest"],
    ["init"],
]


def test_git_missing(place: Place, tmp_path: Path) -> None:
    """Without git every command says so, and how to get it."""
    path = _path_with(tmp_path, None)
    for argv in COMMANDS:
        # In this process `git` would become git.
        done = place.process(*argv, PATH=path) if argv[0] == "git" else _run(place, *argv, PATH=path)
        fails(done, 1, "git is not installed", "apt-get install git")


@pytest.mark.parametrize("version", ["git version 2.29.3", "git version 1.8.3.1", "git version 2.9.rc0"])
def test_git_too_old(place: Place, tmp_path: Path, version: str) -> None:
    """A git older than 2.30 is refused by its version, whatever else it would do."""
    path = _path_with(tmp_path, f"echo {version}")
    for argv in COMMANDS[:4]:
        fails(_run(place, *argv, PATH=path), 1, version.rsplit(maxsplit=1)[-1], "2.30")


@pytest.mark.parametrize("script", ["echo hello", "exit 3", "kill -9 $$", "echo git version"])
def test_git_that_is_none(place: Place, tmp_path: Path, script: str) -> None:
    """What is called git and is none is an error in one line."""
    fails(_run(place, "list", PATH=_path_with(tmp_path, script)), 1, "git")


@pytest.mark.parametrize(
    "version", ["git version 2.30.0", "git version 3.0.0.windows.1", "git version 2.50.1 (Apple Git-155)"]
)
def test_git_new_enough(place: Place, tmp_path: Path, version: str) -> None:
    """Every later git is taken, however its vendor writes the version."""
    real = shutil.which("git")
    path = _path_with(tmp_path, f'case "$*" in *version*) echo "{version}";; *) exec {real} "$@";; esac')
    assert _run(place, "list", PATH=path).code == 0


def test_git_fails_in_the_middle(place: Place, tmp_path: Path) -> None:
    """A git that dies while history is read is an error, never an empty list."""
    path = _path_with(tmp_path, 'case "$*" in *version*) echo "git version 2.39.5";; *) exit 1;; esac')
    fails(_run(place, "list", PATH=path), 9)


# --- the lock


@pytest.mark.parametrize(
    "argv",
    [
        ["snapshot"],
        ["rollback", "previous"],
        ["pin", "latest", "x"],
        ["reload"],
        ["annotate", "latest", "-m", "x"],
    ],
)
def test_lock_held(place: Place, argv: list[str]) -> None:
    """Who would write is told which process holds the lock since when (5), and nothing has happened."""
    with place.locked():
        fails(place.run(*argv, "--wait", "0"), 5, f"process {os.getpid()} (configvault run) since 20")
        assert place.run(*argv, "--wait", "0s", "--json").error["kind"] == "busy"
    assert (place.root / "a").read_text() == "2\n"


def test_reading_needs_no_lock(place: Place) -> None:
    """Every command that only reads works while somebody writes."""
    with place.locked():
        for argv in (["list"], ["status"], ["show", "latest"], ["diff"], ["check"], ["verify"], ["rollback", "previous", "-n"],
                     ["export", "latest", "--output", str(place.base / "o")], ["rejected", "list"]):  # fmt: skip
            assert place.run(*argv).code == 0, argv
        assert place.process("git", "--version").out.startswith("git version")


def test_waiting_for_the_lock(place: Place) -> None:
    """Who waits gets the lock as soon as it is free."""
    place.write({"a": "3\n"})
    with place.locked():
        waiting = subprocess.Popen(
            [sys.executable, "-m", "configvault", "-c", place.config, "snapshot", "--json", "--wait", "60s"],
            stdout=subprocess.PIPE,
        )
    out, _ = waiting.communicate(timeout=60)
    assert json.loads(out)["outcome"] == "recorded"


def test_two_rollbacks_at_once(place: Place) -> None:
    """Two rollbacks started together both end well, one after the other, and the root is wholly one of them."""
    ids = [place.snapshot({"a": f"{n}\n", f"b{n}": "x"}) for n in range(2)]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "configvault", "-c", place.config, "rollback", id_, "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) for id_ in ids
    ]  # fmt: skip
    for one in running:
        out, err = one.communicate(timeout=60)
        assert one.returncode == 0, err
        assert json.loads(out)["outcome"] in ("rolled_back", "unchanged")
    status = place.ok("status")
    assert status["live"]["matches"] == status["latest"]
    place.fsck()


# --- the service


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (answer(500), "500"),
        (answer(404), "404"),
        (answer(302, extra="Location: http://other.example/login\r\n"), "302"),
        (answer(200, "<html>login</html>", "text/html"), "text/html"),
        (hang, "no complete answer within 0.5s"),
        (close, ""),
        (b"nonsense\r\n\r\n", ""),
    ],
    ids=["500", "404", "302", "html", "timeout", "hang-up", "no-http"],
)
def test_reload_fails(place: Place, said: bytes | Script, words: str) -> None:
    """A reload that is refused, late or answered wrongly is exit code 7 with the reason; the files stay restored."""
    with serving(said) as service:
        place.configure(
            reload=f"kind: http, url: '{service.url}', attempts: 1, timeout: 500ms, expect: {{status: 200, content_type: application/json}}"
        )
        done = place.run("rollback", "previous", "--json")
        assert done.code == 7, done
        assert done.json["outcome"] == "reload_failed"
        assert words in done.json["reload"]["error"].lower() or str(done.json["reload"]["status"]) == words, (
            done.json
        )
        plain = place.run("reload")
        assert plain.code == 7
        assert "error: reload (http) failed" in plain.out
        later = place.run("status", "--check")
        assert (later.code, "the service failed to load backup_" in later.out) == (6, True), later
    assert (place.root / "a").read_text() == "1\n"


def test_reload_refused(place: Place) -> None:
    """Nobody listening is exit code 7 and says where."""
    with serving(answer()) as service:
        url = service.url
    place.configure(reload=f"kind: http, url: '{url}', attempts: 1, timeout: 2s")
    done = place.run("rollback", "previous")
    assert done.code == 7
    assert "refused" in done.out
    assert url.split("/")[2] in done.out


def test_reload_undone(place: Place) -> None:
    """With `on_reload_failure: undo` the root is put back, exit code 8."""
    place.configure(
        "rollback: {on_reload_failure: undo}\n", reload="kind: command, command: ['false'], attempts: 1"
    )
    done = place.run("rollback", "previous", "--json")
    assert (done.code, done.json["outcome"]) == (8, "undone")
    assert (place.root / "a").read_text() == "2\n"


def test_reload_command_missing(place: Place) -> None:
    """A reload command that is not there is exit code 7 and named."""
    place.configure(reload="kind: command, command: ['/no/such/program'], attempts: 1")
    done = place.run("reload")
    assert done.code == 7
    assert "/no/such/program" in done.out


# --- pipes and terminals


@pytest.mark.parametrize("argv", [["list"], ["list", "--json"], ["diff", "previous"], ["show", "latest:big"], ["git", "log"],
                                  ["export", "latest", "--format", "tar", "--output", "-"]])  # fmt: skip
def test_pipe_closed_early(place: Place, argv: list[str]) -> None:
    """When the reader has seen enough, nobody complains."""
    place.write({"big": b"x\n" * 200_000})
    place.snapshot()
    command = " ".join([sys.executable, "-m", "configvault", "-c", str(place.config), *argv])
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | head -c 5 >/dev/null"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode in (0, 141)


def on_terminal(place: Place, *argv: str, **environ: str) -> str:
    """Return what a command prints on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    env = dict(os.environ) | {"TERM": "xterm-256color", "COLUMNS": "80"} | environ
    child = subprocess.Popen(
        [sys.executable, "-m", "configvault", "-c", place.config, *argv],
        stdout=theirs,
        stderr=theirs,
        stdin=theirs,
        env=env,
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        said += piece
    child.wait()
    os.close(ours)
    return said.decode("utf-8", "surrogateescape")


ESCAPE = "\x1b["


def test_colour_only_on_a_terminal(place: Place) -> None:
    """A terminal gets colour, a pipe does not, `--no-color` and NO_COLOR take it away, NO_COLOR= does not."""
    place.write({"a": "3\n"})
    assert ESCAPE in on_terminal(place, "diff")
    assert ESCAPE in on_terminal(place, "list", NO_COLOR="")
    assert ESCAPE not in on_terminal(place, "diff", NO_COLOR="1")
    assert ESCAPE not in on_terminal(place, "list", "--no-color")
    assert ESCAPE not in on_terminal(place, "status", "--json")
    for argv in (["diff"], ["list"], ["status"]):
        assert ESCAPE not in place.run(*argv).out


def test_terminal_is_not_steered(place: Place) -> None:
    """What stands in a file or a name of the root reaches a terminal harmless and otherwise as it is."""
    place.snapshot({"e": "x\n"})
    place.write({"e": "\x1b]0;owned\x07 \x1b[2J :key: [bold]x[/bold] \x9b31m\n", "n\x1b[31m": "1"})
    said = on_terminal(place, "diff", "--no-color")
    assert "\x1b" not in said
    assert "\x9b" not in said
    assert ":key: [bold]x[/bold]" in said
    place.snapshot()
    assert "\x1b" not in on_terminal(place, "show", "latest", "--no-color")
    for argv in (["list"], ["status"], ["show", "latest"]):
        assert "\x1b" not in place.run(*argv).out


def test_table_on_a_narrow_terminal(place: Place) -> None:
    """Ids stay whole for pasting, whatever the width."""
    newest = place.ok("status")["latest"]
    assert newest in on_terminal(place, "list", COLUMNS="60")
    place.snapshot(
        {"plugins/with/a/long/path/to/it.yaml": "a: 1\n"}, "-m", "a reason that is longer than a line"
    )
    place.ok("rollback", "previous")
    lines = on_terminal(place, "list", "--all", "--no-color").splitlines()
    assert len(lines) > 4
    assert max(map(len, lines)) <= 80, lines
    wide = on_terminal(place, "list", "--no-color", COLUMNS="140").splitlines()
    assert "taken" in wide[0]


def test_many_changes(place: Place) -> None:
    """Of many changed files the first are told and how to see the others; the plan and `show` have them all."""
    place.write({f"f{number:02}": "x\n" for number in range(30)})
    recorded = place.run("snapshot")
    assert recorded.out.count("  + f") == 20
    newest = place.ok("list", "--limit", "1")["snapshots"][0]["id"]
    assert f"  and 10 more: configvault -c {place.config} show {newest}\n" in recorded.out
    assert place.run("show", newest).out.count("  + f") == 30
    assert place.run("status").out.count("  + f") == 0
    assert place.run("rollback", "previous", "-n").out.count("  - f") == 30
    done = place.run("rollback", "previous").out
    newest = place.ok("list", "--limit", "1")["snapshots"][0]["id"]
    assert done.count("  - f") == 20
    assert f"  and 10 more: configvault -c {place.config} show {newest}\n" in done


def test_quiet(place: Place) -> None:
    """Quiet leaves out what was not asked for, and prints what was, and errors."""
    place.write({"a": "3\n"})
    assert place.run("snapshot", "-q").raw == b""
    assert place.run("rollback", "previous", "-q").raw == b""
    for argv in (["list"], ["show", "latest"], ["diff", "previous"], ["status"]):
        assert place.run(*argv, "-q").raw == place.run(*argv).raw != b""
    fails(place.run("show", "nonsense", "-q"), 4)


def test_quiet_does_not_silence_errors(place: Place) -> None:
    """What was refused, and what the service did not take, is said however quiet it is to be; warnings are not."""
    place.write({"twice.yaml": "a: 1\na: 2\n"})
    warned = place.run("snapshot", "-q")
    assert (warned.code, warned.out, warned.err) == (0, "", "")
    place.write({"twice.yaml": "a: [\n"})
    refused = place.run("snapshot", "-q")
    assert (refused.code, "error yaml-syntax" in refused.err, "hint:" in refused.err) == (3, True, True)
    assert refused.out == ""
    place.configure(reload="kind: command, command: ['false'], attempts: 1")
    failed = place.run("rollback", "latest", "-q")
    assert failed.code == 7
    assert "error: reload (command) failed after 1 attempt" in failed.out
    assert "recorded as" not in failed.out


def test_a_command_says_whom_it_could_not_notify(place: Place) -> None:
    """A rollback whose notification fails has done its work, and warns of the rest on standard error."""
    place.configure("notify: [{command: ['false'], on: [rolled_back]}]\n")
    oldest = place.ok("list")["snapshots"][-1]["id"]
    for argv in (["rollback", "previous"], ["rollback", oldest, "--force", "--json", "-q"]):
        place.write({"other": argv[1]})
        done = place.run(*argv)
        assert done.code == 0
        [warning] = done.said("warning")
        assert warning == "warning: notify[0] was not notified of 'rolled_back': 'false' exited with code 1"


def test_interrupted(place: Place) -> None:
    """An interrupt while waiting is exit code 130 in one line."""
    with place.locked():
        child = subprocess.Popen(
            [sys.executable, "-u", "-c",
             "import signal, sys, threading, os\n"
             "from configvault.cli.main import run\n"
             # A shell's background job is born deaf to it.
             "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
             "signal.signal(signal.SIGALRM, lambda *a: os.kill(os.getpid(), signal.SIGINT))\n"
             "signal.setitimer(signal.ITIMER_REAL, 0.7)\n"
             f"sys.exit(run(['-c', {str(place.config)!r}, 'snapshot']))"],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        _, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (130, "error: interrupted\n")


def test_fault_of_our_own(place: Place) -> None:
    """A fault inside the program is one line without what the data said; `--verbose` shows where."""
    (place.vault / "configvault" / "stat-cache.json").unlink()
    marks = place.git("hash-object", "-w", str(place.config)).strip()
    tree = subprocess.run(
        ["git", "-C", place.vault, "mktree"],
        input=f"100644 blob {marks}\tmarks.json\n",
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    commit = place.git("-c", "user.name=x", "-c", "user.email=x@y", "commit-tree", "-m", "x", tree).strip()
    place.git("update-ref", "refs/configvault/marks", commit)
    done = place.run("list")
    assert done.code in (1, 9)
    assert (len(done.said("error")), len(done.said("hint"))) == (1, 1), done
    assert len(done.err.splitlines()) == 2
