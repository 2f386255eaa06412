"""The JSON of every command against the contract: which keys, of which kind, in which order nothing is missing."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from service import answer, serving
from sites import Place, recorded

from configvault.service.reload import KINDS

Check = Callable[[Any], None]


def text(value: Any) -> None:
    """A string."""
    assert isinstance(value, str), value


def boolean(value: Any) -> None:
    """True or false."""
    assert isinstance(value, bool), value


def integer(value: Any) -> None:
    """A whole number."""
    assert type(value) is int, value


def number(value: Any) -> None:
    """A number of seconds."""
    assert type(value) in (int, float), value
    assert value >= 0


def time(value: Any) -> None:
    """ISO 8601 with an offset."""
    assert datetime.fromisoformat(value).utcoffset() is not None, value


def anything(value: Any) -> None:
    """Whatever fits."""


def id_(value: Any) -> None:
    """The id of a snapshot or a rejected state."""
    assert re.fullmatch(r"(backup|rejected)_\d{8}_\d{6}", value), value


def hexadecimal(value: Any) -> None:
    """A git id."""
    assert re.fullmatch("[0-9a-f]{40}", value), value


def maybe(check: Check) -> Check:
    """Or null."""
    return lambda value: None if value is None else check(value)


def one_of(*words: str) -> Check:
    """One of these words."""

    def check(value: Any) -> None:
        assert value in words, value

    return check


def many(check: Check) -> Check:
    """A list of these."""

    def checked(value: Any) -> None:
        assert isinstance(value, list), value
        for one in value:
            check(one)

    return checked


def shape(**keys: Check) -> Check:
    """An object with at least these keys."""

    def check(value: Any) -> None:
        assert isinstance(value, dict), value
        assert set(keys) <= set(value), f"missing {set(keys) - set(value)}"
        for key, inner in keys.items():
            inner(value[key])

    return check


CHANGE = shape(path=text, kind=one_of("added", "modified", "removed", "metadata"))
FINDING = shape(
    rule=text,
    severity=one_of("error", "warning"),
    path=text,
    line=maybe(integer),
    column=maybe(integer),
    message=text,
)
_SNAPSHOT = {
    "id": id_,
    "commit": hexadecimal,
    "tree": hexadecimal,
    "taken_at": time,
    "trigger": one_of(
        "startup", "change", "schedule", "manual", "pre-rollback", "rollback", "undo", "restore", "recover"
    ),
    "actor": text,
    "subject": text,
    "reason": maybe(text),
    "good": boolean,
    "rolled_back": boolean,
    "pins": many(text),
}
LISTED = shape(**_SNAPSHOT)
SNAPSHOT = shape(**_SNAPSHOT, changes=many(CHANGE))
RELOAD = shape(
    kind=one_of(*KINDS),
    ok=boolean,
    attempts=integer,
    status=maybe(integer),
    error=maybe(text),
    elapsed_seconds=number,
)
HEALTH = many(shape(name=text, ok=boolean, required=boolean, error=maybe(text)))
DOCUMENTS = {
    "list": shape(snapshots=many(LISTED)),
    "show": SNAPSHOT,
    "check": shape(accepted=boolean, findings=many(FINDING), files=integer),
    "snapshot": shape(
        outcome=one_of("recorded", "unchanged", "rejected"),
        snapshot=maybe(SNAPSHOT),
        rejected=maybe(id_),
        findings=many(FINDING),
    ),
    "rollback": shape(
        outcome=one_of("rolled_back", "unchanged", "planned", "undone", "reload_failed"),
        target=LISTED,
        safety=maybe(id_),
        recorded=maybe(LISTED),
        changes=many(CHANGE),
        reload=maybe(RELOAD),
        health=HEALTH,
        pending_until=maybe(time),
    ),
    "status": shape(
        live=shape(matches=maybe(id_), changes=many(CHANGE)),
        latest=maybe(id_),
        loaded=maybe(id_),
        good=maybe(id_),
        daemon=shape(running=boolean, pid=maybe(integer), since=maybe(time), last_proof=maybe(time)),
        pending=maybe(anything),
        replicas=many(anything),
        degraded=many(text),
    ),
    "reload": shape(
        kind=text,
        ok=boolean,
        attempts=integer,
        status=maybe(integer),
        error=maybe(text),
        elapsed_seconds=number,
        health=HEALTH,
    ),
    "diff": shape(old=id_, new=text, changes=many(CHANGE)),
    "rejected list": shape(rejected=many(shape(id=id_, findings=many(FINDING), taken_at=time))),
    "rejected show": shape(id=id_, commit=hexadecimal, tree=hexadecimal, findings=many(FINDING)),
    "pin": LISTED,
    "unpin": LISTED,
    "annotate": LISTED,
    "verify": shape(ok=boolean, snapshots=integer),
    "config validate": shape(valid=boolean),
    "config show": shape(root=text, vault=text),
    "export": shape(id=id_, output=text),
    "error": shape(error=shape(code=integer, kind=text, message=text, hint=maybe(text))),
}


def document(place: Place, *argv: str, code: int = 0, like: str | None = None) -> Any:
    """Run a command; return its document, which has the shape of the contract and is alone on standard output."""
    done = place.run(*argv, "--json")
    assert done.code == code, done
    assert done.err == ""
    found = json.loads(done.raw)
    DOCUMENTS[like or argv[0]](found)
    assert done.raw.isascii()
    return found


def failure(place: Place, *argv: str, code: int, kind: str) -> Any:
    """Run a command that fails without an outcome; return its error, which stands alone on standard error."""
    done = place.run(*argv, "--json")
    assert (done.code, done.raw) == (code, b""), done
    found = json.loads(done.err)
    DOCUMENTS["error"](found)
    assert (found["error"]["code"], found["error"]["kind"]) == (code, kind)
    assert found["error"]["hint"]
    return found["error"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a root with two snapshots."""
    return recorded(tmp_path, {"a": "1\n", "d/b": "x\n"}, {"a": "2\n"})


def test_init(tmp_path: Path) -> None:
    """`init` prints what `snapshot` prints, the first time and again."""
    place = Place(tmp_path)
    place.write({"a": "1"})
    first = document(place, "init", like="snapshot")
    assert first["outcome"] == "recorded"
    assert first["snapshot"]["changes"] == [{"path": "a", "kind": "added"}]
    assert document(place, "init", like="snapshot")["outcome"] == "unchanged"


def test_init_with_flags_writes_the_configuration(tmp_path: Path) -> None:
    """With flags and no configuration `init` writes one, and still prints one document."""
    place = Place(tmp_path)
    place.config.unlink()
    place.write({"common/oauth_schema.json": "{}"})
    done = place.run("init", "--root", str(place.root), "--vault", str(place.vault), "--json")
    DOCUMENTS["snapshot"](done.json)
    assert place.config.stat().st_mode & 0o777 == 0o600
    assert place.run("config", "validate").code == 0


def test_snapshot(place: Place) -> None:
    """Recorded, unchanged and rejected are told apart; a refused state names its id and findings."""
    place.write({"a": "3\n"})
    recorded = document(place, "snapshot", "-m", "why")
    assert (recorded["outcome"], recorded["snapshot"]["reason"]) == ("recorded", "why")
    unchanged = document(place, "snapshot")
    assert (unchanged["outcome"], unchanged["rejected"]) == ("unchanged", None)
    place.write({"x.json": '{"a": }'})
    rejected = document(place, "snapshot", code=3)
    assert rejected["outcome"] == "rejected"
    assert rejected["rejected"].startswith("rejected_")
    assert (rejected["findings"][0]["path"], rejected["findings"][0]["line"]) == ("x.json", 1)
    assert rejected["findings"][0]["column"] >= 1


def test_alias(place: Place) -> None:
    """`backup` is `snapshot`, `ls` is `list`."""
    assert document(place, "backup", like="snapshot")["outcome"] == "unchanged"
    assert len(document(place, "ls", like="list")["snapshots"]) == 2


def test_list_has_no_changes(place: Place) -> None:
    """A list is of snapshots without what each changed."""
    found = document(place, "list", "--all")
    assert [("changes" in one) for one in found["snapshots"]] == [False, False]


def test_show(place: Place) -> None:
    """`show` is one snapshot with its changes, against nothing for the first."""
    assert document(place, "show", "latest")["changes"] == [{"path": "a", "kind": "modified"}]
    assert {one["kind"] for one in document(place, "show", "previous")["changes"]} == {"added"}


def test_check(place: Place) -> None:
    """`check` says accepted or not, with the number of files, of the root and of any directory."""
    assert document(place, "check") == {"accepted": True, "findings": [], "files": 2, "ignored": 0}
    (place.base / "other").mkdir()
    (place.base / "other" / "x.json").write_text("{")
    found = document(place, "check", "--profile", "generic", str(place.base / "other"), code=3)
    assert (found["accepted"], found["files"]) == (False, 1)


def test_status(place: Place) -> None:
    """`status` compares live with the latest snapshot, and `--check` turns that into an exit code."""
    found = document(place, "status", "--check")
    assert found["live"] == {"matches": found["latest"], "changes": []}
    assert (found["loaded"], found["good"], found["pending"], found["degraded"]) == (None, None, None, [])
    place.write({"new": "n"})
    found = document(place, "status", "--check", code=1)
    assert found["live"] == {"matches": None, "changes": [{"path": "new", "kind": "added"}]}
    (place.root / "new").unlink()
    place.root.rename(place.base / "away")
    assert document(place, "status", "--check", code=6)["degraded"]


def test_rollback(place: Place) -> None:
    """Planned, rolled back and unchanged are told apart, with the ids of before and after."""
    newest, oldest = document(place, "list")["snapshots"]
    planned = document(place, "rollback", oldest["id"], "-n")
    assert (planned["outcome"], planned["recorded"]) == ("planned", None)
    assert [(one["path"], one["kind"]) for one in planned["changes"]] == [("a", "modified")]
    done = document(place, "rollback", oldest["id"], "-m", "why")
    assert (done["outcome"], done["safety"], done["target"]["id"]) == (
        "rolled_back",
        newest["id"],
        oldest["id"],
    )
    assert (done["recorded"]["trigger"], done["recorded"]["reason"]) == ("rollback", "why")
    assert document(place, "show", newest["id"])["rolled_back"] is True
    again = document(place, "rollback", oldest["id"])
    assert (again["outcome"], again["safety"], again["changes"]) == ("unchanged", done["recorded"]["id"], [])


def test_rollback_keeps_live(place: Place) -> None:
    """What was live and not recorded is kept under the id that `safety` names, refused or not."""
    place.write({"a": "unrecorded\n"})
    kept = document(place, "rollback", "previous")["safety"]
    assert place.run("show", f"{kept}:a").raw == b"unrecorded\n"
    place.write({"x.json": "{"})
    kept = document(place, "rollback", "latest")["safety"]
    assert kept.startswith("rejected_")
    assert place.run("show", f"{kept}:x.json").raw == b"{"


def test_rollback_without_a_reference(place: Place) -> None:
    """The newest snapshots are listed and the exit code is 2, on both streams as JSON where asked for."""
    done = place.run("rollback", "--json")
    assert done.code == 2
    DOCUMENTS["list"](done.json)
    assert len(done.json["snapshots"]) == 2
    DOCUMENTS["error"](json.loads(done.err))
    plain = place.run("rollback")
    assert plain.code == 2
    assert done.json["snapshots"][0]["id"] in plain.out
    assert (len(plain.said("error")), len(plain.said("hint"))) == (1, 1)


def test_reload_over_http(place: Place) -> None:
    """A reload that worked makes the snapshot good; one that did not is outcome `reload_failed`, exit code 7."""
    with serving(answer(), answer(500)) as service:
        place.configure(reload=f"kind: http, url: '{service.url}', attempts: 1, timeout: 5s")
        found = document(place, "reload")
        assert (found["kind"], found["ok"], found["status"], found["attempts"]) == ("http", True, 200, 1)
        assert document(place, "status")["good"] == document(place, "status")["latest"]
        failed = document(place, "rollback", "previous", code=7)
        assert (failed["outcome"], failed["reload"]["status"]) == ("reload_failed", 500)
        assert (place.root / "a").read_text() == "1\n"
        assert document(place, "reload", code=7)["ok"] is False


def test_health(place: Place) -> None:
    """A required check that fails is exit code 7, one that is not required is only told of."""
    check = "health: [{name: well, command: ['false'], required: %s, within: 100ms}]\n"
    place.configure(check % "false", reload="kind: command, command: ['true']")
    found = document(place, "reload")
    assert (found["health"][0]["ok"], found["health"][0]["required"]) == (False, False)
    place.configure(check % "true", reload="kind: command, command: ['true']")
    assert document(place, "reload", code=7)["health"][0]["error"]


def test_reload_of_nothing(place: Place) -> None:
    """Where nothing is configured the reload is of kind `none`, and no snapshot becomes good by it."""
    assert document(place, "reload")["kind"] == "none"
    assert document(place, "status")["good"] is None


def test_diff(place: Place) -> None:
    """`diff` holds each change with its text."""
    found = document(place, "diff", "previous", "latest")
    assert found["changes"][0]["path"] == "a"
    assert "-1\n+2" in found["changes"][0]["diff"]


def test_rejected(place: Place) -> None:
    """Refused states are listed, shown, compared and dropped by JSON."""
    place.write({"x.json": "{"})
    rejected = document(place, "snapshot", code=3)["rejected"]
    assert [one["id"] for one in document(place, "rejected", "list", like="rejected list")["rejected"]] == [
        rejected
    ]
    assert document(place, "rejected", "show", rejected, like="rejected show")["findings"]
    place.ok("rejected", "diff", rejected)
    document(place, "rejected", "drop", rejected, like="rejected show")
    assert failure(place, "rejected", "show", rejected, code=4, kind="reference")


def test_the_rest(place: Place) -> None:
    """Pins, annotations, verify, config and export print one document each."""
    assert document(place, "pin", "latest", "x")["pins"] == ["x"]
    assert document(place, "annotate", "latest", "-m", "y")["annotations"] == ["y"]
    assert document(place, "unpin", "x")["pins"] == []
    document(place, "verify")
    document(place, "config", "validate", like="config validate")
    document(place, "config", "show", like="config show")
    document(place, "export", "latest", "--output", str(place.base / "out"))


def test_errors(place: Place) -> None:
    """Each kind of failure is its own code and kind, in a document on standard error alone."""
    failure(place, "show", "nonsense", code=4, kind="reference")
    failure(place, "show", code=2, kind="usage")
    failure(place, "nonsense", code=2, kind="usage")
    failure(place, "list", "--limit", "x", code=2, kind="usage")
    place.configure("nonsense: 1\n")
    assert failure(place, "list", code=78, kind="configuration")["faults"]
    place.configure()
    place.vault.rename(place.base / "away")
    failure(place, "list", code=10, kind="no-vault")


def test_names_that_are_not_utf8(place: Place) -> None:
    r"""A byte that is not UTF-8 appears as `\udcXX`, and the text around it stays."""
    place.write({"x\udcff\n": b"\xfe\n"})
    found = document(place, "snapshot")
    assert found["snapshot"]["changes"][0]["path"] == "x\udcff\n"
    raw = place.run("snapshot", "--json").raw + place.run("show", "latest", "--json").raw
    assert b"\\udcff" in raw
    document(place, "diff", "previous", "latest")


@pytest.mark.parametrize("flags", [["--json", "list"], ["list", "--json"], ["--json", "list", "--json"]])
def test_flags_before_and_after(place: Place, flags: list[str]) -> None:
    """Global flags work before and after the command, and of a sub-command's words too."""
    assert len(place.run(*flags).json["snapshots"]) == 2
    assert place.run("--json", "rejected", "list").json == {"rejected": []}
    assert place.run("rejected", "--json", "list").json == {"rejected": []}
    assert place.run("rejected", "list", "--json").json == {"rejected": []}
    assert place.run("-q", "snapshot").raw == place.run("snapshot", "-q").raw == b""


def test_config_flag_wins_over_the_environment(place: Place, tmp_path: Path) -> None:
    """`--config` wins over `$CONFIGVAULT_CONFIG`, the later one over the earlier."""
    environ = dict(os.environ) | {"CONFIGVAULT_CONFIG": str(tmp_path / "nothing")}
    assert place.run("list", environ=environ).code == 0
    assert place.run("--config", str(tmp_path / "nothing"), "list", "--config", str(place.config)).code == 0
    assert place.run("list", "-c", str(tmp_path / "nothing")).code == 78


# --- what a change brings


def test_standing_warnings_are_counted_and_not_repeated(tmp_path: Path) -> None:
    """A command prints the warnings that its change brings, and of those that stood before only how many there are."""
    place = Place(tmp_path)
    place.write({"old.yaml": "a: 1\na: 2\n", "b.yaml": "b: 1\n"})
    first = place.run("init")
    assert (first.code, "repeated-key" in first.out + first.err) == (0, False)
    assert f"1 warning existed before this change: configvault -c {place.config} check" in first.err
    place.write({"old.yaml": "x: 0\na: 1\na: 2\n"})
    moved = place.ok("snapshot")
    assert (moved["findings"], moved["standing"]) == ([], 1)
    place.write({"b.yaml": "b: 1\nb: 2\n"})
    brought = place.run("snapshot")
    assert brought.err.count("repeated-key") == 1
    assert brought.err.startswith("b.yaml:2")
    assert "1 warning existed before this change" in brought.err
    assert "recorded backup_" in brought.out
    place.write({"b.yaml": "b: [\n"})
    rejected = place.run("snapshot", "--json").json
    assert ([one["path"] for one in rejected["findings"]], rejected["standing"]) == (["b.yaml"], 1)
    back = place.run("rollback", "latest", "--json").json
    assert (back["findings"], back["standing"]) == ([], 2)
    assert [one["path"] for one in place.run("check", "--json").json["findings"]] == ["b.yaml", "old.yaml"]


def test_many_ids_are_few_words(tmp_path: Path) -> None:
    """A rollback far back says how many snapshots it goes behind, not the id of each."""
    place = Place(tmp_path)
    first = place.init({"a": "0\n"})
    ids = [place.snapshot({"a": f"{number}\n"}) for number in range(1, 6)]
    done = place.run("rollback", first)
    assert f"  marks as rolled back: 5 snapshots, {ids[-1]} to {ids[0]}\n" in done.out
