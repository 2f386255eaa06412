"""A replica is somebody else's: whatever it holds, nothing is believed of it, nothing grows without end, the root stays."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hosts import Host, bare, git
from sites import look

METADATA = ".configvault-metadata.json"
MARKS = "refs/configvault/marks"
KEPT = {"before.txt": "of this host\n"}


class Forger:
    """Writes into a replica what no push would send."""

    def __init__(self, place: Path) -> None:
        """Take a replica with one host's history."""
        self.place = place

    def make(self, kind: str, body: bytes) -> str:
        """Write an object, however malformed, and return its id."""
        argv = ["git", "-C", str(self.place), "hash-object", "-w", "--literally", "-t", kind, "--stdin"]
        return subprocess.run(argv, input=body, capture_output=True, check=True).stdout.decode().strip()

    def tree(self, *rows: tuple[str, str, str]) -> str:
        """Write a tree of mode, name and id."""
        return self.make(
            "tree", b"".join(f"{mode} {name}".encode() + b"\0" + bytes.fromhex(id_) for mode, name, id_ in rows)
        )

    def commit(
        self, tree: str, ref: str = "refs/heads/main", message: str = "", when: str = "1800000000 +0000"
    ) -> str:
        """Write a commit on top of what `ref` names, as a snapshot of its own, and move `ref` there."""
        id_ = "backup_20270115_080000" if ref == "refs/heads/main" else "rejected_20270115_080000"
        parent = git(self.place, "rev-parse", "refs/heads/main")
        text = f"tree {tree}\nparent {parent}\nauthor a <a@b> {when}\ncommitter a <a@b> {when}\n\n"
        text += (
            message or f"Forged\n\nConfigvault-Id: {id_}\nConfigvault-Trigger: manual\nConfigvault-Actor: x\n"
        )
        made = self.make("commit", text.encode())
        git(self.place, "update-ref", ref, made)
        if ref == "refs/heads/main":
            git(self.place, "update-ref", f"refs/tags/{id_}", made)
        return made

    def state(self, metadata: object) -> str:
        """Commit a file and a link with this metadata file."""
        body = metadata if isinstance(metadata, bytes) else json.dumps(metadata).encode()
        rows = [
            ("100644", METADATA, self.make("blob", body)), ("100644", "a.yaml", self.make("blob", b"x: 9\n")),
            ("120000", "link", self.make("blob", b"a.yaml")),
        ]  # fmt: skip
        return self.commit(self.tree(*rows))

    def marks(self, document: object) -> str:
        """Commit marks."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.commit(self.tree(("100644", "marks.json", self.make("blob", body))), MARKS, "mark\n")

    def rejected(self, *lines: str) -> str:
        """Commit a rejected state whose message holds these lines."""
        message = "Refused\n\n" + "\n".join(lines) + "\n\nConfigvault-Id: rejected_20270115_080000\n"
        ref = "refs/configvault/rejected/rejected_20270115_080000"
        return self.commit(git(self.place, "rev-parse", "main^{tree}"), ref, message)

    def bomb(self, levels: int = 9) -> str:
        """Commit some kilobytes of trees that unpack to ten to the power of `levels` files."""
        blob = self.make("blob", b"x: 1\n")
        below = self.tree(*(("100644", f"f{n:02}", blob) for n in range(10)))
        for _ in range(levels - 1):
            below = self.tree(*(("40000", f"d{n:02}", below) for n in range(10)))
        return self.commit(below)


def row(**more: object) -> str:
    """Return a line that is nearly a finding."""
    found: dict[str, object] = {
        "rule": "r", "severity": "error", "path": "a.yaml", "line": 1, "column": 1, "message": "m",
        "excerpt": None, "hint": None,
    }  # fmt: skip
    return json.dumps(found | more)


DEEP = b"[" * 100_000
HOSTILE: dict[str, Callable[[Forger], object]] = {
    "a tree bomb": Forger.bomb,
    "a tree bomb of links": lambda f: f.commit(f.tree(*(("40000", f"d{n}", f.bomb(5)) for n in range(3)))),
    "a deep tree": lambda f: f.commit(_deep(f, 400)),
    "a submodule": lambda f: f.commit(f.tree(("160000", "sub", "1" * 40))),
    "an unknown mode": lambda f: f.commit(f.tree(("100755", "x", f.make("blob", b"")), ("100664", "y", f.make("blob", b"")))),
    "a name with a slash": lambda f: f.commit(f.tree(("100644", "a/b", f.make("blob", b"")))),
    "a name that leads up": lambda f: f.commit(f.tree(("40000", "..", f.tree(("100644", "x", f.make("blob", b"")))))),
    "a name of git's": lambda f: f.commit(f.tree(("40000", ".git", f.tree(("100644", "x", f.make("blob", b"")))))),
    "a name twice": lambda f: f.commit(f.tree(("100644", "a", f.make("blob", b"1")), ("100644", "a", f.make("blob", b"2")))),
    "a tree cut off": lambda f: f.commit(f.make("tree", b"100644 a\0" + b"1" * 7)),
    "a tree that is none": lambda f: f.commit(f.make("tree", b"\xff" * 30)),
    "a blob that is away": lambda f: f.commit(f.tree(("100644", "a", "2" * 40))),
    "metadata: no JSON": lambda f: f.state(b"{"),
    "metadata: deep": lambda f: f.state(DEEP),
    "metadata: a list": lambda f: f.state([]),
    "metadata: another format": lambda f: f.state({"format": 2}),
    "metadata: a mode of a link": lambda f: f.state({"format": 1, "paths": {"link": {"mode": "0600"}}}),
    "metadata: modes of links": lambda f: f.state({"format": 1, "defaults": {"link": "0644"}}),
    "metadata: what is not there": lambda f: f.state({"format": 1, "paths": {"b": {"mode": "0600"}}}),
    "metadata: a plain mode": lambda f: f.state({"format": 1, "paths": {"a.yaml": {"mode": "0644"}}}),
    "metadata: executable, and not": lambda f: f.state({"format": 1, "paths": {"a.yaml": {"mode": "0755"}}}),
    "metadata: an owner of -1": lambda f: f.state({"format": 1, "paths": {"a.yaml": {"uid": -1}}}),
    "metadata: an owner of 2^32-1": lambda f: f.state({"format": 1, "paths": {"a.yaml": {"uid": 4294967295}}}),
    "metadata: an owner that is text": lambda f: f.state({"format": 1, "paths": {"a.yaml": {"uid": "0"}}}),
    "metadata: a folder that is a file": lambda f: f.state({"format": 1, "empty_folders": ["a.yaml"]}),
    "metadata: a folder below a file": lambda f: f.state({"format": 1, "empty_folders": ["a.yaml/x"]}),
    "metadata: a folder that leads up": lambda f: f.state({"format": 1, "empty_folders": ["../x"]}),
    "metadata: a folder from the top": lambda f: f.state({"format": 1, "empty_folders": ["/tmp/x"]}),
    "metadata: a folder of no name": lambda f: f.state({"format": 1, "empty_folders": [""]}),
    "metadata: a folder of git's": lambda f: f.state({"format": 1, "empty_folders": [".git"]}),
    "metadata: a deep folder": lambda f: f.state({"format": 1, "empty_folders": ["x/" * 400 + "x"]}),
    "metadata: a long name": lambda f: f.state({"format": 1, "empty_folders": ["x" * 300]}),
    "metadata: a NUL": lambda f: f.state({"format": 1, "empty_folders": ["x\0y"]}),
    "metadata: an unknown key": lambda f: f.state({"format": 1, "more": 1}),
    "metadata: a root of no mode": lambda f: f.state({"format": 1, "root": {"mode": "99999"}}),
    "no date": lambda f: f.commit(git(f.place, "rev-parse", "main^{tree}"), when="1 +9959"),
    "a date beyond": lambda f: f.commit(git(f.place, "rev-parse", "main^{tree}"), when="253402300799 +0000"),
    "a date far beyond": lambda f: f.commit(git(f.place, "rev-parse", "main^{tree}"), when="99999999999999 +0000"),
    "an id that is none": lambda f: f.commit(git(f.place, "rev-parse", "main^{tree}"), message="x\n\nConfigvault-Id: ../../x\n"),
    "no trailers": lambda f: f.commit(git(f.place, "rev-parse", "main^{tree}"), message="x\n"),
    "a finding without rule": lambda f: f.rejected("{}"),
    "a finding that is no JSON": lambda f: f.rejected("{not json"),
    "a finding that is deep": lambda f: f.rejected('{"x":' + "[" * 100_000),
    "a finding with more": lambda f: f.rejected(row(more=1)),
    "a finding of no severity": lambda f: f.rejected(row(severity="worst")),
    "a finding that is a number": lambda f: f.rejected(row(message=7)),
    "a finding at a text": lambda f: f.rejected(row(line="1")),
    "a finding at line -1": lambda f: f.rejected(row(line=-1)),
    "a finding that moves the cursor": lambda f: f.rejected(row(message="\x1b[2J", path="\x1b]0;x\x07")),
    "marks: no JSON": lambda f: f.marks(b"{"),
    "marks: deep": lambda f: f.marks(DEEP),
    "marks: a list": lambda f: f.marks([]),
    "marks: pins of numbers": lambda f: f.marks({"pins": {"x": 1}}),
    "marks: pins in a list": lambda f: f.marks({"pins": ["x"]}),
    "marks: a note that is none": lambda f: f.marks({"annotations": {"x": "y"}}),
    "marks: what is loaded": lambda f: f.marks({"loaded": ["x"]}),
    "marks: good is a text": lambda f: f.marks({"good": "backup_20270115_080000"}),
}  # fmt: skip


def _deep(forger: Forger, levels: int) -> str:
    below = forger.tree(("100644", "x", forger.make("blob", b"")))
    for _ in range(levels):
        below = forger.tree(("40000", "d", below))
    return below


READING = (
    ("list", "--all"), ("show", "latest"), ("list", "--path", "a.yaml"), ("diff",), ("status",), ("rejected", "list"),
    ("rejected", "show"), ("rejected", "diff"), ("report",), ("verify",), ("verify", "--restore-test"), ("doctor",),
    ("prune", "-n", "--keep-last", "1"), ("rollback", "latest", "-n"),
)  # fmt: skip


@pytest.fixture
def forger(tmp_path: Path) -> Forger:
    """Return a replica that holds the history of `web-1`."""
    place = bare(tmp_path / "web-1.git")
    host = Host(tmp_path / "old", "web-1", replicas=[{"url": str(place)}])
    host.record(text="x: 1\n")
    host.record(text="x: 2\n")
    host.ok("replicate")
    return Forger(place)


@pytest.mark.parametrize("what", HOSTILE)
def test_what_a_replica_may_hold(forger: Forger, tmp_path: Path, what: str) -> None:
    """Each is refused before the root is written, or recovered as it is; no command breaks over it, none shows its signs."""
    HOSTILE[what](forger)
    host = Host(tmp_path / "new", "web-1", replicas=[{"url": str(forger.place)}])
    host.write(KEPT)
    before = look(host.root)
    done = host.run("recover", "--from", str(forger.place), "--force")
    assert done.code in (0, 1, 9), (what, done)
    assert "bug in configvault" not in done.err
    if done.code:
        assert look(host.root) == before, (what, done.err)
    # What was fetched before, or by somebody else, lies in a vault all the same.
    fetch = ["git", "-C", str(host.vault), "-c", "fetch.fsckObjects=false", "fetch", "-q", "--update-head-ok"]
    subprocess.run([*fetch, str(forger.place), "+refs/*:refs/*"], capture_output=True, check=False)
    reading = READING[1:2] if "bomb" in what else READING
    for argv in (*reading, ("fleet", "status", "--from", str(forger.place.parent / "{host}.git"))):
        ran = host.run(*argv)
        assert "bug in configvault" not in ran.err, (what, argv, ran.err)
        assert "\x1b" not in ran.out + ran.err, (what, argv)


def test_a_tree_bomb_among_many(forger: Forger, tmp_path: Path) -> None:
    """One host's bomb is named with its limit beside the hosts that are well."""
    forger.bomb()
    well = bare(tmp_path / "web-2.git")
    host = Host(tmp_path / "two", "web-2", replicas=[{"url": str(well)}])
    host.record()
    host.ok("replicate")
    done = host.run("fleet", "status", "--from", f"{tmp_path}/{{host}}.git", "--json")
    hosts = {one["host"]: one for one in done.json["hosts"]}
    assert done.code == 6
    assert "more than 200000 entries" in hosts["web-1"]["error"]
    assert hosts["web-2"]["error"] is None


def test_a_tree_bomb_names_the_key(forger: Forger, tmp_path: Path) -> None:
    """Recovery names the limit that a bomb went past, and writes nothing."""
    forger.bomb()
    host = Host(tmp_path / "new", "web-1", validate={"profile": "generic", "max_files": 500})
    done = host.run("recover", "--from", str(forger.place))
    assert done.code == 9
    assert "more than 1000 entries" in done.err
    assert "validate.max_files" in done.err
    assert list(host.root.iterdir()) == []


def key(path: Path) -> str:
    """Make an ssh key; return its public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path.with_suffix(".pub").read_text().strip()


@pytest.mark.parametrize("how", ["unsigned", "another key", "forged on top"])
def test_only_a_signed_history_is_recovered(tmp_path: Path, how: str) -> None:
    """Where signing is configured, a history that nobody trusted has signed is refused before the root is touched."""
    own, other, place = tmp_path / "own", tmp_path / "other", bare(tmp_path / "web-1.git")
    key(own)
    stranger = key(other)
    signing = {"unsigned": None, "another key": str(other), "forged on top": str(own)}[how]
    more = {"signing": {"key": signing}} if signing else {}
    old = Host(tmp_path / "old", "web-1", replicas=[{"url": str(place)}], **more)
    old.record()
    old.ok("replicate")
    if how == "forged on top":
        forger = Forger(place)
        forger.commit(forger.tree(("100644", "evil.yaml", forger.make("blob", b"x: 1\n"))))
    host = Host(tmp_path / "new", "web-1", signing={"key": str(own)})
    host.write(KEPT)
    before = look(host.root)
    done = host.run("recover", "--from", str(place), "--force")
    assert done.code == 9, done
    assert "nothing was restored" in done.err
    assert "signing.trusted" in done.err
    assert look(host.root) == before
    assert host.ok("list")["snapshots"] == []
    # The same history is taken where its key is trusted, and nothing of the first try is in the way.
    if how == "another key":
        host.configure(signing={"key": str(own), "trusted": stranger})
        assert host.run("recover", "--from", str(place), "--force").code == 0
        assert (host.root / "a.yaml").exists()
