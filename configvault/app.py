"""Wiring: settings, vault, root and everything that comes in several kinds, put together to a `Site`.

The only reader of the clock, the host's name and the process's identity. Heavy parts are imported when first asked.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from configvault import config, who
from configvault.core import language, metadata
from configvault.core.errors import UsageError
from configvault.core.frozen import frozen, replace
from configvault.core.model import (
    PATIENT,
    Change,
    Finding,
    Folder,
    HealthReport,
    Patience,
    Probe,
    ReloadReport,
    Snapshot,
    State,
    Verdict,
)
from configvault.core.replicas import is_store
from configvault.core.settings import ReplicaSettings, RolloutSettings, Settings, ValidateSettings
from configvault.disk import durable
from configvault.root.capture import Limits, Root
from configvault.root.names import Names
from configvault.usecases.site import Offered, Ran, Remote, Site
from configvault.vault import ownership, statefiles
from configvault.vault.opening import create_vault, exists, open_vault, require_adoptable

if TYPE_CHECKING:
    from configvault import replica
    from configvault.core.outcome import Outcome
    from configvault.core.plugins import Plugin
    from configvault.core.stores import StoreState
    from configvault.coze.online import Rate, Result
    from configvault.observers.notify import Notifier
    from configvault.replica.store import Store
    from configvault.service.health import AskLog
    from configvault.service.log.analysis import Analysis
    from configvault.service.log.reading import Read
    from configvault.validators import Rule, Validator
    from configvault.vault.rebuild import Rebuilt
    from configvault.vault.repository import Vault
    from configvault.vault.signing import Signer
    from configvault.vault.verdicts import Kept
    from configvault.who.writers import Writers

# What is kept of a configuration is not longer: it may have 1 MiB.
_MOST_SETTINGS = 8 * 1024 * 1024


def config_path(given: str | None, environ: Mapping[str, str]) -> str:
    """Return where the configuration is: as given, as the environment says, or the default."""
    return given or environ.get("CONFIGVAULT_CONFIG") or str(config.DEFAULT_PATH)


def load_settings(path: str, environ: Mapping[str, str], *, keep: bool = False) -> Settings:
    """Read the configuration at `path`; with `keep`, keep what it says for later commands; raises ConfigError."""
    text = config.text(path)
    vault = config.named_vault(text)
    if vault is not None and (known := _kept_settings(vault, text)) is not None:
        return known
    from configvault.service.reload import KINDS

    settings = config.parse(text, path, environ, rules=_RuleNames(), reload_kinds=KINDS)
    if keep and vault == settings.vault and exists(vault) and (body := config.encode(text, settings)):
        # It only saves time.
        with contextlib.suppress(OSError):
            durable.write(
                statefiles.path(os.path.join(vault, "configvault"), statefiles.SETTINGS), body, sync=False
            )
    return settings


def _kept_settings(vault: str, text: str) -> Settings | None:
    """Return what this user kept of a configuration with this text; what others wrote would speak for them."""
    path = statefiles.path(os.path.join(vault, "configvault"), statefiles.SETTINGS)
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            found = os.fstat(file.fileno())
            if found.st_uid != os.geteuid() or found.st_mode & 0o022 or not stat.S_ISREG(found.st_mode):
                return None
            return config.decode(text, file.read(_MOST_SETTINGS))
    except OSError:
        return None


def read_for_unit(path: str, environ: Mapping[str, str]) -> tuple[Settings, str]:
    """Return the configuration at `path` and its text, with credentials read from where systemd will take them.

    Raises:
        ConfigError: it cannot be used.
    """
    from configvault.service.reload import KINDS

    text = config.text(path)
    at_rest = re.sub(r"\$\{file:/run/credentials/[^/}]+/([^/}]+)\}", r"${file:/etc/configvault/\1}", text)
    return config.parse(at_rest, path, environ, rules=_RuleNames(), reload_kinds=KINDS), text


def make_vault_place(settings: Settings) -> None:
    """Make the folder of the vault where systemd would not: a path that is granted must be there."""
    durable.private_folder(settings.vault)


class _RuleNames(Collection[str]):
    """The names of all rules; the validators are loaded when a configuration names one, and not to list snapshots."""

    def _names(self) -> Collection[str]:
        from configvault.validators import RULES

        return RULES.keys()

    def __contains__(self, name: object) -> bool:
        if name in self._names():
            return True
        # A validator of another package names its rules as it likes.
        from configvault.validators import external

        return bool(external.found())

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())


def validator(settings: ValidateSettings, environ: Mapping[str, str]) -> Validator:
    """Return the validator of the profile that `settings` name; the parts of other profiles are not loaded."""
    from configvault.validators import Validator, generic

    if settings.profile == "generic":
        return Validator(settings, environ, generic.validate)
    from configvault.coze import directory
    from configvault.coze.memory import CODECS

    return Validator(settings, environ, directory.validate, CODECS)


class LazyValidator:
    """The validator of a profile; the validators and their libraries are loaded with the first state.

    A whole state that another process has validated by the same rules is not validated again, where it is not compared
    with another one: nothing is loaded for that.
    """

    def __init__(
        self, settings: ValidateSettings, environ: Mapping[str, str], memory: str | None = None
    ) -> None:
        """Keep what the real one is made with, and the file that keeps for other processes what it knows."""
        self._settings = settings
        self._environ = environ
        self._memory = memory
        self._real: Validator | None = None
        self._rules = ""
        self._trees: dict[str, tuple[Finding, ...]] | None = None
        self._kept: Kept | None = None

    def validate(self, state: State, within_s: float | None = None) -> Verdict:
        """Return the verdict on `state`; what is not validated `within_s` seconds is not accepted."""
        # What other programs and packages say may change without any rule of ours.
        ours = self._memory is not None and not self._settings.commands
        # What was left out of the state is no part of its tree.
        if not ours or state.tree.summary.leaves_out or _has_external():
            return self._loaded().validate(state, within_s)
        if state.before is None:
            known = self._known_trees()
            tree = metadata.snapshot_tree(state.tree).id
            if (found := known.pop(tree, None)) is None:
                found = self._loaded().validate(state, within_s).findings
                if not self._loaded().is_settled:
                    return Verdict(found)
            # What is asked for again is kept longest.
            known[tree] = found
            return Verdict(found)
        verdict = self._loaded().validate(state, within_s)
        if not verdict.findings and self._loaded().is_settled:
            # A state before it can only add findings: where there are none, there are none without it.
            self._known_trees()[metadata.snapshot_tree(state.tree).id] = ()
        return verdict

    def validate_again(self, state: State) -> Verdict:
        """Return the verdict on a state that was validated before, without programs of the site's own."""
        return self._loaded().validate_again(state)

    def _known_trees(self) -> dict[str, tuple[Finding, ...]]:
        from configvault.vault import verdicts

        if self._trees is None:
            assert self._memory is not None
            self._rules = _rules(self._settings)
            self._trees = verdicts.trees(self._memory, self._rules)
        while len(self._trees) > verdicts.MOST_TREES:
            del self._trees[next(iter(self._trees))]
        return self._trees

    def _loaded(self) -> Validator:
        if self._real is None:
            self._real = validator(self._settings, self._environ)
            if self._memory is not None:
                from configvault.vault import verdicts

                self._known_trees()
                self._real.recall(verdicts.load(self._memory, self._rules).rest)
        return self._real

    def lacking(self) -> Mapping[str, str]:
        """Return the rules that are configured and lack their library, each with the command that installs it."""
        return lacking(self._settings)

    def remember(self) -> None:
        """Keep for other processes what was found, where any of it is new."""
        if self._real is not None and self._memory is not None:
            from configvault.vault import verdicts

            kept = verdicts.Kept(self._known_trees(), self._real.memory())
            if kept != self._kept:
                verdicts.save(self._memory, self._rules, kept)
                self._kept = verdicts.Kept(dict(kept.trees), kept.rest)


def _rules(settings: ValidateSettings) -> str:
    """Return everything but the files themselves that decides what is found in them."""
    import importlib.util
    import sys

    import configvault

    # Its place and its age say which version it is without loading it.
    spec = importlib.util.find_spec("yaml")
    found = os.stat(spec.origin) if spec is not None and spec.origin is not None else None
    yaml = (found.st_ino, found.st_size, found.st_mtime_ns) if found is not None else None
    optional = importlib.util.find_spec("openapi_spec_validator") is not None
    return repr((settings, configvault.__version__, yaml, sys.version, optional))


@lru_cache(1)
def _has_external() -> bool:
    """Return whether another package has validators of its own; asked for with each state."""
    from configvault.disk.installed import names_group

    return names_group("configvault.validators")


def open_site(
    settings: Settings,
    environ: Mapping[str, str],
    *,
    create: bool = False,
    command: str = "configvault",
    wait_s: float = 30.0,
    stop: threading.Event | None = None,
    damaged: bool = False,
    root_of_vault: str | None = None,
) -> Site:
    """Return everything that protects the root of `settings`.

    Args:
        settings: the whole configuration.
        environ: what children inherit.
        create: make the vault where there is none yet, or only an empty directory.
        command: who holds the lock, for those who wait.
        wait_s: how long to wait for the lock.
        stop: ends reloads and health checks early.
        damaged: open a vault that has lost refs, or protects another root, all the same: to examine it, or repair it.
        root_of_vault: the root that the vault protects, where this is not the one of `settings`.

    Raises:
        NoVaultError: there is no vault and `create` is false, or something else lies there.
        ConfigError: the vault protects another root.
        IntegrityError: its refs are lost.
    """
    vault = create_vault(settings.vault, environ) if create else open_vault(settings.vault, environ)
    if not damaged:
        ownership.require_root(vault.state, root_of_vault or settings.root, write=create)
        vault.require_refs()
    # Once a command, for two milliseconds: an older git would fail somewhere in the middle, or answer otherwise.
    vault.git.require_version()
    vault.sign = _signer(settings, environ)
    loads = _Loads()
    return Site(
        settings=settings,
        vault=vault,
        root=Root(settings.root, Names(settings.watch.ignore), _limits(settings.validate)),
        validator=LazyValidator(settings.validate, environ, statefiles.path(vault.state, statefiles.VERDICTS)),
        reload=partial(_reload, settings, environ, stop, vault, loads),
        reload_asks=partial(_reload_asks, settings),
        reload_restarts=partial(_reload_restarts, settings),
        probe_reload=partial(_probe_reload, settings),
        probe_notify=partial(_probe_notify, settings),
        check_health=partial(
            check_health, settings, environ, stop, vault, log=_service_log(settings, vault, loads)
        ),
        now=partial(_now, settings.timezone),
        actor=who.caller(environ),
        blame=_blame_owners,
        environ=environ,
        command=command,
        wait_s=wait_s,
        machine=who.machine,
        remotes=lambda: remotes(settings, settings.host or who.machine(), environ, stop, vault),
        offered=partial(_offered, settings, stop),
        signers=partial(allowed_signers, settings, environ),
        rollout=_Rollout(settings, environ, stop, loads) if settings.rollout is not None else None,
    )


def adopt_root(settings: Settings, environ: Mapping[str, str], command: str, wait_s: float) -> None:
    """Let the vault of `settings`, if there is one, protect their root from now on: what it protected has moved there."""
    from configvault.disk import lock

    if not exists(settings.vault):
        return
    vault = open_vault(settings.vault, environ)
    with lock.hold(statefiles.path(vault.state, statefiles.LOCK), command, wait_s):
        ownership.adopt(vault.state, settings.root)


def rebuild_refs(settings: Settings, environ: Mapping[str, str], command: str, wait_s: float) -> Rebuilt:
    """Make the refs of the vault of `settings` again from its commits."""
    from configvault.disk import lock
    from configvault.vault import rebuild

    vault = open_vault(settings.vault, environ)
    try:
        with lock.hold(statefiles.path(vault.state, statefiles.LOCK), command, wait_s):
            return rebuild.rebuild(vault)
    finally:
        vault.close()


def _offered(settings: Settings, stop: threading.Event | None, url: str) -> Offered:
    """Return the repository at `url`, with the login and the trusted keys where it is the configured source."""
    from configvault.replica import address, offered
    from configvault.vault import signing

    one, trusted = ReplicaSettings(url), ""
    if settings.source is not None and settings.source.url == url:
        source = settings.source
        one = ReplicaSettings(
            url,
            source.timeout,
            key=source.key,
            known_hosts=source.known_hosts,
            user=source.user,
            token=source.token,
        )
        trusted = signing.allowed_signers(source.trusted) if source.trusted else ""
    return offered.Offered(address.resolve(one, ""), trusted, stop)


def remotes(
    settings: Settings,
    host: str,
    environ: Mapping[str, str],
    stop: threading.Event | None = None,
    vault: Vault | None = None,
) -> tuple[Remote, ...]:
    """Return the replicas of `host` that `settings` name; `stop` ends what is going on with them.

    What is known of a store is kept in `vault`, by whose key its manifests are signed.
    """
    if not settings.replicas:
        return ()
    from configvault import replica

    return tuple(
        _store(one, host, settings, environ, stop=stop, state=vault.state if vault is not None else None)
        if is_store(one.url)
        else replica.Remote(replica.resolve(one, host), stop)
        for one in settings.replicas
    )


def _store(
    one: ReplicaSettings,
    host: str,
    settings: Settings | None,
    environ: Mapping[str, str],
    *,
    stop: threading.Event | None = None,
    state: str | None = None,
    until: int | None = None,
) -> Store:
    """Return the history of `host` in a store; with `settings` that sign, only what is signed counts."""
    from configvault.replica import store

    address = store.resolve(one, host)
    signing = settings.signing if settings is not None else None
    is_signed = signing is not None and (signing.key is not None or bool(signing.trusted))
    return store.Store(
        address,
        environ,
        now=partial(_now, settings.timezone if settings is not None else "local"),
        memory=_StoreMemory(state, statefiles.store(address.key)) if state is not None else None,
        sign=_signer(settings, environ) if settings is not None else None,
        check=partial(_signature_fault, settings, environ) if settings is not None and is_signed else None,
        until=until,
        stop=stop,
    )


def _signature_fault(
    settings: Settings, environ: Mapping[str, str], text: bytes, signature: str | None
) -> str | None:
    from configvault.vault import signing

    return signing.fault(text, signature, allowed_signers(settings, environ), environ)


@frozen
class _StoreMemory:
    """What a vault knows of one store."""

    state: str
    file: statefiles.StateFile[StoreState]

    def read(self) -> StoreState | None:
        """Return it, None where nothing is known."""
        return self.file.read(self.state)

    def write(self, state: StoreState) -> None:
        """Replace it."""
        self.file.write(self.state, state)


@frozen
class Reading:
    """How to read replicas on this machine: what decrypts a store, which manifest to end with, how long one call may take."""

    identity: str | None = None
    until: int | None = None
    timeout_s: float = 600.0
    credentials: str | None = None


def replica_hosts(
    url: str,
    names: Iterable[str],
    settings: Settings | None,
    environ: Mapping[str, str],
    reading: Reading | None = None,
) -> dict[str, replica.Remote | Store]:
    """Return the hosts that the replica at `url` holds (`names`: only these), with the login that `settings` give it.

    Raises:
        ConfigvaultError: it cannot be asked, or cannot say which hosts it holds.
    """
    from configvault import replica
    from configvault.config import forms
    from configvault.vault.git import Git

    reading = reading or Reading()
    try:
        forms.replica_url(url)
    except ValueError as error:
        raise UsageError(
            f"--from does not name a replica: {error}", "--from ssh://git@host/{host}.git"
        ) from None
    known = {one.url.rstrip("/"): one for one in settings.replicas} if settings else {}
    one = known.get(url.rstrip("/"), ReplicaSettings(url))
    # A fetch may bring years of history; a push brings what is new.
    one = replace(one, timeout=max(one.timeout, reading.timeout_s))
    if not is_store(url):
        if reading.identity or reading.until:
            raise UsageError("--identity and --until are for object stores", "omit them")
        return dict(replica.find(one, names, Git(None, environ)))
    from configvault.core.replicas import is_host
    from configvault.replica import store

    one = replace(
        one,
        identity=reading.identity or one.identity,
        credentials=reading.credentials or one.credentials,
    )
    found = [host for host in store.hosts(store.resolve(one, ""), environ) if is_host(host)]
    wanted = set(names)
    # Of the host that this is: what its vault knows that it stored.
    own = settings.host or who.machine() if settings is not None else None
    state = os.path.join(settings.vault, "configvault") if settings is not None else None
    return {
        host: _store(one, host, settings, environ, until=reading.until, state=state if host == own else None)
        for host in found
        if not wanted or host in wanted
    }


def stores(
    url: str,
    names: Iterable[str],
    settings: Settings | None,
    environ: Mapping[str, str],
    credentials: str | None = None,
) -> dict[str, Store]:
    """Return the hosts in the object store at `url` (`names`: only these), reached with `credentials` if there are any.

    Raises:
        ConfigvaultError: it is no store, or cannot be asked.
    """
    if not is_store(url):
        raise UsageError(f"{url} is not an object store", "use s3://, gs://, az:// or file+bundle:///PATH")
    return replica_hosts(url, names, settings, environ, Reading(credentials=credentials))  # type: ignore[return-value]


def _blame_owners(changes: Sequence[Change], _state: Folder) -> str:
    from configvault.who.changed import blame

    return blame(changes)


def watch_writers(site: Site) -> Writers | None:
    """Have changes blamed on the processes that are seen writing from now on; None where that is not permitted.

    Whoever calls this closes what it returns.
    """
    from configvault.who.writers import UnseenError, Writers

    try:
        writers = Writers(site.root.path)
    except (UnseenError, OSError):
        return None
    blame_writers(site, writers)
    return writers


def blame_writers(site: Site, writers: Writers) -> None:
    """Have changes of `site` blamed on whom `writers` see."""
    from configvault.who import changed

    top = os.path.realpath(site.root.path)
    writers.follow(os.path.relpath(path, top).removeprefix(".") for path, _, _ in os.walk(top))

    def blame(changes: Sequence[Change], state: Folder) -> str:
        writers.follow(["", *(path for path, entry in state.walk() if isinstance(entry, Folder))])
        return changed.blame(changes, writers.wrote)

    site.blame = blame


def notifier(site: Site, *heard: Callable[[str, str], None]) -> Notifier:
    """Return an observer that passes outcomes of `site` on to whom its settings name; whoever calls this closes it."""
    from configvault.core.secrets.redactor import Redactor
    from configvault.observers.notify import About, Notifier

    hide = Redactor(site.vault.redaction_key()).text
    spoken = language.configured(site.settings.language, site.environ)
    about = About(site.root.path, site.host, site.now, hide, site.environ, spoken, site.in_place)
    return Notifier(site.settings.notify, about, *heard)


def recorder(site: Site) -> Callable[[Outcome], None]:
    """Return an observer for commands that writes down what they do, so that the daemon logs and counts it."""

    def write(outcome: Outcome) -> None:
        from configvault.observers.commands import Recorder
        from configvault.vault import outcomes

        # What was done is done: that it is not counted is no reason to fail.
        with contextlib.suppress(OSError):
            Recorder(site.command, site.actor, partial(outcomes.append, site.vault.state))(outcome)

    return write


def allowed_signers(settings: Settings, environ: Mapping[str, str]) -> str:
    """Return whose signatures count, as a file of allowed signers; empty where nothing is signed.

    Raises:
        ConfigvaultError: the key cannot be used.
    """
    from configvault.vault import signing

    signer = _signer(settings, environ)
    own = [signer.public_key()] if signer is not None else []
    return signing.allowed_signers([*own, *settings.signing.trusted])


def _signer(settings: Settings, environ: Mapping[str, str]) -> Signer | None:
    if settings.signing.key is None:
        return None
    from configvault.vault.signing import Signer

    return Signer(settings.signing.key, environ)


def private_folder(path: str) -> str:
    """Make a folder that only this user can look into, where none is, and return its path.

    Raises:
        UsageError: there is one, and others can look into it.
    """
    durable.private_folder(path)
    if os.stat(path).st_mode & 0o077 or os.stat(path).st_uid != os.geteuid():
        raise UsageError(f"others can look into {path}", f"chmod 700 {path}")
    return path


def open_or_create(settings: Settings, environ: Mapping[str, str], **options: object) -> Site:
    """Return the site, its vault made first where none is; arguments and errors as `open_site`."""
    return open_site(settings, environ, create=not exists(settings.vault), **options)  # type: ignore[arg-type]


def known_references(
    path: str | None, environ: Mapping[str, str], beginning: str, most: int
) -> tuple[list[str], list[str], list[str]]:
    """Return the ids of snapshots and of rejected states, newest first, and the pins.

    Of the ids only those that begin like `beginning`, or the newest where that is empty, `most` of each.
    """
    from itertools import islice

    from configvault.vault.refs import REJECTED, TAGS

    settings = config.load(config_path(path, environ), environ)
    vault = open_vault(settings.vault, environ)
    found: list[list[str]] = []
    for prefix in (TAGS, REJECTED):
        starting = sorted(vault.refs.starting(prefix + beginning), reverse=True) if beginning else None
        refs = (name for name, _ in islice(vault.refs.newest(prefix), most)) if starting is None else starting
        found.append([name.removeprefix(prefix) for name in refs])
    try:
        return found[0], found[1], sorted(vault.marks().pins)
    finally:
        vault.close()


def schema(of: str) -> dict[str, Any]:
    """Return the JSON Schema of `config` or of `plugin-meta`."""
    if of == "config":
        from configvault.service.reload import KINDS

        return config.json_schema({"reload.kind": KINDS})
    from configvault.coze import schema as plugin_meta

    return plugin_meta.document()


def require_places(settings: Settings) -> None:
    """Refuse a root that cannot be read and a vault that another program made, before anything is written.

    Raises:
        ConfigvaultError: it names the place.
    """
    # Nothing is recorded of it yet: no hint may speak of a snapshot.
    os.close(Root(settings.root, Names(()), configured=False).open())
    require_adoptable(settings.vault)


def directory(
    path: str, ignore: tuple[str, ...], validate: ValidateSettings, environ: Mapping[str, str]
) -> tuple[Root, LazyValidator]:
    """Return any directory as a root without a vault, and who validates it."""
    root = Root(path, Names(ignore), _limits(validate), configured=False)
    return root, LazyValidator(validate, environ)


def _limits(validate: ValidateSettings) -> Limits:
    return Limits(validate.max_file_size, validate.max_files)


def prober(
    environ: Mapping[str, str],
    *,
    endpoints: bool,
    methods: Collection[str],
    allow_private: bool,
    timeout_s: float,
    progress: Callable[[int, int], None] | None,
) -> Callable[[State], list[Result]]:
    """Return what asks the servers that a state's documents name; see `coze.online.probe`."""
    from configvault.coze import online

    return partial(
        online.probe,
        endpoints=endpoints,
        methods=methods,
        allow_private=allow_private,
        timeout_s=timeout_s,
        progress=progress,
        environ=environ,
    )


def rates(results: Iterable[Result]) -> list[Rate]:
    """Return how much of each plugin is there."""
    from configvault.coze import online

    return online.rates(results)


def enough_alive(results: Sequence[Result], least_percent: float) -> bool:
    """Return whether of each plugin at least so much is there."""
    from configvault.coze import online

    return online.enough(results, least_percent)


def lacking(settings: ValidateSettings) -> Mapping[str, str]:
    """Return the rules that are configured and lack their library, each with the command that installs it."""
    if not settings.rules and not settings.rules_by_path:
        return {}
    from configvault.validators import extras

    return extras.lacking(settings)


def missing(rule: str) -> str | None:
    """Return the command that installs the library of `rule`, None where it is there or none is needed."""
    from configvault.validators import extras

    return extras.missing(rule)


def rules() -> list[Rule]:
    """Return every rule there is."""
    from configvault.validators import RULES

    return list(RULES.values())


def _now(timezone: str) -> datetime:
    if timezone == "local":
        return datetime.now(_host_zone())
    from zoneinfo import ZoneInfo

    return datetime.now(ZoneInfo(timezone))


@lru_cache(1)
def _host_zone() -> tzinfo:
    """Return the zone of this host, whatever TZ whoever calls has: one vault has one zone. Source: localtime(5)."""
    from zoneinfo import ZoneInfo

    path = "/etc/localtime"
    name = os.path.realpath(path).partition("/zoneinfo/")[2]
    try:
        return ZoneInfo(name)
    except (OSError, ValueError):
        pass
    try:
        with open(path, "rb") as file:
            return ZoneInfo.from_file(file, key="local")
    except (OSError, ValueError):
        # As the C library has it where there is no such file.
        return UTC


class _Loads:
    """When this process last had the service load something; the vault hears of it after the health checks."""

    at: datetime | None = None


def _service_log(settings: Settings, vault: Vault | None, loads: _Loads) -> AskLog | None:
    """Return what answers log checks, None where there are none."""
    spans = [check.log.over for check in settings.health if check.log is not None]
    if not spans or settings.service_log is None or settings.service_log.path is None:
        return None
    from configvault.service.log.verdict import Watch
    from configvault.usecases import loading

    def loaded_at() -> datetime | None:
        known = [
            at for at in (loads.at, loading.loaded_at(vault) if vault is not None else None) if at is not None
        ]
        return max(known, default=None)

    log = settings.service_log
    now = partial(_now, settings.timezone)
    return Watch(settings.service_log.path, log.fields, 2 * max(spans), loaded_at, now).ask


@frozen
class _Rollout:
    """The releases of the service; the module that runs its tool is loaded when one is asked for."""

    settings: Settings
    environ: Mapping[str, str]
    stop: threading.Event | None
    loads: _Loads

    def history(self) -> Ran:
        """Return them as the tool prints them."""
        from configvault.service import rollout

        return rollout.history(self._configured(), self.environ, self.stop)

    def probe(self) -> Probe:
        """Return whether its tools can be run."""
        from configvault.service import rollout

        return rollout.probe(self._configured())

    def go_back(self, revision: int | None) -> Ran:
        """Go back to a release."""
        from configvault.service import rollout

        ran = rollout.go_back(self._configured(), revision, self.environ, self.stop)
        # Another release starts, and loads what is live: what the one before did wrong is not its fault.
        self.loads.at = _now(self.settings.timezone)
        return ran

    def _configured(self) -> RolloutSettings:
        assert self.settings.rollout is not None
        return self.settings.rollout


def _reload(
    settings: Settings,
    environ: Mapping[str, str],
    stop: threading.Event | None,
    vault: Vault,
    loads: _Loads,
    snapshot: Snapshot | None,
    trigger: str,
) -> ReloadReport:
    from configvault.service.reload.context import ReloadContext
    from configvault.service.reload.reloader import reloader

    named = _plugins(vault) if "{plugins}" in (settings.reload.expect.json or "") else ()
    context = ReloadContext(None, None, None, trigger, named)
    if snapshot is not None:
        context = ReloadContext(snapshot.id, snapshot.commit, snapshot.tree, trigger, named)
    try:
        return reloader(settings.reload, environ, stop).reload(context)
    finally:
        loads.at = _now(settings.timezone)


def _reload_asks(settings: Settings) -> bool:
    from configvault.service.reload import kind

    return kind.find(settings.reload.kind).attempt is not None


def _reload_restarts(settings: Settings) -> bool:
    from configvault.service.reload import kind

    return kind.find(settings.reload.kind).restarts


def _probe_reload(settings: Settings) -> Probe:
    from configvault.service.reload import kind

    return kind.find(settings.reload.kind).probe(settings.reload)


def _probe_notify(settings: Settings) -> Iterator[Probe]:
    from configvault.calls import probe

    for one in settings.notify:
        yield probe.program(one.command) if one.command else probe.reachable(one.url or "")


def check_health(
    settings: Settings,
    environ: Mapping[str, str],
    stop: threading.Event | None = None,
    vault: Vault | None = None,
    *,
    log: AskLog | None = None,
    only: Sequence[str] = (),
    patience: Patience = PATIENT,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[HealthReport, ...]:
    """Ask what `health` says, or `only` the checks of these names; `vault` knows which plugins there should be."""
    checks = [check for check in settings.health if not only or check.name in only]
    if not checks:
        return ()
    from configvault.service import health

    # Looked up before threads ask: a vault is no place for several at once.
    named = _plugins(vault) if any(health.asks_for_plugins(check) for check in checks) else ()
    log = log or _service_log(settings, vault, _Loads())
    around = health.Surroundings(environ, lambda: named, log)
    return health.run_checks(checks, stop or threading.Event(), around, patience=patience, progress=progress)


def _plugins(vault: Vault | None) -> tuple[Plugin, ...]:
    """Return the plugins that should be active: those of the latest snapshot."""
    from configvault.core import plugins

    latest = vault.latest() if vault is not None else None
    if vault is None or latest is None:
        return ()
    return plugins.active(vault.tree(latest.tree), vault.objects.read)


@frozen
class LogReport:
    """What the service's log came to, and how to print it: `hide` secrets, `named` plugins, times of a `moment`."""

    paths: tuple[str, ...]
    analysis: Analysis
    read: Read
    titles: Mapping[str, str]
    hide: Callable[[str], str]
    moment: Callable[[float], datetime]

    def named(self, plugin: str) -> str:
        """Return a plugin's name, with the one that people know it by."""
        title = self.titles.get(plugin)
        return f"{plugin} ({title})" if title and title != plugin else plugin

    def when(self, at: float | None) -> str:
        """Return a time for people."""
        return "-" if at is None else self.moment(at).strftime("%Y-%m-%d %H:%M:%S")


def rotated_logs(path: str) -> list[str]:
    """Return the files of a log: `path`, and before it what was rotated out of it."""
    from configvault.service.log import lines

    return lines.rotated(path) or [path]


def service_log_report(
    site: Site | None,
    paths: Sequence[str],
    fields: Mapping[str, str],
    slow_ms: float,
    since: str | None,
    progress: Callable[[int, int], None] | None,
) -> LogReport:
    """Read the service's logs at `paths`; with a `site` also by the snapshot that was loaded at the time.

    Raises:
        UsageError: `since` is no time.
        OSError: a log cannot be read.
    """
    from configvault.core import plugins, times
    from configvault.core.secrets.redactor import Redactor
    from configvault.service.log.analysis import Analysis, Loaded
    from configvault.service.log.reading import analyse

    now = site.now() if site is not None else datetime.now().astimezone()
    start = None
    if since is not None:
        try:
            start = times.parse_when(since, now, end=False).timestamp()
        except ValueError as error:
            raise UsageError(str(error), 'configvault report --service-log FILE --since "2h ago"') from None
    loaded: list[Loaded] = []
    titles: dict[str, str] = {}
    if site is not None:
        from configvault.usecases.loading import loaded_since

        loaded = [Loaded(id_, at.timestamp()) for id_, at in loaded_since(site)]
        latest = site.vault.latest()
        if latest is not None:
            for one in plugins.plugins(site.vault.tree(latest.tree), site.vault.objects.read):
                titles |= dict.fromkeys({one.name, one.document, str(one.id)}, one.title)
    analysis = Analysis(slow_ms, loaded, start)
    read = analyse(paths, analysis, fields, progress)
    hide = Redactor(site.vault.redaction_key() if site is not None else b"").text
    return LogReport(
        tuple(paths), analysis, read, titles, hide, lambda at: datetime.fromtimestamp(at, now.tzinfo)
    )
