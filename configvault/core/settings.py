"""The configuration as frozen values: one field for each key, with its default, unit and meaning.

The `config` package reads them from YAML; nothing else knows the file. Every float is a duration in seconds;
sizes are bytes. What a value may be beyond its type stands beside its default, as `allowed(...)`.
`config.example.yaml` parses to exactly these defaults.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from configvault.core.frozen import field, frozen
from configvault.core.language import AUTO, LANGUAGES

# What is sent with a request: nothing, a text, or what JSON can say.
Body = str | dict[str, Any] | list[Any] | None

SEVERITIES = ("error", "warning", "off")
EVENTS = (
    "recorded", "rejected", "rolled_back", "reload_failed", "undone", "degraded", "restored", "pending", "failed",
    "recovered", "rolled_out", "rollout_failed", "deployed",
)  # fmt: skip
NOTIFY_FORMATS = ("json", "slack", "feishu", "dingtalk", "wecom")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
LONGEST_S = 3650 * 86400.0  # beyond this a wait overflows what the system's clocks take

IGNORED_BY_DEFAULT = (
    "*.swp", "*.swo", "*.swx", "*~", "4913", "#*#", ".#*", "*___jb_tmp___", "*___jb_old___",
    ".goutputstream-*", ".nfs*", ".DS_Store", "sed??????", ".[!.]*.??????", ".~lock.*#", "~$*",
)  # fmt: skip


@frozen
class Allowed:
    """What a value may be beyond its type: one of `choices`, within bounds (`above` is exclusive), of a `form`.

    `form` names a check of `config/forms.py`. A `secret` value is never printed. `single` lets one value
    stand for a list of one, or a bare list for the section whose field this is. `beside` names the field under whose
    key the value is written, as items of a list, together with that field's own.
    """

    form: str = ""
    choices: tuple[str, ...] = ()
    above: float | None = None
    least: float = 0
    most: float | None = None
    secret: bool = False
    single: bool = False
    beside: str = ""


def allowed(
    form: str = "",
    *,
    choices: tuple[str, ...] = (),
    above: float | None = None,
    least: float = 0,
    most: float | None = None,
    secret: bool = False,
    single: bool = False,
    beside: str = "",
) -> dict[str, Allowed]:
    """Return the metadata of a field whose values must satisfy these."""
    return {"allowed": Allowed(form, choices, above, least, most, secret, single, beside)}


@frozen
class WatchSettings:
    """When a change counts as finished, what is never looked at, how often everything is."""

    quiet: float = field(default=1.0, metadata=allowed(above=0))
    max_wait: float = field(default=30.0, metadata=allowed(above=0))
    ignore: tuple[str, ...] = IGNORED_BY_DEFAULT
    rescan: float = field(default=300.0, metadata=allowed(least=1))


@frozen
class CommandCheck:
    """A program of the site's own that validates the state; `{dir}` in `argv` is where it is laid out."""

    argv: tuple[str, ...] = field(metadata=allowed("argv", single=True))
    name: str | None = None
    timeout: float = field(default=30.0, metadata=allowed(above=0))

    @property
    def rule(self) -> str:
        """Return the rule of its findings."""
        return self.name or (os.path.basename(self.argv[0]) if self.argv else "")


@frozen
class PathRules:
    """The severities of rules for files that one of the patterns `paths` matches."""

    paths: tuple[str, ...] = field(metadata=allowed("name", single=True))
    rules: Mapping[str, str] = field(metadata=allowed("rule", choices=SEVERITIES))


@frozen
class ValidateSettings:
    """What a state must satisfy; `rules` maps a rule's name to error, warning or off, `rules_by_path` for some files.

    In the file both are written under `rules`: a mapping, or a list of mappings and of `{paths, rules}` items.
    """

    profile: str = field(default="coze", metadata=allowed(choices=("coze", "generic")))
    rules: Mapping[str, str] = field(default_factory=dict, metadata=allowed("rule", choices=SEVERITIES))
    rules_by_path: tuple[PathRules, ...] = field(default=(), metadata=allowed(beside="rules"))
    max_file_size: int = field(default=10 * 1024 * 1024, metadata=allowed("size", least=1))
    max_files: int = field(default=100_000, metadata=allowed(least=1))
    commands: tuple[CommandCheck, ...] = ()


@frozen
class ChangesSettings:
    """What follows a change that somebody made: report or restore; whether to reload after it.

    `allow_setid`: files get the set-id bits that a snapshot recorded when they are restored automatically.
    """

    on_invalid: str = field(default="report", metadata=allowed(choices=("report", "restore")))
    grace: float = 30.0
    reload: bool = False
    on_reload_failure: str = field(default="report", metadata=allowed(choices=("report", "restore")))
    allow_setid: bool = False


@frozen
class ScheduleSettings:
    """Crontab lines or `every 6h`; None is never."""

    backup: str | None = field(default="0 2 * * *", metadata=allowed("schedule"))
    verify: str | None = field(default="0 4 * * 0", metadata=allowed("schedule"))
    drill: str | None = field(default=None, metadata=allowed("schedule"))


@frozen
class Expectation:
    """What an HTTP answer must be like; None leaves that part open. `json` is a JMESPath that must be true."""

    status: tuple[int, ...] = field(default=(200, 204), metadata=allowed(least=100, most=599, single=True))
    content_type: str | None = None
    contains: str | None = None
    json: str | None = field(default=None, metadata=allowed("jmespath"))


@frozen
class ReloadSettings:
    """How the service is made to load its configuration; `service/reload/` has the kinds.

    `timeout` and `attempts`: None for what suits the kind.
    """

    kind: str = "http"
    url: str = field(default="http://localhost:8080/admin/reload-plugins", metadata=allowed("url"))
    method: str = field(default="POST", metadata=allowed(choices=METHODS))
    headers: Mapping[str, str] = field(
        default_factory=dict, repr=False, metadata=allowed("header", secret=True)
    )
    timeout: float | None = field(default=None, metadata=allowed(above=0))
    attempts: int | None = field(default=None, metadata=allowed(least=1, most=100))
    expect: Expectation = Expectation()
    command: tuple[str, ...] = field(default=(), metadata=allowed("argv"))


@frozen
class HealthStep:
    """One request of a health check that has several; `{name}` stands for what an earlier one saved.

    `body` is a text, or a structure that is sent as JSON. `save` takes values out of a JSON answer, by JMESPath.
    `always`: also send it where an earlier step has failed, to clean up.
    """

    url: str = field(metadata=allowed("url-template"))
    method: str = field(default="GET", metadata=allowed(choices=METHODS))
    headers: Mapping[str, str] = field(
        default_factory=dict, repr=False, metadata=allowed("header", secret=True)
    )
    body: Body = field(default=None, repr=False, metadata=allowed("body", secret=True))
    expect: Expectation = Expectation()
    save: Mapping[str, str] = field(default_factory=dict, metadata=allowed("jmespath"))
    always: bool = False


@frozen
class LogCheck:
    """A question to the service's log: how many of the requests to each plugin have failed.

    `errors_below` is a share, `errors_not_above_before` how many times the share from before the last reload. Within
    the last `over` seconds, and once there were `at_least` requests.
    """

    errors_below: float | None = field(default=None, metadata=allowed("percent", above=0, most=1))
    errors_not_above_before: float | None = field(default=None, metadata=allowed("factor", least=1, most=1000))
    over: float = field(default=300.0, metadata=allowed(least=1, most=86400))
    at_least: int = field(default=20, metadata=allowed(least=1))


@frozen
class HealthCheck:
    """One question to the service after a reload, asked until it passes or `within` seconds are over.

    A request (`url`, with what belongs to it), a `command`, several requests (`steps`), or a question to its `log`.
    """

    name: str = field(metadata=allowed("name"))
    url: str | None = field(default=None, metadata=allowed("url"))
    command: tuple[str, ...] = field(default=(), metadata=allowed("argv"))
    steps: tuple[HealthStep, ...] = ()
    log: LogCheck | None = None
    method: str = field(default="GET", metadata=allowed(choices=METHODS))
    headers: Mapping[str, str] = field(
        default_factory=dict, repr=False, metadata=allowed("header", secret=True)
    )
    body: Body = field(default=None, repr=False, metadata=allowed("body", secret=True))
    save: Mapping[str, str] = field(default_factory=dict, metadata=allowed("jmespath"))
    expect: Expectation = Expectation()
    required: bool = True
    within: float = field(default=30.0, metadata=allowed(above=0))
    timeout: float = field(default=5.0, metadata=allowed(above=0))


@frozen
class ServiceLogSettings:
    """The service's own log of its requests, one JSON object a line; `fields` maps the names it should have to its own."""

    path: str | None = field(default=None, metadata=allowed("path"))
    fields: Mapping[str, str] = field(default_factory=dict, metadata=allowed("log-field"))


@frozen
class RolloutSettings:
    """How releases of the service itself are looked at and undone: by kubectl, or by commands of the site's own.

    In `revision`, `{revision}` stands for the number.
    """

    kind: str = field(default="kubernetes", metadata=allowed(choices=("kubernetes", "command")))
    namespace: str | None = field(default=None, metadata=allowed("name"))
    deployment: str | None = field(default=None, metadata=allowed("name"))
    kubectl: tuple[str, ...] = field(default=("kubectl",), metadata=allowed("argv"))
    history: tuple[str, ...] = field(default=(), metadata=allowed("argv"))
    previous: tuple[str, ...] = field(default=(), metadata=allowed("argv"))
    revision: tuple[str, ...] = field(default=(), metadata=allowed("argv"))
    status: tuple[str, ...] = field(default=(), metadata=allowed("argv"))
    timeout: float = field(default=300.0, metadata=allowed(above=0))


@frozen
class RollbackSettings:
    """What follows a rollback whose reload or health failed: keep or undo."""

    on_reload_failure: str = field(default="keep", metadata=allowed(choices=("keep", "undo")))


@frozen
class DeploySettings:
    """What follows a deployment whose reload or health failed: keep or undo."""

    on_reload_failure: str = field(default="undo", metadata=allowed(choices=("keep", "undo")))


@frozen
class SourceSettings:
    """Where candidates are pulled from: a git repository, its branch or tag, and the folder in it (None: all of it).

    `key`, `known_hosts`, `user`, `token` and `timeout` as for a replica. `trusted` are ssh public keys: where there is
    one, only commits that one of them has signed are deployed. `on_drift`: what becomes of changes that somebody made
    in the root (report: they hold the deployment; overwrite: they are kept in the vault and replaced). `every`: how often
    the daemon asks for something new.
    """

    url: str = field(metadata=allowed("source-url"))
    ref: str = field(default="main", metadata=allowed("git-ref"))
    path: str | None = field(default=None, metadata=allowed("folder"))
    every: float = field(default=60.0, metadata=allowed(least=1))
    timeout: float = field(default=60.0, metadata=allowed(above=0))
    key: str | None = field(default=None, metadata=allowed("path"))
    known_hosts: str | None = field(default=None, metadata=allowed("path"))
    user: str | None = field(default=None, metadata=allowed("name"))
    token: str | None = field(default=None, repr=False, metadata=allowed("name", secret=True))
    trusted: tuple[str, ...] = field(default=(), metadata=allowed("public-key", single=True))
    on_drift: str = field(default="report", metadata=allowed(choices=("report", "overwrite")))


@frozen
class Keep:
    """How much of something to keep: the newest `keep_last`, and all within the last `keep_within` seconds.

    Of those only the newest stay that take `keep_bytes` in all.
    """

    keep_last: int | None = None
    keep_within: float | None = None
    keep_bytes: int | None = field(default=None, metadata=allowed("size", least=1))


@frozen
class KeepSnapshots:
    """Which snapshots stay when the vault is thinned: each rule that is set keeps some. No rule: all stay.

    The newest of each hour, day, week, month and year that has one, counted from the newest; all within the last
    `keep_within` seconds. Good snapshots stay, too: all, or only the newest `keep_good`.
    """

    keep_last: int | None = field(default=None, metadata=allowed(least=1))
    keep_hourly: int | None = field(default=None, metadata=allowed(least=1))
    keep_daily: int | None = field(default=None, metadata=allowed(least=1))
    keep_weekly: int | None = field(default=None, metadata=allowed(least=1))
    keep_monthly: int | None = field(default=None, metadata=allowed(least=1))
    keep_yearly: int | None = field(default=None, metadata=allowed(least=1))
    keep_within: float | None = field(default=None, metadata=allowed(above=0))
    keep_good: int | None = field(default=None, metadata=allowed(least=1))


@frozen
class RetentionSettings:
    """How long refused states and snapshots stay; `history` is how far back commits are kept (None: for ever)."""

    rejected: Keep = Keep(keep_last=100, keep_within=30 * 86400.0, keep_bytes=256 * 1024 * 1024)
    snapshots: KeepSnapshots = KeepSnapshots()
    history: float | None = field(default=None, metadata=allowed(above=0))


@frozen
class ReplicaSettings:
    """What receives the vault: a git URL in which `{host}` is this host's name, or an object store of many hosts.

    Of git: `shared`: several hosts have this one repository, each below `hosts/HOST/`. `key` and `known_hosts` are files
    for ssh (None: the user's own), `user` and `token` are for https. Of a store: `endpoint` and `region` of S3,
    `credentials` is a file as the provider's tools write it, `encrypt_to` are age recipients (none: not encrypted),
    `identity` is the file that decrypts, for drills on a host that may read what it sent.
    """

    url: str = field(metadata=allowed("replica-url"))
    timeout: float = field(default=60.0, metadata=allowed(above=0))
    shared: bool = False
    key: str | None = field(default=None, metadata=allowed("path"))
    known_hosts: str | None = field(default=None, metadata=allowed("path"))
    user: str | None = field(default=None, metadata=allowed("name"))
    token: str | None = field(default=None, repr=False, metadata=allowed("name", secret=True))
    endpoint: str | None = field(default=None, metadata=allowed("url"))
    region: str | None = field(default=None, metadata=allowed("name"))
    credentials: str | None = field(default=None, metadata=allowed("path"))
    encrypt_to: tuple[str, ...] = field(default=(), metadata=allowed("recipient", single=True))
    identity: str | None = field(default=None, metadata=allowed("path"))


@frozen
class NotifySettings:
    """Who is told of which outcomes: a webhook or a command."""

    url: str | None = field(default=None, repr=False, metadata=allowed("url", secret=True))
    command: tuple[str, ...] = field(default=(), metadata=allowed("argv"))
    on: tuple[str, ...] = field(default=(), metadata=allowed(choices=EVENTS, single=True))
    format: str = field(default="json", metadata=allowed(choices=NOTIFY_FORMATS))
    headers: Mapping[str, str] = field(
        default_factory=dict, repr=False, metadata=allowed("header", secret=True)
    )
    timeout: float = field(default=10.0, metadata=allowed(above=0))


@frozen
class HttpSettings:
    """Where the read-only pages listen: `HOST:PORT`, `unix:/PATH` or off.

    `token` is what the pages ask for, except on a Unix socket (None: one that the vault keeps; `configvault page` prints it).
    `metrics` is a second address, which need not be loopback, for /metrics, /health and /ready alone.
    """

    listen: str = field(default="127.0.0.1:9460", metadata=allowed("listen"))
    token: str | None = field(default=None, repr=False, metadata=allowed("page-token", secret=True))
    metrics: str | None = field(default=None, metadata=allowed("address"))


@frozen
class LogSettings:
    """How much is logged, and as what: auto, json or text."""

    level: str = field(default="info", metadata=allowed(choices=("debug", "info", "warning", "error")))
    format: str = field(default="auto", metadata=allowed(choices=("auto", "json", "text")))


@frozen
class SigningSettings:
    """The ssh key that signs what is recorded (None: nothing is signed), and public keys that signed before it."""

    key: str | None = field(default=None, metadata=allowed("path"))
    trusted: tuple[str, ...] = field(default=(), metadata=allowed("public-key", single=True))


@frozen
class Settings:
    """Everything one process needs to protect one root with one vault (both absolute paths).

    `host` is the name under which replicas know this host; None: its host name with a part of its machine id.
    """

    root: str = field(metadata=allowed("path"))
    vault: str = field(metadata=allowed("path"))
    timezone: str = field(default="local", metadata=allowed("timezone"))
    language: str = field(default=AUTO, metadata=allowed(choices=(AUTO, *LANGUAGES)))
    host: str | None = field(default=None, metadata=allowed("host"))
    watch: WatchSettings = WatchSettings()
    validate: ValidateSettings = ValidateSettings()
    changes: ChangesSettings = ChangesSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    reload: ReloadSettings = ReloadSettings()
    health: tuple[HealthCheck, ...] = ()
    rollback: RollbackSettings = RollbackSettings()
    deploy: DeploySettings = DeploySettings()
    source: SourceSettings | None = None
    rollout: RolloutSettings | None = None
    service_log: ServiceLogSettings | None = None
    retention: RetentionSettings = RetentionSettings()
    replicas: tuple[ReplicaSettings, ...] = ()
    notify: tuple[NotifySettings, ...] = ()
    signing: SigningSettings = SigningSettings()
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()
