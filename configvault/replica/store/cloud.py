"""Buckets of S3, Google Cloud Storage and Azure. Only this module uses obstore.

Credentials are found as the provider's own tools find them: in the environment, in a file, or by the machine's role. A
failed request is not repeated here, except in a long fetch: the caller decides that, and reports it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from configvault.core import backoff
from configvault.core.errors import ConfigvaultError
from configvault.core.replicas import PASSING, Trouble, Why
from configvault.replica.store.address import StoreAddress
from configvault.replica.store.objects import (
    AbsentError,
    DeniedError,
    ExistsError,
    Found,
    StoreError,
    too_large,
)

_CONNECT_S = 20.0
# How many bytes are sent or fetched in one request, which must end within the time limit: in a minute that takes
# 1.1 Mbit/s. Larger files are sent in parts, without a condition on the name; S3 takes at most 10,000 parts.
_MOST_AT_ONCE = 8 << 20
_MOST_PARTS, _PARTS_AT_ONCE = 9000, 4
# How often each piece of a large fetch is tried: many gigabytes take longer than one connection may last.
_ATTEMPTS, _FIRST_PAUSE_S = 4, 1.0
# How many objects a folder may have. A host that pushes every minute takes four years for so many.
_MOST_LISTED = 2_000_000
# How many characters of a server's message are quoted.
_LONGEST = 200

# Patterns in servers' answers, and what they mean; the first that matches counts. Source: the lists of error codes of S3,
# GCS and Azure.
_REASONS: tuple[tuple[Why, str, str, str | None], ...] = (
    (Why.LOGIN, r"RequestTimeTooSkewed", "its clock and this host's differ too much", "timedatectl set-ntp true"),
    (Why.DAMAGED, r"416 |InvalidRange", "it is shorter than it was listed", None),
    (Why.MISSING, r"NoSuchBucket|ContainerNotFound|bucket does not exist", "the bucket does not exist",
     "create it; it is not created by a push"),
    (Why.LOGIN, r"InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|AuthenticationFailed"
     r"|Unauthenticated|401 |missing credentials|MissingCredentials|169\.254\.169\.254|no credentials|metadata",
     "it does not accept these credentials", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or `credentials` of this replica"),
    (Why.FULL, r"QuotaExceeded|InsufficientStorage|507 |no space left", "it has no free space",
     "free some space there; the next push then catches up"),
    (Why.BUSY, r"SlowDown|TooManyRequests|429 |503 |OperationAborted|ConditionalRequestConflict|409 ",
     "it is busy", None),
    (Why.LOGIN, r"403 |AccessDenied|Forbidden|PermissionDenied", "these credentials do not permit it",
     "adding and listing must be permitted; see docs/fleet.md for the policy"),
    (Why.TIMED_OUT, r"timed out|timeout|deadline", "it did not answer in time",
     "check whether it hangs; a first push may need a longer `timeout`"),
    (Why.UNREACHABLE, r"error sending request|connection|dns|5\d\d |HTTP error|incomplete|decod|body|reset|eof",
     "it cannot be reached", "look at `endpoint` of this replica (or AWS_ENDPOINT_URL), and at the network"),
)  # fmt: skip


def open_store(address: StoreAddress, environ: Mapping[str, str]) -> Cloud:
    """Return a client for the bucket at `address`; no request is sent yet.

    Raises:
        ConfigvaultError: obstore is not installed, or does not accept the address or settings.
    """
    try:
        from obstore.store import AzureStore, GCSStore, S3Store
    except ImportError:
        raise ConfigvaultError(
            f"replica {address.url} needs the library obstore, which is not installed",
            f"{shlex.quote(sys.executable)} -m pip install 'configvault[store]'",
        ) from None
    limit = timedelta(seconds=address.timeout_s)
    common: dict[str, Any] = {
        "prefix": address.prefix or None,
        "client_options": {
            "timeout": limit,
            "connect_timeout": timedelta(seconds=min(_CONNECT_S, address.timeout_s)),
            "allow_http": (address.endpoint or environ.get("AWS_ENDPOINT_URL", "")).startswith("http://"),
        },
        "retry_config": {"max_retries": 0, "retry_timeout": limit},
    }
    try:
        if address.scheme == "s3":
            made: Any = S3Store(address.bucket, **common, **_s3(address, environ))
        elif address.scheme == "gs":
            more: dict[str, Any] = (
                {"application_credentials": address.credentials} if address.credentials else {}
            )
            made = GCSStore(address.bucket, **common, **more)
        else:
            more = {"endpoint": address.endpoint} if address.endpoint else {}
            made = AzureStore(address.bucket, **common, **more)
    except Exception as error:  # whatever it says of its settings
        raise _failure(address.url, error) from None
    return Cloud(made, address.url)


def _s3(address: StoreAddress, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return settings for S3: from the replica, else from the environment, else from the files of AWS's tools."""
    # Buckets with Object Lock accept only uploads with a checksum.
    found: dict[str, Any] = {"checksum_algorithm": "SHA256"}
    profile = environ.get("AWS_PROFILE", "default")
    home = environ.get("HOME", "/root")
    given = address.credentials or environ.get("AWS_SHARED_CREDENTIALS_FILE")
    if address.credentials or "AWS_ACCESS_KEY_ID" not in environ:
        said = _section(given or os.path.join(home, ".aws/credentials"), profile)
        names = {"aws_access_key_id": "access_key_id", "aws_secret_access_key": "secret_access_key",
                 "aws_session_token": "session_token"}  # fmt: skip
        found |= {ours: said[theirs] for theirs, ours in names.items() if theirs in said}
        if address.credentials and "access_key_id" not in found:
            raise ConfigvaultError(
                f"{address.credentials} contains no aws_access_key_id for the profile {profile!r}",
                "write it as `aws configure` does: [default], aws_access_key_id = …, aws_secret_access_key = …",
            )
    config = environ.get("AWS_CONFIG_FILE", os.path.join(home, ".aws/config"))
    region = address.region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    region = region or _section(config, profile, f"profile {profile}").get("region") or "us-east-1"
    found["region"] = region
    if address.endpoint:
        found["endpoint"] = address.endpoint
    return found


def _section(path: str, *names: str) -> Mapping[str, str]:
    import configparser

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeError, OSError):
        raise ConfigvaultError(
            f"{path} is not a credentials file", "write it as `aws configure` does"
        ) from None
    return next((parser[name] for name in names if parser.has_section(name)), {})


class _WholeError(StoreError):
    """The server was asked for a part of an object and returned all of it."""


class Cloud:
    """The objects below one prefix of a bucket."""

    def __init__(self, store: Any, shown: str) -> None:
        """Take a store object of obstore; `shown` is the name for errors."""
        self._store = store
        self._shown = shown

    def listed(self, below: str, after: str = "") -> Iterator[Found]:
        """Yield the objects in the folder `below` whose names sort after `after`."""
        import obstore

        total = 0
        with self._named(below):
            for rows in obstore.list(self._store, below.rstrip("/"), offset=after or None):
                total += len(rows)
                if total > _MOST_LISTED:
                    raise StoreError(
                        self._shown, Trouble(Why.DAMAGED, f"{below} has more than {_MOST_LISTED} objects")
                    )
                for row in rows:
                    yield Found(row["path"], row["size"], row["e_tag"])

    def folders(self) -> list[str]:
        """Return the sorted names of the top-level folders."""
        import obstore

        with self._named("the list of hosts"):
            return sorted(str(one) for one in obstore.list_with_delimiter(self._store)["common_prefixes"])

    def read(self, name: str, most: int) -> bytes:
        """Return the bytes of one object; raises StoreError if there are more than `most`."""
        return b"".join(self._blocks(name, most))

    def fetch(self, name: str, path: str, most: int) -> None:
        """Write the first `most` bytes of one object to the new file `path`, in pieces that are retried one by one."""
        with open(path, "xb") as file:
            try:
                while (done := file.tell()) < most:
                    piece = self._piece(name, done, most)
                    if not piece:
                        return
                    file.write(piece)
            except _WholeError:
                # `rclone serve s3`, for one, ignores ranges: begin again and fetch all of it at once.
                file.seek(0)
                file.writelines(self._blocks(name, most))

    def create(self, name: str, data: bytes) -> str | None:
        """Put an object on the condition that its name is free; return its e-tag."""
        import obstore

        with self._named(name):
            return obstore.put(self._store, name, data, mode="create", use_multipart=False)["e_tag"]

    def send(self, name: str, path: str) -> None:
        """Put a file under a name that holds its hash; a large one in parts."""
        import obstore

        with self._named(name), open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size <= _MOST_AT_ONCE:
                obstore.put(self._store, name, file, mode="create", use_multipart=False)
            elif not self._is_there(name, size):
                part = max(_MOST_AT_ONCE, size // _MOST_PARTS)
                obstore.put(self._store, name, file, chunk_size=part, max_concurrency=_PARTS_AT_ONCE)

    def _is_there(self, name: str, size: int) -> bool:
        """Return whether the store has an object of that name and size.

        An upload in parts has no condition, and would overwrite it; a retention rule would refuse that.
        """
        folder = f"{name.rpartition('/')[0]}/"
        # List from just before the name, so that one request is enough.
        before = name[:-1]
        first = next((one for one in self.listed(folder, before) if one.name >= name), None)
        return first is not None and (first.name, first.size) == (name, size)

    def remove(self, name: str) -> None:
        """Delete one object."""
        import obstore

        with self._named(name):
            obstore.delete(self._store, name)

    def _piece(self, name: str, start: int, most: int) -> bytes:
        """Return the next bytes from `start` on, at most `_MOST_AT_ONCE`; retry passing failures."""
        import obstore

        trouble: StoreError | None = None
        for _ in backoff.attempts(_ATTEMPTS, _FIRST_PAUSE_S, threading.Event().wait):
            try:
                if most <= _MOST_AT_ONCE:
                    return self.read(name, most)
                with self._named(name):
                    length = min(_MOST_AT_ONCE, most - start)
                    return bytes(obstore.get_range(self._store, name, start=start, length=length))
            except StoreError as error:
                if error.trouble.why not in PASSING:
                    raise
                trouble = error
        assert trouble is not None
        raise trouble

    def _blocks(self, name: str, most: int) -> Iterator[bytes]:
        import obstore

        total = 0
        with self._named(name):
            for block in obstore.get(self._store, name):
                total += len(block)
                if total > most:
                    raise too_large(self._shown, name, most)
                yield bytes(block)

    @contextlib.contextmanager
    def _named(self, name: str) -> Iterator[None]:
        """Turn an error of obstore in the block into an error of this store, about `name`."""
        try:
            yield
        except (ConfigvaultError, GeneratorExit):
            raise
        except Exception as error:  # obstore has many, and ValueError, FileNotFoundError and OSError among them
            raise _failure(self._shown, error, name) from None


def _failure(shown: str, error: Exception, name: str = "") -> ConfigvaultError:
    from obstore.exceptions import AlreadyExistsError, PermissionDeniedError, UnauthenticatedError

    said = str(error).partition("\n\nDebug source")[0]
    what = f"{name}: " if name else ""
    trouble = _trouble(what, said)
    # obstore raises AlreadyExistsError for every 409, also for S3's "try again, another write is under way". Only Azure
    # uses 409 for a name that is taken.
    taken = "412 " in said or "BlobAlreadyExists" in said or "status code" not in said
    if isinstance(error, AlreadyExistsError) and taken:
        return ExistsError(shown, Trouble(Why.BUSY, f"{what}it exists already"))
    if "non-partial" in said:
        return _WholeError(shown, trouble)
    if trouble.why is Why.MISSING:
        return StoreError(shown, trouble)
    if isinstance(error, FileNotFoundError):
        return AbsentError(shown, Trouble(Why.DAMAGED, f"{what}there is no such object"))
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or trouble.why is Why.LOGIN:
        return DeniedError(shown, trouble)
    return StoreError(shown, trouble)


def _trouble(what: str, said: str) -> Trouble:
    code = re.search(r"<Code>([A-Za-z]{1,60})</Code>", said)
    status = re.search(r"status code: ([0-9]{3} [A-Za-z ]{0,40})", said)
    short = code[1] if code else status[1].strip() if status else _plain(said.rpartition(" - ")[2])
    for why, pattern, words, hint in _REASONS:
        if re.search(pattern, said, re.IGNORECASE):
            return Trouble(why, f"{what}{words}: {short}", hint)
    return Trouble(Why.REFUSED, f"{what}it refused: {short}")


def _plain(text: str) -> str:
    """Return a server's text as one short printable line, without the queries of URLs."""
    text = re.sub(r"\?\S*", "", text)
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:_LONGEST]
