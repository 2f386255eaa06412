"""A snapshot as a ConfigMap: valid for Kubernetes, and mounted it is the tree it was."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hosts import Host
from hypothesis import given
from hypothesis import strategies as st
from sites import Place
from states import Blobs, Content, Link, folder

from configvault.core import configmap
from configvault.core.errors import ConfigvaultError


def made(files: Mapping[str, Content]) -> list[configmap.Item]:
    """Return what a ConfigMap of `files` holds."""
    blobs = Blobs()
    return configmap.items(folder(files, blobs), blobs.read)


def mounted(document: Mapping[str, Any], volume: Mapping[str, Any]) -> dict[str, bytes]:
    """Return what kubelet would show: each item of the volume at its path."""
    data = {key: text.encode() for key, text in document.get("data", {}).items()}
    data |= {key: base64.b64decode(text) for key, text in document.get("binaryData", {}).items()}
    return {item["path"]: data[item["key"]] for item in volume["configMap"]["items"]}


FILES: dict[str, Content] = {
    "a.yaml": "x: 1\n", "deep/er/b.json": "{}", "deep/c.yaml": "y: 'no'\nz:  \n", "bytes.bin": b"\xff\0",
    "a__b": "1", "a/b": "2", "leading": " x", "tab": "a\tb\n", "umläut.yaml": "ä: ö\n", "crlf": "a\r\nb\r\n", "empty": "",
    ".hidden": "no\n", "bom": "\ufeffx: 1\n", "next": "a\u0085b", "number": "1", "many/" + "x" * 200: "long",
}  # fmt: skip


@pytest.mark.parametrize("form", [yaml.safe_load, json.loads], ids=["yaml", "json"])
def test_the_mount_gives_the_tree_back(form: Any, tmp_path: Path) -> None:
    """Whatever a file holds and wherever it lies, ConfigMap and volume together give it back byte for byte."""
    host = Host(tmp_path / "h")
    for path, content in FILES.items():
        file = host.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    host.ok("init")
    flags = ["export", "latest", "--format", "configmap", *(["--json"] if form is json.loads else [])]
    document, volume = (form(host.run(*flags, *more).out) for more in ([], ["--items"]))
    expected = {path: text if isinstance(text, bytes) else text.encode() for path, text in FILES.items()}
    assert mounted(document, volume) == expected
    assert json.loads(document["metadata"]["annotations"][configmap.PATHS]).keys() == {
        *document["data"],
        *document["binaryData"],
    }
    assert document["metadata"]["name"] == "root"


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=300))
def test_keys_are_what_kubernetes_takes(path: str) -> None:
    """Every path has a key of allowed characters and length, which is no name that kubelet keeps for itself."""
    found = configmap.key(path)
    assert configmap.key(f"x/{path}") != found
    assert 0 < len(found) <= configmap.LONGEST_KEY
    assert set(found) <= set("-._0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert found != "."
    assert not found.startswith("..")


def test_a_mounted_configmap_is_exported_as_what_it_shows() -> None:
    """In a root that is such a mount itself the links are followed and kubelet's own names left out."""
    files: dict[str, Content] = {
        "..2024_01_01/a.yaml": "x: 1\n", "..2024_01_01/sub/b.yaml": "y: 1\n", "..data": Link("..2024_01_01"),
        "a.yaml": Link("..data/a.yaml"), "sub": Link("..data/sub"),
    }  # fmt: skip
    assert [(one.path, one.data) for one in made(files)] == [("a.yaml", b"x: 1\n"), ("sub/b.yaml", b"y: 1\n")]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a": Link("nowhere")}, "'a' leads nowhere"),
        ({"a": Link("/etc/passwd")}, "leads out of the root"),
        ({"d/a": Link("../../x"), "x": "1"}, "leads out of the root"),
        ({"a": Link("b"), "b": Link("a")}, "a loop"),
        ({"d/up": Link("..")}, "a loop"),
        ({"big": b"x" * (configmap.MOST_BYTES + 1)}, "at most 1048576 bytes, these are 1048577"),
        ({"bad\udcff": "x"}, "is no UTF-8"),
    ],
)
def test_what_cannot_be_a_configmap(files: dict[str, Content], said: str) -> None:
    """What Kubernetes would refuse or lose is refused with its name."""
    with pytest.raises(ConfigvaultError, match=said):
        made(files)


@pytest.mark.parametrize("secret", [False, True])
def test_annotations_stay_below_what_kubernetes_takes(secret: bool) -> None:
    """The list of paths is left out where it is longer than all annotations of an object may be together."""
    for count, listed in ((10, True), (5000, False)):
        found = made({f"folder/a-file-with-a-rather-long-name-{number:05}.yaml": "" for number in range(count)})
        annotations = configmap.document(found, "n", None, "s", secret=secret)["metadata"]["annotations"]
        assert sum(len(name) + len(text.encode()) for name, text in annotations.items()) <= 256 << 10
        assert (configmap.PATHS in annotations) is listed


def test_links_inside_are_followed() -> None:
    """A link to a file or folder inside becomes what it leads to."""
    files: dict[str, Content] = {"d/a": "1", "l": Link("d/./a"), "e": Link("d"), "d/x": Link("../d/a")}
    assert {one.path: one.data for one in made(files)} == dict.fromkeys(["d/a", "l", "e/a", "d/x", "e/x"], b"1")


@pytest.mark.parametrize("words", [["--name", "Bad_Name"], ["--format", "tar", "--items", "--output", "-"]])
def test_wrong_flags(tmp_path: Path, words: list[str]) -> None:
    """A name that Kubernetes does not take, and flags of another format, are usage errors."""
    host = Host(tmp_path / "h")
    host.record()
    assert host.run("export", "latest", "--format", "configmap", *words).code == 2


def test_into_a_file(tmp_path: Path) -> None:
    """--output writes a new file that only its owner reads: it may hold secrets."""
    host = Host(tmp_path / "h")
    host.record()
    words = [
        "export",
        "latest",
        "--format",
        "configmap",
        "--output",
        str(tmp_path / "cm.yaml"),
        "--namespace",
        "coze",
    ]
    host.ok(*words[:-2])
    assert (tmp_path / "cm.yaml").stat().st_mode & 0o777 == 0o600
    assert (
        yaml.safe_load(host.run("export", "latest", "--format", "configmap", "--namespace", "coze").out)[
            "metadata"
        ]["namespace"]
        == "coze"
    )


def test_a_secret_holds_the_same(tmp_path: Path) -> None:
    """`--format secret` is the same files under the same keys, and its volume mounts them."""
    place = Place(tmp_path)
    place.init({"a.yaml": "token: x\n", "deep/b.bin": b"\0\xff"})
    made = place.ok("export", "latest", "--format", "secret", "--name", "plugins", "--namespace", "coze")
    assert (made["kind"], made["type"], made["metadata"]["namespace"]) == ("Secret", "Opaque", "coze")
    paths = json.loads(made["metadata"]["annotations"][configmap.PATHS])
    held = {paths[key]: base64.b64decode(text) for key, text in made["data"].items()}
    assert held == {"a.yaml": b"token: x\n", "deep/b.bin": b"\0\xff"}
    volume = place.ok("export", "latest", "--format", "secret", "--name", "plugins", "--items")
    assert volume["secret"]["secretName"] == "plugins"
    assert {one["key"]: one["path"] for one in volume["secret"]["items"]} == paths


def test_a_secret_in_a_configmap_is_warned_of(tmp_path: Path) -> None:
    """A place that looks like a filled-in token is named, without it; a Secret is no reason to warn."""
    place = Place(tmp_path)
    place.init(
        {
            "a.yaml": "x: 1\nservice_token: hunter2-and-more-4711\n",
            "b.yaml": "description: token hunter2-and-more-4711\n",
        }
    )
    done = place.run("export", "latest", "--format", "configmap")
    assert [line.partition(" looks")[0] for line in done.said("warning")] == ["warning: a.yaml:2"]
    assert "hunter2" not in done.err
    assert place.run("export", "latest", "--format", "secret").said("warning") == []


def test_a_directory_needs_neither_vault_nor_configuration(tmp_path: Path) -> None:
    """A checkout is exported as it is now; a name that could be a reference is one."""
    place = Place(tmp_path)
    place.config.unlink()
    place.write({"a.yaml": "a: 1\n", "x.swp": "ignored"})
    for argv, cwd in (
        (["."], place.root),
        (["./root"], tmp_path),
        (["root"], tmp_path),
        ([str(place.root)], None),
    ):
        done = place.process("export", *argv, "--format", "configmap", "--json", cwd=cwd)
        assert done.code == 0, done
        assert (done.json["data"], done.json["kind"]) == ({"a.yaml": "a: 1\n"}, "ConfigMap")
    assert done.json["metadata"]["annotations"]["configvault.io/snapshot"].startswith("tree-")
    (tmp_path / "latest").mkdir()
    assert place.process("export", "latest", "--format", "configmap", cwd=tmp_path).code == 78
    assert place.process("export", "./root", "--output", "/tmp/x", cwd=tmp_path).code == 2
    assert place.process("export", "./none", "--format", "configmap", cwd=tmp_path).code == 1


def test_an_empty_directory_is_warned_of(tmp_path: Path) -> None:
    """An object without any file, which applied would take all plugins away, does not pass unnoticed."""
    (tmp_path / "empty").mkdir()
    done = Place(tmp_path).run("export", f"{tmp_path}/empty", "--format", "configmap")
    assert (done.code, "contains no files" in done.err) == (0, True), done
