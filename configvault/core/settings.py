"""The configuration as frozen values: one field for each key, with its default, unit and meaning.

`config.py` reads them from YAML; nothing else knows the file. Durations are seconds, sizes are bytes.
`config.example.yaml` parses to exactly these defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

IGNORED_BY_DEFAULT = (
    "*.swp", "*.swo", "*.swx", "*~", "4913", "#*#", ".#*", "*___jb_tmp___", "*___jb_old___",
    ".goutputstream-*", ".nfs*", ".DS_Store", "sed??????", ".*.??????",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """When a change counts as finished, what is never looked at, how often everything is."""

    quiet: float = 1.0
    max_wait: float = 30.0
    ignore: tuple[str, ...] = IGNORED_BY_DEFAULT
    rescan: float = 300.0


@dataclass(frozen=True, slots=True)
class CommandCheck:
    """A program of the site's own that judges the state; `{dir}` in `argv` is where it is laid out."""

    argv: tuple[str, ...]
    name: str | None = None
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class ValidateSettings:
    """What a state must satisfy; `rules` maps a rule's name to error, warning or off."""

    profile: str = "coze"
    rules: Mapping[str, str] = field(default_factory=dict)
    max_file_size: int = 10 * 1024 * 1024
    max_files: int = 100_000
    commands: tuple[CommandCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangesSettings:
    """What follows a change that somebody made: report or restore; whether to reload after it."""

    on_invalid: str = "report"
    grace: float = 30.0
    reload: bool = False
    on_reload_failure: str = "report"


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """Crontab lines or `every 6h`; None is never."""

    backup: str | None = "0 2 * * *"
    verify: str | None = "0 4 * * 0"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an HTTP answer must be like; None leaves that part open. `json` is a JMESPath that must be true."""

    status: tuple[int, ...] = (200, 204)
    content_type: str | None = None
    contains: str | None = None
    json: str | None = None


@dataclass(frozen=True, slots=True)
class ReloadSettings:
    """How the service is told to load its configuration: http, command or none."""

    kind: str = "http"
    url: str = "http://localhost:8080/admin/reload-plugins"
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 10.0
    attempts: int = 3
    expect: Expectation = Expectation()
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One question to the service after a reload, asked until it passes or `within` seconds are over."""

    name: str
    url: str | None = None
    command: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    expect: Expectation = Expectation()
    required: bool = True
    within: float = 30.0
    timeout: float = 5.0


@dataclass(frozen=True, slots=True)
class RollbackSettings:
    """What follows a rollback whose reload or health failed: keep or undo."""

    on_reload_failure: str = "keep"


@dataclass(frozen=True, slots=True)
class Keep:
    """How many of something to keep: the newest `keep_last`, and all within the last `keep_within` seconds."""

    keep_last: int | None = None
    keep_within: float | None = None


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long refused states stay."""

    rejected: Keep = Keep(keep_last=100, keep_within=30 * 86400.0)


@dataclass(frozen=True, slots=True)
class ReplicaSettings:
    """A git URL that receives the vault."""

    url: str
    timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """Who is told of which outcomes: a webhook or a command."""

    url: str | None = None
    command: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Where the read-only pages listen: `HOST:PORT`, `unix:/PATH` or off."""

    listen: str = "127.0.0.1:9460"


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How much is logged, and as what: auto, json or text."""

    level: str = "info"
    format: str = "auto"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything one process needs to protect one root with one vault (both absolute paths)."""

    root: str
    vault: str
    timezone: str = "local"
    watch: WatchSettings = WatchSettings()
    validate: ValidateSettings = ValidateSettings()
    changes: ChangesSettings = ChangesSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    reload: ReloadSettings = ReloadSettings()
    health: tuple[HealthCheck, ...] = ()
    rollback: RollbackSettings = RollbackSettings()
    retention: RetentionSettings = RetentionSettings()
    replicas: tuple[ReplicaSettings, ...] = ()
    notify: tuple[NotifySettings, ...] = ()
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()
