"""What configvault should do, in memory: a second opinion, written from what it promises and not from its code.

A tree is a dict from path to (sort, mode, content); `.` is the root folder itself, and a link's content is where it
points. Trees are never changed in place, so that copies of a `Model` may share them.

Each verb returns the exit code that the command must have. It takes its effect in pieces that last one by one; `_point`
keeps a copy of the model after each, since those are the states that a kill may leave behind.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

Node = tuple[str, int, bytes]
Tree = dict[str, Node]

DONE, FAILED, USAGE, REJECTED, UNKNOWN, BUSY, HELD, RELOAD_FAILED, UNDONE = 0, 1, 2, 3, 4, 5, 6, 7, 8
HOUR = timedelta(hours=1)
RESTORES_AN_HOUR = 5
BROKEN, POISON, ILL = b"broken: [", b"poison: ", b"ill: "
"""Content that is no YAML, that the service refuses to load, and with which it loads but is not well."""


@dataclass(frozen=True)
class Kept:
    """A snapshot or a rejected state; `commit` is learned from the vault."""

    id: str
    tree: Tree
    at: datetime
    trigger: str

    @property
    def is_snapshot(self) -> bool:
        """Return whether it was accepted."""
        return self.id.startswith("backup_")


@dataclass(frozen=True)
class Pending:
    """A rollback that waits for its confirmation."""

    target: str
    safety: str
    recorded: str | None
    until: datetime


@dataclass(frozen=True)
class Config:
    """The part of the configuration that the verbs change."""

    ignore: tuple[str, ...] = ()
    profile: str = "generic"
    rules: tuple[tuple[str, str], ...] = ()
    undo: bool = False
    on_invalid: str = "report"
    reload: bool = False
    on_reload_failure: str = "report"
    on_drift: str = "report"


@dataclass(frozen=True)
class Pulled:
    """What is known of the source: the commit deployed last with its snapshot and tree, the one refused, why one is held."""

    deployed: int | None = None
    snapshot: str | None = None
    tree: Tree | None = None
    refused: int | None = None
    held: str | None = None


@dataclass
class Vault:
    """What the vault holds; `snapshots` are oldest first, and those in `pruned` are commits without a tag."""

    snapshots: list[Kept] = field(default_factory=list)
    pruned: set[str] = field(default_factory=set)
    rejected: dict[str, Kept] = field(default_factory=dict)
    good: set[str] = field(default_factory=set)
    left: dict[str, str] = field(default_factory=dict)
    pins: dict[str, str] = field(default_factory=dict)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    loaded: str | None = None
    failed: str | None = None
    """What the service did not take when it was told to load last."""

    def copy(self) -> Vault:
        """Return the same, which changes by itself."""
        return Vault(*(copy.copy(getattr(self, name)) for name in self.__dataclass_fields__))

    @property
    def latest(self) -> Kept:
        """Return the newest snapshot."""
        return self.snapshots[-1]

    def listed(self) -> list[Kept]:
        """Return the snapshots, newest first."""
        return [one for one in reversed(self.snapshots) if one.id not in self.pruned]

    def find(self, id_: str) -> Kept:
        """Return the snapshot or rejected state called `id_`, pruned or not."""
        return self.rejected[id_] if id_ in self.rejected else next(s for s in self.snapshots if s.id == id_)


@dataclass
class Model:
    """Root, vault, configuration and clock."""

    root: Tree
    now: datetime
    required: frozenset[str]
    vault: Vault = field(default_factory=Vault)
    config: Config = Config()
    pending: Pending | None = None
    restores: list[tuple[datetime, Tree]] = field(default_factory=list)
    replica: Vault | None = None
    commits: dict[str, str] = field(default_factory=dict)
    points: list[Model] | None = None
    offered: tuple[int, Tree] = (0, {})
    """The newest commit of the source: its number, and its files by path."""
    pulled: Pulled = Pulled()

    def copy(self) -> Model:
        """Return the same, which changes by itself."""
        replica = self.replica.copy() if self.replica else None
        return replace(
            self, vault=self.vault.copy(), replica=replica, restores=list(self.restores), points=None
        )

    def _point(self) -> None:
        if self.points is not None:
            self.points.append(self.copy())

    def after_a_kill(self, verb: Callable[[Model], int]) -> list[Model]:
        """Return each state that may be found when the lock was taken again after a kill during `verb`."""
        trial = self.copy()
        trial.points = [self.copy()]
        verb(trial)
        trial._point()
        for one in trial.points:
            one.lock()
        return trial.points

    # --- what is there

    def ignored(self, path: str) -> bool:
        """Return whether `watch.ignore` names `path` or a folder above it."""
        parts = path.split("/")
        above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        return any(
            fnmatchcase(one if "/" in pattern else one.rpartition("/")[2], pattern)
            for one in above
            for pattern in self.config.ignore
        )

    def without_ignored(self, tree: Tree) -> Tree:
        """Return `tree` as far as it can be restored today."""
        return {path: node for path, node in tree.items() if not self.ignored(path)}

    def live(self) -> Tree:
        """Return what a snapshot of the root holds: a folder with nothing but ignored files says nothing."""
        seen = self.without_ignored(self.root)
        before = self.vault.latest.tree if self.vault.snapshots else {}
        for path in sorted((p for p, node in seen.items() if node[0] == "folder" and p != "."), reverse=True):
            bare = _below(self.root, path) and not _below(seen, path)
            if bare and before.get(path, ("",))[0] != "folder":
                del seen[path]
        return seen

    def restored(self, wanted: Tree) -> Tree:
        """Return the root once `wanted` is restored: what is ignored stays, and so do the folders it lies in."""
        stays = {path: node for path, node in self.root.items() if self.ignored(path)}
        folders = {above: self.root[above] for path in stays for above in _above(path)}
        return {**folders, **stays, **wanted}

    def errors(self, tree: Tree, before: Tree | None = None) -> set[str]:
        """Return the rules that reject `tree`, as the next state after `before` if given."""
        found = set()
        if any(path.endswith(".yaml") and node[2].startswith(BROKEN) for path, node in tree.items()):
            found.add("yaml-syntax")
        if before is not None:
            here = {node[2] for node in tree.values() if node[0] != "folder"}
            were = {path: node[2] for path, node in before.items() if node[0] != "folder"}
            gone = [p for p, content in were.items() if not _is_file(tree, p) and content not in here]
            if len(gone) * 2 > len(were):
                found.add("mass-removal")
        if self.config.profile == "coze":
            if any(node[0] == "link" and node[2].decode() not in tree for node in tree.values()):
                found.add("link")
            if not self.required <= tree.keys():
                found.add("file-missing")
        return {rule for rule in found if dict(self.config.rules).get(rule, "error") == "error"}

    # --- recording

    def _id(self, prefix: str, newest: str | None, taken: Iterable[str]) -> str:
        second = self.now
        if newest is not None:
            last = datetime.strptime(newest, f"{prefix}_%Y%m%d_%H%M%S").replace(tzinfo=self.now.tzinfo)
            second = max(second, last + timedelta(seconds=1))
        while (id_ := second.strftime(f"{prefix}_%Y%m%d_%H%M%S")) in taken:
            second += timedelta(seconds=1)
        return id_

    def _commit(self, trigger: str, tree: Tree) -> Kept:
        snapshots = self.vault.snapshots
        tags = {one.id for one in self.vault.listed()}
        new = Kept(self._id("backup", snapshots[-1].id if snapshots else None, tags), tree, self.now, trigger)
        snapshots.append(new)
        return new

    def _reject(self, trigger: str, tree: Tree) -> Kept:
        rejected = self.vault.rejected
        newest = max(rejected, default=None)
        if newest is not None and rejected[newest].tree == tree:
            return rejected[newest]
        new = Kept(self._id("rejected", newest, rejected), tree, self.now, trigger)
        rejected[new.id] = new
        return new

    def _record(self, trigger: str, *, force: bool = False) -> tuple[Kept, bool]:
        """Return what live is kept as, and whether that is new or rejected."""
        tree, vault = self.live(), self.vault
        if vault.snapshots and tree == vault.latest.tree:
            return vault.latest, False
        errors = self.errors(tree, vault.latest.tree if vault.snapshots else None)
        keep = self._reject if errors - ({"mass-removal"} if force else set()) else self._commit
        kept = keep(trigger, tree)
        self._point()
        return kept, True

    def init(self) -> int:
        """Record the first state."""
        self._record("manual")
        return DONE

    def snapshot(self, *, force: bool = False, pin: str | None = None) -> int:
        """Record live."""
        self.lock()
        taken = self.vault.pins.get(pin or "")
        is_latest = self.live() == self.vault.latest.tree
        if taken is not None and not (is_latest and taken == self.vault.latest.id):
            return USAGE
        kept, _ = self._record("manual", force=force)
        if not kept.is_snapshot:
            return REJECTED
        if pin is not None:
            self.vault.pins[pin] = kept.id
        return DONE

    # --- the service

    def _load(self, snapshot: Kept | None) -> bool:
        """Return whether the service takes what is in the root and is well."""
        contents = [node[2] for node in self.root.values() if node[0] == "file"]
        loads = not any(POISON in content for content in contents)
        well = loads and not any(ILL in content for content in contents)
        self.vault.failed = None if well else snapshot.id if snapshot is not None else "what was live"
        if snapshot is not None and loads:
            self.vault.loaded = snapshot.id
            if well:
                self.vault.good.add(snapshot.id)
        self._point()
        return well

    def reload(self) -> int:
        """Have the service load live."""
        self.lock()
        latest = self.vault.latest
        return DONE if self._load(latest if self.live() == latest.tree else None) else RELOAD_FAILED

    # --- references

    def resolve(self, text: str | datetime) -> Kept | None:
        """Return what `text` names, None where that is nothing or more than one; of a time, what was the latest then."""
        vault, listed = self.vault, self.vault.listed()
        if isinstance(text, datetime):
            return next((one for one in listed if one.at <= text), None)
        live = self.live()
        standing = [one for one in listed if one.id not in vault.left]
        words = {
            "latest": listed,
            "previous": [one for one in standing if one.tree != live],
            "good": [one for one in standing if one.id in vault.good],
        }
        if text in words:
            return next(iter(words[text]), None)
        if text.startswith("pin:"):
            found = [vault.pins[text[4:]]] if text[4:] in vault.pins else []
            return next((vault.find(id_) for id_ in found), None)
        if text.startswith("rejected_"):
            return vault.rejected.get(text)
        digits = text.removeprefix("backup_")

        def named(one: Kept) -> bool:
            return one.id.removeprefix("backup_").startswith(digits)

        def hashed(one: Kept) -> bool:
            # What this very command has recorded has no commit that anybody could know.
            return len(text) >= 7 and self.commits.get(one.id, "").startswith(text)

        # The content of a pruned snapshot is still there, under its commit alone.
        matching = [s for s in listed if named(s) or hashed(s)] or [s for s in vault.snapshots if hashed(s)]
        return matching[0] if len(matching) == 1 else None

    # --- going back

    def _leave(self, target: Kept) -> list[str]:
        """Return the snapshots that a rollback to `target` leaves: newer ones, other than it, not left before."""
        newer = self.vault.snapshots[self.vault.snapshots.index(target) + 1 :]
        gone = self.vault.pruned | self.vault.left.keys()
        return [one.id for one in newer if one.id not in gone and one.tree != target.tree]

    def _become(self, wanted: Tree, trigger: str, left: Callable[[], list[str]]) -> Kept:
        """Restore `wanted` and record that."""
        leaves = left()
        new = self._commit(trigger, wanted)
        self.root = self.restored(wanted)
        self.vault.left.update(dict.fromkeys(leaves, new.id))
        return new

    def rollback(
        self,
        reference: str | datetime,
        *,
        path: str | None = None,
        force: bool = False,
        reload: bool = True,
        confirm: timedelta | None = None,
    ) -> int:
        """Make the root what `reference` (or what it has at `path`) was."""
        self.lock()
        if self.pending:
            return BUSY
        target = self.resolve(reference)
        if target is None or not (target.is_snapshot or force):
            return UNKNOWN
        wanted = target.tree
        if path is not None:
            if path not in target.tree and path not in self.live():
                return USAGE
            wanted = _graft(self.live(), target.tree, path)
        wanted = self.without_ignored(wanted)
        if self.errors(wanted) and not force:
            return REJECTED
        if self.restored(wanted) == self.root:
            latest = self.vault.latest if self.live() == self.vault.latest.tree else None
            # The service is not restarted for what it has loaded already.
            loaded = latest is not None and latest.id == self.vault.loaded
            return DONE if not reload or loaded or self._load(latest) else RELOAD_FAILED
        safety, _ = self._record("pre-rollback")
        points, self.points = self.points, None  # from here on it is carried out whatever happens
        recorded = None
        if target.is_snapshot or path is not None:
            recorded = self._become(wanted, "rollback", lambda: [] if path is not None else self._leave(target))
        else:
            self.root = self.restored(wanted)
        well = not reload or self._load(recorded)
        if confirm is not None:
            self.pending = Pending(target.id, safety.id, recorded.id if recorded else None, self.now + confirm)
        undone = not well and (confirm is not None or self.config.undo)
        if undone:
            self._undo(safety, recorded.id if recorded else None)
        self.points = points
        return UNDONE if undone else DONE if well else RELOAD_FAILED

    # --- from outside

    def deploy(
        self,
        offered: Tree,
        trigger: str = "deploy",
        *,
        force: bool = False,
        reload: bool = True,
        confirm: timedelta | None = None,
    ) -> int:
        """Make `offered` live, if it is accepted whole."""
        self.lock()
        if self.pending:
            return BUSY
        wanted = self.without_ignored(offered)
        if len(wanted) == 1 and len(self.live()) > 1 and not force and trigger != "pull":
            return USAGE
        if self.errors(wanted, self.vault.latest.tree) - ({"mass-removal"} if force else set()):
            self._reject(trigger, wanted)
            return REJECTED
        if self.restored(wanted) == self.root:
            latest = self.vault.latest if self.live() == self.vault.latest.tree else None
            # What the service did not take before, or was not well with, may be taken now.
            needless = latest is None or (latest.id == self.vault.loaded and latest.id in self.vault.good)
            return DONE if not reload or needless or self._load(latest) else RELOAD_FAILED
        safety, _ = self._record("pre-rollback")
        points, self.points = self.points, None  # from here on it is carried out whatever happens
        new = self._become(wanted, trigger, list)
        well = not reload or self._load(new)
        if confirm is not None:
            self.pending = Pending(new.id, safety.id, new.id, self.now + confirm)
        if not well:
            # What came from outside is not kept where the service does not take it.
            self._undo(safety, new.id)
        self.points = points
        return DONE if well else UNDONE

    def edit(self, path: str, content: bytes) -> int:
        """Edit a copy of a live file, and make that live."""
        seen = self.live()
        node = seen.get(path)
        if self.ignored(path) or (node is not None and node[0] != "file"):
            return USAGE
        if content == (node[2] if node else b""):
            return DONE
        self.lock()
        if self.pending:
            return BUSY
        now = self.live()
        if now.get(path, ("", 0, None))[2] != (node[2] if node else None):
            return BUSY
        above = {one: ("folder", 0o755, b"") for one in _above(path) if one not in now}
        made = ("file", now[path][1] if path in now else 0o644, content)
        return self.deploy({**now, **above, path: made}, "edit")

    def adopted(self, files: Tree) -> Tree:
        """Return files from a source that knows no owners and modes, with those that they get here."""
        live = self.live()
        found = {".": live["."]}
        for path, (_, _, content) in files.items():
            for above in _above(path):
                there = live.get(above, ("",))[0] == "folder"
                found[above] = live[above] if there else ("folder", 0o755, b"")
            is_file = live.get(path, ("",))[0] == "file"
            found[path] = ("file", live[path][1] if is_file else 0o644, content)
        return found

    def pull(self, *, force: bool = False) -> int:
        """Deploy what the source offers, if it is new and nothing holds it."""
        commit, known = self.offered[0], self.pulled
        held = None if force else self._held(commit, known)
        if held is not None:
            self.pulled = replace(known, held=held)
            return HELD
        stays = self.config.on_drift == "report" or not self._has_drifted()
        if commit == known.deployed and not force and stays:
            self.pulled = replace(known, held=None)
            return DONE
        self.lock()
        if self.pending:
            self.pulled = replace(known, held=None)
            return BUSY
        if not force and self.config.on_drift == "report" and self._has_drifted():
            # It drifted while it was fetched: whoever takes the lock undoes what is overdue.
            self.pulled = replace(known, held="drifted")
            return HELD
        code = self.deploy(self.adopted(self.offered[1]), "pull", force=force)
        if code in (REJECTED, UNDONE):
            self.pulled = replace(known, refused=commit, held="refused")
        else:
            latest = self.vault.latest
            self.pulled = Pulled(commit, latest.id, latest.tree)
        return code

    def _held(self, commit: int, known: Pulled) -> str | None:
        if commit == known.refused:
            return "refused"
        if commit == known.deployed:
            there = known.snapshot is not None and known.snapshot not in self.vault.pruned
            left = known.snapshot in self.vault.left if there else known.held == "rolled_back"
            return "rolled_back" if left else None
        return "drifted" if self.config.on_drift == "report" and self._has_drifted() else None

    def _has_drifted(self) -> bool:
        live, latest = self.live(), self.vault.latest
        if self.pulled.tree is None or live == self.pulled.tree:
            return False
        return not (live == latest.tree and latest.trigger in ("rollback", "undo", "restore"))

    def _undo(self, safety: Kept, recorded: str | None) -> bool:
        """Restore what was live before a rollback, and return whether the service takes it."""
        self._record("pre-rollback")
        points, self.points = self.points, None
        wanted = self.without_ignored(safety.tree)
        new = None
        if safety.is_snapshot:
            new = self._become(wanted, "undo", lambda: self._leave(safety))
        else:
            self.root = self.restored(wanted)
        if recorded is not None:
            self.vault.left = {one: by for one, by in self.vault.left.items() if by != recorded}
        well = self._load(new)
        self.pending = None
        self.points = points
        return well

    def lock(self) -> None:
        """Do what whoever takes the lock does first: undo a rollback that was not confirmed in time."""
        if self.pending and self.pending.until <= self.now:
            self._undo(self.vault.find(self.pending.safety), self.pending.recorded)
            self._point()

    def confirm(self) -> int:
        """Keep the rollback that waits."""
        waited = self.pending is not None
        self.lock()
        if self.pending is None:
            return UNDONE if waited else FAILED
        self.pending = None
        return DONE

    def cancel(self) -> int:
        """Undo the rollback that waits."""
        waited = self.pending is not None
        self.lock()
        if self.pending is None:
            return DONE if waited else FAILED
        well = self._undo(self.vault.find(self.pending.safety), self.pending.recorded)
        return DONE if well else RELOAD_FAILED

    # --- the daemon

    def look(self) -> int:
        """Record live, and do what follows from that."""
        self.lock()
        kept, new = self._record("change")
        if new and kept.is_snapshot and self.config.reload:
            restores = not self._load(kept) and self.config.on_reload_failure == "restore"
            good = next(self._good_before(kept), None)
            if restores and good is not None and self._may_restore(kept.tree):
                self._restore_again(kept.tree, good, self._leave(good), reload=True)
        restores = new and not kept.is_snapshot and self.config.on_invalid == "restore"
        if restores and self._may_restore(kept.tree):
            self._restore_again(kept.tree, self.vault.latest, [], reload=self.config.reload)
        return DONE

    def _good_before(self, failed: Kept) -> Iterator[Kept]:
        for one in self.vault.listed():
            if one.id in self.vault.good and one.id not in self.vault.left and one.tree != failed.tree:
                yield one

    def _may_restore(self, tree: Tree) -> bool:
        """Return whether nobody waits for an answer, nor is fought over the same content or all the time."""
        lately = sum(at > self.now - HOUR for at, _ in self.restores)
        again = any(tree == one for _, one in self.restores)
        return self.pending is None and not again and lately < RESTORES_AN_HOUR

    def _restore_again(self, over: Tree, target: Kept, left: list[str], *, reload: bool) -> None:
        self.restores = [*self.restores, (self.now, over)][-20:]
        self._point()
        points, self.points = self.points, None
        new = self._become(self.without_ignored(target.tree), "restore", lambda: left)
        if reload:
            self._load(new)
        self.points = points

    # --- saying something of snapshots

    def pin(self, reference: str, name: str) -> int:
        """Give a snapshot a name."""
        self.lock()
        found = self.resolve(reference)
        if found is None or not found.is_snapshot or found.id in self.vault.pruned:
            return UNKNOWN
        if self.vault.pins.get(name, found.id) != found.id:
            return USAGE
        self.vault.pins[name] = found.id
        return DONE

    def unpin(self, name: str) -> int:
        """Take a name away."""
        self.lock()
        return DONE if self.vault.pins.pop(name, None) else UNKNOWN

    def annotate(self, reference: str, text: str) -> int:
        """Say something of a snapshot."""
        self.lock()
        found = self.resolve(reference)
        if found is None or not found.is_snapshot or found.id in self.vault.pruned:
            return UNKNOWN
        self.vault.notes[found.id] = (*self.vault.notes.get(found.id, ()), text)
        return DONE

    def drop(self, id_: str) -> int:
        """Forget a rejected state."""
        self.lock()
        if id_ not in self.vault.rejected:
            return UNKNOWN
        if self.pending is not None and self.pending.safety == id_:
            return BUSY
        del self.vault.rejected[id_]
        return DONE

    def reasons(self, keep_last: int, keep_good: int | None = None) -> dict[str, set[str]]:
        """Return why `prune --keep-last` keeps each snapshot; an empty set: it goes."""
        live, listed, waits = self.live(), self.vault.listed(), self.pending
        is_live = next((one.id for one in listed if one.tree == live), None)
        pending = {waits.target, waits.safety, waits.recorded} if waits else set()
        good = [one.id for one in listed if one.id in self.vault.good]
        if keep_good is not None:
            good = [id_ for id_ in good if id_ not in self.vault.left][:keep_good]
        found: dict[str, set[str]] = {}
        for number, one in enumerate(listed):
            said = {
                "latest": number == 0,
                "live": one.id == is_live,
                "loaded": one.id == self.vault.loaded,
                "pending": one.id in pending,
                "last": number < keep_last,
                "from the future": one.at > self.now,
                "good": one.id in good,
            }
            pins = {f"pin:{name}" for name, id_ in self.vault.pins.items() if id_ == one.id}
            found[one.id] = {word for word, true in said.items() if true} | pins
        return found

    def prune(self, keep_last: int, keep_good: int | None) -> int:
        """Thin out."""
        self.lock()
        self.vault.pruned |= {id_ for id_, why in self.reasons(keep_last, keep_good).items() if not why}
        return DONE

    # --- replicas

    def replicate(self) -> int:
        """Send everything; nothing is ever deleted there."""
        there, here = self.replica or Vault(), self.vault.copy()
        untagged = {one.id for one in here.snapshots} - {one.id for one in there.listed()}
        here.pruned &= untagged
        here.rejected = {**there.rejected, **here.rejected}
        self.replica = here
        return DONE

    def recover(self, *, force: bool) -> int:
        """Rebuild a lost vault from the replica, and make the root equal to its latest snapshot."""
        assert self.replica is not None
        self.vault, self.pending, self.restores = self.replica.copy(), None, []
        self.pulled = Pulled()  # it is about this vault, and replicas do not have it
        wanted = self.without_ignored(self.vault.latest.tree)
        if len(self.without_ignored(self.root)) > 1:
            if not force:
                return FAILED
            self._record("pre-rollback")
        if wanted != self.vault.latest.tree:
            self._commit("recover", wanted)
        self.root = self.restored(wanted)
        return DONE


def _below(tree: Tree, path: str) -> bool:
    return any(one.startswith(path + "/") for one in tree)


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


def _is_file(tree: Tree, path: str) -> bool:
    return path in tree and tree[path][0] != "folder"


def _graft(live: Tree, target: Tree, path: str) -> Tree:
    def at(tree: Tree) -> Tree:
        return {one: node for one, node in tree.items() if one == path or one.startswith(path + "/")}

    there = at(target)
    parents = {one: target[one] for one in _above(path) if there and one not in live}
    return {one: node for one, node in live.items() if one not in at(live)} | parents | there
