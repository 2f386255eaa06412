"""The vault: one bare git repository for one root, and `configvault/` in it for everything else that must last.

Commits are made from objects in memory, without index, work tree or process. `main` moves first, the tag follows:
a tag that a crash left out is made again from the commit's `Configvault-Id`. Writers hold the lock; readers need none.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from configvault.core import gitformat, metadata, times
from configvault.core.errors import ConfigvaultError, IntegrityError, NoVaultError
from configvault.core.frozen import frozen
from configvault.core.model import METADATA_NAME, Entry, Finding, Folder, RejectedState, Snapshot
from configvault.core.names import is_forbidden
from configvault.vault import durable, lock, messages, shallow
from configvault.vault import marks as marks_of
from configvault.vault.git import Git
from configvault.vault.objects import NewObject, Objects, from_bytes, unique
from configvault.vault.refs import Refs
from configvault.vault.stage import Stage

FORMAT = "configvault 1\n"
CREATING = "configvault creating\n"
DEEPEST = 200
_ASKED_ALONE = 32
MAIN = "refs/heads/main"
TAGS = "refs/tags/"
REJECTED = "refs/configvault/rejected/"
_HEAD = re.compile(rb"(?:ref: refs/\S+|[0-9a-f]{40})\n?")
_HALF_WRITTEN = re.compile(r".*\.([0-9]+)\.tmp|tmp_obj_([0-9]+)_[0-9a-f]+|\.tmp-([0-9]+)-pack-.*")
# So many snapshots are read at first.
_NEWEST = 64
IDENTITY = "configvault <configvault@localhost>"


class StaleCaptureError(ConfigvaultError):
    """A captured tree names bytes that are neither staged nor in the vault: capture again from nothing."""


@frozen
class Note:
    """What a commit says of a state: when, why, by whom, where, which plugins it touches; `more` trailers."""

    at: datetime
    trigger: str
    actor: str
    host: str
    subject: str
    reason: str | None = None
    target: str | None = None
    plugins: tuple[str, ...] = ()
    more: tuple[tuple[str, str], ...] = ()


class Vault:
    """The vault at `path`, which must exist (see `open_vault` and `create_vault`)."""

    def __init__(self, path: str, environ: Mapping[str, str]) -> None:
        """Open nothing yet."""
        self.path = path
        self.state = os.path.join(path, "configvault")
        self.git = Git(path, environ)
        self.objects = Objects(path, self.git)
        self.refs = Refs(path)
        self.sign: Callable[[bytes], bytes | None] | None = None
        # One operation asks for the same commit many times, and what has an id never changes.
        self._at = lru_cache(8)(self._snapshot_of)
        self._marks_of = lru_cache(1)(self._read_marks)

    def close(self) -> None:
        """End the git children that reading packed objects may have started."""
        self.objects.close()

    def state_file(self, name: str) -> str:
        """Return the path of a file that lasts beside the repository."""
        return os.path.join(self.state, name)

    def redaction_key(self) -> bytes:
        """Return what the marks of hidden secrets are made with; it never leaves the vault."""
        try:
            with open(self.state_file("redaction-key"), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""

    def stage(self) -> Stage:
        """Return an empty place for captured bytes, on the vault's own file system."""
        return Stage(self.state)

    # --- snapshots

    def log(self, *args: str, limit: int | None = None, pruned: bool = False) -> Iterator[Snapshot]:
        """Yield the snapshots newest first, with their marks; `args` go to `git log`.

        A commit whose tag was pruned is no snapshot any more, and is yielded only where `pruned`.
        """
        tip = self.refs.read(MAIN)
        if tip is None:
            return
        said = self.marks()
        # Most who ask want one of the newest, or so many; only who asks for more has all of them read.
        told: set[str] = set()
        for count in (limit or _NEWEST, None):
            every = list(messages.snapshots(self._log(tip, count, args)))
            names = self.refs.present(TAGS, {one.id for one in every})
            for one in every:
                # The newest may be without its tag where a writer was killed; see `mend`.
                if one.commit not in told and (pruned or one.id in names or one.commit == tip):
                    told.add(one.commit)
                    yield marked(one, said)
                    if len(told) == limit:
                        return
            if count is not None and len(every) < count:
                return

    def _log(self, tip: str, limit: int | None, args: tuple[str, ...]) -> bytes:
        count = [] if limit is None else [f"--max-count={limit}"]
        argv = ["log", "--first-parent", messages.LOG_FORMAT, *count, tip, *args]
        asked = self.git.result(argv, ok=range(-255, 256))
        if asked.returncode:
            # The branch is there, so what git stumbles over is an object that is damaged or gone.
            last = asked.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it says nothing"]
            hint = "configvault verify" if self._has_head() else "configvault snapshot, which makes HEAD again"
            raise IntegrityError(f"git cannot read the history: {last[0]}", hint)
        return asked.stdout

    def latest(self) -> Snapshot | None:
        """Return the newest snapshot, None in an empty vault."""
        commit = self.refs.read(MAIN)
        return self.at(commit) if commit else None

    def at(self, commit: str) -> Snapshot:
        """Return the snapshot that `commit` records.

        Raises:
            IntegrityError: the commit is not one of this program's, or damaged.
        """
        return marked(self._at(commit), self.marks())

    def _snapshot_of(self, commit: str) -> Snapshot:
        for snapshot in messages.snapshots(_as_log(commit, self.objects.read(commit))):
            return snapshot
        raise IntegrityError(f"commit {commit} on main is not a snapshot", "configvault verify")

    def named(self, id_: str) -> Snapshot | None:
        """Return the snapshot with exactly this id, None if its tag is not there."""
        commit = self.refs.read(TAGS + id_)
        return self.at(commit) if commit else None

    def tree(self, commit_tree: str, base: Folder | None = None) -> Folder:
        """Return the state that a snapshot's tree records, sharing with `base` what is the same in both."""
        return _load(self.objects, commit_tree, base)

    def state_at(self, commit: str) -> Folder:
        """Return the state that a commit of this vault records, a snapshot or not."""
        return self.tree(_first_line(self.objects.read(commit)).removeprefix("tree "))

    def parent_of(self, commit: str) -> str | None:
        """Return the first parent of a commit, None for the first snapshot and where history was cut off."""
        if commit in shallow.read(self.path):
            return None
        for line in self.objects.read(commit).split(b"\n\n", 1)[0].decode().split("\n"):
            if line.startswith("parent "):
                return line.removeprefix("parent ")
        return None

    def has_content(self, entry: Entry) -> bool:
        """Return whether the bytes of a captured entry are in the vault."""
        return self.objects.has(entry.blob)

    def record(self, state: Folder, before: Folder | None, stage: Stage | None, note: Note) -> Snapshot:
        """Commit `state` on main and tag it; when this returns it is on disk. Arguments and errors as `prepare`."""
        return self.publish(self.prepare(state, before, stage, note))

    def prepare(self, state: Folder, before: Folder | None, stage: Stage | None, note: Note) -> Snapshot:
        """Put the commit of a snapshot on disk without letting any ref lead to it yet.

        Args:
            state: what was captured and validated.
            before: the latest snapshot's state, None if there is none.
            stage: where the captured bytes are that the vault may not have yet.
            note: what to say of it.

        Raises:
            StaleCaptureError: bytes of `state` are nowhere.
        """
        tip = self.refs.read(MAIN)
        if tip is None and (tags := self.refs.below(TAGS)):
            raise IntegrityError(
                f"the branch main is gone from the vault {self.path}, its {len(tags)} tags are still there",
                "restore the vault from a replica or a copy",
            )
        newest = self.at(tip) if tip else None
        id_ = times.snapshot_id(note.at, newest.id if newest else None, lambda name: self._taken(TAGS + name))
        return self.at(self._commit(state, before, stage, tip, note, id_))

    def publish(self, snapshot: Snapshot) -> Snapshot:
        """Make a prepared snapshot the newest; repeating it does no harm, and puts on disk what was not."""
        if self.refs.read(MAIN) == snapshot.commit:
            self.refs.settle(MAIN)
        else:
            self.refs.write(MAIN, snapshot.commit, snapshot.parent)
        if self.refs.read(TAGS + snapshot.id) is None:
            self.refs.write(TAGS + snapshot.id, snapshot.commit)
        else:
            self.refs.settle(TAGS + snapshot.id)
        return snapshot

    def drop_tags(self, snapshots: Iterable[Snapshot]) -> None:
        """Make `snapshots` snapshots no more: all of them or none; their commits stay in the history."""
        lines = [f"delete {TAGS}{snapshot.id} {snapshot.commit}\n" for snapshot in snapshots]
        if lines:
            self.git.run(["update-ref", "--stdin"], stdin="".join(lines).encode())

    def reject(
        self, state: Folder, before: Folder | None, stage: Stage | None, note: Note, findings: Iterable[Finding]
    ) -> RejectedState:
        """Keep a refused `state` with its `findings`, once while nothing else was refused since."""
        tree = metadata.snapshot_tree(state).id
        kept = self.rejected()
        if kept and kept[0].tree == tree:
            return kept[0]
        id_ = times.rejected_id(
            note.at, kept[0].id if kept else None, lambda name: self._taken(REJECTED + name)
        )
        body = messages.findings_text(findings)
        commit = self._commit(state, before, stage, self.refs.read(MAIN), note, id_, body)
        self.refs.write(REJECTED + id_, commit)
        return next(iter(messages.rejected(_as_log(commit, self.objects.read(commit)))))

    def rejected(self) -> list[RejectedState]:
        """Return the refused states, newest first."""
        refs = self.refs.below(REJECTED)
        commits = [refs[name] for name in sorted(refs, reverse=True)]
        return [
            state
            for commit in commits
            for state in messages.rejected(_as_log(commit, self.objects.read(commit)))
        ]

    def drop_rejected(self, id_: str) -> None:
        """Forget the refused state `id_`; its bytes go with the next housekeeping."""
        self.git.run(["update-ref", "-d", REJECTED + id_])
        self.refs.settle(REJECTED + id_)

    def _signed(self, body: bytes) -> gitformat.Object:
        signature = self.sign(body) if self.sign is not None else None
        return gitformat.make("commit", gitformat.signed(body, signature) if signature else body)

    def _taken(self, ref: str) -> bool:
        return self.refs.read(ref) is not None

    def _commit(
        self,
        state: Folder,
        before: Folder | None,
        stage: Stage | None,
        parent: str | None,
        note: Note,
        id_: str,
        body: str = "",
    ) -> str:
        tree = metadata.snapshot_tree(state)
        objects = unique(_new_objects(state, before, stage, self.objects.has))
        text = metadata.encode(state)
        if text is not None:
            # The root's own tree stands in no commit then: the one with this file in it does.
            objects = {id_: new for id_, new in objects.items() if id_ != state.id}
            blob = gitformat.make("blob", text)
            objects = {**objects, blob.id: from_bytes("blob", blob.id, text)}
        commit = self._signed(_commit_body(tree.id, parent, note, id_, body))
        last = {obj.id: from_bytes(obj.type, obj.id, obj.body) for obj in (tree, commit)}
        self.objects.write(list({**objects, **last}.values()))
        return commit.id

    # --- marks

    def marks(self) -> marks_of.Marks:
        """Return what is said about snapshots."""
        commit = self.refs.read(marks_of.REF)
        return marks_of.Marks() if commit is None else self._marks_of(commit)

    def _read_marks(self, commit: str) -> marks_of.Marks:
        tree = _first_line(self.objects.read(commit)).removeprefix("tree ")
        [(_, _, blob)] = gitformat.parse_tree(self.objects.read(tree))
        return marks_of.load(self.objects.read(blob))

    def mark(
        self, change: Callable[[marks_of.Marks], marks_of.Marks], note: Note, *, always: bool = False
    ) -> None:
        """Replace what is said about snapshots by what `change` makes of it; `always`: the note counts by itself."""
        tip = self.refs.read(marks_of.REF)
        said = self.marks()
        after = change(said)
        if after == said and not always:
            return
        blob = gitformat.make("blob", marks_of.dump(after))
        tree = gitformat.tree([(0o100644, marks_of.FILE, blob.id)])
        commit = self._signed(_commit_body(tree.id, tip, note, None, ""))
        self.objects.write([from_bytes(obj.type, obj.id, obj.body) for obj in (blob, tree, commit)])
        self.refs.write(marks_of.REF, commit.id, tip)

    # --- after a crash

    def mend(self, *, ended_well: bool = True) -> list[str]:
        """Set right what a killed writer left, holding the lock; return what was done, in words.

        Args:
            ended_well: whether the last holder of the lock let go of it as it should. One that did not may have been
                killed between a change and its sync: then everything is synced before anything builds on it.
        """
        if not ended_well:
            durable.sync_file_system(self.path)
            self._remove_half_written()
        done = [f"removed the lock file {path} that a killed process left" for path in self._unlock()]
        if not self._has_head():
            # Without it git takes the vault for no repository at all, and it never says anything else.
            durable.write(os.path.join(self.path, "HEAD"), f"ref: {MAIN}\n".encode())
            done.append("made HEAD again, which was damaged")
        tip = self.refs.read(MAIN)
        if tip is not None:
            newest = self.at(tip)
            if self.refs.read(TAGS + newest.id) is None:
                self.refs.write(TAGS + newest.id, tip)
                done.append(f"tagged {newest.id}, which a killed process had recorded")
        return done

    def _has_head(self) -> bool:
        """Return whether HEAD is one that git can read."""
        try:
            with open(os.path.join(self.path, "HEAD"), "rb") as file:
                return _HEAD.fullmatch(file.read(4096)) is not None
        except FileNotFoundError:
            return False

    def _unlock(self) -> Iterator[str]:
        """Remove git's lock files that no process has open, and yield them: under our own lock they are nobody's.

        Not seen: a git in another container, or another user's where this one may not look; the latter is left alone.
        """
        for path in list(self.refs.stale_locks()):
            with contextlib.suppress(FileNotFoundError):
                mine = os.geteuid() in {0, os.stat(path).st_uid}
                if mine and not _is_open_somewhere(path):
                    os.unlink(path)
                    yield path

    def _remove_half_written(self) -> None:
        """Remove files under temporary names (`NAME.PID.tmp`, `tmp_obj_PID_...`, git's packs) whose process is gone."""
        below = ["pack", *(f"{n:02x}" for n in range(256))]
        folders = [self.state, *(os.path.join(self.path, "objects", name) for name in below)]
        for folder in folders:
            for name in os.listdir(folder) if os.path.isdir(folder) else ():
                found = _HALF_WRITTEN.fullmatch(name)
                if found and not _is_alive(found[found.lastindex or 0]):
                    os.unlink(os.path.join(folder, name))


def marked(snapshot: Snapshot, said: marks_of.Marks) -> Snapshot:
    """Return `snapshot` with what is said of it."""
    return replace(
        snapshot,
        good=snapshot.id in said.good,
        rolled_back=snapshot.id in said.rolled_back,
        pins=said.pins_of(snapshot.id),
        annotations=said.annotations.get(snapshot.id, ()),
    )


def _commit_body(tree: str, parent: str | None, note: Note, id_: str | None, body: str) -> bytes:
    stamp = f"{int(note.at.timestamp())} {note.at:%z}"
    trailers = {
        "Id": id_,
        "Trigger": note.trigger,
        "Actor": note.actor,
        "Host": note.host,
        "Reason": note.reason,
        "Target": note.target,
        "Plugins": ", ".join(note.plugins),
        **dict(note.more),
    }
    lines = [f"tree {tree}", *([f"parent {parent}"] if parent else [])]
    lines += [f"author {IDENTITY} {stamp}", f"committer {IDENTITY} {stamp}", ""]
    text = "\n".join([*lines, messages.write(note.subject, body, trailers)])
    return text.encode("utf-8", "backslashreplace")


def _as_log(commit: str, body: bytes) -> bytes:
    """Return a commit's body as a record of `git log`, so that one parser reads both."""
    head, _, message = body.decode("utf-8", "replace").partition("\n\n")
    fields: dict[str, str] = {}
    for line in head.split("\n"):
        key, _, value = line.partition(" ")
        fields.setdefault(key, value)
    seconds, zone = fields["committer"].rsplit(" ", 2)[1:]
    moment = datetime.strptime(f"1970-01-01 00:00:00 {zone}", "%Y-%m-%d %H:%M:%S %z")
    when = datetime.fromtimestamp(int(seconds), moment.tzinfo).isoformat()
    return "\0".join([commit, fields["tree"], fields.get("parent", ""), when, message]).encode() + b"\x1e"


def _first_line(body: bytes) -> str:
    return body.split(b"\n", 1)[0].decode()


def _new_objects(
    state: Folder, before: Folder | None, stage: Stage | None, has: Callable[[str], bool]
) -> Iterator[NewObject]:
    """Yield the blobs and trees of `state` that `before` does not have in the same place, blobs first."""
    if before is not None and state.id == before.id and state is before:
        return
    for name, entry in state.entries.items():
        old = before.entries.get(name) if before else None
        if isinstance(entry, Folder):
            if entry is not old:
                yield from _new_objects(entry, old if isinstance(old, Folder) else None, stage, has)
        elif not (isinstance(old, Entry) and old.blob == entry.blob):
            if stage is not None and entry.blob in stage:
                yield stage.object(entry.blob)
            elif not has(entry.blob):
                raise StaleCaptureError(f"the bytes of {name!r} are not in the vault", "try again")
    if before is None or state.id != before.id:
        yield from_bytes("tree", state.id, state.tree.body)


def _load(objects: Objects, tree: str, base: Folder | None) -> Folder:
    rows = list(gitformat.parse_tree(objects.read(tree)))
    own = [id_ for _, name, id_ in rows if name == METADATA_NAME]
    body = objects.read(own[0]) if own else None
    try:
        said = metadata.decode(body) if body else metadata.Metadata()
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            f"{METADATA_NAME} of tree {tree} is damaged: {error}", "configvault verify"
        ) from error
    if base is not None and metadata.encode(base) != body:
        base = None
    loader = _Loader(objects, said, tree)
    root = loader.folder([row for row in rows if row[1] != METADATA_NAME], "", said.root[1:], base)
    return loader.with_empty_folders(root) if said.empty_folders and root is not base else root


class _Loader:
    """Builds folders from trees; refuses names that could lead out of the root."""

    def __init__(self, objects: Objects, said: metadata.Metadata, tree: str) -> None:
        self._objects = objects
        self._said = said
        self._tree = tree
        self._sizes: dict[str, int] = {}

    def folder(
        self,
        rows: Collection[tuple[int, str, str]],
        path: str,
        attributes: tuple[int, int, int],
        base: Folder | None,
    ) -> Folder:
        prefix = f"{path}/" if path else ""
        entries: dict[str, Entry | Folder] = {}
        for git_mode, name, id_ in rows:
            if is_forbidden(name) or name in entries:
                raise IntegrityError(
                    f"the vault's tree holds the forbidden name {name!r} in {path!r}", "configvault verify"
                )
            if path.count("/") > DEEPEST or git_mode not in metadata.SORTS:
                raise IntegrityError(
                    f"the vault's tree holds {prefix + name!r} of mode {git_mode:o}, which no capture makes",
                    "configvault verify",
                )
            old = base.entries.get(name) if base else None
            entries[name] = self._entry(git_mode, id_, prefix + name, old)
        if base is not None and entries == base.entries and attributes == base.attributes[1:]:
            return base
        return Folder(*attributes, entries)

    def _entry(self, git_mode: int, id_: str, path: str, old: Entry | Folder | None) -> Entry | Folder:
        attributes = self._said.attributes(path, metadata.sort_of(git_mode))
        if git_mode == 0o40000:
            if isinstance(old, Folder) and old.id == id_:
                return old
            rows = list(gitformat.parse_tree(self._objects.read(id_)))
            return self.folder(rows, path, attributes, old if isinstance(old, Folder) else None)
        if isinstance(old, Entry) and old.blob == id_ and old.git_mode == git_mode:
            return old
        return Entry(metadata.kind_of(git_mode), *attributes, id_, self._size(id_))

    def _size(self, id_: str) -> int:
        """Return the size of a blob: a few are asked for one by one, and then all of the tree at once."""
        if id_ not in self._sizes:
            if len(self._sizes) == _ASKED_ALONE:
                self._sizes |= self._objects.sizes_in(self._tree)
            else:
                self._sizes[id_] = self._objects.size(id_)
        return self._sizes[id_]

    def with_empty_folders(self, root: Folder) -> Folder:
        for path in self._said.empty_folders:
            root = self._with_folder(root, "", path.split("/"))
        return root

    def _with_folder(self, folder: Folder, prefix: str, parts: list[str]) -> Folder:
        name, path = parts[0], prefix + parts[0]
        child = folder.entries.get(name)
        if is_forbidden(name) or isinstance(child, Entry) or prefix.count("/") > DEEPEST:
            raise IntegrityError(f"{METADATA_NAME} holds the forbidden name {path!r}", "configvault verify")
        if not isinstance(child, Folder):
            child = Folder(*self._said.attributes(path, "folder"), {})
        if parts[1:]:
            child = self._with_folder(child, path + "/", parts[1:])
        return Folder(folder.mode, folder.uid, folder.gid, {**folder.entries, name: child})


def _is_alive(pid: str) -> bool:
    """Return whether a process runs; one that ended and that nobody has asked about does not. Source: proc(5)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def _is_open_somewhere(path: str) -> bool:
    """Return whether any process has the file at `path` open. Source: proc(5)."""
    wanted = os.stat(path)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        # Processes and descriptors come and go while they are looked at.
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    if os.path.samestat(os.stat(f"/proc/{pid}/fd/{fd}"), wanted):
                        return True
    return False


def exists(path: str) -> bool:
    """Return whether there is a whole vault at `path`."""
    return _format(path) == FORMAT


def _format(path: str) -> str | None:
    try:
        with open(os.path.join(path, "configvault", "format"), encoding="ascii", errors="replace") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except PermissionError as error:
        raise ConfigvaultError(
            f"no permission to read the vault {path}", "run it as the vault's owner, e.g. with sudo"
        ) from error


def open_vault(path: str, environ: Mapping[str, str]) -> Vault:
    """Return the vault at `path`.

    Raises:
        NoVaultError: nothing is there, or something that this program did not make.
    """
    found = _format(path)
    if found == FORMAT:
        return Vault(path, environ)
    if found is not None and found.startswith("configvault ") and found != CREATING:
        raise NoVaultError(f"the vault {path} is of a later format: {found.strip()}", "upgrade configvault")
    if os.path.isdir(path) and os.listdir(path) and found is None:
        raise NoVaultError(
            f"{path} is not a configvault vault", "name an empty or missing directory as `vault`"
        )
    raise NoVaultError(f"there is no vault at {path}", "configvault init")


def require_adoptable(path: str) -> None:
    """Refuse a directory that holds anything else than a vault, whole or half made; it is never adopted.

    Raises:
        NoVaultError: it names the directory.
    """
    if os.path.lexists(path) and not os.path.isdir(path):
        raise NoVaultError(f"{path} is not a directory", "name an empty or missing directory as `vault`")
    if os.path.isdir(path) and _format(path) is None and not _is_empty(path):
        raise NoVaultError(
            f"{path} is not empty and not a configvault vault",
            "name an empty or missing directory as `vault`",
        )


def create_vault(path: str, environ: Mapping[str, str]) -> Vault:
    """Make the vault at `path`, a missing or empty directory, or finish one that a crash left half made.

    Raises:
        NoVaultError: the directory holds something else; it is never adopted.
    """
    marker = os.path.join(path, "configvault", "format")
    try:
        os.makedirs(path, 0o700, exist_ok=True)
        require_adoptable(path)
        os.chmod(path, 0o700)
        os.makedirs(os.path.dirname(marker), 0o700, exist_ok=True)
        if _format(path) is None:
            durable.write(marker, CREATING.encode())
    except OSError as error:
        hint = (
            "run it as the vault's owner, e.g. with sudo"
            if isinstance(error, PermissionError)
            else "name an empty or missing directory as `vault`, on a file system that can be written"
        )
        raise ConfigvaultError(f"cannot create the vault {path}: {error.strerror}", hint) from error
    vault = Vault(path, environ)
    vault.git.require_version()
    with lock.hold(vault.state_file("lock"), "configvault init", 30.0):
        if _format(path) != FORMAT:
            _fill(vault, marker)
    return vault


def _fill(vault: Vault, marker: str) -> None:
    """Make the repository; the marker says that it is whole when everything else is on disk."""
    from configvault.vault import maintenance

    list(vault._unlock())
    for name in ("HEAD", "config"):
        # Git does not sync these: after a power cut they may be there and empty, and it would refuse them.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(vault.path, name))
    maintenance.init(vault)
    durable.write(vault.state_file("redaction-key"), secrets.token_bytes(32))
    durable.sync_file_system(vault.path)
    durable.write(marker, FORMAT.encode())
    durable.sync_folder(os.path.dirname(vault.path))


def _is_empty(path: str) -> bool:
    """Return whether nothing is at `path`, or only what a crash leaves before the first byte of `format`."""
    if set(os.listdir(path)) - {"configvault"}:
        return False
    state = os.path.join(path, "configvault")
    return not os.path.isdir(state) or all(
        name == "lock" or name.startswith("format.") for name in os.listdir(state)
    )
