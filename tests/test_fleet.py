"""Look at hosts through replicas: who has what, who differs, and who cannot be looked at."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import git_servers
from hosts import Host, bare

from configvault.usecases.fleet import _letters

Fleet = Callable[..., list[str]]


@pytest.fixture(params=["own", "shared"])
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Host, list[str]]:
    """Three hosts, of which the third differs; and the flags that name their replicas."""
    shared = request.param == "shared"
    url = str(bare(tmp_path / "all.git")) if shared else f"{tmp_path}/{{host}}.git"
    replica = {"url": url, "shared": shared}
    hosts = []
    for name, text in (
        ("web-1", "x: 1\n"),
        ("web-2", "x: 1\n"),
        ("web-3", "x: 2\ntoken: s3cret-v4lue-0123456789\n"),
    ):
        if not shared:
            bare(tmp_path / f"{name}.git")
        host = Host(tmp_path / "hosts" / name, name, replicas=[replica])
        host.record(text="x: 0\n")
        host.record(text=text)
        host.ok("replicate")
        hosts.append(host)
    return hosts[0], ["--from", url]


def test_status_says_who_differs(fleet: tuple[Host, list[str]], tmp_path: Path) -> None:
    """Equal hosts are one group, the largest first; of each its latest snapshot and age are known."""
    host, source = fleet
    found = host.ok("fleet", "status", *source)
    assert [(one["host"], one["group"], one["error"]) for one in found["hosts"]] == [
        ("web-1", "A", None), ("web-2", "A", None), ("web-3", "B", None),
    ]  # fmt: skip
    assert found["groups"][1] == {"name": "B", "hosts": ["web-3"], "differs": 1}
    assert found["hosts"][0]["latest"]["id"] == host.ids()[0]
    assert found["hosts"][0]["age_seconds"] >= 0
    table = host.run("fleet", "status", *source).out
    assert "B: differs in 1" in table


def test_find_says_who_has_which_version(fleet: tuple[Host, list[str]]) -> None:
    """Each version of a file stands once, with its hosts; a path that nobody has is not there."""
    host, source = fleet
    found = host.ok("fleet", "find", "a.yaml", *source)["versions"]
    assert [one["hosts"] for one in found] == [["web-1", "web-2"], ["web-3"]]
    assert found[0]["blob"] == host.git("rev-parse", "HEAD:a.yaml")
    [nobody] = host.ok("fleet", "find", "b.yaml", *source)["versions"]
    assert (nobody["present"], len(nobody["hosts"])) == (False, 3)


def test_diff_hides_secrets(fleet: tuple[Host, list[str]]) -> None:
    """Two hosts compare like two snapshots; secrets show only when asked for."""
    host, source = fleet
    ran = host.run("fleet", "diff", "web-1", "web-3", *source, "--exit-code")
    assert (ran.code, "-x: 1" in ran.out, "+x: 2" in ran.out, "s3cret" in ran.out) == (1, True, True, False)
    assert "s3cret" in host.run("fleet", "diff", "web-1", "web-3", *source, "--no-redact").out
    assert host.ok("fleet", "diff", "web-1", "web-2", *source)["changes"] == []
    assert host.ok("fleet", "diff", "web-1", "web-3", *source, "--path", "other")["changes"] == []
    assert host.run("fleet", "diff", "web-1", "web-9", *source).code in (1, 4)


def test_the_cache_is_brought_up_to_date(fleet: tuple[Host, list[str]], tmp_path: Path) -> None:
    """With --cache a second look fetches what is new; a folder that others can read is refused."""
    host, source = fleet
    cache = ["--cache", str(tmp_path / "cache")]
    host.ok("fleet", "status", *source, *cache)
    newest = host.record(text="x: 9\n")
    host.ok("replicate")
    found = host.ok("fleet", "status", *source, *cache)["hosts"]
    assert found[0]["latest"]["id"] == newest
    (tmp_path / "open").mkdir(mode=0o755)
    assert host.run("fleet", "status", *source, "--cache", str(tmp_path / "open")).code == 2


def test_a_host_that_is_away(tmp_path: Path) -> None:
    """One that cannot be looked at is named with the reason, the others are told of, and the exit code says so."""
    url = f"{tmp_path}/{{host}}.git"
    bare(tmp_path / "web-1.git")
    host = Host(tmp_path / "h", "web-1", replicas=[{"url": url}])
    host.record()
    host.ok("replicate")
    names = tmp_path / "names"
    names.write_text("web-1\nweb-2\n")
    ran = host.run("fleet", "status", "--hosts", str(names), "--json")
    assert ran.code == 6
    assert [(one["host"], one["error"] is None) for one in ran.json["hosts"]] == [
        ("web-1", True),
        ("web-2", False),
    ]


@pytest.mark.skipif(git_servers.why_not("sshd") is not None, reason=str(git_servers.why_not("sshd")))
def test_a_server_that_turns_some_away(tmp_path: Path) -> None:
    """An sshd that lets one log in at a time turns the others away, and every host is seen all the same."""
    host = Host(tmp_path / "h", "web-0", replicas=[{"url": str(bare(tmp_path / "web-0.git"))}])
    host.record()
    host.ok("replicate")
    names = [f"web-{number}" for number in range(4)]
    for name in names[1:]:
        shutil.copytree(tmp_path / "web-0.git", tmp_path / f"{name}.git")
    (tmp_path / "names").write_text("\n".join(names))
    with git_servers.sshd(tmp_path / "ssh", listening=True, settings="MaxStartups 1") as server:
        login = {"key": str(server.key), "known_hosts": str(server.known_hosts)}
        host.configure(replicas=[{"url": f"{server.url}{tmp_path}/{{host}}.git", **login}])
        found = host.ok("fleet", "status", "--hosts", str(tmp_path / "names"), "--at-once", "4")
    assert [(one["host"], one["error"]) for one in found["hosts"]] == [(name, None) for name in names]


def test_a_pattern_needs_names_where_folders_cannot_be_seen(tmp_path: Path) -> None:
    """Which repositories a server has only it knows: the hosts have to be named."""
    ran = Host(tmp_path / "h").run("fleet", "status", "--from", "ssh://h/{host}.git")
    assert (ran.code, "--hosts FILE" in ran.err) == (2, True)


@pytest.mark.parametrize("name", ["#", "../web-1", "web/1"])
def test_a_name_that_no_host_can_have(tmp_path: Path, name: str) -> None:
    """What stands in an inventory and is no name never becomes a part of a path or URL."""
    ran = Host(tmp_path / "h").run("fleet", "status", "--from", f"{tmp_path}/{{host}}.git", "--host", name)
    assert (ran.code, "cannot be the name of a host" in ran.err) == (2, True)


def test_groups_are_named_like_columns() -> None:
    """After Z comes AA."""
    assert [_letters(number) for number in (0, 25, 26, 27, 52, 701, 702)] == [
        "A",
        "Z",
        "AA",
        "AB",
        "BA",
        "ZZ",
        "AAA",
    ]
