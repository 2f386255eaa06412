"""The vault: one bare git repository per root, with a folder `configvault/` for all other state that must last.

Commits are built from objects in memory, without an index, a work tree or a git process. `main` moves first, then the
tag is written. If a crash comes in between, `repair` makes the missing tag from the commit's `Configvault-Id`. Writers
must hold the vault's lock; readers need none.

"Costs" in a docstring says what a call reads, writes or starts.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from io import BufferedReader
from itertools import islice

from configvault.core import gitformat, metadata, times
from configvault.core.errors import IntegrityError
from configvault.core.frozen import frozen, replace
from configvault.core.model import Entry, Finding, Folder, RejectedState, Snapshot, Trigger
from configvault.core.pattern import pattern
from configvault.disk import durable
from configvault.vault import lostrefs, messages, shallow, statefiles, trees
from configvault.vault import marks as marks_of
from configvault.vault.git import Git
from configvault.vault.objects import NewObject, Objects, from_bytes, unique
from configvault.vault.refs import MAIN, REBUILD, REJECTED, TAGS, Refs
from configvault.vault.stage import Stage

# How many bytes of `git log` are read at once: at first (some fifty snapshots), and at most.
_FIRST_PIECE, _LARGEST_PIECE = 1 << 14, 1 << 20
# With arguments, such as a path, git has to search. The first pieces are then passed on as soon as git finds something:
# a caller who wants two snapshots need not wait for fifty.
_EARLY_PIECES = 16
_SNAPSHOT = pattern(TAGS + lostrefs.SNAPSHOT)
IDENTITY = "configvault <configvault@localhost>"


@frozen
class Note:
    """What a commit says about a state.

    Attributes:
        at: when, with a time zone.
        trigger: what caused it, one of `Trigger`.
        actor: who did it.
        host: on which host.
        subject: the first line of the commit message.
        reason: the reason that the operator gave.
        target: the id of the state that was restored.
        plugins: the plugins that it changes.
        more: further trailers, as pairs of name and value.
    """

    at: datetime
    trigger: str
    actor: str
    host: str
    subject: str
    reason: str | None = None
    target: str | None = None
    plugins: tuple[str, ...] = ()
    more: tuple[tuple[str, str], ...] = ()


@frozen
class Draft:
    """A commit to be made; `at` needs a time zone."""

    tree: str
    parent: str | None
    author: str
    at: datetime
    message: str

    @property
    def body(self) -> bytes:
        """Return the unsigned body: the same bytes that git and GitPython write."""
        stamp = f"{int(self.at.timestamp())} {self.at:%z}"
        lines = [f"tree {self.tree}", *([f"parent {self.parent}"] if self.parent else [])]
        lines += [f"author {self.author} {stamp}", f"committer {IDENTITY} {stamp}", ""]
        return "\n".join([*lines, self.message]).encode()


Commit = Callable[[Draft, Collection[NewObject]], str]
"""Writes the objects, then the commit; returns the commit's id when all of it is on disk."""


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
        # A long-running process sets this to `commits.Commits`; see there.
        self.commit: Commit = self._write_commit
        # One operation asks for the same commit many times; the object behind an id never changes.
        self._at = lru_cache(8)(self._snapshot_of)
        self._marks_of = lru_cache(1)(self._read_marks)

    def close(self) -> None:
        """End the git processes that were started to read packed objects, if any."""
        self.objects.close()

    def redaction_key(self) -> bytes:
        """Return the key for the marks that replace hidden secrets, empty if there is none; it never leaves the vault."""
        return statefiles.REDACTION_KEY.read(self.state) or b""

    def stage(self) -> Stage:
        """Return a new, empty stage for captured bytes, on the vault's own file system."""
        return Stage(self.state)

    # --- snapshots

    def log(self, *args: str, limit: int | None = None, pruned: bool = False) -> Iterator[Snapshot]:
        """Yield the snapshots, newest first, with their marks.

        Costs the snapshots that are consumed, and what git reads ahead: some hundred commits at most.

        Args:
            args: further arguments for `git log`.
            limit: how many to yield at most; None for all.
            pruned: also yield commits whose tag was pruned, which are no snapshots any more.

        Raises:
            IntegrityError: git cannot read the history.
        """
        tip = self.tip()
        if tip is None:
            return
        said = self.marks()
        count = 0
        with contextlib.closing(self._log(tip, args)) as pieces:
            for piece in pieces:
                every = list(messages.snapshots(piece))
                names = set() if pruned else self.refs.present(TAGS, [one.id for one in every])
                for one in every:
                    # The newest has no tag if the writer was killed before it wrote one; see `repair`.
                    if pruned or one.id in names or one.commit == tip:
                        yield marked(one, said)
                        count += 1
                        if count == limit:
                            return

    def _log(self, tip: str, args: tuple[str, ...]) -> Generator[bytes]:
        """Yield whole records of `git log`, in growing pieces: a caller who consumes many will probably consume all."""
        argv = ["log", "--first-parent", messages.LOG_FORMAT, tip, *args]
        child = self.git.spawn(*argv)
        assert child.stdin is not None
        assert isinstance(child.stdout, BufferedReader)
        child.stdin.close()
        rest, size, early = b"", _FIRST_PIECE, _EARLY_PIECES if args else 0
        try:
            while piece := (child.stdout.read1 if early else child.stdout.read)(size):
                whole, end, rest = (rest + piece).rpartition(messages.END)
                if end:
                    yield whole + end
                if early:
                    early -= 1
                else:
                    size = min(2 * size, _LARGEST_PIECE)
            failed = child.wait()
        finally:
            child.kill()
            child.stdout.close()
            child.wait()
        if failed:
            self._complain(argv)

    def _complain(self, argv: list[str]) -> None:
        """Raise an error that says why git cannot read the history; runs git once more to get its message."""
        asked = self.git.result(argv, ok=range(-255, 256))
        # The branch exists, so an object is damaged or missing, or HEAD is: then git sees no repository at all.
        last = asked.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it says nothing"]
        from configvault.vault import repair

        hint = (
            "configvault verify" if repair.has_head(self.path) else "configvault snapshot, which recreates HEAD"
        )
        raise IntegrityError(f"git cannot read the history: {last[0]}", hint)

    def good(self) -> Iterator[Snapshot]:
        """Yield the snapshots that are good and were not rolled back, newest first. Costs those that are consumed."""
        said = self.marks()
        for id_ in said.good:
            if id_ not in said.rolled_back and (snapshot := self.named(id_)) is not None:
                yield snapshot

    def latest(self) -> Snapshot | None:
        """Return the newest snapshot, None in an empty vault; raises like `tip`. Costs a ref, a commit and the marks."""
        commit = self.tip()
        return self.at(commit) if commit else None

    def tip(self) -> str | None:
        """Return the commit of the newest snapshot, None in an empty vault. Costs one ref.

        Raises:
            IntegrityError: `main` is missing although the vault has recorded snapshots.
        """
        commit = self.refs.read(MAIN)
        if commit is None:
            self.require_refs()
        return commit

    def require_refs(self, *, every: bool = False) -> None:
        """Fail if refs are lost: else the history would begin anew, or continue from an old commit.

        Args:
            every: also compare the number of tags with the one noted last.

        Raises:
            IntegrityError: refs are lost; the message says which.
        """
        lost = lostrefs.lost(self.path, self.state, self.refs, self.objects.read, self.git)
        if lost is None and every:
            lost = lostrefs.lost_tags(self.state, self.refs)
        if lost is not None:
            raise IntegrityError(f"refs of the vault {self.path} are lost: {lost}", REBUILD)

    def note_refs(self, main: str, tagged: int, *, sync: bool = False) -> None:
        """Write to the state file what `main` is and how many tags exist, so that lost refs are noticed.

        Costs one small file.

        Args:
            main: the commit of `main`.
            tagged: how many tags were added; negative if some were removed.
            sync: have it on disk when this returns.
        """
        known = statefiles.TIP.read(self.state)
        if known is None or known.main is None:
            self.recount_refs()
        else:
            now = statefiles.Tip(main, known.tags + tagged)
            replace(statefiles.TIP, sync=sync).write(self.state, now)

    def at(self, commit: str) -> Snapshot:
        """Return the snapshot that `commit` records. Costs an object, and the marks of its month if not read yet.

        Raises:
            IntegrityError: the commit is damaged, or was not made by configvault.
        """
        return marked(self._at(commit), self.marks())

    def _snapshot_of(self, commit: str) -> Snapshot:
        for snapshot in messages.snapshots(as_log(commit, self.objects.read(commit))):
            return snapshot
        raise IntegrityError(f"commit {commit} on main is not a snapshot", "configvault verify")

    def named(self, id_: str) -> Snapshot | None:
        """Return the snapshot with exactly this id, None if it has no tag. Costs a ref, and what `at` costs."""
        commit = self.refs.read(TAGS + id_)
        return self.at(commit) if commit else None

    def following(self, commit: str) -> Snapshot | None:
        """Return the snapshot whose parent is `commit`, None if there is none or it was pruned.

        Costs two commits, a search in `packed-refs`, and listing the loose tags.
        """
        name = TAGS + self.at(commit).id
        while (following := self.refs.following(TAGS, name.removeprefix(TAGS))) is not None:
            name, child = following
            # Skip tags that users made themselves.
            if _SNAPSHOT.fullmatch(name):
                break
        found = self.at(child) if following is not None else self.latest()
        return found if found is not None and found.parent == commit else None

    def has_tag(self, snapshot: Snapshot) -> bool:
        """Return whether this is still a snapshot: tagged (not pruned), or the newest. Costs two refs."""
        return self.refs.read(TAGS + snapshot.id) == snapshot.commit or self.refs.read(MAIN) == snapshot.commit

    def commits(self, beginning: str) -> list[Snapshot]:
        """Return the snapshots, also pruned ones, whose commit id begins with these digits (at least four).

        Costs two processes, and one more that reads the history for each that was pruned.
        """
        ids = self.git.run(["rev-parse", f"--disambiguate={beginning}"], ok=range(-255, 256))
        types = (
            self.git.run(["cat-file", "--batch-check=%(objectname) %(objecttype)"], stdin=ids) if ids else b""
        )
        found = [row.split()[0] for row in types.decode().splitlines() if row.endswith(" commit")]
        bodies = ((commit, self.objects.read(commit)) for commit in found)
        every = [one for commit, body in bodies for one in messages.snapshots(as_log(commit, body))]
        return [marked(one, self.marks()) for one in every if self.has_tag(one) or self._is_on_main(one)]

    def _is_on_main(self, one: Snapshot) -> bool:
        argv = ["merge-base", "--is-ancestor", one.commit, MAIN]
        return self.refs.read(MAIN) is not None and self.git.result(argv, ok=range(-255, 256)).returncode == 0

    def tree(self, commit_tree: str, base: Folder | None = None, most: int = trees.MOST_ENTRIES) -> Folder:
        """Return the state that a snapshot's tree records; unchanged folders are shared with `base`.

        Raises:
            IntegrityError: the tree is damaged, or has more than `most` entries.
        """
        return trees.load(self.objects, commit_tree, base, most)

    def state_at(self, commit: str) -> Folder:
        """Return the state that any commit of this vault records, snapshot or not. Costs its trees and its metadata blob."""
        return self.tree(_first_line(self.objects.read(commit)).removeprefix("tree "))

    def parent_of(self, commit: str) -> str | None:
        """Return the first parent of a commit; None for the first snapshot and where history was cut off. Costs one object."""
        if commit in shallow.read(self.path):
            return None
        for line in self.objects.read(commit).split(b"\n\n", 1)[0].decode().split("\n"):
            if line.startswith("parent "):
                return line.removeprefix("parent ")
        return None

    def has_content(self, entry: Entry) -> bool:
        """Return whether the bytes of a captured entry are in the vault. Costs one lookup of an object; reads no content."""
        return self.objects.has(entry.blob)

    def record(self, state: Folder, before: Folder | None, stage: Stage | None, note: Note) -> Snapshot:
        """Commit `state` on `main` and tag it; all is on disk when this returns. Arguments and errors as for `prepare`."""
        return self.publish(self.prepare(state, before, stage, note))

    def prepare(self, state: Folder, before: Folder | None, stage: Stage | None, note: Note) -> Snapshot:
        """Write the commit of a new snapshot to disk, but no ref to it yet; `publish` does that.

        Costs the changed blobs and the trees of all folders above them, with a sync for each and for its folder.

        Args:
            state: the captured and validated state.
            before: the latest snapshot's state, None if there is none.
            stage: has the captured bytes that the vault may lack; None if it lacks none.
            note: what the commit says.

        Raises:
            StaleCaptureError: bytes of `state` are neither in the stage nor in the vault.
        """
        tip = self.tip()
        newest = self.at(tip) if tip else None
        id_ = times.snapshot_id(note.at, newest.id if newest else None, lambda name: self._taken(TAGS + name))
        return self.at(self._commit(state, before, stage, tip, note, id_))

    def publish(self, snapshot: Snapshot) -> Snapshot:
        """Make a prepared snapshot the newest: move `main`, then write the tag.

        Safe to repeat: refs that already exist are only synced, as a crash may have come before their sync. Costs two refs
        with two syncs each, and one small file.
        """
        if self.refs.read(MAIN) == snapshot.commit:
            self.refs.settle(MAIN)
        else:
            self.refs.write(MAIN, snapshot.commit, snapshot.parent)
        is_new = self.refs.read(TAGS + snapshot.id) is None
        if is_new:
            self.refs.write(TAGS + snapshot.id, snapshot.commit)
        else:
            self.refs.settle(TAGS + snapshot.id)
        self.note_refs(snapshot.commit, int(is_new))
        return snapshot

    def drop_tags(self, snapshots: Iterable[Snapshot]) -> None:
        """Remove the tags of `snapshots`, all or none: they are no snapshots any more, but stay in the history.

        Costs one process, which rewrites `packed-refs`.
        """
        lines = [f"delete {TAGS}{snapshot.id} {snapshot.commit}\n" for snapshot in snapshots]
        if lines:
            # The new number of tags first, and synced: after a crash in between, tags that we removed ourselves must
            # not count as lost.
            self.note_refs(self.tip() or "", -len(lines), sync=True)
            self.git.run(["update-ref", "--stdin"], stdin="".join(lines).encode())

    def reject(
        self, state: Folder, before: Folder | None, stage: Stage | None, note: Note, findings: Iterable[Finding]
    ) -> RejectedState:
        """Store a refused `state` with its `findings`; if it is the one refused last, return that. Costs as `record`."""
        tree = metadata.snapshot_tree(state).id
        kept = self.rejected(1)
        if kept and kept[0].tree == tree:
            return kept[0]
        id_ = times.rejected_id(
            note.at, kept[0].id if kept else None, lambda name: self._taken(REJECTED + name)
        )
        body = messages.findings_text(findings)
        commit = self._commit(state, before, stage, self.refs.read(MAIN), note, id_, body)
        self.refs.write(REJECTED + id_, commit)
        return self.rejected_at(commit)

    def rejected(self, limit: int | None = None) -> list[RejectedState]:
        """Return the refused states, newest first, at most `limit`. Costs a commit for each."""
        return list(islice(self.each_rejected(), limit))

    def each_rejected(self, beginning: str = "") -> Iterator[RejectedState]:
        """Yield the refused states whose ids begin with `beginning`, newest first. Costs those that are consumed."""
        found = self.refs.starting(REJECTED + beginning) if beginning else None
        for _, commit in self.refs.newest(REJECTED) if found is None else sorted(found.items(), reverse=True):
            yield from messages.rejected(as_log(commit, self.objects.read(commit)))

    def rejected_at(self, commit: str) -> RejectedState:
        """Return the refused state that `commit` records; raises like `at`. Costs one object."""
        for state in messages.rejected(as_log(commit, self.objects.read(commit))):
            return state
        raise IntegrityError(f"commit {commit} is not a rejected state", "configvault verify")

    def rejected_as(self, tree: str) -> RejectedState | None:
        """Return the newest refused state with exactly this tree id. Costs one process that reads all of them."""
        for newest in self.rejected(1):
            if newest.tree == tree:
                return newest
        asked = ["for-each-ref", "--format=%(tree) %(objectname)", "--sort=-refname", REJECTED]
        for line in self.git.run(asked).decode().splitlines():
            if line.startswith(tree):
                commit = line.split()[1]
                return self.rejected_at(commit)
        return None

    def drop_rejected(self, ids: Iterable[str]) -> None:
        """Remove refused states, all or none; the next housekeeping removes their objects. Costs one process."""
        lines = [f"delete {REJECTED}{id_}\n" for id_ in ids]
        if lines:
            self.git.run(["update-ref", "--stdin"], stdin="".join(lines).encode())
            self.refs.settle(REJECTED)

    def signed(self, body: bytes) -> NewObject:
        """Return the commit object with this body, signed if signing is configured and works."""
        signature = self.sign(body) if self.sign is not None else None
        commit = gitformat.make("commit", gitformat.signed(body, signature) if signature else body)
        return from_bytes(commit.type, commit.id, commit.body)

    def _write_commit(self, draft: Draft, along: Collection[NewObject]) -> str:
        commit = self.signed(draft.body)
        self.objects.write([*along, commit])
        return commit.id

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
            # The commit then refers to a root tree that also holds this file; the tree without it is not needed.
            objects = {id_: new for id_, new in objects.items() if id_ != state.id}
            blob = gitformat.make("blob", text)
            objects = {**objects, blob.id: from_bytes("blob", blob.id, text)}
        objects = {**objects, tree.id: from_bytes(tree.type, tree.id, tree.body)}
        return self.commit(draft(tree.id, parent, note, id_, body), list(objects.values()))

    # --- marks

    def marks(self) -> marks_of.Marks:
        """Return all marks of snapshots: good, rolled back, pins, annotations.

        Costs a ref; if a mark was added since the last call also three objects, and a blob for each month that is used.
        """
        commit = self.refs.read(marks_of.REF)
        return marks_of.Marks() if commit is None else self._marks_of(commit)

    def _read_marks(self, commit: str) -> marks_of.Marks:
        return marks_of.load(self._mark_files(commit), self.objects.read)

    def _mark_files(self, commit: str) -> dict[str, str]:
        """Return the blob ids of the files that hold the marks, by file name."""
        tree = _first_line(self.objects.read(commit)).removeprefix("tree ")
        return {name: id_ for _, name, id_ in gitformat.parse_tree(self.objects.read(tree))}

    def mark(
        self, change: Callable[[marks_of.Marks], marks_of.Marks], note: Note, *, always: bool = False
    ) -> None:
        """Replace the marks with what `change` returns for them, in a new commit.

        Costs the blobs of the months that change, and a small one for the rest.

        Args:
            change: gets the present marks, returns the new ones.
            note: what the commit says.
            always: commit even if nothing changed, because the note itself matters.
        """
        tip = self.refs.read(marks_of.REF)
        said = self.marks()
        after = change(said)
        if after == said and not always:
            return
        blobs = {
            name: text if isinstance(text, str) else gitformat.make("blob", text)
            for name, text in marks_of.dump(after)
        }
        ids = {name: blob if isinstance(blob, str) else blob.id for name, blob in blobs.items()}
        tree = gitformat.tree((0o100644, name, id_) for name, id_ in ids.items())
        stored = set(self._mark_files(tip).values()) if tip is not None else set()
        texts = [blob for blob in blobs.values() if not isinstance(blob, str) and blob.id not in stored]
        along = [from_bytes(obj.type, obj.id, obj.body) for obj in (*texts, tree)]
        self.refs.write(marks_of.REF, self.commit(draft(tree.id, tip, note, None, ""), along), tip)

    # --- after a crash

    def repair(self, *, ended_well: bool = True) -> list[str]:
        """Repair what a killed writer left behind; the caller holds the lock.

        Costs a few refs and listing the loose ones. If the last holder did not end well, also a sync of the whole file
        system, and what `recount_refs` costs.

        Args:
            ended_well: whether the last holder released the lock properly. Otherwise it may have been killed between a
                change and its sync, so everything is synced before anything builds on it.

        Returns:
            What was repaired, one sentence each.
        """
        from configvault.vault import repair

        repair.remove_fetched(self.state)
        if not ended_well:
            # Remove first, then sync, so that the removal is on disk, too.
            repair.remove_half_written(self.path)
            durable.sync_file_system(self.path)
        done = [f"removed the lock file {path} that a killed process left" for path in repair.unlock(self.refs)]
        if not repair.has_head(self.path):
            # Without HEAD git does not see a repository. Its content never changes, so it can simply be written again.
            durable.write(os.path.join(self.path, "HEAD"), f"ref: {MAIN}\n".encode())
            done.append("recreated HEAD, which was damaged")
        tip, known = self.tip(), statefiles.TIP.read(self.state)
        if tip is not None:
            if known is None or known.main != tip:
                self.require_refs()
            newest = self.at(tip)
            if self.refs.read(TAGS + newest.id) is None:
                self.refs.write(TAGS + newest.id, tip)
                done.append(f"tagged {newest.id}, which a killed process had recorded")
            if not ended_well or known is None or known.main != tip:
                self.recount_refs()
        return done

    def recount_refs(self) -> None:
        """Count the refs and write the result to the state file.

        Needed if another program changed refs, or a writer was killed before `note_refs`. Costs a pass over `packed-refs`.
        """
        now = statefiles.Tip(self.refs.read(MAIN), lostrefs.tags(self.refs))
        statefiles.TIP.write(self.state, now)


def marked(snapshot: Snapshot, said: marks_of.Marks) -> Snapshot:
    """Return `snapshot` with its marks."""
    good, rolled_back, pins = (
        snapshot.id in said.good,
        snapshot.id in said.rolled_back,
        said.pins_of(snapshot.id),
    )
    annotations = said.annotations.get(snapshot.id, ())
    if not (good or rolled_back or pins or annotations):
        return snapshot
    return replace(snapshot, good=good, rolled_back=rolled_back, pins=pins, annotations=annotations)


def draft(tree: str, parent: str | None, note: Note, id_: str | None, body: str) -> Draft:
    """Return the commit for a note; `id_` becomes its `Configvault-Id`, None for a commit that is no snapshot."""
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
    # An automatic restore has no human author.
    known = messages.author(note.actor, note.host) if note.trigger != Trigger.RESTORE else None
    # File names may hold bytes that are not valid UTF-8.
    message = messages.write(note.subject, body, trailers).encode("utf-8", "backslashreplace").decode()
    return Draft(tree, parent, known or IDENTITY, note.at, message)


def as_log(commit: str, body: bytes) -> bytes:
    """Return a commit's body in the format of a `git log` record, so that the same parser reads both."""
    head, _, message = body.decode("utf-8", "replace").partition("\n\n")
    fields: dict[str, str] = {}
    for line in head.split("\n"):
        key, _, value = line.partition(" ")
        fields.setdefault(key, value)
    return (
        "\0".join(
            [
                commit,
                fields.get("tree", ""),
                fields.get("parent", ""),
                _when(fields.get("committer", "")),
                message,
            ]
        ).encode()
        + b"\x1e"
    )


def _when(committer: str) -> str:
    """Return the time of a committer line in ISO 8601, as git prints it; empty if it is no valid time."""
    try:
        seconds, zone = committer.rsplit(" ", 2)[1:]
        hours, minutes = int(zone[:3]), int(zone[0] + zone[3:])
        there = timezone(timedelta(hours=hours, minutes=minutes))
        return datetime.fromtimestamp(int(seconds), there).isoformat()
    except (ValueError, OverflowError, OSError):
        return ""


def _first_line(body: bytes) -> str:
    return body.split(b"\n", 1)[0].decode()
