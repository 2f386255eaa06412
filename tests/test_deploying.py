"""Deploy: a candidate is validated before it is live, from a directory, a tar stream or a git commit; hostile ones are refused."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import service
from service import answer
from sites import Place, look

from configvault.candidate import tarball
from configvault.candidate.tree import HostileError, Limits
from configvault.core.errors import ConfigvaultError
from configvault.core.outcome import DeployOutcome, Outcome, RecoveryOutcome
from configvault.core.settings import ReplicaSettings
from configvault.replica import address, reasons
from configvault.usecases import confirm
from configvault.vault import outcomes, statefiles
from configvault.vault.stage import Stage


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place with two files on record."""
    made = Place(tmp_path / "place")
    made.init({"a.yaml": "a: 1\n", "plugins/b.yaml": "b: 1\n"})
    return made


@pytest.fixture
def offered(tmp_path: Path) -> Path:
    """Return a directory with one changed, one new and one missing file."""
    folder = tmp_path / "offered"
    (folder / "plugins").mkdir(parents=True)
    (folder / "a.yaml").write_text("a: 2\n")
    (folder / "plugins" / "c.yaml").write_text("c: 1\n")
    return folder


def trailers(place: Place, ref: str) -> dict[str, str]:
    """Return the trailers of a commit, as git itself reads them."""
    text = place.git("log", "-1", "--format=%(trailers)", ref)
    return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)


def test_directory_becomes_live(place: Place, offered: Path) -> None:
    """What a directory holds is live afterwards, recorded with its source, and what it lacks is gone."""
    done = place.ok("deploy", str(offered), "-m", "two point oh")
    assert done["outcome"] == "deployed"
    assert done["source"] == {"kind": "directory", "location": str(offered), "commit": None}
    assert (place.root / "a.yaml").read_text() == "a: 2\n"
    assert sorted(os.listdir(place.root / "plugins")) == ["c.yaml"]
    latest = place.ok("show", "latest")
    assert (latest["id"], latest["trigger"], latest["reason"]) == (
        done["recorded"]["id"],
        "deploy",
        "two point oh",
    )
    said = trailers(place, latest["id"])
    assert (said["Configvault-Trigger"], said["Configvault-Source"]) == ("deploy", str(offered))
    assert place.ok("status")["live"]["matches"] == latest["id"]
    assert place.ok("deploy", str(offered))["outcome"] == "unchanged"
    place.fsck()


def test_keep_extra_and_paths(place: Place, offered: Path) -> None:
    """--keep-extra removes nothing, and --path takes only what it names."""
    place.ok("deploy", str(offered), "--path", "plugins/c.yaml")
    assert (place.root / "a.yaml").read_text() == "a: 1\n"
    place.ok("deploy", str(offered), "--keep-extra")
    assert sorted(os.listdir(place.root / "plugins")) == ["b.yaml", "c.yaml"]
    assert place.run("deploy", str(offered), "--path", "nowhere").code == 2


def test_rejected_candidate_never_touches_the_root(place: Place, offered: Path) -> None:
    """An invalid candidate exits 3, the root stays as it was, and it is kept with the reasons and its source."""
    (offered / "a.yaml").write_text("a: [\n")
    before = look(place.root)
    stamps = {path: path.stat().st_mtime_ns for path in place.root.rglob("*")}
    ran = place.run("deploy", str(offered), "--json")
    done = ran.json
    assert (ran.code, done["outcome"], done["findings"][0]["rule"]) == (3, "rejected", "yaml-syntax")
    assert look(place.root) == before
    assert {path: path.stat().st_mtime_ns for path in place.root.rglob("*")} == stamps
    kept = place.ok("rejected", "show", done["rejected"])
    assert (kept["trigger"], kept["findings"][0]["path"]) == ("deploy", "a.yaml")
    assert trailers(place, f"refs/configvault/rejected/{done['rejected']}")["Configvault-Source"] == str(
        offered
    )
    assert place.run("deploy", str(offered), "--force").code == 3
    assert place.ok("status")["live"]["matches"] == place.ok("list")["snapshots"][0]["id"]


def test_dry_run_changes_nothing(place: Place, offered: Path) -> None:
    """-n prints what would change, with the difference, and leaves root and vault alone."""
    (offered / "a.yaml").write_text("token: s3cr3t-value-17\n")
    before, refs = look(place.root), place.git("for-each-ref")
    planned = place.ok("deploy", str(offered), "-n")
    assert (planned["outcome"], planned["recorded"]) == ("planned", None)
    assert {one["path"] for one in planned["changes"]} == {"a.yaml", "plugins/b.yaml", "plugins/c.yaml"}
    printed = place.run("deploy", str(offered), "-n").out
    assert "+c: 1" in printed
    assert "s3cr3t-value-17" not in printed
    assert (look(place.root), place.git("for-each-ref")) == (before, refs)
    (offered / "a.yaml").write_text("a: [\n")
    assert place.run("deploy", str(offered), "-n").code == 3
    assert place.git("for-each-ref") == refs


def test_owners_and_modes(place: Place, offered: Path) -> None:
    """What is live keeps its mode, new files get 0644, new executables and folders 0755; --preserve takes the source's."""
    (place.root / "a.yaml").chmod(0o640)
    (offered / "a.yaml").chmod(0o600)
    (offered / "run.sh").write_text("#!/bin/sh\n")
    (offered / "run.sh").chmod(0o700)
    (offered / "new").mkdir(mode=0o700)
    (offered / "new" / "d.yaml").write_text("d: 1\n")
    (offered / "new" / "d.yaml").chmod(0o600)
    place.ok("deploy", str(offered))

    def modes() -> dict[str, str]:
        return {
            name: oct((place.root / name).stat().st_mode & 0o7777)
            for name in ("a.yaml", "run.sh", "new", "new/d.yaml")
        }

    assert modes() == {"a.yaml": "0o640", "run.sh": "0o755", "new": "0o755", "new/d.yaml": "0o644"}
    place.ok("deploy", str(offered), "--preserve")
    assert modes() == {"a.yaml": "0o600", "run.sh": "0o700", "new": "0o700", "new/d.yaml": "0o600"}


def test_ignored_names_are_not_deployed(place: Place, offered: Path) -> None:
    """What is ignored in the root is neither taken from the source nor removed from the root."""
    (offered / "a.yaml.swp").write_text("editor")
    (place.root / "mine.swp").write_text("mine")
    place.ok("deploy", str(offered))
    assert not (place.root / "a.yaml.swp").exists()
    assert (place.root / "mine.swp").read_text() == "mine"


@pytest.mark.parametrize("how", ["directory", "tar", "git"])
def test_what_no_state_can_hold_is_named(place: Place, offered: Path, how: str) -> None:
    """What a source holds and no snapshot can is not left out in silence; a folder of it counts once."""
    (offered / ".configvault-notes").write_text("x")
    source = str(offered)
    if how == "directory":
        os.mkfifo(offered / "plugins" / "fifo")
        (offered / ".git" / "objects").mkdir(parents=True)
    elif how == "tar":
        source = str(place.base / "x.tar")
        (offered / ".git" / "objects").mkdir(parents=True)
        subprocess.run(["tar", "-cf", source, "-C", str(offered), "."], check=True)
    else:
        run_git(offered, "init", "-q", "-b", "main")
        run_git(offered, "add", "-A", "-f")
        run_git(offered, "commit", "-q", "-m", "one")
        source = f"file://{offered}#main"
    names = {".configvault-notes"} | ({"plugins/fifo"} if how == "directory" else set())
    names |= {".git"} if how != "git" else set()
    looked = place.run("deploy", source, "-n")
    assert (looked.code, f"warning: {len(names)} in the source cannot be deployed" in looked.out) == (0, True)
    done = place.ok("deploy", source)
    assert (done["outcome"], {one["path"] for one in done["not_deployed"]}) == ("deployed", names)
    assert all(one["reason"] for one in done["not_deployed"])


def test_directories_that_are_no_candidate(place: Place) -> None:
    """The vault, whose files are secret, the root, what holds or lies in them, and a bare repository are told apart."""
    before = look(place.root)
    (place.base / "link").symlink_to(place.vault)
    run_git(place.base, "init", "-q", "--bare", "other.git")
    for path, said in (
        (place.vault, "is the vault"),
        (place.base / "link", "is the vault"),
        (place.vault / "refs", "is in the vault"),
        (place.base, "contains the vault"),
        (place.root, "is the root"),
        (place.root / "plugins", "is in the root"),
        (place.base / "other.git", "is a bare git repository"),
    ):
        ran = place.run("deploy", str(path), "--force")
        assert (ran.code, said in ran.err, "hint: " in ran.err) == (2, True, True), ran
    assert (look(place.root), place.git("for-each-ref", "refs/configvault/rejected")) == (before, "")


def test_hints_of_refusals(place: Place, offered: Path) -> None:
    """What a refusal advises works when it is pasted, with the source, its paths and the configuration in it."""
    small = place.base / "some where"
    small.mkdir()
    place.snapshot({f"{n}.yaml": f"a: {n}\n" for n in range(5)})
    (small / "a.yaml").write_text("a: 1\n")
    ran = place.run("deploy", str(small), "--json")
    [refused] = [one for one in ran.json["findings"] if one["rule"] == "mass-removal"]
    assert (ran.code, f"configvault deploy '{small}' --force" in refused["hint"]) == (3, True)
    assert place.ok("rejected", "show")["findings"][0]["hint"] == refused["hint"]
    shown = place.run("deploy", str(small)).err
    command = shlex.split(shown[shown.index(": configvault -c ") + 2 :].splitlines()[0])[1:]
    assert command[2:] == ["deploy", str(small), "--force"]
    assert place.process(*command[2:]).code == 0
    ran = place.run("deploy", str(small), "--path", "nowhere")
    assert f"deploy '{small}' -n" in ran.err
    ran = place.process("deploy", "-", stdin=b"no tar")
    assert (ran.code, "tar c -C DIRECTORY" in ran.err, "tar tf" in ran.err) == (1, True, False)
    for ref in ("main~1", "../x", "a b", "x:../y", "-x"):
        assert place.run("deploy", f"file://{small}#{ref}").code == 2
    ran = place.run("deploy", "https://127.0.0.1:1/x.git#main")
    assert "hint: git ls-remote https://127.0.0.1:1/x.git" in ran.err


def test_what_was_edited_is_kept_first(place: Place, offered: Path) -> None:
    """Unrecorded work in the root is in the vault before a deployment replaces it."""
    (place.root / "a.yaml").write_text("a: [ mine\n")
    done = place.ok("deploy", str(offered))
    assert done["safety"].startswith("rejected_")
    assert place.run("show", f"{done['safety']}:a.yaml").out == "a: [ mine\n"


def test_service_that_does_not_take_it(tmp_path: Path, offered: Path) -> None:
    """A deployment that the service does not load is undone (exit 8), or kept where the configuration says so (exit 7)."""
    with service.serving(answer(500)) as server:
        reload = f"kind: http, url: '{server.url}', attempts: 1"
        place = Place(tmp_path / "place", reload=reload)
        place.init({"a.yaml": "a: 1\n", "plugins/b.yaml": "b: 1\n"})
        before = look(place.root)
        ran = place.run("deploy", str(offered), "--json")
        assert (ran.code, ran.json["outcome"], look(place.root)) == (8, "undone", before)
        done = ran.json
        kinds = {one["path"]: one["kind"] for one in done["changes"]}
        back = {one["path"]: one["kind"] for one in done["recorded"]["changes"]}
        assert (kinds, back) == (
            {"a.yaml": "modified", "plugins/b.yaml": "removed", "plugins/c.yaml": "added"},
            {"a.yaml": "modified", "plugins/b.yaml": "added", "plugins/c.yaml": "removed"},
        )
        assert (done["target"]["trigger"], done["recorded"]["trigger"]) == ("deploy", "undo")
        assert (done["target"]["rolled_back"], done["recorded"]["rolled_back"]) == (True, False)
        (offered / "a.yaml").write_text("a: [\n")
        assert set(place.run("deploy", str(offered), "--json").json) == set(done)
        (offered / "a.yaml").write_text("a: 2\n")
        assert place.ok("list")["snapshots"][0]["subject"].startswith("Undo the deployment")
        place.configure("deploy: {on_reload_failure: keep}\n", reload=reload)
        ran = place.run("deploy", str(offered), "--json")
        assert (ran.code, ran.json["outcome"]) == (7, "reload_failed")
        assert (place.root / "a.yaml").read_text() == "a: 2\n"
        asked = len(server.asked)
        ran = place.run("deploy", str(offered), "--no-reload", "--json")
        assert (ran.json["outcome"], len(server.asked)) == ("unchanged", asked)
        # What it did not load is offered to it again, until it has.
        ran = place.run("deploy", str(offered), "--json")
        assert (ran.code, ran.json["outcome"], ran.json["reload"]["ok"]) == (7, "reload_failed", False)
        server.answers[:] = [answer(204)]
        ran = place.run("deploy", str(offered), "--json")
        assert (ran.code, ran.json["outcome"], ran.json["reload"]["ok"]) == (0, "unchanged", True)
        asked = len(server.asked)
        assert place.ok("deploy", str(offered))["outcome"] == "unchanged"
        assert len(server.asked) == asked


def test_service_that_is_not_well_with_it(tmp_path: Path, offered: Path) -> None:
    """A deployment that stays although a health check failed fails again as long as it does, and not once it passes."""
    with service.serving(answer(204)) as server, service.serving(answer(500)) as page:
        more = f"deploy: {{on_reload_failure: keep}}\nhealth: [{{name: page, url: '{page.url}', within: 1s}}]\n"
        place = Place(tmp_path / "place", more, reload=f"kind: http, url: '{server.url}'")
        place.init({"a.yaml": "a: 1\n", "plugins/b.yaml": "b: 1\n"})
        for _ in range(2):
            ran = place.run("deploy", str(offered), "--json")
            assert (ran.code, ran.json["health"][0]["ok"]) == (7, False), ran
        page.answers[:] = [answer(200)]
        ran = place.run("deploy", str(offered), "--json")
        assert (ran.code, ran.json["outcome"], ran.json["health"][0]["ok"]) == (0, "unchanged", True)


def test_expected_snapshot(place: Place, offered: Path) -> None:
    """--expect aborts where somebody was faster."""
    old = place.ok("list")["snapshots"][0]["id"]
    place.snapshot({"x": "1\n"})
    assert place.run("deploy", str(offered), "--expect", old).code == 5
    assert (place.root / "a.yaml").read_text() == "a: 1\n"


def test_an_empty_source_is_a_mistake(place: Place, tmp_path: Path) -> None:
    """An empty directory is not deployed over a root with files, unless forced."""
    (tmp_path / "empty").mkdir()
    assert place.run("deploy", str(tmp_path / "empty")).code == 2
    assert place.run("deploy", str(tmp_path / "missing")).code == 2
    assert (place.root / "a.yaml").exists()


# --- tar


def packed(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> bytes:
    """Return a tar archive of these members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for info, body in members:
            info.size = len(body) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(body))
    return out.getvalue()


def member(name: str, **more: Any) -> tarfile.TarInfo:
    """Return a member with that name."""
    info = tarfile.TarInfo(name)
    info.mode = 0o644
    for key, value in more.items():
        setattr(info, key, value)
    return info


@pytest.mark.parametrize("compression", ["", "-z", "-j", "-J"])
def test_tar_stream(place: Place, offered: Path, compression: str) -> None:
    """`tar c . | configvault deploy -` takes plain and compressed archives, as GNU tar writes them."""
    os.symlink("a.yaml", offered / "link")
    os.link(offered / "a.yaml", offered / "same.yaml")
    argv = ["tar", "-c", *([compression] if compression else []), "-C", str(offered), "."]
    archive = subprocess.run(argv, capture_output=True, check=True).stdout
    done = place.process("--json", "deploy", "-", stdin=archive)
    assert done.code == 0, done
    assert done.json["source"]["kind"] == "tar"
    assert (place.root / "a.yaml").read_text() == (place.root / "same.yaml").read_text() == "a: 2\n"
    assert os.readlink(place.root / "link") == "a.yaml"
    assert sorted(os.listdir(place.root / "plugins")) == ["c.yaml"]


HOSTILE: dict[str, Callable[[], bytes]] = {
    "absolute": lambda: packed((member("/etc/x.yaml"), b"")),
    "leads out": lambda: packed((member("a/../../x.yaml"), b"")),
    "link out": lambda: packed((member("x", type=tarfile.SYMTYPE, linkname="../../etc/passwd"), b"")),
    "absolute link": lambda: packed((member("x", type=tarfile.SYMTYPE, linkname="/etc/passwd"), b"")),
    "hard link out": lambda: packed((member("x", type=tarfile.LNKTYPE, linkname="/etc/passwd"), b"")),
    "device": lambda: packed((member("x", type=tarfile.CHRTYPE), b"")),
    "fifo": lambda: packed((member("x", type=tarfile.FIFOTYPE), b"")),
    "set-id": lambda: packed((member("x", mode=0o4755), b"")),
    "set-id folder": lambda: packed((member("x", type=tarfile.DIRTYPE, mode=0o2755), b"")),
    "twice": lambda: packed((member("x"), b"1"), (member("./x"), b"2")),
    "twice in the end": lambda: packed((member("x"), b"1"), (member("y"), b"2"), (member("x"), b"3")),
    "below a file": lambda: packed((member("x"), b"1"), (member("x/y"), b"2")),
    "through a link": lambda: packed(
        (member("x", type=tarfile.SYMTYPE, linkname="y"), b""), (member("x/z"), b"2")
    ),
    "link out by way of a link": lambda: packed(
        (member("a/b/x", type=tarfile.SYMTYPE, linkname="../../y/.."), b""),
        (member("y", type=tarfile.SYMTYPE, linkname="."), b""),
    ),
    "link out by way of a folder's link": lambda: packed(
        (member("top", type=tarfile.SYMTYPE, linkname="a/b/c"), b""),
        (member("a/b/c", type=tarfile.SYMTYPE, linkname="../.."), b""),
        (member("x", type=tarfile.SYMTYPE, linkname="top/../etc"), b""),
    ),
    "links in a circle": lambda: packed(
        (member("x", type=tarfile.SYMTYPE, linkname="y"), b""),
        (member("y", type=tarfile.SYMTYPE, linkname="./x"), b""),
    ),
    "link to nowhere": lambda: packed((member("x", type=tarfile.SYMTYPE, linkname=""), b"")),
    "link to a text that is too long": lambda: packed(
        (member("x", type=tarfile.SYMTYPE, linkname="./" * 2050 + "y"), b"")
    ),
    "owner -1": lambda: packed((member("x", uid=(1 << 32) - 1), b"")),
    "negative group": lambda: packed((member("x", gid=-7), b"")),
    "huge owner": lambda: packed((member("x", uid=1 << 40), b"")),
    "long name": lambda: packed((member("a/" + "x" * 256), b"")),
    "long name of few characters": lambda: packed((member("文" * 86), b"")),
    "deep": lambda: packed((member("a/" * 300 + "x"), b"")),
    "large": lambda: packed((member("x"), b"0" * 5000)),
    "bomb": lambda: packed(*((member(f"x{n}"), b"0" * 900) for n in range(60)), mode="w:gz"),
    "many": lambda: packed(*((member(f"x{n}"), b"") for n in range(200))),
    "sparse": lambda: packed(
        (member("x", pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}), b"0\n")
    ),
    "pax bomb": lambda: packed((member("x", pax_headers={"comment": "0" * (65 << 20)}), b""), mode="w:gz"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_tar_is_refused(place: Place, what: str) -> None:
    """An archive that no directory could be is refused by name before anything is validated, and nothing is written."""
    before, refs = look(place.root), place.git("for-each-ref")
    with Stage(None) as stage, pytest.raises(HostileError) as refused:
        tarball.read(io.BytesIO(HOSTILE[what]()), "x.tar", stage, Limits(100, 4000, 20_000))
    assert refused.value.hint
    if what not in {"large", "bomb", "many", "pax bomb"}:
        archive = place.base / "x.tar"
        archive.write_bytes(HOSTILE[what]())
        ran = place.run("deploy", str(archive))
        assert (ran.code, "x.tar" in ran.err) == (1, True), ran
    assert (look(place.root), place.git("for-each-ref")) == (before, refs)


@pytest.mark.parametrize("body", [b"", b"no archive", b"\x1f\x8b\x08\0garbage"])
def test_torn_tar(place: Place, body: bytes) -> None:
    """What is no archive, or not a whole one, is an error and no empty candidate."""
    (place.base / "x.tar").write_bytes(body)
    before = look(place.root)
    ran = place.run("deploy", str(place.base / "x.tar"))
    assert ran.code in {1, 2}, ran
    assert look(place.root) == before


def test_tar_cut_short(place: Place, offered: Path) -> None:
    """An archive that ends in the middle of a file is not deployed."""
    big = offered / "big.yaml"
    big.write_text("x: 1\n" * 20_000)
    archive = subprocess.run(["tar", "-c", "-C", str(offered), "."], capture_output=True, check=True).stdout
    before = look(place.root)
    done = place.process("deploy", "-", stdin=archive[: archive.index(b"x: 1") + 3000])
    assert (done.code, look(place.root)) == (1, before)


@pytest.mark.parametrize("compression", ["", "-z", "-j", "-J"])
def test_tar_that_breaks_off(place: Place, offered: Path, compression: str) -> None:
    """An archive cut anywhere, also between two files, is not deployed as one with fewer files."""
    for number in range(4):
        (offered / f"{number}.yaml").write_text(f"{number}: {os.urandom(400).hex()}\n")
    argv = ["tar", "-c", *([compression] if compression else []), "-C", str(offered), "."]
    archive = subprocess.run(argv, capture_output=True, check=True).stdout
    blocks = len(archive.rstrip(b"\0")) // 512 if not compression else 0
    cuts = [512 * n for n in range(1, blocks + 1)] if blocks else [len(archive) * n // 20 for n in range(1, 20)]
    with Stage(None) as stage:
        assert tarball.read(io.BytesIO(archive), "x.tar", stage, Limits(100, 1 << 20))[0].entries
    for cut in cuts:
        with Stage(None) as stage, pytest.raises(ConfigvaultError):
            tarball.read(io.BytesIO(archive[:cut]), "x.tar", stage, Limits(100, 1 << 20))
    before = look(place.root)
    done = place.process("deploy", "-", stdin=archive[: cuts[-1]])
    assert (done.code, look(place.root)) == (1, before), done


@pytest.mark.parametrize("compression", ["-z", "-j", "-J"])
def test_compression_that_is_damaged(offered: Path, compression: str) -> None:
    """A compressed archive in which bytes were changed is refused, wherever they are, and never a fault."""
    (offered / "random").write_bytes(bytes(range(256)) * 40)
    argv = ["tar", "-c", compression, "-C", str(offered), "."]
    archive = subprocess.run(argv, capture_output=True, check=True).stdout
    refused = 0
    for at in range(12, len(archive) - 8, 5):
        damaged = archive[:at] + bytes([archive[at] ^ 0xFF]) + archive[at + 1 :]
        with Stage(None) as stage:
            try:
                tarball.read(io.BytesIO(damaged), "x.tar", stage, Limits(100, 1 << 20))
            except ConfigvaultError:
                refused += 1
    assert refused


def test_headers_are_not_quoted(place: Place) -> None:
    """What a damaged header holds may be anything, and is not printed."""
    archive = place.base / "x.tar"
    archive.write_bytes(packed((member("x", pax_headers={"GNU.sparse.map": "s3cr3t-value-17"}), b"")))
    ran = place.run("deploy", str(archive))
    assert (ran.code, "s3cr3t" in ran.out + ran.err) == (1, False), ran


@pytest.mark.parametrize("what", ["a length past any number", "headers of headers"])
def test_extended_headers_that_are_damaged(what: str) -> None:
    """Whatever an extended header says of itself, the archive is refused as damaged, and never a fault."""
    said = b"9" * 30 + b" path=x\n" if what == "a length past any number" else b"11 path=x\n\n"
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, len(said)
    one = header.tobuf(tarfile.USTAR_FORMAT) + said.ljust(512, b"\0")
    archive = one * (1 if what == "a length past any number" else 3000) + packed((member("x"), b""))
    with Stage(None) as stage, pytest.raises(ConfigvaultError, match="a header is damaged"):
        tarball.read(io.BytesIO(archive), "x.tar", stage, Limits(100, 1 << 20))


# --- git


@pytest.fixture
def repository(tmp_path: Path, offered: Path) -> Path:
    """Return a git repository whose folder `conf` holds what is offered."""
    work = tmp_path / "work"
    (work / "conf").mkdir(parents=True)
    subprocess.run(["cp", "-r", f"{offered}/.", f"{work}/conf"], check=True)
    run_git(work, "init", "-q", "-b", "main", ".")
    commit(work)
    return work


def run_git(work: Path, *argv: str) -> str:
    """Run git as a developer."""
    identity = ["-c", "user.name=dev", "-c", "user.email=dev@example.org"]
    done = subprocess.run(["git", *identity, *argv], cwd=work, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(work: Path) -> str:
    """Commit everything and return the commit."""
    run_git(work, "add", "-A", "-f")
    run_git(work, "commit", "-q", "-m", "change")
    return run_git(work, "rev-parse", "HEAD")


def test_git_commit_becomes_live(place: Place, repository: Path) -> None:
    """A folder of a branch, a tag or HEAD of a repository is deployed, and its commit is on record."""
    tip = run_git(repository, "rev-parse", "HEAD")
    run_git(repository, "tag", "-a", "v1", "-m", "one")
    done = place.ok("deploy", f"file://{repository}#main:conf")
    assert done["source"] == {"kind": "git", "location": f"file://{repository}#main:conf", "commit": tip}
    assert (place.root / "a.yaml").read_text() == "a: 2\n"
    assert trailers(place, "main")["Configvault-Source"] == f"file://{repository}#main:conf commit {tip}"
    assert place.ok("deploy", f"file://{repository}#v1:conf")["outcome"] == "unchanged"
    assert place.ok("deploy", f"file://{repository}#HEAD:/conf/")["outcome"] == "unchanged"
    assert not [name for name in os.listdir(place.vault / "configvault") if name.startswith("candidate-")]
    assert "dev@example.org" not in place.git("log", "--all")
    place.fsck()


@pytest.mark.parametrize(
    "source", ["http://127.0.0.1:1/x.git", "git://127.0.0.1/x.git", "ext::sh -c true", "file:///nowhere.git"]
)
def test_git_sources_that_are_refused(place: Place, source: str) -> None:
    """Plain http, git:// and helpers are never asked; a repository that is not there is an error."""
    ran = place.run("deploy", source)
    assert ran.code in {1, 2}, ran
    assert ran.said("hint")


def test_hostile_repositories(place: Place, repository: Path) -> None:
    """A link out, a submodule, a missing folder or an unknown ref is refused by name."""
    before = look(place.root)
    os.symlink("/etc/passwd", repository / "conf" / "out")
    commit(repository)
    ran = place.run("deploy", f"file://{repository}#main:conf")
    assert (ran.code, "leads out" in ran.err) == (1, True), ran
    os.unlink(repository / "conf" / "out")
    commit(repository)
    tip = run_git(repository, "rev-parse", "HEAD")
    run_git(repository, "update-index", "--add", "--cacheinfo", f"160000,{tip},conf/sub")
    run_git(repository, "commit", "-q", "-m", "submodule")
    ran = place.run("deploy", f"file://{repository}#main:conf")
    assert (ran.code, "submodule" in ran.err) == (1, True), ran
    assert place.run("deploy", f"file://{repository}#main:nowhere").code == 1
    assert place.run("deploy", f"file://{repository}#nowhere").code == 1
    assert look(place.root) == before


def test_names_that_no_file_can_have(place: Place, repository: Path) -> None:
    """A name that only git can hold is refused, and one that is in the vault all the same does not block what comes after."""
    blob = run_git(repository, "hash-object", "-w", str(repository / "conf" / "a.yaml"))
    name = "x" * 256 + ".yaml"
    run_git(repository, "update-index", "--add", "--cacheinfo", f"100644,{blob},conf/{name}")
    run_git(repository, "commit", "-q", "-m", "long")
    ran = place.run("deploy", f"file://{repository}#main:conf")
    assert (ran.code, "at most 255 bytes" in ran.err, name in ran.err) == (1, True, False), ran
    # As an older version or a replica may have left it: a state with that name, taken up after a crash.
    kept = place.snapshot({"a.yaml": "a: 3\n"})
    tree = place.git("ls-tree", "-z", kept)
    tree += f"100644 blob {place.git('rev-parse', f'{kept}:a.yaml').strip()}\t{name}\0"
    argv = ["git", "-C", str(place.vault), "mktree", "-z"]
    made = subprocess.run(argv, input=tree.encode(), capture_output=True, check=True).stdout.decode().strip()
    body = place.git("cat-file", "commit", kept).split("\n", 1)[1]
    argv = ["git", "-C", str(place.vault), "hash-object", "-w", "-t", "commit", "--stdin"]
    body = f"tree {made}\n{body}"
    commit_ = subprocess.run(argv, input=body.encode(), capture_output=True, check=True).stdout.decode().strip()
    journal = statefiles.Journal("0123456789abcdef", commit_, True, "deploy", None, (), None)
    statefiles.JOURNAL.write(str(place.vault / "configvault"), journal)
    (place.root / "b.yaml").write_text("b: 1\n")
    assert place.run("snapshot").code == 0
    assert place.snapshot({"a.yaml": "a: 4\n"})
    place.fsck()


def test_tokens_in_urls_are_not_printed(place: Place) -> None:
    """What stands in a URL behind a question mark, or before an @, may be a token: no message, log or trailer has it."""
    with service.serving(answer(404)) as server:
        for url in (
            f"{server.url}x.git?token=s3cr3t-17",
            "https://s3cr3t-17:s3cr3t-18@127.0.0.1:1/x.git?a=s3cr3t-19#v1",
        ):
            ran = place.run("deploy", url.replace("http://127", "https://127"))
            assert (ran.code, "s3cr3t" in ran.out + ran.err) == (1, False), ran
    said = reasons.printable(
        "fatal: unable to access 'https://h/x.git?token=s3cr3t/': gone",
        address.resolve(ReplicaSettings("https://h/x.git"), "h"),
    )
    assert said == "fatal: unable to access 'https://h/x.git': gone"


def test_tree_bomb(place: Place, tmp_path: Path) -> None:
    """A repository of a few kilobytes that unpacks to a million files is refused at the limit."""
    bomb = tmp_path / "bomb.git"
    run_git(tmp_path, "init", "-q", "--bare", str(bomb))

    def make(kind: str, body: bytes) -> str:
        argv = ["git", "-C", str(bomb), "hash-object", "-w", "-t", kind, "--stdin"]
        return subprocess.run(argv, input=body, capture_output=True, check=True).stdout.decode().strip()

    inner = b"".join(b"100644 f%02d\0" % n + bytes.fromhex(make("blob", b"x: 1\n")) for n in range(10))
    for _ in range(8):
        below = make("tree", inner)
        inner = b"".join(b"40000 d%02d\0" % n + bytes.fromhex(below) for n in range(10))
    top = make("tree", inner)
    made = run_git(bomb, "commit-tree", top, "-m", "bomb")
    run_git(bomb, "update-ref", "refs/heads/main", made)
    place.configure("", "generic")
    place.config.write_text(
        place.config.read_text().replace("profile: generic", "profile: generic, max_files: 500")
    )
    ran = place.run("deploy", f"file://{bomb}#main")
    assert (ran.code, "max_files" in ran.err) == (1, True), ran


def test_only_trusted_signatures(place: Place, repository: Path, tmp_path: Path) -> None:
    """Where the source names trusted keys, a commit without such a signature is not deployed."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public = (tmp_path / "key.pub").read_text().strip()
    url = f"file://{repository}"
    place.configure(f"source: {{url: '{url}', ref: main, path: conf, trusted: ['{public}']}}\n")
    ran = place.run("deploy", f"{url}#main:conf")
    assert (ran.code, "not signed" in ran.err) == (1, True), ran
    signed = ["-c", "gpg.format=ssh", "-c", f"user.signingkey={key}"]
    run_git(repository, *signed, "commit", "-q", "--allow-empty", "-S", "-m", "signed")
    assert place.ok("deploy", f"{url}#main:conf")["outcome"] == "deployed"


def test_confirmation_and_its_end(place: Place, offered: Path) -> None:
    """A deployment that nobody confirms in time is undone."""
    before = look(place.root)
    done = place.process("--json", "deploy", str(offered), "--confirm=1s")
    assert (done.code, done.json["outcome"]) == (8, "undone"), done
    assert look(place.root) == before
    assert place.run("deploy", "--confirm", str(offered), "-n").code == 0


@pytest.mark.parametrize(
    ("command", "event", "level"), [("cancel", "deploy.undone", "error"), ("confirm", "deploy.done", "info")]
)
def test_a_pending_deployment_stays_a_deployment(
    place: Place, offered: Path, command: str, event: str, level: str
) -> None:
    """What is confirmed or undone later is logged, counted and printed as a deployment, not as a rollback."""
    with place.as_if_watched():
        assert place.ok("deploy", str(offered), "--confirm=5m")["pending_until"]
    done = place.run(command)
    assert (done.code, "rollback" in done.out.splitlines()[0]) == (0, False), done
    written = [
        json.loads(line) for line in (place.vault / "configvault" / outcomes.NAME).read_text().splitlines()
    ]
    assert (written[-1]["kind"], written[-1]["event"], written[-1]["level"]) == ("deploy", event, level)
    assert place.ok("list")["snapshots"][0]["source"] == (str(offered) if command == "confirm" else None)


def test_an_overdue_deployment_is_undone_as_one(place: Place, offered: Path) -> None:
    """What takes the lock after the deadline undoes the deployment and tells of it as such."""
    with place.as_if_watched():
        place.ok("deploy", str(offered), "--confirm=5m")
    with place.parts() as site:
        waits = statefiles.pending(site.vault.state)
        assert waits is not None
        statefiles.PENDING.write(site.vault.state, replace(waits, until=site.now() - timedelta(minutes=1)))
        heard: list[Outcome] = []
        site.observers.append(heard.append)
        confirm.expire(site)
    (told,) = heard
    assert isinstance(told, RecoveryOutcome)
    assert isinstance(told.rollback, DeployOutcome)
    assert told.rollback.source.location == str(offered)


def test_a_password_in_the_url_is_nowhere(place: Place) -> None:
    """What a URL says of a login is in no name that is printed or recorded."""
    with place.parts() as site:
        assert site.offered is not None
        assert site.offered("https://user:hunter2@git.example/x.git").name == "https://git.example/x.git"
