"""Edit copies of live files, and make them live only if the whole is accepted: what visudo does, for any file.

The copies lie in a private folder of the caller's. Nothing that somebody else changed meanwhile is overwritten.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Mapping, Sequence

from configvault.core.candidates import Candidate, Source
from configvault.core.errors import UsageError
from configvault.core.frozen import frozen
from configvault.core.gitformat import make
from configvault.core.model import Entry, Folder, Kind, Trigger
from configvault.core.outcome import DeployOutcome
from configvault.usecases import deploy, scan
from configvault.usecases.rollback import within
from configvault.usecases.site import Site
from configvault.vault.stage import Stage


@frozen
class Copy:
    """A file that is edited: its path in the root, where its copy is, and the blob it was copied from (None: new)."""

    path: str
    place: str
    blob: str | None


def copies(site: Site, paths: Sequence[str], folder: str) -> tuple[Copy, ...]:
    """Copy the live files at `paths` into the private folder `folder`; a file that does not exist starts empty.

    Raises:
        UsageError: one of them is a folder or a link, or is not captured.
    """
    made = []
    with site.vault.stage() as stage:
        live = scan.live(site, stage)
        for path in dict.fromkeys(_named(path) for path in paths):
            entry = live.state.find(path)
            reason = _left_out(site, path)
            if reason is not None:
                raise UsageError(f"{path!r} is not recorded: {reason}", "edit it directly with an editor")
            if above := _file_above(live.state, path):
                # As a candidate it would replace that file by a folder.
                raise UsageError(
                    f"{path!r} cannot be a file: {above!r} is no folder",
                    f"configvault edit {shlex.quote(above)}",
                )
            if isinstance(entry, Folder) or (entry is not None and entry.kind is not Kind.FILE):
                raise UsageError(f"{path!r} is not a regular file", "name files: configvault edit PATH")
            place = os.path.join(folder, path)
            os.makedirs(os.path.dirname(place), 0o700, exist_ok=True)
            body = live.read(entry.blob) if isinstance(entry, Entry) else b""
            with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                file.write(body)
            made.append(Copy(path, place, entry.blob if isinstance(entry, Entry) else None))
    return tuple(made)


def _named(path: str) -> str:
    """Return a path that was given, as it is written in a state."""
    if path.endswith("/"):
        raise UsageError(f"{path!r} names a folder", "name files: configvault edit PATH")
    return within(path)


def _file_above(live: Folder, path: str) -> str | None:
    """Return what is above a path and no folder, None where nothing is."""
    parts = path.split("/")
    above = ("/".join(parts[:depth]) for depth in range(1, len(parts)))
    return next((one for one in above if isinstance(live.find(one), Entry)), None)


def _left_out(site: Site, path: str) -> str | None:
    """Return why a path, or a folder above it, is in no snapshot, None if it is."""
    parts = path.split("/")
    above = ("".join(f"{part}/" for part in parts[:depth]) for depth in range(len(parts)))
    reasons = (site.root.names.reason_to_leave_out(*pair) for pair in zip(parts, above, strict=True))
    return next((reason for reason in reasons if reason is not None), None)


def edited(site: Site, made: Sequence[Copy]) -> Mapping[Copy, bytes]:
    """Return the copies that hold something else by now, with what they hold.

    Raises:
        UsageError: a copy is larger than `validate.max_file_size`, or is no file any more.
    """
    found = {}
    for copy in made:
        body = _read(copy, site.settings.validate.max_file_size)
        if body is not None and make("blob", body).id != (copy.blob or make("blob", b"").id):
            found[copy] = body
    return found


def _read(copy: Copy, most_bytes: int) -> bytes | None:
    """Return what a copy holds now, None where the editor took it away: then nothing is to be done to that file."""
    try:
        # Neither a link nor a fifo that an editor left there is followed or waited for.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with open(os.open(copy.place, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UsageError(
                    f"the copy {copy.place} is no longer a regular file",
                    f"configvault edit {shlex.quote(copy.path)}",
                )
            body = file.read(most_bytes + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(
            f"the copy {copy.place} cannot be read: {error.strerror}",
            f"configvault edit {shlex.quote(copy.path)}",
        ) from error
    if len(body) > most_bytes:
        raise UsageError(
            f"{copy.path!r} has more than validate.max_file_size = {most_bytes} bytes now",
            f"configvault edit {shlex.quote(copy.path)}, and make it smaller",
        )
    return body


def submit(
    site: Site, bodies: Mapping[Copy, bytes], *, reason: str | None = None, reload: bool = True
) -> DeployOutcome:
    """Make the edited files live, if the whole is accepted with them.

    Raises:
        BusyError: somebody else has changed one of them since it was copied.
    """
    request = deploy.Request(
        tuple(copy.path for copy in bodies),
        reload=reload,
        reason=reason,
        trigger=Trigger.EDIT,
        based_on={copy.path: copy.blob for copy in bodies},
    )
    return deploy.deploy(site, request, lambda stage: _candidate(bodies, stage))


def _candidate(bodies: Mapping[Copy, bytes], stage: Stage) -> Candidate:
    tree: dict[str, Entry | Folder] = {}
    for copy, body in bodies.items():
        blob = make("blob", body).id
        stage.keep(blob, stage.append(iter((body,))))
        entry = Entry(Kind.FILE, 0o644, os.geteuid(), os.getegid(), blob, len(body))
        tree = _put(tree, copy.path.split("/"), entry)
    state = Folder(0o755, os.geteuid(), os.getegid(), tree)
    return Candidate(state, Source("edit", ", ".join(copy.path for copy in bodies)))


def _put(tree: dict[str, Entry | Folder], parts: Sequence[str], entry: Entry) -> dict[str, Entry | Folder]:
    name, *rest = parts
    if not rest:
        return {**tree, name: entry}
    below = tree.get(name)
    inner = dict(below.entries) if isinstance(below, Folder) else {}
    return {**tree, name: Folder(0o755, os.geteuid(), os.getegid(), _put(inner, rest, entry))}
