"""The vault: one bare git repository for one root, and `configvault/` in it for everything else that must last.

Commits are made from objects in memory, without index, work tree or process. `main` moves first, the tag follows:
a tag that a crash left out is made again from the commit's `Configvault-Id`. Writers hold the lock; readers need none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from configvault.core import gitformat, metadata, times
from configvault.core.errors import IntegrityError
from configvault.core.frozen import frozen
from configvault.core.model import Entry, Finding, Folder, RejectedState, Snapshot
from configvault.disk import durable
from configvault.vault import marks as marks_of
from configvault.vault import messages, shallow, trees
from configvault.vault.git import Git
from configvault.vault.objects import Objects, from_bytes, unique
from configvault.vault.refs import Refs
from configvault.vault.stage import Stage

MAIN = "refs/heads/main"
TAGS = "refs/tags/"
REJECTED = "refs/configvault/rejected/"
# So many snapshots are read at first.
_NEWEST = 64
IDENTITY = "configvault <configvault@localhost>"


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
            from configvault.vault import mending

            hint = (
                "configvault verify"
                if mending.has_head(self.path)
                else "configvault snapshot, which makes HEAD again"
            )
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
        return trees.load(self.objects, commit_tree, base)

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
        objects = unique(trees.new_objects(state, before, stage, self.objects.has))
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
        from configvault.vault import mending

        if not ended_well:
            durable.sync_file_system(self.path)
            mending.remove_half_written(self.path)
        done = [
            f"removed the lock file {path} that a killed process left" for path in mending.unlock(self.refs)
        ]
        if not mending.has_head(self.path):
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
