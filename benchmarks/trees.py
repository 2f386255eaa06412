"""Directories to measure on: OpenAPI documents of 1 to 40 KB, 4 KB in the median, 20 a folder, three folders deep."""

from __future__ import annotations

import random
from pathlib import Path

FILES_A_FOLDER = 20
_SEED = 20260101
_NOUNS = (
    "tide",
    "ferry",
    "port",
    "berth",
    "crane",
    "cargo",
    "buoy",
    "pilot",
    "quay",
    "tug",
    "anchor",
    "customs",
)
_OPERATION = """\
  /{noun}/{number}:
    get:
      operationId: get_{noun}_{number}
      summary: Look up the {noun} {number} of the {other}
      parameters:
        - {{name: {other}_id, in: query, required: true, description: Which {other} it is, schema: {{type: string}}}}
        - {{name: limit, in: query, schema: {{type: integer, minimum: 1, maximum: {size}}}}}
      responses:
        "200":
          description: What is known of the {noun}
          content:
            application/json:
              schema:
                type: object
                properties:
                  {noun}: {{type: string, description: Name of the {noun} {size}}}
                  {other}: {{type: array, items: {{type: number}}}}
"""


class Tree:
    """The files of a tree by number; the same each time."""

    def __init__(self, root: Path, files: int) -> None:
        """Take `root`, which may not exist yet, for the place of a tree of so many files."""
        self.root = root
        self.files = files
        self._edits = 0

    def path(self, number: int) -> str:
        """Return the path of a file relative to the root."""
        folder = number // FILES_A_FOLDER
        upper, middle = folder // FILES_A_FOLDER // FILES_A_FOLDER, folder // FILES_A_FOLDER
        return f"area{upper:03}/group{middle:04}/service{folder:05}/api{number:06}.yaml"

    def content(self, number: int, version: int = 0) -> str:
        """Return the text of a file in one of its versions."""
        chance = random.Random(_SEED + number)  # noqa: S311 - the same each time is the point
        size = min(max(chance.lognormvariate(8.32, 0.7), 1000), 40_000)
        parts = [f"openapi: 3.0.1\ninfo: {{title: Service {number}, version: v1.0.{version}}}\npaths:\n"]
        length = 0
        while length < size:
            noun, other = chance.sample(_NOUNS, 2)
            parts.append(
                _OPERATION.format(noun=noun, other=other, number=len(parts), size=chance.randrange(10**6))
            )
            length += len(parts[-1])
        return "".join(parts)

    def build(self) -> None:
        """Write all files."""
        made = set()
        for number in range(self.files):
            path = self.root / self.path(number)
            if path.parent not in made:
                path.parent.mkdir(parents=True)
                made.add(path.parent)
            path.write_text(self.content(number))

    def edit(self) -> str:
        """Change one file, another one each time as far as there are so many; return its path."""
        self._edits += 1
        number = self._edits * 7919 % self.files
        path = self.path(number)
        (self.root / path).write_text(self.content(number, self._edits))
        return path
