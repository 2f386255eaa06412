"""The vault: the layout that is promised, readable by plain git, written by this program's rules alone."""

from __future__ import annotations

import os
import pwd
import re
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sites import Done, Place, look

from configvault.core import gitformat
from configvault.core.errors import IntegrityError
from configvault.core.model import Entry, Folder, Kind
from configvault.vault import messages
from configvault.vault.opening import create_vault
from configvault.vault.repository import Note


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a root with two snapshots."""
    place = Place(tmp_path)
    place.init({"a": "1\n", "d/b": "x\n"})
    place.snapshot({"a": "2\n"}, "-m", "because\nof   this")
    return place


def test_layout(place: Place) -> None:
    """The vault is a bare repository of mode 0700 with `main`, one lightweight tag a snapshot and its state beside."""
    assert stat.S_IMODE(place.vault.stat().st_mode) == 0o700
    assert place.git("rev-parse", "--is-bare-repository").strip() == "true"
    assert place.git("symbolic-ref", "HEAD").strip() == "refs/heads/main"
    tags = place.git("for-each-ref", "--format=%(refname:short) %(objecttype)", "refs/tags").splitlines()
    assert [bool(re.fullmatch(r"backup_\d{8}_\d{6} commit", tag)) for tag in tags] == [True, True]
    assert (place.vault / "configvault").is_dir()
    assert not list(place.vault.glob("hooks/*"))


def test_one_commit_a_snapshot(place: Place) -> None:
    """`main` has one commit for each snapshot, each the child of the one before, tagged with its id."""
    newest, oldest = place.ok("list")["snapshots"]
    assert place.git("log", "--format=%H %P", "main").split() == [
        newest["commit"],
        oldest["commit"],
        oldest["commit"],
    ]
    assert place.git("rev-parse", newest["id"]).strip() == newest["commit"]


def test_bytes_are_the_root_s(place: Place) -> None:
    """A snapshot's tree holds the root's files byte for byte."""
    place.snapshot(
        {"crlf": "a\r\nb\r\n", "ident": "$Id$\n", ".gitattributes": "* text eol=crlf ident\n", "nul": b"\0\xff"}
    )
    for name in ("crlf", "ident", ".gitattributes", "nul"):
        raw = subprocess.run(
            ["git", "-C", place.vault, "cat-file", "blob", f"main:{name}"], capture_output=True, check=True
        )
        assert raw.stdout == (place.root / name).read_bytes()
    assert place.ok("status")["live"]["matches"]


def test_trailers(place: Place) -> None:
    """`git interpret-trailers` reads who, why, where and which, each on one line."""
    message = place.git("log", "-1", "--format=%B", "main")
    parsed = subprocess.run(
        ["git", "interpret-trailers", "--parse"], input=message, capture_output=True, text=True, check=True
    ).stdout
    trailers = dict(line.split(": ", 1) for line in parsed.splitlines())
    newest = place.ok("list")["snapshots"][0]
    assert trailers["Configvault-Id"] == newest["id"]
    assert trailers["Configvault-Trigger"] == "manual"
    assert trailers["Configvault-Reason"] == "because of this" == newest["reason"]
    assert re.search(r"uid \d+", trailers["Configvault-Actor"])
    assert trailers["Configvault-Host"]


def test_rollback_trailer(place: Place) -> None:
    """A rollback's commit says which id it restored."""
    oldest = place.ok("list")["snapshots"][-1]["id"]
    place.ok("rollback", oldest)
    assert place.git("log", "-1", "--format=%(trailers:key=Configvault-Target,valueonly)").strip() == oldest


@pytest.mark.parametrize(
    "name", ["one\ntwo", "one\n\ntwo", "a\x1eb", "a\x00b"[:1] + "\x1fb", "-x", "\udcff", "#c", "---"]
)
def test_names_keep_the_message_in_form(place: Place, name: str) -> None:
    """No name of a file can break a subject over lines, hide a snapshot or forge a trailer."""
    id_ = place.snapshot({name: "1"})
    place.snapshot({name: "2"})
    place.ok("rollback", id_, f"--path={name}")
    found = place.ok("list")["snapshots"]
    assert len(found) == 5
    assert len(place.git("log", "--format=%s", "main").splitlines()) == 5
    assert all(len(one["subject"].splitlines()) == 1 for one in found)
    assert place.git("log", "-1", "--format=%(trailers:key=Configvault-Id,valueonly)").strip() == found[0]["id"]
    place.fsck()


def test_reason_cannot_forge_a_trailer(place: Place) -> None:
    """What an operator writes stays the reason, also where it looks like a trailer."""
    place.snapshot({"a": "3\n"}, "-m", "x\n\nConfigvault-Id: backup_19990101_000000\n")
    newest = place.ok("list")["snapshots"][0]
    assert newest["reason"] == "x Configvault-Id: backup_19990101_000000"
    assert newest["id"] != "backup_19990101_000000"


def test_plain_git_reads_it(place: Place, tmp_path: Path) -> None:
    """`git log`, `show`, `diff`, `fsck` and `clone` work without this program."""
    assert len(place.git("log", "--oneline", "--stat", "--decorate").splitlines()) > 4
    assert "+2" in place.git("show", "main")
    newest, oldest = place.ok("list")["snapshots"]
    assert "-1\n+2\n" in place.git("diff", oldest["id"], newest["id"])
    place.fsck()
    subprocess.run(["git", "clone", "-q", place.vault, tmp_path / "clone"], check=True, capture_output=True)
    assert (tmp_path / "clone" / "d" / "b").read_text() == "x\n"


def test_rejected_layout(place: Place) -> None:
    """A refused state is a commit on main's tip under its own ref, with the findings in the message."""
    place.write({"x.json": "{"})
    id_ = place.run("snapshot", "--json").json["rejected"]
    ref = f"refs/configvault/rejected/{id_}"
    assert place.git("rev-parse", f"{ref}^") == place.git("rev-parse", "main")
    assert "json-syntax" in place.git("log", "-1", "--format=%B", ref) or "x.json" in place.git(
        "log", "-1", "--format=%B", ref
    )
    assert place.git("show", f"{ref}:x.json") == "{"
    place.fsck()


def test_rejected_dropped(place: Place) -> None:
    """What is dropped is gone from the list, and dropping it again is an unknown reference."""
    place.write({"x.json": "{"})
    id_ = place.run("snapshot", "--json").json["rejected"]
    assert place.ok("rejected", "drop", id_)["id"] == id_
    assert place.ok("rejected", "list") == {"rejected": []}
    assert place.run("rejected", "drop", id_).code == 4


def test_marks_are_history_too(place: Place) -> None:
    """Pins and annotations are kept below `refs/configvault/`, each change a commit of its own."""
    place.ok("pin", "latest", "stable")
    place.ok("annotate", "latest", "-m", "agreed")
    assert len(place.git("log", "--format=%s", "refs/configvault/marks").splitlines()) == 2
    place.fsck()


def test_nothing_is_rewritten(place: Place) -> None:
    """Pins, annotations, rollbacks and refused states leave every commit and tag of a snapshot where it was."""
    before = place.git("for-each-ref", "refs/tags").splitlines()
    place.ok("pin", "latest", "stable")
    place.ok("rollback", "previous")
    place.write({"x.json": "{"})
    place.run("snapshot")
    place.ok("rollback", "pin:stable", "--force")
    assert set(before) < set(place.git("for-each-ref", "refs/tags").splitlines())


# --- ids


def _note(at: datetime) -> Note:
    return Note(at, "manual", "somebody", "host", "Say something")


def _folder(text: bytes) -> tuple[Folder, bytes]:
    blob = gitformat.make("blob", text).id
    return Folder(0o755, 0, 0, {"a": Entry(Kind.FILE, 0o644, 0, 0, blob, len(text))}), text


def test_ids_in_one_second_and_with_a_clock_that_goes_back(tmp_path: Path) -> None:
    """Ids stay unique and grow with history, whatever the clock says."""
    vault = create_vault(str(tmp_path / "vault"), dict(os.environ))
    noon = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)
    found = []
    for number, at in enumerate([noon, noon, noon - timedelta(hours=2), noon + timedelta(minutes=1)]):
        with vault.stage() as stage:
            folder, text = _folder(b"%d" % number)
            where = stage.append([text])
            stage.keep(next(iter(folder.entries.values())).blob, where)  # type: ignore[union-attr]
            found.append(vault.record(folder, None, stage, _note(at)).id)
    assert found == [
        "backup_20240501_120000",
        "backup_20240501_120001",
        "backup_20240501_120002",
        "backup_20240501_120100",
    ]
    assert [one.id for one in vault.log()] == found[::-1]


def test_list_of_all_keeps_ancestry(tmp_path: Path) -> None:
    """Also with rejected states between them, snapshots are listed by ancestry and not by what their clock said."""
    place = Place(tmp_path)
    place.init({"a": "0"})
    with place.parts() as site:
        state = site.vault.tree(site.vault.latest().tree)
        old = datetime(2001, 1, 1, tzinfo=UTC)
        changed = Folder(0o700, 0, 0, state.entries)
        site.vault.record(changed, state, None, _note(old))
    place.write({"x.json": "{"})
    rejected = place.run("snapshot", "--json").json["rejected"]
    plain = [one["id"] for one in place.ok("list")["snapshots"]]
    assert [one["id"] for one in place.ok("list", "--all")["snapshots"]] == [rejected, *plain]


def test_zone_of_ids(tmp_path: Path) -> None:
    """Ids are made in the configured time zone, times carry its offset."""
    place = Place(tmp_path)
    text = place.config.read_text().replace("timezone: UTC", "timezone: Asia/Shanghai")
    place.config.write_text(text)
    place.init({"a": "1"})
    [one] = place.ok("list")["snapshots"]
    assert one["taken_at"].endswith("+08:00")
    assert one["id"] == "backup_" + datetime.fromisoformat(one["taken_at"]).strftime("%Y%m%d_%H%M%S")


# --- nobody else's settings


def _hostile(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which every setting that git inherits points elsewhere."""
    elsewhere = tmp_path / "elsewhere"
    hooks = tmp_path / "hooks"
    template = tmp_path / "template"
    for folder in (elsewhere, hooks, template / "hooks"):
        folder.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "--bare", elsewhere / "repo"], check=True)
    for folder in (hooks, template / "hooks"):
        for name in ("pre-commit", "commit-msg", "post-commit", "reference-transaction", "post-index-change"):
            (folder / name).write_text(f"#!/bin/sh\ntouch {elsewhere}/hook-ran\nexit 1\n")
            (folder / name).chmod(0o755)
    settings = tmp_path / "gitconfig"
    settings.write_text(
        f"[core]\n autocrlf = true\n eol = crlf\n hooksPath = {hooks}\n bare = false\n"
        f" attributesFile = {tmp_path / 'attributes'}\n"
        "[commit]\n gpgsign = true\n[tag]\n gpgsign = true\n forceSignAnnotated = true\n[gpg]\n program = /bin/false\n"
        f"[init]\n templateDir = {template}\n defaultBranch = trunk\n[user]\n useConfigOnly = true\n"
        "[safe]\n directory = /nowhere\n bareRepository = explicit\n[log]\n showSignature = true\n date = relative\n"
        "[gc]\n auto = 1\n[fsck]\n skipList = /nonexistent\n[extensions]\n objectFormat = sha256\n"
        "[diff]\n external = /bin/false\n noprefix = true\n[color]\n ui = always\n[alias]\n log = !false\n"
    )
    (tmp_path / "attributes").write_text("* filter=broken text eol=crlf\n")
    return {
        "GIT_DIR": str(elsewhere / "repo"),
        "GIT_WORK_TREE": str(elsewhere),
        "GIT_INDEX_FILE": str(elsewhere / "index"),
        "GIT_OBJECT_DIRECTORY": str(elsewhere / "objects"),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(elsewhere / "repo" / "objects"),
        "GIT_COMMON_DIR": str(elsewhere / "repo"),
        "GIT_NAMESPACE": "other",
        "GIT_CONFIG_GLOBAL": str(settings),
        "GIT_CONFIG_SYSTEM": str(settings),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.hooksPath",
        "GIT_CONFIG_VALUE_0": str(hooks),
        "GIT_CONFIG_PARAMETERS": "'core.bare'='false'",
        "GIT_TEMPLATE_DIR": str(template),
        "GIT_DEFAULT_HASH": "sha256",
        "GIT_AUTHOR_DATE": "1999-01-01T00:00:00Z",
        "GIT_AUTHOR_NAME": "",
        "GIT_EXTERNAL_DIFF": "/bin/false",
        "GIT_PAGER": "/bin/false",
        "GIT_CEILING_DIRECTORIES": "/",
        "GIT_LITERAL_PATHSPECS": "0",
        "GIT_GLOB_PATHSPECS": "1",
        "GIT_SHALLOW_FILE": str(elsewhere / "shallow"),
        "GIT_REPLACE_REF_BASE": "refs/tags/",
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
    }


def _must(done: Done) -> Done:
    assert done.code == 0, done
    return done


@pytest.mark.parametrize("files", [2, 260], ids=["loose", "pack"])
def test_hostile_environment(tmp_path: Path, files: int) -> None:
    """No variable, global setting, hook, template or attribute of git's changes what is written or where."""
    place = Place(tmp_path / "place")
    (tmp_path / ".gitconfig").write_text(
        "[core]\n autocrlf = true\n hooksPath = /nonexistent\n[commit]\n gpgsign = true\n"
    )
    hostile = _hostile(tmp_path)
    place.write({f"f{number}": f"{number}\r\n" for number in range(files)})
    place.write({".gitattributes": "* text=auto eol=lf\n*.x filter=y\n", ".gitignore": "*\n"})
    _must(place.process("init", **hostile))
    place.write({"f1": "2\r\n"})
    _must(place.process("snapshot", "-m", "second", **hostile))
    before = look(place.root)
    _must(place.process("rollback", "previous", **hostile))
    _must(place.process("verify", **hostile))
    assert len(_must(place.process("list", "--json", **hostile)).json["snapshots"]) == 3
    assert "second" in _must(place.process("git", "log", "--format=%B", **hostile)).out
    assert look(place.root) != before
    assert not list((tmp_path / "elsewhere").glob("[!r]*"))
    assert not list((tmp_path / "elsewhere" / "repo" / "refs").rglob("*/*"))
    assert place.git("cat-file", "blob", "main:f0") == "0\r\n"
    assert "1999" not in place.git("log", "--format=%ad %an")
    assert not (place.vault / "hooks").exists()
    place.fsck()


def test_no_identity(tmp_path: Path) -> None:
    """Recording needs no git identity of anybody: the author is who did it, the committer is configvault."""
    place = Place(tmp_path / "place")
    place.write({"a": "1"})
    (tmp_path / "home").mkdir()
    _must(place.process("init", HOME=str(tmp_path / "home"), USER="", LOGNAME="", EMAIL=""))
    name, address, committer = place.git("log", "-1", "--format=%an%n%ae%n%cn <%ce>").splitlines()
    assert name == pwd.getpwuid(os.getuid()).pw_name
    assert address.startswith(f"{name}@")
    assert committer == "configvault <configvault@localhost>"


@pytest.mark.parametrize(
    ("actor", "author"),
    [
        ("ann (uid 7, sudo, pts/3)", "ann <ann@web-1>"),
        ("www-data (uid 33, seen writing), ann (uid 7, login)", "www-data <www-data@web-1>"),
        ("王 (uid 7, login)", "王 <王@web-1>"),
        ("a<b>c (uid 7, login)", "a-b-c <a-b-c@web-1>"),
        ("ann@corp (uid 7, login)", "ann@corp <ann-corp@web-1>"),
        ("unknown", None),
        ("", None),
        ("... (uid 7, login)", None),
    ],
)
def test_who_made_a_change_is_its_author(actor: str, author: str | None) -> None:
    """The first login that is known, on its host; nothing in a name ends the line or the address."""
    assert messages.author(actor, "web-1") == author


def test_names_that_are_not_ascii_stay_readable(tmp_path: Path) -> None:
    """Plain `git log --stat` on the vault shows them as they are."""
    place = Place(tmp_path)
    place.init({"文库.yaml": "a: 1\n"})
    assert "文库.yaml" in place.git("log", "--stat", "-1")
    place.fsck()


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a vault to somebody else needs root")
def test_vault_of_another_user(tmp_path: Path) -> None:
    """Root reads a vault that belongs to the service's user: git's doubt about its owner does not stop it."""
    place = Place(tmp_path)
    place.init({"a": "1\n"})
    for path in [place.vault, *place.vault.rglob("*")]:
        os.chown(path, 65534, 65534)
    assert place.process("list").code == 0
    assert place.process("verify").code == 0
    assert place.process("git", "log").code == 0


# --- what is not ours


def test_foreign_repository_is_never_adopted(tmp_path: Path) -> None:
    """A repository or folder that another program made is refused with exit code 10 and stays as it is."""
    place = Place(tmp_path)
    subprocess.run(["git", "init", "-q", "--bare", place.vault], check=True)
    before = look(place.vault)
    for command in ("init", "snapshot", "list", "status", "verify"):
        done = place.run(command)
        assert (done.code, len(done.said("error")), len(done.said("hint"))) == (10, 1, 1), done
        assert str(place.vault) in done.err
    assert look(place.vault) == before


def test_vault_that_is_a_file(tmp_path: Path) -> None:
    """A file where the vault should be is refused, and kept."""
    place = Place(tmp_path)
    place.vault.write_text("mine")
    for command in ("init", "list"):
        done = place.run(command)
        assert done.code in (1, 10)
        assert (len(done.said("error")), len(done.said("hint"))) == (1, 1), done
    assert place.vault.read_text() == "mine"


def test_empty_directory_becomes_a_vault(tmp_path: Path) -> None:
    """An empty directory is taken, and closed to others."""
    place = Place(tmp_path)
    place.vault.mkdir(mode=0o755)
    place.init({"a": "1"})
    assert stat.S_IMODE(place.vault.stat().st_mode) == 0o700


# --- damage


def _object(place: Place, name: str) -> Path:
    id_ = place.git("rev-parse", name).strip()
    return place.vault / "objects" / id_[:2] / id_[2:]


@pytest.mark.parametrize("damage", [b"", b"garbage", None], ids=["empty", "garbage", "missing"])
@pytest.mark.parametrize("which", ["main", "main~1", "main^{tree}", "main:a"])
def test_damaged_object(place: Place, which: str, damage: bytes | None) -> None:
    """A damaged object is found by `verify`, and whoever needs it says so with exit code 9 in one line."""
    file = _object(place, which)
    file.chmod(0o644)
    if damage is None:
        file.unlink()
    else:
        file.write_bytes(damage)
    needs = {"main": "list", "main~1": "list", "main^{tree}": "show latest", "main:a": "show latest:a"}[which]
    for command in ("verify", needs):
        done = place.run(*command.split())
        assert (done.code, len(done.said("error")), len(done.said("hint"))) == (9, 1, 1), done
        assert len(done.err.splitlines()) == 2, done.err


@pytest.mark.parametrize("number", [0, 60, 99], ids=["first", "middle", "last"])
@pytest.mark.parametrize("damage", [b"garbage", None], ids=["garbage", "missing"])
def test_damaged_object_among_many(tmp_path: Path, number: int, damage: bytes | None) -> None:
    """Where the sizes of many files are asked for at once a missing one is damage as well."""
    place = Place(tmp_path)
    place.init({f"f{number:02}": f"{number}\n" for number in range(100)})
    (place.vault / "configvault" / "stat-cache.json").unlink()
    with place.parts() as site:
        state = site.vault.tree(site.vault.latest().tree)
        assert {entry.size for _, entry in state.files()} == {2, 3}
    file = _object(place, f"main:f{number:02}")
    file.chmod(0o644)
    if damage is None:
        file.unlink()
    else:
        file.write_bytes(damage)
    with place.parts() as site, pytest.raises(IntegrityError):
        site.vault.tree(site.vault.latest().tree)


def test_damaged_object_in_a_pack(tmp_path: Path) -> None:
    """Damage inside a pack is found like any other."""
    place = Place(tmp_path)
    place.init({f"f{number}": os.urandom(600) for number in range(300)})
    [pack] = (place.vault / "objects" / "pack").glob("*.pack")
    pack.chmod(0o644)
    body = bytearray(pack.read_bytes())
    for at in range(len(body) // 4, len(body) // 2):
        body[at] ^= 0xFF
    pack.write_bytes(body)
    assert place.run("verify").code == 9
    codes = {place.run("show", f"latest:f{number}").code for number in range(0, 300, 25)}
    assert codes <= {0, 9}
    assert 9 in codes


@pytest.mark.parametrize("said", ["", "garbage", "\0" * 41, "ref: refs/heads/other", "0" * 39])
def test_damaged_ref(place: Place, said: str) -> None:
    """A ref that holds no id is damage (9), never an empty vault that history could begin in anew."""
    (place.vault / "refs" / "heads" / "main").write_text(said)
    for command in ("list", "snapshot", "status", "verify"):
        done = place.run(command)
        assert (done.code, len(done.said("error")), len(done.said("hint"))) == (9, 1, 1), done


def test_lost_branch(place: Place) -> None:
    """With `main` gone and the tags still there nothing is recorded: that would begin history anew."""
    (place.vault / "refs" / "heads" / "main").unlink()
    place.write({"a": "3\n"})
    for command in ("snapshot", "verify"):
        done = place.run(command)
        assert (done.code, len(done.said("error")), len(done.said("hint"))) == (9, 1, 1), done
    assert not (place.vault / "refs" / "heads" / "main").exists()


def test_packed_refs(place: Place) -> None:
    """Refs that git packed are found, and new ones win over them."""
    place.git("pack-refs", "--all")
    place.snapshot({"a": "3\n"})
    assert len(place.ok("list")["snapshots"]) == 3
    assert place.ok("status")["live"]["matches"]
    assert place.ok("verify")["snapshots"] == 3


def test_repacked(place: Place) -> None:
    """After `git gc` everything still reads and restores."""
    place.git("gc", "-q")
    place.ok("rollback", "previous")
    assert (place.root / "a").read_text() == "1\n"
    place.snapshot({"a": "4\n"})
    place.fsck()


def test_reader_that_stops_in_the_middle(tmp_path: Path) -> None:
    """Who reads a packed object only in part, as when a disk is full, does not spoil what is read next."""
    place = Place(tmp_path)
    large = os.urandom(3 << 20)
    place.init({"large": large, "small": b"s\n"})
    place.git("gc", "-q")
    ids = {name: place.git("rev-parse", f"main:{name}").strip() for name in ("large", "small")}
    with place.parts() as site:
        pieces = site.vault.objects.chunks(ids["large"])
        assert large.startswith(next(iter(pieces)))
        pieces.close()  # type: ignore[attr-defined]
        assert site.vault.objects.read(ids["small"]) == b"s\n"
        assert site.vault.objects.read(ids["large"]) == large


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, dict[str, bytes]]:
    """Return a place with many packed objects, some larger than a pipe holds, and what they are."""
    place = Place(tmp_path_factory.mktemp("packed"))
    place.init({f"f{number:03}": os.urandom(200_000 if number % 40 == 7 else 300) for number in range(200)})
    assert place.git("count-objects") == "0 objects, 0 kilobytes\n"
    rows = [line.split() for line in place.git("ls-tree", "main").splitlines()]
    return place, {id_: (place.root / name).read_bytes() for _, type_, id_, name in rows if type_ == "blob"}


def test_reading_ahead(packed: tuple[Place, dict[str, bytes]]) -> None:
    """Read in the order that was said, every object is what it is; one out of that order is, too."""
    place, bodies = packed
    ids = list(bodies)
    with place.parts() as site, site.vault.objects.ahead(ids) as chunks:
        for number, id_ in enumerate(ids):
            if number % 50 == 3:
                assert b"".join(chunks(ids[0])) == bodies[ids[0]]
            assert b"".join(chunks(id_)) == bodies[id_]
        assert b"".join(chunks(ids[5])) == bodies[ids[5]]


@pytest.mark.parametrize("stops_at", [0, 7, 199], ids=["small", "large", "last"])
def test_reading_ahead_stops_in_the_middle(packed: tuple[Place, dict[str, bytes]], stops_at: int) -> None:
    """Who takes no more of one object is still given the right ones afterwards."""
    place, bodies = packed
    ids = list(bodies)
    with place.parts() as site, site.vault.objects.ahead(ids) as chunks:
        for number, id_ in enumerate(ids):
            pieces = chunks(id_)
            if number != stops_at:
                assert b"".join(pieces) == bodies[id_]
            else:
                next(iter(pieces))
                pieces.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("at", [0, 30, 31, 32, 100, 200])
def test_reading_ahead_of_what_is_missing(packed: tuple[Place, dict[str, bytes]], at: int) -> None:
    """A missing object is said to be where it is wanted; those around it are there."""
    place, bodies = packed
    ids = list(bodies)
    ids[at:at] = ["0" * 40]
    with place.parts() as site, site.vault.objects.ahead(ids) as chunks:
        for id_ in ids:
            if id_ in bodies:
                assert b"".join(chunks(id_)) == bodies[id_]
            else:
                with pytest.raises(IntegrityError, match=id_):
                    b"".join(chunks(id_))


# --- the key of redaction


def test_redaction_key(place: Place) -> None:
    """The key that marks are made with is private, stays the same, and is in no object of the repository."""
    key = place.vault / "configvault" / "redaction-key"
    before = key.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(before) >= 32
    assert place.run("init").code == 0
    assert key.read_bytes() == before
    assert "redaction-key" not in place.git("ls-tree", "-r", "--name-only", "main")
