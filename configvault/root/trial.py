"""Try what every restore begins with: a folder for what is temporary, made in the root and removed again."""

from __future__ import annotations

import contextlib
import os

from configvault.core.model import RESERVED_PREFIX

_PREFIX = f"{RESERVED_PREFIX}trial-"


def try_to_write(root_fd: int) -> OSError | None:
    """Return why nothing can be made in the root, which is open as `root_fd`; None where it can."""
    name = f"{_PREFIX}{os.getpid()}"
    try:
        for left in (one for one in os.listdir(root_fd) if one.startswith(_PREFIX)):
            # By somebody who was killed in the middle of this. One that is not empty is not ours.
            with contextlib.suppress(OSError):
                os.rmdir(left, dir_fd=root_fd)
        os.mkdir(name, 0o700, dir_fd=root_fd)
        os.rmdir(name, dir_fd=root_fd)
    except OSError as error:
        return error
    return None


def is_volume(root_fd: int) -> bool:
    """Return whether the root is read-only because kubelet mounted it, as it does a ConfigMap or a Secret.

    Such a root is changed through the API of Kubernetes alone. Source: kubelet's atomic writer, which swaps `..data`.
    """
    try:
        return bool(os.fstatvfs(root_fd).f_flag & os.ST_RDONLY) and bool(os.readlink("..data", dir_fd=root_fd))
    except OSError:
        return False
