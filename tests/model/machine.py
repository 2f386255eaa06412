"""What is played, and what must hold after every step.

To add a verb, add a method with `@rule` here that calls `self.do` with the command line and what the model says of it,
and one method to `opinion.Model` that has the same effect and returns the exit code. All else follows: the checks, and that it
may be killed in the middle.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import plugins
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from opinion import BROKEN, BUSY, FAILED, HELD, ILL, POISON, UNKNOWN, USAGE, Model
from play import Real

FILES = ("a.yaml", "b.txt", "d/c.yaml", "d/e/f.txt")
FOLDERS = ("d", "d/e", "empty")
LINK = "link"
PATHS = st.sampled_from([*FILES, *FOLDERS, LINK])
NUMBERS = st.integers(0, 3)
IGNORED = st.sampled_from([(), ("*.txt",), ("a.*",), ("d/c*",), ("e",), ("d",), ("link", "d/e/f*")])
REFERENCES = st.tuples(
    st.sampled_from(
        ["id", "prefix", "commit", "latest", "previous", "good", "pin", "rejected", "at", "pruned"]
    ),
    st.integers(0, 7),
)
THEN = st.sampled_from(["nothing", "snapshot", "look"])
ROOTS = st.sampled_from(["lost", "kept", "elsewhere"])
NAMES = st.sampled_from(["one", "two"])
WAITS = timedelta(minutes=5)
REFUSALS = (FAILED, USAGE, UNKNOWN, BUSY, HELD)
FSCK_EVERY = 8
LAST = 4


# Why a source is held is compared by itself.
_SAID_ELSEWHERE = "the newest commit of the source is not deployed"


class Play(RuleBasedStateMachine):
    """A host, and the model of it."""

    def __init__(self) -> None:
        super().__init__()
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.base = Path(tempfile.mkdtemp(prefix="configvault-model-", dir=memory))
        self.real = Real(self.base, datetime(2024, 1, 31, 12, tzinfo=UTC))
        self.fuse: int | None = None
        self.steps = 0
        self.sound = False
        self.seen_refs: dict[str, str] = {}
        self.seen_history: list[str] = []

    @initialize(undo=st.booleans(), on_invalid=st.booleans(), reload=st.booleans(), on_failure=st.booleans())
    def begin(self, undo: bool, on_invalid: bool, reload: bool, on_failure: bool) -> None:
        """Make a root that every profile takes, and its vault."""
        for folder in ("pluginproduct", "common"):
            (self.real.root / folder).mkdir()
        for path, text in plugins.GOOD.items():
            (self.real.root / path).write_text(text)
        (self.real.root / "d" / "e").mkdir(parents=True)
        for path in FILES:
            (self.real.root / path).write_bytes(b"v: 0\n")
        self.real.git_init_replica()
        self.real.offer({"a.yaml": ("file", 0o644, b"v: 0\n")})
        self.model = Model(self.real.tree(), self.real.now, frozenset(plugins.GOOD))
        self.model.offered = (1, {"a.yaml": ("file", 0o644, b"v: 0\n")})
        self.reactions(undo, on_invalid, reload, on_failure)
        self.do(("init",), lambda model: model.init())
        self.send("replicate")

    def teardown(self) -> None:
        """Look at everything once more, restore what is kept for real, and clean up."""
        try:
            if self.sound:
                self.finish()
        finally:
            self.real.forget()
            shutil.rmtree(self.base)

    def finish(self) -> None:
        """Prove that the vault is intact, and that each snapshot comes back by `export` and the newest by `rollback`."""
        self.real.fsck()
        self.real.document("verify", "--restore-test")
        for one in self.model.vault.listed():
            there = self.real.export(one.id)
            assert there == one.tree, f"{one.id} holds {differences(there, one.tree)}"
        self.fuse = None
        self.configure(ignore=())
        for one in self.model.vault.listed()[:LAST]:
            if self.model.pending is None:
                self.go_back(
                    ("id", self.model.vault.snapshots[::-1].index(one)), None, force=True, reload=False
                )
                self.holds()
                there = self.real.tree()
                assert there == one.tree, f"{one.id} was restored as {differences(there, one.tree)}"

    def check_invariants(self, settings: Any, output: Any, *more: Any) -> None:
        """Check without a line of its own for each time in the steps that are printed."""
        super().check_invariants(settings, lambda _line: None, *more)

    # --- how a step is taken

    def do(
        self,
        words: tuple[str, ...],
        say: Callable[[Model], int],
        act: Callable[[], int] | None = None,
        *,
        may_be_killed: bool = True,
    ) -> None:
        """Take a step: run a command (or `act`, which `words` describe), and compare what comes of it with the model."""
        self.sound = False
        self.pass_time(timedelta(seconds=7))
        act = act or (lambda: self.real.run(*words))
        shown = " ".join(words)
        if self.fuse is None or not may_be_killed or say(self.model.copy()) in REFUSALS:
            expected = say(self.model)
            code = act()
            note(f"{self.real.now:%H:%M:%S} {shown}: exit {code}")
            assert code == expected, f"{shown}: exit {code}, not {expected}\n{self.real.out}{self.real.err}"
        else:
            call, self.fuse = self.fuse, None
            candidates = self.model.after_a_kill(say)
            killed = self.real.killed(act, call)
            self.real.run("unpin", "no-such-pin")  # takes the lock, and so finishes what was interrupted
            ended = f"killed before its call {call}, {killed}" if killed else "not killed in time"
            note(f"{self.real.now:%H:%M:%S} {shown}: {ended}")
            self.adopt(candidates if killed else candidates[-1:])

    def adopt(self, candidates: list[Model]) -> None:
        """Take the last of `candidates` that is what is there."""
        there = self.summary()
        same = [one for one in candidates if self.expected(one) == there]
        assert same, "\nor\n".join(differences(there, self.expected(one)) for one in candidates)
        self.model = same[-1]

    def pass_time(self, by: timedelta) -> None:
        """Set the clock of host and model."""
        self.model.now += by
        self.real.now = self.model.now

    def name(self, reference: tuple[str, int]) -> str:
        """Return a reference of that kind, to one of what there is."""
        kind, number = reference
        model = self.model
        every = [*reversed(model.vault.snapshots)]
        one = every[number % len(every)]
        if kind == "pruned" and model.vault.pruned:
            return model.commits[sorted(model.vault.pruned)[number % len(model.vault.pruned)]]
        if kind == "prefix":
            return one.id[: len(one.id) - number % 5]
        if kind == "commit":
            return model.commits[one.id][: 40 if number % 2 else 12]
        pins, rejected = sorted(model.vault.pins), sorted(model.vault.rejected)
        if kind == "pin" and (pins or number == 0):
            return f"pin:{pins[number % len(pins)] if pins else 'none'}"
        if kind == "rejected" and (rejected or number == 0):
            return rejected[number % len(rejected)] if rejected else "rejected_20240101_000000"
        return kind if kind in ("latest", "previous", "good", "at") else one.id

    # --- the root changes

    def put(self, path: str, *node: Any) -> None:
        """Change the root and the model."""
        root = dict(self.model.root)
        if node:
            for above in reversed([str(one) for one in Path(path).parents][:-1]):
                if above not in root:
                    root[above] = ("folder", 0o755, b"")
                    self.real.put(above, root[above])
            self.real.put(path, node)  # type: ignore[arg-type]
            if node[0] != "folder":
                root = {one: was for one, was in root.items() if not one.startswith(path + "/")}
            root[path] = node  # type: ignore[assignment]
        else:
            self.real.put(path, None)
            root = {one: was for one, was in root.items() if one != path and not one.startswith(path + "/")}
        self.model.root = root

    @rule(path=st.sampled_from(FILES), number=NUMBERS, then=THEN)
    def edit(self, path: str, number: int, then: str) -> None:
        """Somebody edits a file, which makes a broken one whole again."""
        self.write(path, b"v: %d\n" % number, then)

    @rule(path=st.sampled_from(FILES), what=st.sampled_from([BROKEN, BROKEN, POISON, ILL]), then=THEN)
    def spoil(self, path: str, what: bytes, then: str) -> None:
        """Somebody makes a file invalid, or one that the service does not take."""
        self.write(path, what + b"%d\n" % self.steps, then)

    def write(self, path: str, content: bytes, then: str) -> None:
        """Write a file, and record it."""
        mode = self.model.root[path][1] if self.is_file(path) else 0o644
        self.put(path, "file", mode, content)
        if then == "look":
            self.look()
        elif then == "snapshot":
            self.snapshot(False, None)

    def is_file(self, path: str) -> bool:
        """Return whether there is a file."""
        return self.model.root.get(path, ("",))[0] == "file"

    @rule(path=st.sampled_from([".", *FILES, *FOLDERS]), private=st.booleans())
    def chmod(self, path: str, private: bool) -> None:
        """Somebody changes a mode."""
        if path in self.model.root and self.model.root[path][0] != "link":
            sort, _, content = self.model.root[path]
            mode = (0o700 if private else 0o755) if sort == "folder" else (0o600 if private else 0o755)
            (self.real.root / path).chmod(mode)
            self.model.root = {**self.model.root, path: (sort, mode, content)}

    @rule(path=PATHS | st.just("."))
    def remove(self, path: str) -> None:
        """Somebody removes something, or all."""
        for one in sorted(self.model.root, reverse=True) if path == "." else [path]:
            if one != ".":
                self.put(one)

    @rule(path=st.sampled_from([*FOLDERS, LINK, "b.txt"]), to=st.sampled_from(["a.yaml", "d", "nowhere"]))
    def make(self, path: str, to: str) -> None:
        """Somebody makes a folder, or a link."""
        if path not in FOLDERS:
            self.put(path, "link", 0o777, to.encode())
        elif path not in self.model.root:
            self.put(path, "folder", 0o755, b"")

    # --- the surroundings change

    def configure(self, **changes: Any) -> None:
        """Change the configuration."""
        self.model.config = replace(self.model.config, **changes)
        self.real.configure(self.model.config)

    @rule(patterns=IGNORED, then=st.sampled_from(["nothing", "spoil", "recover"]), root=ROOTS)
    def ignore(self, patterns: tuple[str, ...], then: str, root: str) -> None:
        """Other files are ignored from now on, and something goes wrong before anything is recorded."""
        self.configure(ignore=patterns)
        if then == "recover" and self.model.replica is not None:
            self.lose_and_recover(root)
        elif then == "spoil":
            [path, *_] = (path for path in ("a.yaml", "d/c.yaml") if not self.model.ignored(path))
            self.spoil(path, BROKEN, "look")

    @rule(
        profile=st.sampled_from(["generic", "coze"]),
        name=st.sampled_from(["yaml-syntax", "mass-removal", "link"]),
        severity=st.sampled_from(["warning", "off", "error"]),
    )
    def rules(self, profile: str, name: str, severity: str) -> None:
        """Another profile is used from now on, and a rule has another severity."""
        self.configure(profile=profile, rules=((name, severity),))

    @rule(undo=st.booleans(), on_invalid=st.booleans(), reload=st.booleans(), on_failure=st.booleans())
    def reactions(self, undo: bool, on_invalid: bool, reload: bool, on_failure: bool) -> None:
        """What is done without being asked changes."""
        words = ("report", "restore")
        self.configure(
            undo=undo, on_invalid=words[on_invalid], reload=reload, on_reload_failure=words[on_failure]
        )

    @rule(by=st.sampled_from([1, 60, 400, 3601, 90_000, -1, -60, -3700]))
    def clock(self, by: int) -> None:
        """Time passes, or somebody sets the clock."""
        self.pass_time(timedelta(seconds=by))

    @rule(call=st.integers(0, 20))
    def strike_soon(self, call: int) -> None:
        """The next command that changes something is killed before its state-changing call of that number."""
        self.fuse = call

    @rule(call=st.integers(21, 90))
    def strike_late(self, call: int) -> None:
        """The same at a later call."""
        self.fuse = call

    # --- commands

    @rule(force=st.booleans(), pin=st.none() | NAMES)
    def snapshot(self, force: bool, pin: str | None) -> None:
        """`snapshot`."""
        words = ("snapshot", *(["--force"] if force else []), *(["--pin", pin] if pin else []))
        self.do(words, lambda model: model.snapshot(force=force, pin=pin))

    @rule()
    def look(self) -> None:
        """The daemon looks, records and reacts."""
        self.do(("the daemon looks",), lambda model: model.look(), self.real.look)

    @rule(reference=REFERENCES, force=st.booleans())
    def rollback(self, reference: tuple[str, int], force: bool) -> None:
        """`rollback`, by every kind of reference."""
        self.go_back(reference, None, force=force)

    @rule(reference=REFERENCES, path=PATHS, force=st.booleans())
    def rollback_path(self, reference: tuple[str, int], path: str, force: bool) -> None:
        """`rollback --path`."""
        self.go_back(reference, path, force=force)

    @rule(
        reference=REFERENCES,
        path=st.none() | PATHS,
        force=st.booleans(),
        reload=st.booleans(),
        then=st.sampled_from(["nothing", "confirm", "cancel", "expire"]),
    )
    def rollback_confirm(
        self, reference: tuple[str, int], path: str | None, force: bool, reload: bool, then: str
    ) -> None:
        """`rollback --confirm`, and what becomes of it."""
        self.go_back(reference, path, force=force, reload=reload, confirm=True)
        if then != "nothing" and self.model.pending is not None:
            self.holds()
            self.answer(then)

    @precondition(lambda self: self.model.pending is not None)
    @rule(how=st.sampled_from(["confirm", "cancel", "expire"]))
    def answer(self, how: str) -> None:
        """`confirm`, `cancel`, or nothing until the time is over."""
        if how == "expire":
            self.pass_time(WAITS)
            self.look()
        elif how == "confirm":
            self.do(("confirm",), lambda model: model.confirm())
        else:
            self.do(("cancel",), lambda model: model.cancel())

    def go_back(
        self,
        reference: tuple[str, int],
        path: str | None,
        *,
        force: bool,
        reload: bool = True,
        confirm: bool = False,
    ) -> None:
        """Roll back in one way or another."""
        named: str | datetime = self.name(reference)
        words = ["rollback", str(named)]
        if reference[0] == "at":
            named = self.model.now - timedelta(seconds=20 * reference[1])
            words = ["rollback", "--at", named.isoformat()]
        words += ["--path", path] if path else []
        words += ["--force"] if force else []
        words += [] if reload else ["--no-reload"]
        words += ["--confirm=5m"] if confirm else []

        def act() -> int:
            with self.real.daemon():
                return self.real.run(*words)

        def say(model: Model) -> int:
            waits = WAITS if confirm else None
            return model.rollback(named, path=path, force=force, reload=reload, confirm=waits)

        self.do(tuple(words), say, act if confirm else None)

    @rule(
        reference=REFERENCES,
        spoilt=st.sampled_from([b"", b"", b"", BROKEN, POISON, ILL]),
        force=st.booleans(),
        reload=st.booleans(),
        confirm=st.booleans(),
    )
    def deploy(
        self, reference: tuple[str, int], spoilt: bytes, force: bool, reload: bool, confirm: bool
    ) -> None:
        """`deploy --preserve` of what a snapshot holds, one file of it changed."""
        every = [*reversed(self.model.vault.snapshots), *self.model.vault.rejected.values()]
        offered = dict(every[reference[1] % len(every)].tree)
        if spoilt:
            offered = {path: node for path, node in offered.items() if path.partition("/")[0] != "a.yaml"}
            offered["a.yaml"] = ("file", 0o644, spoilt + b"%d\n" % self.steps)
        words = ["deploy", str(self.real.directory(offered)), "--preserve"]
        words += ["--force"] if force else []
        words += [] if reload else ["--no-reload"]
        words += ["--confirm=5m"] if confirm else []

        def act() -> int:
            with self.real.daemon():
                return self.real.run(*words)

        def say(model: Model) -> int:
            waits = WAITS if confirm else None
            return model.deploy(offered, force=force, reload=reload, confirm=waits)

        self.do(tuple(words), say, act if confirm else None)

    @rule(path=st.sampled_from(FILES), number=NUMBERS, spoilt=st.sampled_from([b"", b"", BROKEN, POISON, ILL]))
    def edit_safely(self, path: str, number: int, spoilt: bytes) -> None:
        """`edit`, where the path leads through no file or link."""
        above = [str(one) for one in Path(path).parents][:-1]
        if any(self.model.root.get(one, ("folder",))[0] != "folder" for one in above):
            return
        content = spoilt + b"%d\n" % self.steps if spoilt else b"v: %d\n" % number

        def act() -> int:
            with self.real.editor(content):
                return self.real.run("edit", path)

        self.do(("edit", path, content.decode()), lambda model: model.edit(path, content), act)

    @rule(
        files=st.lists(
            st.tuples(st.sampled_from(FILES), NUMBERS | st.sampled_from([BROKEN, POISON])), min_size=1
        )
    )
    def offer(self, files: list[tuple[str, int | bytes]]) -> None:
        """Somebody pushes a commit to the source: the plugins, and these files."""
        tree = {path: ("file", 0o644, text.encode()) for path, text in plugins.GOOD.items()}
        for path, what in files:
            content = what + b"%d\n" % self.steps if isinstance(what, bytes) else b"v: %d\n" % what
            tree[path] = ("file", 0o644, content)
        self.real.offer(tree)
        self.model.offered = (self.model.offered[0] + 1, tree)

    @rule(force=st.sampled_from([False, False, True]), overwrite=st.none() | st.booleans())
    def pull(self, force: bool, overwrite: bool | None) -> None:
        """`pull`, perhaps with another way to take a change by hand."""
        if overwrite is not None:
            self.configure(on_drift="overwrite" if overwrite else "report")
        words = ("pull", *(["--force"] if force else []))
        self.do(words, lambda model: model.pull(force=force), may_be_killed=False)

    @rule(verb=st.sampled_from(["pin", "pin", "unpin", "annotate"]), reference=REFERENCES, name=NAMES)
    def label(self, verb: str, reference: tuple[str, int], name: str) -> None:
        """`pin`, `unpin` and `annotate`."""
        named = self.name(reference)
        if verb == "pin":
            self.do(("pin", named, name), lambda model: model.pin(named, name))
        elif verb == "unpin":
            self.do(("unpin", name), lambda model: model.unpin(name))
        else:
            self.do(("annotate", named, "-m", name), lambda model: model.annotate(named, name))

    @rule(verb=st.sampled_from(["replicate", "replicate", "replicate", "reload", "status"]))
    def send(self, verb: str) -> None:
        """`replicate`, `reload`, and `status` by a process of its own."""
        if verb == "reload":
            self.do(("reload",), lambda model: model.reload())
        elif verb == "status":
            self.compare_process()
        else:
            self.do(("replicate",), lambda model: model.replicate(), may_be_killed=False)

    @precondition(lambda self: self.model.vault.rejected)
    @rule(number=st.integers(0, 3))
    def drop(self, number: int) -> None:
        """`rejected drop`."""
        id_ = self.name(("rejected", number))
        self.do(("rejected", "drop", id_), lambda model: model.drop(id_))

    @rule(keep_last=st.integers(1, 3), keep_good=st.none() | st.integers(1, 2))
    def prune(self, keep_last: int, keep_good: int | None) -> None:
        """`prune`."""
        words = [
            "prune",
            "--keep-last",
            str(keep_last),
            *(["--keep-good", str(keep_good)] if keep_good else []),
        ]
        self.do(tuple(words), lambda model: model.prune(keep_last, keep_good))

    @precondition(lambda self: self.model.replica is not None)
    @rule(root=ROOTS)
    def lose_and_recover(self, root: str) -> None:
        """The disk with the vault is lost; `recover` brings it back from the replica, with `--force` over a root."""
        self.real.lose(root=root == "lost")
        self.seen_refs, self.seen_history = {}, []
        force, into = root == "kept", []
        if root == "elsewhere":
            self.real.root = self.real.new_root()
            into = ["--into", str(self.real.root)]
        if root != "kept":
            self.model.root = {}
        words = ("recover", "--from", self.real.replica_url, *into, *(["--force"] if force else []))
        self.do(words, lambda model: model.recover(force=force), may_be_killed=False)
        self.real.configure(self.model.config)
        if root == "elsewhere":
            self.real.adopt()

    def compare_process(self) -> None:
        """The real command line, by the real clock, shows the same."""
        there, here = (run("status") for run in (self.real.process, self.real.document))
        same = ("live", "latest", "loaded", "good", "degraded")
        there, here = ({key: shown[key] for key in same} for shown in (there, here))
        assert there == here, differences(there, here)

    # --- what must hold

    @invariant()
    def holds(self) -> None:
        """Compare everything there is to see with the model."""
        if not hasattr(self, "model"):
            return
        self.steps += 1
        self.sound = False
        there, expected = self.summary(), self.expected(self.model)
        assert there == expected, differences(there, expected)
        self.check_history()
        assert not self.real.leftovers()
        if self.steps % FSCK_EVERY == 0:
            self.real.fsck()
        self.sound = True

    def summary(self) -> dict[str, Any]:
        """Return what there is to see."""
        listed = self.real.document("list", "--all")["snapshots"]
        status = self.real.document("status")
        kept = self.real.document("prune", "-n", "--keep-last", "1")
        pending = status["pending"]
        self.listed = listed
        return {
            "root": self.real.tree(),
            "snapshots": [
                (
                    one["id"],
                    one["trigger"],
                    one["good"],
                    one["rolled_back"],
                    sorted(one["pins"]),
                    one["annotations"],
                )
                for one in listed
                if one["id"].startswith("backup_")
            ],
            "rejected": sorted(one["id"] for one in listed if one["id"].startswith("rejected_")),
            "latest": status["latest"],
            "matches": status["live"]["matches"],
            "loaded": status["loaded"],
            "good": status["good"],
            "pending": pending
            and (pending["target"], pending["safety"], pending["recorded"], pending["until"]),
            "degraded": [one for one in status["degraded"] if not one.startswith(_SAID_ELSEWHERE)],
            "prune": {one["id"]: set(one["reasons"]) for one in kept["kept"]}
            | {id_: set() for id_ in kept["removed"]},
            "restores": self.real.restores(),
            "held": status["source"]["held"],
        }

    def expected(self, model: Model) -> dict[str, Any]:
        """Return what the model says there is to see."""
        vault, waits = model.vault, model.pending
        listed = vault.listed()
        return {
            "root": model.root,
            "snapshots": [
                (
                    one.id,
                    one.trigger,
                    one.id in vault.good,
                    one.id in vault.left,
                    sorted(name for name, id_ in vault.pins.items() if id_ == one.id),
                    list(vault.notes.get(one.id, ())),
                )
                for one in listed
            ],
            "rejected": sorted(vault.rejected),
            "latest": vault.latest.id,
            "matches": vault.latest.id if model.live() == vault.latest.tree else None,
            "loaded": vault.loaded,
            "good": next((one.id for one in listed if one.id in vault.good and one.id not in vault.left), None),
            "pending": waits and (waits.target, waits.safety, waits.recorded, waits.until.isoformat()),
            "degraded": [f"the service failed to load {vault.failed} at the last reload: configvault reload"]
            if vault.failed
            else [],
            "prune": model.reasons(1),
            "restores": [at for at, _ in model.restores],
            "held": model.pulled.held,
        }

    def check_history(self) -> None:
        """Fail unless history only grew, and all that is new in it restores to what the model says it holds."""
        refs = self.real.refs()
        if refs == self.seen_refs:
            return
        history = self.real.history()
        assert history[len(history) - len(self.seen_history) :] == self.seen_history, "history was rewritten"
        assert all(len(line.split()) == 2 for line in history[:-1]), "history is not linear"
        for ref, commit in self.seen_refs.items():
            if ref.startswith(("refs/tags/", "refs/configvault/rejected/")):
                assert refs.get(ref, commit) == commit, f"{ref} was moved"
        for one in self.listed:
            if self.model.commits.get(one["id"]) != one["commit"]:
                self.model.commits[one["id"]] = one["commit"]
                there, expected = self.real.export(one["id"]), self.model.vault.find(one["id"]).tree
                assert there == expected, f"{one['id']} holds {differences(there, expected)}"
        self.seen_refs, self.seen_history = refs, history


def differences(there: Any, expected: Any, where: str = "") -> str:
    """Return how what is there differs from what is expected, one line each."""
    if isinstance(there, dict) and isinstance(expected, dict):
        keys = [key for key in {**there, **expected} if there.get(key) != expected.get(key)]
        return "\n".join(differences(there.get(key), expected.get(key), f"{where}/{key}") for key in keys)
    if isinstance(there, list) and isinstance(expected, list):
        more, less = (
            [one for one in there if one not in expected],
            [one for one in expected if one not in there],
        )
        return f"{where.strip('/')}: {more} instead of {less}" + ("" if more or less else ": another order")
    return f"{where.strip('/')}: {there!r} instead of {expected!r}"
