"""`init` finds out what it is to protect, and what it writes works: with Coze Studio's own layout, and elsewhere."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import docker
from plugins import GOOD, META_PATH
from service import Service, answer, serving
from sites import Done, Place

from configvault import config

COMPOSE = """\
name: coze-studio
services:
  mysql:
    image: mysql:8.4.5
  coze-server:
    image: cozedev/coze-studio-server:latest
    restart: always
    container_name: coze-server
    volumes:
      - .env:/app/.env
      - ../backend/conf:/app/resources/conf
"""


class Checkout(Place):
    """A checkout as upstream lays it out, with a `docker` on the PATH that has its server as a container."""

    def __init__(self, folder: Path, service: Service) -> None:
        self.folder = folder / "coze-studio"
        self.root = self.folder / "backend" / "conf" / "plugin"
        self.vault = folder / "vault"
        self.config = folder / "config.yaml"
        self.state = folder / "docker-state"
        self.compose = self.folder / "docker" / "docker-compose.yml"
        self.write(GOOD)
        (self.folder / "docker").mkdir()
        self.compose.write_text(COMPOSE)
        (self.folder / "docker" / ".env").write_text(
            f'export WEB_LISTEN_ADDR="127.0.0.1:{service.port}" # page\n'
        )
        self.state.mkdir()
        bin_ = folder / "bin"
        bin_.mkdir()
        (bin_ / "docker").write_text(f'#!/bin/sh\nexec {sys.executable} {docker.__file__} "$@"\n')
        (bin_ / "docker").chmod(0o755)
        self.environ = os.environ | {"PATH": f"{bin_}:{os.environ['PATH']}", "DOCKER_STATE": str(self.state)}

    def does(self, *argv: str, cwd: Path | None = None) -> Done:
        """Run a command in the checkout."""
        return self.process("-c", str(self.config), *argv, cwd=cwd or self.folder, **self.environ)

    def calls(self, word: str) -> int:
        """Return how often `docker` was called with that word."""
        file = self.state / "calls"
        return sum(word in line.split() for line in file.read_text().splitlines()) if file.exists() else 0


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    """A checkout whose server answers while its container runs, and is not there otherwise."""

    def page(connection: socket.socket, over: threading.Event) -> None:
        state = json.loads((tmp_path / "docker-state" / "state.json").read_text())
        up = state[".State.Status"] == "running"
        connection.sendall(answer(200 if up else 502, "<html></html>", "text/html"))

    with serving(page) as service:
        yield Checkout(tmp_path, service)


def test_a_checkout_is_found_and_protected(checkout: Checkout) -> None:
    """In a checkout `init` needs no more than that; a rollback restarts the server, and its health decides."""
    done = checkout.does("init", "--vault", str(checkout.vault), cwd=checkout.folder / "docker")
    assert done.code == 0, done
    assert f"for {checkout.root}, the plugins of the Coze Studio checkout {checkout.folder}" in done.out
    assert "guessed" not in done.out
    settings = config.load(checkout.config, {})
    assert settings.reload.command == (
        "docker",
        "compose",
        "-f",
        str(checkout.compose),
        "restart",
        "coze-server",
    )

    good = (checkout.root / META_PATH).read_bytes()
    (checkout.root / META_PATH).write_bytes(good.replace(b"  openapi_doc_file", b" openapi_doc_file", 1))
    assert checkout.does("snapshot").code == 3
    done = checkout.does("rollback", "latest")
    assert (done.code, checkout.calls("restart")) == (0, 1), done
    assert "the service was reloaded (command" in done.out
    assert "passed health check 'coze-server answers'" in done.out
    assert "passed health check 'coze-server stays up'" in done.out
    assert (checkout.root / META_PATH).read_bytes() == good
    assert "good" in checkout.does("list").out

    # Nothing to restore, and the server has loaded it: nobody is thrown out for that. To restart it all the same: reload.
    done = checkout.does("rollback", "latest", "--json")
    assert (done.json["outcome"], done.json["reload"], checkout.calls("restart")) == ("unchanged", None, 1)
    assert checkout.does("reload").code == 0
    assert checkout.calls("restart") == 2


def test_a_panic_after_the_restart_is_named(checkout: Checkout) -> None:
    """Where the server panics on what was restored the rollback exits 7 and quotes the panic; nothing counts as good."""
    checkout.does("init", "--vault", str(checkout.vault))
    text = checkout.config.read_text().replace("within: 2m", "within: 6s")
    checkout.config.write_text(text)
    (checkout.root / META_PATH).write_text("broken: [\n")
    (checkout.state / "panic").write_text("plugin 7 has no manifest")
    done = checkout.does("rollback", "latest")
    assert done.code == 7, done
    assert "error: health check 'coze-server stays up'" in done.out
    assert "panic: InitializeInfra failed, err=plugin 7 has no manifest" in done.out
    assert "good" not in checkout.does("list").out


def test_a_checkout_is_found_by_its_root(checkout: Checkout) -> None:
    """`--root` may name the checkout or the plugins in it; without a word on the address its usual one is a guess."""
    (checkout.folder / "docker" / ".env").unlink()
    for root in (checkout.folder, checkout.root):
        done = checkout.does("init", "--root", str(root), "--vault", str(checkout.vault), cwd=Path("/"))
        assert done.code == 0, done
        assert "guessed that its page is at localhost:8888, because docker/.env does not set it" in done.out
        assert config.load(checkout.config, {}).root == str(checkout.root)
        checkout.config.unlink()
    done = checkout.does("init", "--json", "--root", str(checkout.root), "--vault", str(checkout.vault))
    assert done.json["outcome"] == "unchanged"
    assert len(done.json["guesses"]) == 1
    assert any("-c" in step for step in done.json["next"])


@pytest.mark.parametrize(
    ("files", "what", "reload"),
    [
        ({"nginx.conf": "events {}\n"}, "nginx", ("systemctl", "reload", "nginx")),
        ({"prometheus.yml": "global: {}\n"}, "Prometheus", ("systemctl", "reload", "prometheus")),
        ({"configuration.yaml": "a: 1\n", ".HA_VERSION": "2026.1"}, "Home Assistant", ()),
        ({"a.toml": "a = 1\n"}, "configuration files", ()),
    ],
)
def test_the_profile_follows_from_what_is_there(
    tmp_path: Path, files: dict[str, str], what: str, reload: tuple[str, ...]
) -> None:
    """A directory of another program gets the generic profile, what reloads that program, and a word on the guess."""
    place = Place(tmp_path / "place")
    place.config.unlink()
    place.write(files)
    done = place.process("init", "--root", str(place.root), "--vault", str(place.vault))
    assert done.code == 0, done
    settings = config.load(place.config, {})
    assert settings.validate.profile == "generic"
    assert settings.reload.command == reload
    assert what in done.out
    assert "guessed that" in done.out
    assert "next: configvault -c " in done.out


def test_a_second_configuration_gets_another_port(tmp_path: Path) -> None:
    """The pages of two roots on one host do not fight for one port."""
    first, second = Place(tmp_path / "one"), Place(tmp_path / "two")
    second.config = first.config.with_name("second.yaml")
    for place in (first, second):
        place.config.unlink(missing_ok=True)
        place.write({"a.yaml": "a: 1\n"})
        done = place.process(
            "-c", str(place.config), "init", "--root", str(place.root), "--vault", str(place.vault)
        )
        assert done.code == 0, done
    assert config.load(first.config, {}).http.listen == "127.0.0.1:9460"
    assert config.load(second.config, {}).http.listen == "127.0.0.1:9461"


def test_a_root_that_is_not_there(tmp_path: Path) -> None:
    """Of a root that was never recorded no hint speaks of a snapshot, and nothing is written."""
    place = Place(tmp_path)
    place.config.unlink()
    done = place.run("init", "--root", str(tmp_path / "nowhere"), "--vault", str(tmp_path / "other"))
    assert (done.code, "rollback" in done.err, str(tmp_path / "nowhere") in done.err) == (1, False, True), done
    assert not place.config.exists()
    assert not (tmp_path / "other").exists()
