"""Mounts that nobody else sees and that vanish with the test: each in a thread with a mount namespace of its own."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNS, _CLONE_NEWNET = 0x20000, 0x40000000
# Source: netdevice(7). Set an interface's flags: up, running.
_SIOCSIFFLAGS, _IFF_UP_RUNNING = 0x8914, 0x41
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"

T = TypeVar("T")


def why_not(*programs: str, loop: bool = False) -> str | None:
    """Return why mounting cannot work here, None if it can; `programs` and loop devices are needed besides."""
    if os.geteuid() != 0:
        return "mounting needs root"
    for program in ("mount", *programs):
        if shutil.which(program, path=_PATH) is None:
            return f"{program} is not installed"
    try:
        apart(lambda: None)
    except OSError as error:
        return f"no mount namespace: {error.strerror}"
    except subprocess.CalledProcessError as error:
        # So in a plain chroot, whose root is no mount point: mounts could not be kept from the host.
        return f"no private mounts: {error.stderr.strip()}"
    if loop and sh("losetup", "--find", check=False).returncode != 0:
        return "no loop device is free"
    return None


def apart(function: Callable[[], T]) -> T:
    """Call `function` in a thread that has a mount namespace of its own; return or raise what it does."""
    results: list[T] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            _unshare(_CLONE_NEWNS)
            sh("mount", "--make-rprivate", "/")
            results.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=body, name="apart")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def own_network() -> None:
    """Leave the network for a loopback of its own, on which every port is free; call it inside `apart`."""
    _unshare(_CLONE_NEWNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP_RUNNING))


def _unshare(what: int) -> None:
    if _libc.unshare(what):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def sh(*command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run one of the administrator's programs, which may lie in sbin."""
    env = os.environ | {"PATH": _PATH, "LC_ALL": "C"}
    return subprocess.run(
        command, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=check
    )


def mount_small(place: Path, size: str) -> None:
    """Mount a real file system of that size (`256k`) in memory at `place`; call it inside `apart`."""
    place.mkdir(exist_ok=True)
    sh("mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "small", place)


def fill(place: Path, *, leave_bytes: int = 0) -> Path:
    """Fill the file system at `place` but for about `leave_bytes`; return the file that takes the room."""
    ballast = place / "ballast"
    seen = os.statvfs(place)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(seen.f_bavail * seen.f_frsize - leave_bytes, 1))
    return ballast
