"""Prove that the vault is intact."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from configvault.cli.context import Context
from configvault.core.exits import Exit

if TYPE_CHECKING:
    from configvault.usecases.verify import Verified


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--restore-test",
        action="store_true",
        help="also restore the newest, good and pinned snapshots into a temporary folder and compare them",
    )

    parser.add_argument(
        "--replica",
        action="store_true",
        help="check the replicas instead of the vault, without fetching the history;"
        " with --restore-test also recover the newest state of each into a temporary folder and compare it",
    )


def run(context: Context, args: argparse.Namespace) -> int:
    """Check objects, refs, chain, tags and signatures; damage is exit code 9, and all of it is named."""
    from configvault.usecases.verify import DamagedError, verify

    if args.replica:
        return _drill(context) if args.restore_test else _replicas(context)
    site = context.site()
    allowed = site.signers()
    try:
        verified = verify(site, allowed, restore=args.restore_test)
    except DamagedError as error:
        if context.json:
            context.emit({"ok": False, "damaged": list(error.damages), "hint": error.hint})
            return error.code
        context.output.lines(f"damaged: {one}" for one in error.damages)
        raise
    if context.json:
        context.emit(_document(verified))
    else:
        context.output.lines(_words(verified, context.hint, signing=bool(allowed)))
    return 0


def _drill(context: Context) -> int:
    from configvault.cli.output import printable
    from configvault.usecases.drill import drill

    found = drill(context.site())
    if context.json:
        rows = [{"url": one.url, "ok": one.ok, "said": one.words} for one in found.replicas]
        context.emit({"ok": found.ok, "replicas": rows})
    for one in () if context.json else found.replicas:
        context.output.line(f"{'' if one.ok else 'error: '}{printable(one.url)}: {printable(one.words)}")
    return 0 if found.ok else Exit.DAMAGED


def _replicas(context: Context) -> int:
    from configvault.cli.output import printable
    from configvault.usecases.replicate import examine

    found = examine(context.site())
    if context.json:
        rows = [
            {
                "url": one.url,
                "ok": not one.damages and one.trouble is None,
                "said": one.words,
                "warnings": list(one.warnings),
                "damaged": list(one.damages),
                "error": one.trouble,
            }
            for one in found
        ]
        context.emit({"ok": all(row["ok"] for row in rows), "replicas": rows})
    elif not found:
        context.output.line("no replicas are configured")
    else:
        for one in found:
            context.output.lines(f"damaged: {printable(one.url)}: {printable(said)}" for said in one.damages)
            if one.trouble is not None:
                context.output.line(f"error: {printable(one.trouble)}")
            elif not one.damages:
                context.output.line(f"{printable(one.url)}: {printable(one.words)}")
            context.output.lines(f"warning: {printable(one.url)}: {printable(said)}" for said in one.warnings)
    if any(one.damages for one in found):
        return Exit.DAMAGED
    return Exit.DEGRADED if any(one.trouble for one in found) else 0


def _document(verified: Verified) -> dict[str, object]:
    return {
        "ok": True,
        "snapshots": verified.snapshots,
        "rejected": verified.rejected,
        "signed": verified.signed,
        "unsigned": verified.unsigned,
        "restored": list(verified.restored),
        "refused": list(verified.now_rejected),
        "passed_over": verified.passed_over,
        "damaged": [],
    }


def _words(verified: Verified, hint: Callable[[str], str], *, signing: bool) -> Iterator[str]:
    from configvault.cli import words

    snapshots, rejected = (
        words.counted(verified.snapshots, "snapshot"),
        words.counted(verified.rejected, "rejected state"),
    )
    yield f"the vault is intact: {snapshots}, {rejected}"
    if signing:
        older = f", {verified.unsigned} older than the first signature" if verified.unsigned else ""
        yield f"signed by a trusted key: {words.counted(verified.signed, 'commit')}{older}"
    if verified.restored:
        passed_over = verified.passed_over
        more = f"; not restored: {words.counted(passed_over, 'older pinned snapshot')}" if passed_over else ""
        yield f"restored and compared: {words.counted(len(verified.restored), 'snapshot')}{more}"
    for id_ in verified.now_rejected:
        yield f"note: the current rules reject {id_}: {hint(f'configvault rollback {id_} --force')}"
