"""Search by simulating all states at once: the time is bounded by pattern times text, whatever they are.

Source: the well-known construction by Thompson, as in Pike's virtual machine.
"""

from __future__ import annotations

from typing import NamedTuple

from configvault.coze.openapi.re2.classes import Set
from configvault.coze.openapi.re2.parse import Tree

MOST_STATES = 4_000
MOST_STEPS = 400_000
_WORD = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")


class TooComplexError(Exception):
    """Finding out would take too long, or cannot be done here."""


class State(NamedTuple):
    """One instruction: take a character of `set`, hold at `kind`, or go on at `next` (nothing: found)."""

    set: Set | None
    kind: str
    next: tuple[int, ...]


class Program:
    """The states of one pattern; the last one made is the start."""

    def __init__(self) -> None:
        self.states: list[State] = []

    def add(self, set_: Set | None, kind: str, *then: int) -> int:
        """Return the number of a new state.

        Raises:
            TooComplexError: there are too many.
        """
        if len(self.states) >= MOST_STATES:
            raise TooComplexError
        self.states.append(State(set_, kind, then))
        return len(self.states) - 1


def compile_(tree: Tree) -> Program:
    """Return the program of a parsed pattern.

    Raises:
        TooComplexError: it would be too large, or a set in it cannot be told.
    """
    program = Program()
    end = program.add(None, "found")
    _build(program, tree, end)
    return program


def _build(program: Program, tree: Tree, then: int) -> int:
    """Return the state where `tree` begins, built backwards from what follows it."""
    if tree.op == "set":
        assert tree.set is not None
        if not tree.set.knowable:
            raise TooComplexError
        return program.add(tree.set, "", then)
    if tree.op == "assert":
        return program.add(None, tree.kind, then)
    if tree.op == "seq":
        for child in reversed(tree.children):
            then = _build(program, child, then)
        return program.add(None, "go", then)
    if tree.op == "alt":
        return program.add(None, "go", *(_build(program, child, then) for child in tree.children))
    return _repeat(program, tree, then)


def _repeat(program: Program, tree: Tree, then: int) -> int:
    child = tree.children[0]
    if tree.high < 0:
        loop = program.add(None, "go")
        body = _build(program, child, loop)
        program.states[loop] = State(None, "go", (body, then))
        then = loop
    else:
        after = then
        for _ in range(tree.high - tree.low):
            then = program.add(None, "go", _build(program, child, then), after)
    for _ in range(tree.low):
        then = _build(program, child, then)
    return program.add(None, "go", then)


def search(program: Program, text: str) -> bool:
    """Return whether the pattern is found anywhere in `text`.

    Raises:
        TooComplexError: it would take too long.
    """
    steps = 0
    current: set[int] = set()
    start = len(program.states) - 1
    for index in range(len(text) + 1):
        alive, found = _closure(program, current | {start}, text, index)
        steps += len(alive) + 1
        if found:
            return True
        if steps > MOST_STEPS:
            raise TooComplexError
        if index < len(text):
            char = text[index]
            states = (program.states[number] for number in alive)
            current = {state.next[0] for state in states if state.set is not None and state.set.has(char)}
    return False


def _closure(program: Program, begin: set[int], text: str, index: int) -> tuple[set[int], bool]:
    """Return every state reached from `begin` without taking a character, and whether one is the end."""
    stack, seen = list(begin), set(begin)
    while stack:
        state = program.states[stack.pop()]
        if state.kind == "found":
            return seen, True
        if state.set is None and _holds(state.kind, text, index):
            fresh = [number for number in state.next if number not in seen]
            seen.update(fresh)
            stack += fresh
    return seen, False


def _holds(kind: str, text: str, index: int) -> bool:
    before, after = text[index - 1 : index], text[index : index + 1]
    if kind == "go":
        return True
    if kind == "start":
        return index == 0
    if kind == "end":
        return index == len(text)
    if kind == "line start":
        return index == 0 or before == "\n"
    if kind == "line end":
        return index == len(text) or after == "\n"
    return ((before in _WORD and before != "") != (after in _WORD and after != "")) == (kind == "word")
