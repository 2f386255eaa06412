"""Objects from `git cat-file`: one child answers questions in the order they were put, and they may be put ahead."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from configvault.core.errors import IntegrityError
from configvault.core.gitformat import hasher
from configvault.vault.git import Git

CHUNK = 1 << 20
# So many questions fit into a pipe at any rate: to put them never waits for an answer to be taken.
WINDOW = 64


class Batch:
    """One child. What it does not answer in full ends it, as the rest would be taken for the next answer."""

    def __init__(self, git: Git, how: str) -> None:
        """Start it; `how` is `--batch`, or `--batch-check` for answers without bodies."""
        self._child = git.spawn("cat-file", how)
        self.ended = False

    def end(self) -> None:
        """End it, whatever it has still to say."""
        if not self.ended:
            self.ended = True
            for pipe in (self._child.stdin, self._child.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]
            self._child.wait()

    def ask(self, ids: Iterable[str]) -> None:
        """Put questions, WINDOW at once at most; the answers are to be taken in the same order."""
        assert self._child.stdin is not None
        # A child that has ended says so where the answer is missing.
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.write(b"".join(id_.encode() + b"\n" for id_ in ids))
            self._child.stdin.flush()

    def header(self, id_: str) -> tuple[str, int]:
        """Take the first line of the answer about an object: its type, and its size in bytes.

        Raises:
            IntegrityError: it is missing or damaged.
        """
        assert self._child.stdout is not None
        answer = self._child.stdout.readline().decode(errors="replace").split()
        if len(answer) != 3 or answer[0] != id_:
            self.end()
            raise IntegrityError(f"object {id_} is missing or damaged in the vault", "configvault verify")
        return answer[1], int(answer[2])

    def take(self, id_: str) -> Iterator[bytes]:
        """Yield the body of the object that was asked for, in pieces; raises like `header`, at the latest at the end."""
        type_, left = self.header(id_)
        out = self._child.stdout
        assert out is not None
        digest = hasher(type_, left)
        whole = False
        try:
            while left:
                piece = out.read(min(left, CHUNK))
                if not piece:
                    raise damaged(id_)
                left -= len(piece)
                digest.update(piece)
                yield piece
            whole = out.read(1) == b"\n"
        finally:
            if not whole:
                self.end()
        if digest.hexdigest() != id_:
            raise damaged(id_)


class Ahead:
    """Reads objects in an order that is known: while one is used, the child looks up the next."""

    def __init__(self, batch: Batch, ids: Iterable[str], otherwise: Callable[[str], Iterator[bytes]]) -> None:
        """Take the order; `otherwise` reads what is wanted out of it."""
        self._batch = batch
        self._ids = iter(ids)
        self._asked: deque[str] = deque()
        self._otherwise = otherwise

    def chunks(self, id_: str) -> Iterator[bytes]:
        """Return an object's body in pieces, to be taken before the next is asked for; raises like `Batch.take`."""
        if self._batch.ended:
            return self._otherwise(id_)
        if len(self._asked) <= WINDOW // 2:
            more = list(islice(self._ids, WINDOW - len(self._asked)))
            self._batch.ask(more)
            self._asked += more
        if not self._asked or self._asked[0] != id_:
            return self._otherwise(id_)
        self._asked.popleft()
        return self._batch.take(id_)


def damaged(id_: str) -> IntegrityError:
    """Return the error of an object whose bytes are not what its id says."""
    return IntegrityError(f"object {id_} is damaged in the vault", "configvault verify")
