"""`edit`: copies are edited, the whole is validated, and nothing that somebody else changed is overwritten."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import apart
from sites import NOBODY, Done, Place, look, needs_other_user


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place with two files on record."""
    made = Place(tmp_path / "place")
    made.init({"a.yaml": "a: 1\n", "plugins/b.yaml": "b: 1\n"})
    return made


def editor(place: Place, script: str) -> str:
    """Return an editor that runs a shell script on the files."""
    path = place.base / "editor.sh"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def edit(place: Place, *argv: str, command: str, before: list[str] | None = None) -> Done:
    """Run `edit` with an editor, in a temporary folder of the place's own."""
    folder = place.base / "tmp"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o1777)
    return place.process(*argv, before=before, EDITOR=command, VISUAL="", TMPDIR=str(folder))


def copies_left(place: Place) -> set[str]:
    """Return the private folders of edits that were kept."""
    folder = place.base / "tmp"
    return set(os.listdir(folder)) if folder.exists() else set()


@pytest.mark.parametrize(
    "how",
    [
        'printf "a: 2\\n" > "$1"',  # truncates and writes
        'printf "a: 2\\n" > "$1.new" && mv "$1.new" "$1"',  # replaces
        'sed -i s/1/2/ "$1"',
    ],
)
def test_edited_file_becomes_live(place: Place, how: str) -> None:
    """However the editor writes, the edited file is live, recorded as an edit, and the copies are gone."""
    before = copies_left(place)
    done = place.process("--json", "edit", "a.yaml", "-m", "why", EDITOR=editor(place, how))
    assert done.code == 0, done
    assert (done.json["outcome"], done.json["source"]["kind"]) == ("deployed", "edit")
    assert (place.root / "a.yaml").read_text() == "a: 2\n"
    latest = place.ok("show", "latest")
    assert (latest["trigger"], latest["reason"], latest["source"]) == ("edit", "why", "a.yaml")
    assert copies_left(place) == before


def test_unchanged(place: Place) -> None:
    """Where nothing was edited nothing happens, and an editor that takes the copy away changes nothing either."""
    before, refs = look(place.root), place.git("for-each-ref")
    for script in ("true", 'rm "$1"', 'touch "$1"'):
        done = edit(place, "--json", "edit", "a.yaml", command=editor(place, script))
        assert (done.code, done.json["outcome"]) == (0, "unchanged")
    assert (look(place.root), place.git("for-each-ref")) == (before, refs)


def test_new_file_and_several(place: Place) -> None:
    """A file that does not exist is made, with its folders; several are edited at once."""
    script = 'for file; do printf "new: 1\\n" > "$file"; done'
    done = edit(place, "edit", "deep/er/c.yaml", "plugins/b.yaml", command=editor(place, script))
    assert done.code == 0, done
    assert (place.root / "deep" / "er" / "c.yaml").read_text() == "new: 1\n"
    assert (place.root / "plugins" / "b.yaml").read_text() == "new: 1\n"
    assert (place.root / "a.yaml").read_text() == "a: 1\n"


def test_rejected_edit_keeps_the_copies(place: Place) -> None:
    """What the rules refuse never reaches the root: exit 3, findings with line and caret, the copy where the message says."""
    before, folders = look(place.root), copies_left(place)
    done = edit(place, "edit", "a.yaml", command=editor(place, 'echo "a: [" > "$1"'))
    assert (done.code, look(place.root)) == (3, before)
    assert "a.yaml:" in done.err + done.out
    [kept] = copies_left(place) - folders
    assert f"/{kept}" in done.err
    folder = place.base / "tmp" / kept
    assert (folder / "a.yaml").read_text() == "a: [\n"
    assert folder.stat().st_mode & 0o077 == 0
    shutil.rmtree(folder)


def test_somebody_else_was_faster(place: Place) -> None:
    """A file that somebody changed while it was edited is not overwritten (exit 5), and both changes are shown."""
    script = f'echo "a: mine" > "$1"; echo "a: theirs" > {place.root}/a.yaml; echo "x: 1" > {place.root}/x.yaml'
    folders = copies_left(place)
    done = edit(place, "edit", "a.yaml", command=editor(place, script))
    assert done.code == 5, done
    assert (place.root / "a.yaml").read_text() == "a: theirs\n"
    assert "+a: mine" in done.out
    assert "+a: theirs" in done.out
    [kept] = copies_left(place) - folders
    shutil.rmtree(place.base / "tmp" / kept)
    # What others did elsewhere is no conflict, and is not undone.
    script = f'echo "a: mine" > "$1"; echo "y: 1" > {place.root}/y.yaml'
    done = edit(place, "edit", "a.yaml", command=editor(place, script))
    assert done.code == 0, done
    assert (place.root / "y.yaml").read_text() == "y: 1\n"


@pytest.mark.parametrize(
    ("path", "code"),
    [("plugins", 2), ("../outside", 2), ("a.yaml.swp", 2), ("x.d~/y/new.yaml", 2), ("/etc/passwd", 2)],
)
def test_what_cannot_be_edited(place: Place, path: str, code: int) -> None:
    """A folder, a path that leads out and an ignored name are refused before the editor starts."""
    place.configure('watch: {ignore: ["*.swp", "x.d~"]}\n')
    done = edit(place, "edit", path, command=editor(place, f"touch {place.base}/started"))
    assert (done.code, (place.base / "started").exists()) == (code, False), done


def test_editors_that_fail(place: Place) -> None:
    """An editor that is not there, or ends with an error, changes nothing and is named."""
    for command in ("/nonexistent/editor", editor(place, 'echo "a: 9" > "$1"; exit 3'), "'", ""):
        done = edit(place, "edit", "a.yaml", command=command)
        assert (done.code, (place.root / "a.yaml").read_text()) == (1, "a: 1\n"), done


@needs_other_user
def test_without_rights(place: Place) -> None:
    """A user who may not write the vault is told so, and nothing is left behind."""
    folders = copies_left(place)
    done = edit(place, "edit", "a.yaml", before=NOBODY, command="true")
    assert done.code != 0
    assert copies_left(place) == folders


@pytest.mark.skipif(shutil.which("vi") is None, reason="no vi")
def test_with_vi_on_a_terminal(place: Place) -> None:
    """On a terminal, with vi: what is refused can be edited again, and is accepted then."""
    command = [sys.executable, "-m", "configvault", "--config", str(place.config), "edit", "a.yaml"]
    master, slave = pty.openpty()
    environ = {**os.environ, "EDITOR": "vi", "VISUAL": "", "TERM": "vt100"}
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True
    )
    os.close(slave)

    def until(text: bytes) -> None:
        seen, end = b"", time.monotonic() + 60
        while text not in seen:
            assert time.monotonic() < end, seen
            if select.select([master], [], [], 1)[0]:
                seen += os.read(master, 65536)

    until(b"a: 1")
    os.write(master, b":%s/1/[/\r:wq\r")
    until(b"edit again, or quit?")
    assert (place.root / "a.yaml").read_text() == "a: 1\n"
    os.write(master, b"e\n")
    until(b"a: [")
    os.write(master, b":%s/\\[/7/\r:wq\r")
    until(b"deployed")
    assert process.wait(60) == 0
    os.close(master)
    assert (place.root / "a.yaml").read_text() == "a: 7\n"


def test_a_path_below_a_file_is_refused(place: Place) -> None:
    """A new file below a live file or link would replace it by a folder: it is refused, and a folder's name, too."""
    (place.root / "link").symlink_to(".")
    before = look(place.root)
    for path in ("a.yaml/x", "a.yaml/x/y.yaml", "link/x.yaml", "new/"):
        ran = edit(place, "edit", path, command=editor(place, 'echo "a: 7" > "$1"'))
        assert (ran.code, "hint: " in ran.err) == (2, True), ran
    assert look(place.root) == before
    wrong = edit(place, "edit", "a.yaml", command=editor(place, 'head -c 20000000 /dev/zero > "$1"'))
    assert (wrong.code, f"configvault -c {place.config} edit a.yaml" in wrong.err) == (2, True)


def test_end_of_input_quits(place: Place) -> None:
    """Ctrl-D at the question whether to edit again is no: exit 3, and the copies stay where the message says."""
    before = copies_left(place)
    folder = place.base / "tmp"
    folder.mkdir()
    command = [sys.executable, "-m", "configvault", "--config", str(place.config), "edit", "a.yaml"]
    master, slave = pty.openpty()
    wrong = editor(place, 'echo "a: [" > "$1"')
    environ = {**os.environ, "EDITOR": wrong, "VISUAL": "", "TERM": "vt100", "TMPDIR": str(folder)}
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=environ, start_new_session=True
    )
    seen, asked, end = b"", False, time.monotonic() + 60
    while process.poll() is None:
        assert time.monotonic() < end, seen
        if select.select([master], [], [], 0.2)[0]:
            seen += os.read(master, 65536)
        if not asked and b"edit again, or quit?" in seen:
            asked = True
            os.write(master, b"\x04")
    os.close(slave)
    while select.select([master], [], [], 0.2)[0]:
        try:
            seen += os.read(master, 65536)
        except OSError:
            break
    os.close(master)
    [kept] = copies_left(place) - before
    assert (process.returncode, asked, kept in seen.decode()) == (3, True, True), seen
    assert (folder / kept / "a.yaml").read_text() == "a: [\n"


def test_what_was_typed_is_not_lost(place: Place) -> None:
    """Where the editor fails after it has written, or leaves no file, the copies stay where the message says."""
    for script in (
        'echo "a: 9" > "$1"; exit 3',
        'echo "a: 9" > "$1"; kill -9 $$',
        'rm "$1"; ln -s /etc/passwd "$1"',
        'rm "$1"; mkfifo "$1"',
    ):
        before = copies_left(place)
        done = edit(place, "edit", "a.yaml", command=editor(place, script))
        [kept] = copies_left(place) - before
        assert (done.code != 0, kept in done.err) == (True, True), done
        assert (place.root / "a.yaml").read_text() == "a: 1\n"


def test_what_editors_leave_beside_is_not_deployed(place: Place) -> None:
    """Backups, swap files, folders and links that an editor leaves beside the copy come neither into the root nor stay."""
    junk = 'cd "$(dirname "$1")"; cp a.yaml a.yaml~; touch .a.yaml.swp 4913; mkdir -p plugins/x; ln -s /etc passwd; echo "a: 2" > a.yaml'
    before = copies_left(place)
    done = edit(place, "edit", "a.yaml", command=editor(place, junk))
    assert done.code == 0, done
    assert (sorted(os.listdir(place.root)), os.listdir(place.root / "plugins")) == (
        ["a.yaml", "plugins"],
        ["b.yaml"],
    )
    assert copies_left(place) == before


def test_an_editor_that_detaches_is_reported_to_wait(place: Place) -> None:
    """An editor that is known to return at once is given its flag, and then its change is deployed."""
    program = place.base / "code"
    program.write_text(
        '#!/bin/sh\ncase " $* " in *" --wait "*) ;; *) exit 0;; esac\nfor last; do :; done\necho "a: 2" > "$last"\n'
    )
    program.chmod(0o755)
    for given in (str(program), f"{program} --wait"):
        place.snapshot({"a.yaml": "a: 1\n"}) if (place.root / "a.yaml").read_text() != "a: 1\n" else None
        done = edit(place, "edit", "a.yaml", command=given)
        assert (done.code, (place.root / "a.yaml").read_text()) == (0, "a: 2\n"), done


NOBODY_NAME = "nobody"


@needs_other_user
@pytest.mark.skipif(shutil.which("sudo") is None, reason="sudo is not installed")
@pytest.mark.skipif(apart.why_not() is not None, reason=str(apart.why_not()))
def test_through_sudo(place: Place) -> None:
    """Who may edit only through sudo edits a file of root's: it keeps owner and mode, and the record says who it was."""
    (place.root / "a.yaml").chmod(0o600)
    place.ok("snapshot")
    rules = place.base / "sudoers"
    rules.write_text(f"Defaults !requiretty\n{NOBODY_NAME} ALL=(root) NOPASSWD:SETENV: ALL\n")
    rules.chmod(0o440)
    command = editor(place, 'echo "a: 2" > "$1"')

    def inside() -> Done:
        apart.sh("mount", "--bind", rules, "/etc/sudoers")
        through = [*NOBODY, "sudo", "-n", f"EDITOR={command}", f"CONFIGVAULT_CONFIG={place.config}"]
        return place.process("--json", "edit", "a.yaml", before=through)

    done = apart.apart(inside)
    assert (done.code, done.json["outcome"] if done.code == 0 else None) == (0, "deployed"), done
    seen = (place.root / "a.yaml").stat()
    assert ((place.root / "a.yaml").read_text(), seen.st_uid, oct(seen.st_mode & 0o777)) == (
        "a: 2\n",
        0,
        "0o600",
    )
    latest = place.ok("show", "latest")
    assert (latest["trigger"], NOBODY_NAME in latest["actor"], "sudo" in latest["actor"]) == (
        "edit",
        True,
        True,
    )
