"""The configuration file: what is read, what is refused and how it is said."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from configvault import config
from configvault.core.errors import ConfigError
from configvault.core.settings import (
    CommandCheck,
    Expectation,
    HealthCheck,
    Keep,
    LogCheck,
    NotifySettings,
    PathRules,
    ReplicaSettings,
    ServiceLogSettings,
    Settings,
)
from configvault.service.reload import KINDS

EXAMPLE = Path(__file__).parents[1] / "config.example.yaml"
PLACES = "root: /srv/root\nvault: /srv/vault\n"

Load = Callable[..., Settings]
Faults = Callable[..., list[str]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a text after the two required keys (lines 1 and 2)."""

    def load(text: str, environ: Mapping[str, str] | None = None, **more: Any) -> Settings:
        file = tmp_path / "config.yaml"
        file.write_text(PLACES + text)
        return config.load(file, environ or {}, **{"reload_kinds": KINDS, **more})

    return load


@pytest.fixture
def faults(load: Load, tmp_path: Path) -> Faults:
    """Load a text that must be refused; the faults without the file's folder."""

    def faults(text: str, environ: Mapping[str, str] | None = None, **more: Any) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load(text, environ, **more)
        assert caught.value.code == 78
        return [fault.replace(f"{tmp_path}/", "") for fault in caught.value.faults]

    return faults


def test_only_root_and_vault_are_required(load: Load) -> None:
    """Two keys are a configuration; all others have the defaults of the settings."""
    assert load("") == Settings("/srv/root", "/srv/vault")


def test_everything_can_be_said(load: Load) -> None:
    """Durations, sizes, flags, lists and short forms arrive as seconds, bytes and tuples."""
    settings = load(
        """
timezone: UTC
watch: {quiet: 500ms, max_wait: 1.5, ignore: ["*.bak"], rescan: 1d}
validate:
  max_file_size: 1GB
  max_files: 1_000
  rules: {unknown-key: off, mass-removal: warning}
  commands: [{argv: [nginx, -t], name: nginx, timeout: 2h}, [true, 1]]
schedule: {backup: every 6h, verify: off}
reload: {expect: {status: 201}, headers: {X-Retries: 3}}
health: [{name: up, url: "http://localhost/health", required: no, within: 5m}]
retention: {rejected: {keep_last: null, keep_within: 2d}}
replicas: [{url: "git@host:vault.git"}]
notify: [{command: [tell], on: rejected}]
http: {listen: "off"}
log: {level: DEBUG}
"""
    )
    assert (settings.watch.quiet, settings.watch.max_wait, settings.watch.rescan) == (0.5, 1.5, 86400.0)
    assert (settings.validate.max_file_size, settings.validate.max_files) == (10**9, 1000)
    assert settings.validate.rules == {"unknown-key": "off", "mass-removal": "warning"}
    assert settings.validate.commands == (
        CommandCheck(("nginx", "-t"), "nginx", 7200.0),
        CommandCheck(("true", "1")),
    )
    assert (settings.schedule.backup, settings.schedule.verify) == ("every 6h", None)
    assert settings.reload.expect == Expectation(status=(201,))
    assert settings.reload.headers == {"X-Retries": "3"}
    assert settings.health == (HealthCheck("up", url="http://localhost/health", required=False, within=300.0),)
    assert settings.retention.rejected == Keep(None, 172800.0)
    assert settings.replicas == (ReplicaSettings("git@host:vault.git"),)
    assert settings.notify == (NotifySettings(command=("tell",), on=("rejected",)),)
    assert (settings.http.listen, settings.log.level) == ("off", "debug")


def test_a_health_check_can_speak(load: Load) -> None:
    """A body keeps the types of YAML, a reference in it stays a text; shares and factors are read as such."""
    settings = load(
        """
service_log: {path: /var/log/coze.log, fields: {plugin_name: name}}
rollout: {deployment: coze-studio}
http: {metrics: "0.0.0.0:9461"}
health:
  - name: agent
    steps:
      - {url: "http://localhost/agents", method: POST, body: {n: 1, "on": true, x: 1.5, t: "${N}", l: [a, ~]}, save: {agent: agent_id}}
      - {url: "http://localhost/agents/{agent}", method: DELETE, always: true}
  - {name: text, url: "http://localhost", method: POST, body: "${N}"}
  - {name: log, log: {errors_below: 2.5%, errors_not_above_before: 2x}}
""",
        {"N": "7"},
    )
    agent, text, log = settings.health
    assert agent.steps[0].body == {"n": 1, "on": True, "x": 1.5, "t": "7", "l": ["a", None]}
    assert agent.steps[1].always
    assert text.body == "7"
    assert log.log == LogCheck(0.025, 2.0)
    assert settings.service_log == ServiceLogSettings("/var/log/coze.log", {"plugin_name": "name"})
    assert config.dump(settings).count("body: '***'") == 2
    assert config.as_document(settings)["health"][0]["steps"][0]["body"] == "***"


def test_an_empty_section_is_its_defaults(load: Load) -> None:
    """A section whose keys are all commented out is no fault."""
    assert load("watch:\nhealth:\n") == Settings("/srv/root", "/srv/vault")


def test_yaml_booleans_mean_what_their_key_says(load: Load) -> None:
    """Words that YAML 1.1 takes for booleans work unquoted where a word is due."""
    settings = load("http: {listen: off}\nschedule: {backup: off}\nvalidate: {rules: {a: false}}")
    assert settings.http.listen == "off"
    assert settings.schedule.backup is None
    assert settings.validate.rules == {"a": "off"}


def test_paths_become_normal(tmp_path: Path) -> None:
    """Doubled and trailing slashes and dots in root and vault are resolved by text, links are kept."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    file = tmp_path / "config.yaml"
    file.write_text(f"root: /{tmp_path}/x/../link//\nvault: {tmp_path}/./vault/\n")
    settings = config.load(file, {})
    assert (settings.root, settings.vault) == (f"{tmp_path}/link", f"{tmp_path}/vault")


def test_all_faults_come_at_once_with_their_lines(faults: Faults) -> None:
    """One run names every fault, in the order of the lines, each with its dotted key and what is allowed."""
    assert faults(
        """wach: {quiet: 1s}
watch:
  quiet: soon
  maxwait: 3s
changes: {on_invalid: revert}
health:
  - url: http://localhost/
reload:
  attempts: 0
"""
    ) == [
        "config.yaml:3: wach: unknown key, did you mean watch",
        "config.yaml:5: watch.quiet: 'soon' is not usable: it is not a duration, use 500ms, 30s, 5m, 2h, 1d "
        "or a number of seconds",
        "config.yaml:6: watch.maxwait: unknown key, did you mean max_wait",
        "config.yaml:7: changes.on_invalid: 'revert' is not usable: use one of report, restore",
        "config.yaml:9: health[0].name: is required and missing",
        "config.yaml:11: reload.attempts: '0' is not usable: it must be 1 or more",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("watch: {quiet: 0}", "watch.quiet: '0' is not usable: it must be more than 0s"),
        ("watch: {quiet: -1}", "watch.quiet: '-1' is not usable: it is not a duration"),
        ("watch: {quiet: 5w}", "watch.quiet: '5w' is not usable: it is not a duration"),
        ("watch: {rescan: 99999d}", "watch.rescan: '99999d' is not usable: it must be 3650d or less"),
        ("watch: {rescan: 500ms}", "watch.rescan: '500ms' is not usable: it must be 1s or more"),
        ("watch: {quiet: 2s, max_wait: 1s}", "watch.max_wait: 1s is less than watch.quiet, 2s"),
        ("watch: {ignore: '*.swp'}", "watch.ignore: expected a list, found '*.swp'"),
        ("watch: [1]", "watch: expected `key: value` lines, found a list"),
        ("watch: {quiet: [1]}", "watch.quiet: expected one value, found a list"),
        ("watch: {quiet: }", "watch.quiet: is empty"),
        ("watch: {quiet: !env X}", "watch.quiet: the YAML tag '!env' is not supported"),
        ("validate: {max_file_size: 10 apples}", "validate.max_file_size: '10 apples' is not usable: it is not a size"),
        ("validate: {max_files: 1.5}", "validate.max_files: '1.5' is not usable: use a whole number"),
        ("validate: {profile: cozy}", "validate.profile: 'cozy' is not usable: use one of coze, generic"),
        ("validate: {rules: {a: fatal}}", "validate.rules.a: 'fatal' is not usable: use one of error, warning, off"),
        ("validate: {commands: [[]]}", "validate.commands[0].argv: names no program to run"),
        ("validate: {commands: ['nginx -t']}", "validate.commands[0]: expected"),
        ("validate: {commands: [{argv: [''] }]}", "validate.commands[0].argv[0]: the program to run is an empty"),
        ("changes: {reload: maybe}", "changes.reload: 'maybe' is not usable: use true or false"),
        ("changes: {on_reload_failure: undo}", "use one of report, restore"),
        ("rollback: {on_reload_failure: restore}", "use one of keep, undo"),
        ("schedule: {backup: '0 2 * *'}", "schedule.backup: '0 2 * *' is not usable: use five crontab fields"),
        ("schedule: {backup: '60 2 * * *'}", "its field for the minute takes *, 0-59"),
        ("schedule: {backup: '0 2 * * 5-1'}", "its field for the weekday takes *, 0-7"),
        ("schedule: {backup: '*/0 2 * * *'}", "its field for the minute"),
        ("schedule: {backup: every 0s}", "use every DURATION"),
        ("schedule: {backup: every}", "use every DURATION"),
        ("reload: {kind: htpp}", f"reload.kind: 'htpp' is not usable: use one of {', '.join(KINDS)}"),
        ("reload: {kind: command}", "reload.command: is required where reload.kind is command"),
        ("reload: {command: [x]}", "reload.command: is not used where reload.kind is http, set reload.kind to command"),
        ("reload: {kind: command, command: reload x}", "expected a list of words such as"),
        ("reload: {url: 'ftp://host/'}", "reload.url: 'ftp://host/' is not usable: use a URL such as"),
        ("reload: {url: 'http:///x'}", "use a URL such as"),
        ("reload: {url: 'http://h:99999/'}", "use a URL such as"),
        ("reload: {url: 'http://h/a b'}", "use a URL such as"),
        ("reload: {method: BREW}", "reload.method: 'BREW' is not usable: use one of GET, POST"),
        ("reload: {expect: {status: 99}}", "reload.expect.status: '99' is not usable: it must be 100 or more"),
        ("reload: {expect: {status: [200, 600]}}", "reload.expect.status[1]: '600' is not usable: it must be 599"),
        ("reload: {expect: {json: 'a ==='}}", "reload.expect.json: 'a ===' is not usable: it is not a JMESPath expression"),
        ("health: [{name: a}]", "health[0]: must have exactly one of url, command, steps and log"),
        ("health: [{name: a, url: 'http://h', command: [x]}]", "health[0]: must have exactly one of url, command, steps and log"),
        ("health: [{name: a, command: [x], expect: {status: 201}}]", "health[0]: method, headers, body, save and expect belong to a url"),
        ("health: [{name: a, log: {errors_below: 5}}]", "health[0].log.errors_below: '5' is not usable: use a share"),
        ("health: [{name: a, log: {errors_below: 5%}}]", "health[0].log: needs the service's log"),
        ("health: [{name: a, log: {over: 5m}}]", "health[0].log: sets no bound"),
        ("health: [{name: a, steps: [{url: 'http://h/{b}'}]}]", "health[0].steps[0]: uses {b}, which no earlier step"),
        ("health: [{name: a, url: 'http://h', body: {x: [.inf]}}]", "health[0].body.x[0]: JSON has no infinite numbers"),
        ("health: [{name: a, url: 'http://h', body: {x: .NaN}}]", "health[0].body.x: JSON has no infinite numbers"),
        ("health: [{name: a, url: 'http://h', body: {x: 1.0e+999}}]", "health[0].body.x: JSON has no infinite numbers"),
        ("health: [{name: a, steps: [{url: 'http://h'}], body: x}]", "health[0]: method, headers, body, save and"),
        ("health: [{name: a, url: 'http://h', save: {plugins: a}}]", "health[0].save.plugins: 'plugins' is not usable"),
        ("rollout: {kind: kubernetes}", "rollout.deployment: is required"),
        ("rollout: {kind: command, history: [x], previous: [y]}", "rollout.revision: is required"),
        ("rollout: {kind: command, history: [x], previous: [y], revision: [z]}", "rollout.revision: does not say"),
        ("service_log: {fields: {plugin: x}}", "service_log.fields.plugin: 'plugin' is not usable: use one of"),
        ("http: {metrics: 9461}", "http.metrics: '9461' is not usable: use HOST:PORT"),
        (
            "health: [{name: a, command: [x]}, {name: a, command: [y]}]",
            "health[1].name: is the same as health[0].name",
        ),
        ("health: {name: a}", "health: expected a list, found a section"),
        ("notify: [{url: 'http://h', on: [rejekted]}]", "notify[0].on[0]: 'rejekted' is not usable: use one of recorded"),
        ("notify: [{url: 'http://h'}]", "notify[0].on: lists no outcome"),
        ("notify: [{on: failed}]", "notify[0]: must have exactly one of url and command"),
        ("replicas: [{timeout: 1s}]", "replicas[0].url: is required and missing"),
        ("replicas: [{url: 'ext::sh -c x'}]", "use ssh://, https://"),
        ("replicas: [{url: --upload-pack=x}]", "use ssh://, https://"),
        ("http: {listen: 9460}", "http.listen: '9460' is not usable: use HOST:PORT"),
        ("http: {listen: '0.0.0.0:80'}", "it is not loopback and the connection is not encrypted"),
        ("http: {listen: 'example.org:80'}", "it is not loopback"),
        ("http: {listen: '127.0.0.1:70000'}", "use HOST:PORT"),
        ("http: {listen: 'unix:run/x'}", "use an absolute path"),
        ("http: {listen: 'unix:/" + "x" * 120 + "'}", "a socket's path has at most 107 bytes"),
        ("log: {level: loud}", "log.level: 'loud' is not usable: use one of debug, info, warning, error"),
        ("timezone: Mars/Base", "timezone: 'Mars/Base' is not usable: use local or an IANA name"),
        ("timezone: ../../etc/passwd", "timezone: '../../etc/passwd' is not usable: use local or an IANA name"),
        ("? [a]\n: b", "a key must be a word"),
        ("root: /b", "root: is set twice, first on line 1"),
        ("watch: {quiet: 1s, quiet: 2s}", "watch.quiet: is set twice, first on line 3"),
    ],
)  # fmt: skip
def test_each_fault_names_its_key_and_what_is_allowed(faults: Faults, text: str, fault: str) -> None:
    """A single wrong value is a single fault on line 3 with the dotted key."""
    found = faults(text)
    assert len(found) == 1, found
    assert fault in found[0]
    assert re.match(r"config\.yaml:[34]: ", found[0])


@pytest.mark.parametrize(
    ("root", "vault", "fault"),
    [
        ("plugin", "/v", ":1: root: 'plugin' is not usable: use an absolute path"),
        ("/r", "~/v", ":2: vault: '~/v' is not usable: use an absolute path"),
        ("{}/r", "{}/r", ":2: vault: '{}/r' is the root itself"),
        ("{}/r", "{}/r/v", ":2: vault: '{}/r/v' is inside the root, "),
        ("{}/v/r", "{}/v", ":1: root: '{}/v/r' is inside the vault, '{}/v'"),
        ("{}/r", "{}/to-r/v", ":2: vault: '{}/to-r/v' is inside the root, "),
        ("{}/to-r", "{}/r/v", ":2: vault: '{}/r/v' is inside the root, "),
        ("/", "{}/v", ":2: vault: '{}/v' is inside the root, '/'"),
    ],
)
def test_root_and_vault_must_be_apart(tmp_path: Path, root: str, vault: str, fault: str) -> None:
    """Relative paths and places inside each other are refused, also through links."""
    (tmp_path / "r").mkdir()
    (tmp_path / "to-r").symlink_to("r")
    file = tmp_path / "config.yaml"
    file.write_text(f"root: {root}\nvault: {vault}\n".replace("{}", str(tmp_path)))
    with pytest.raises(ConfigError) as caught:
        config.load(file, {})
    assert len(caught.value.faults) == 1
    assert fault.replace("{}", str(tmp_path)) in caught.value.faults[0]


def test_missing_required_keys_are_named(tmp_path: Path) -> None:
    """A file without root and vault names both."""
    file = tmp_path / "config.yaml"
    file.write_text("log: {level: info}\n")
    with pytest.raises(ConfigError) as caught:
        config.load(file, {})
    assert [fault.split(": ", 1)[1] for fault in caught.value.faults] == [
        "root: is required and missing",
        "vault: is required and missing",
    ]


def test_rule_names_are_checked_where_they_are_known(load: Load, faults: Faults) -> None:
    """A rule that no validator has is a fault with the nearest name; without a list of rules it is taken."""
    text = "validate: {rules: {unknwon-key: off}}"
    assert load(text).validate.rules == {"unknwon-key": "off"}
    assert faults(text, rules={"unknown-key", "mass-removal"}) == [
        "config.yaml:3: validate.rules.unknwon-key: unknown rule, did you mean unknown-key"
    ]


def test_rules_of_own_commands_are_known(faults: Faults, load: Load) -> None:
    """The severity of what a program of the site's own finds can be set under the name it goes by."""
    text = "validate: {rules: {lint: warning, nginx: off}, commands: [{argv: [/usr/bin/lint]}, {argv: [x], name: nginx}]}"
    assert load(text).validate.rules == {"lint": "warning", "nginx": "off"}
    assert faults(text.replace("name: nginx", "name: other"), rules={"unknown-key"}) == [
        "config.yaml:3: validate.rules.nginx: unknown rule, known are lint, other, unknown-key"
    ]


def test_rules_by_path(load: Load, faults: Faults) -> None:
    """A list under `validate.rules` holds plain severities and items for the files that patterns match."""
    text = """
validate:
  rules:
    - unknown-key: off
    - paths: ["templates/**"]
      rules: {yaml-syntax: off}
    - {paths: "*.j2", rules: {json-syntax: warning}}
"""
    validate = load(text).validate
    assert validate.rules == {"unknown-key": "off"}
    assert validate.rules_by_path == (
        PathRules(("templates/**",), {"yaml-syntax": "off"}),
        PathRules(("*.j2",), {"json-syntax": "warning"}),
    )
    wrong = text.replace("yaml-syntax", "yaml-sintax")
    [fault] = faults(wrong, rules={"unknown-key", "yaml-syntax", "json-syntax"})
    assert fault.endswith(": unknown rule, did you mean yaml-syntax")
    for pattern in ("../x", "/srv/root/templates/**"):
        [fault] = faults(
            text.replace("templates/**", pattern), rules={"unknown-key", "yaml-syntax", "json-syntax"}
        )
        assert fault.endswith(f"{pattern!r} matches nothing: name paths as seen from the root")
    assert faults("validate: {rules_by_path: []}") == [
        "config.yaml:3: validate.rules_by_path: unknown key, did you mean rules"
    ]


def test_rules_by_path_are_shown_as_they_are_written(load: Load, tmp_path: Path) -> None:
    """What `config show` prints of them is read back as the same."""
    settings = load("validate: {rules: [{a: off}, {paths: [x/**], rules: {b: warning}}]}")
    file = tmp_path / "shown.yaml"
    file.write_text(config.dump(settings))
    assert config.load(file, {}).validate == settings.validate


def test_references_are_replaced(load: Load, tmp_path: Path) -> None:
    """Variables, defaults and files are replaced in values, also several in one; `$${` stands for itself."""
    token = tmp_path / "token"
    token.write_text("t0ken\n")
    settings = load(
        "reload:\n"
        "  timeout: ${T:-7s}\n"
        f"  headers: {{A: 'Bearer ${{file:{token}}}', B: '${{X}}-${{Y:-y}}', C: '$${{X}}', D: '${{EMPTY:-}}|'}}\n",
        {"X": "x"},
    )
    assert settings.reload.timeout == 7.0
    assert settings.reload.headers == {"A": "Bearer t0ken", "B": "x-y", "C": "${X}", "D": "|"}


def test_a_reference_cannot_add_yaml(load: Load) -> None:
    """A value with line ends, colons and braces stays one scalar."""
    value = "a: b\nvault: /elsewhere\n}"
    settings = load("validate: {commands: [{argv: ['${X}', x]}]}", {"X": value})
    assert settings.validate.commands[0].argv == (value, "x")
    assert settings.vault == "/srv/vault"


def test_values_of_references_are_never_printed(faults: Faults, tmp_path: Path) -> None:
    """Faults name the variable or the file, never what was in it, and no header's value or URL's password."""
    secret = tmp_path / "secret"
    secret.write_text("can4ry\n")
    found = "\n".join(
        faults(
            "reload:\n"
            f"  timeout: ${{file:{secret}}}\n"
            "  url: http://user:can4ry@host:99999/\n"
            "  headers: {A: '${C}', B: \"can4ry\\n\"}\n"
            "changes: {on_invalid: '${C}'}\n"
            "notify: [{url: 'hooks/can4ry', on: failed}]\n"
            "log: {level: '${NOPE}', format: '${file:/nonexistent}'}\n"
            "http: {listen: '${C'}\n",
            {"C": "can4ry\n"},
        )
    )
    assert "can4ry" not in found
    assert "reload.timeout: the value of ${file:" in found
    assert "reload.headers.A: the value of ${C} is not usable" in found
    assert "log.level: the environment variable NOPE is not set, set it or write ${NOPE:-default}" in found
    assert "log.format: the file '/nonexistent' cannot be read: No such file or directory" in found
    assert "http.listen: `${` has no closing `}`" in found


@pytest.mark.parametrize(
    ("path", "reason"),
    [("relative", "is not an absolute path"), ("/dev/zero", "is not a regular file"), ("/", "")],
)
def test_only_regular_files_are_referred_to(faults: Faults, path: str, reason: str) -> None:
    """A device, folder or relative path in `${file:…}` is a fault, and is not waited for."""
    assert reason in faults(f"timezone: ${{file:{path}}}")[0]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "1: the file is empty, root and vault are required"),
        (b"# nothing\n", "1: the file is empty"),
        (b"- a\n", "1: the top of the file must be `key: value` lines"),
        (b"\n'word'\n", "2: the top of the file must be `key: value` lines"),
        (b"root: /a\nvault: [\n", "3: not YAML: did not find expected node content"),
        (b"root: /a\nvault: @b\n", "2: not YAML: found character that cannot start any token"),
        (b"root: /a\nvault: *gone\n", "2: not YAML: found undefined alias"),
        (b"root: /a\n---\nroot: /b\n", "2: not YAML: but found another document"),
        (b"root: /a\n# caf\xe9\n", "2: byte 0xe9 is not UTF-8, save the file as UTF-8"),
        (b"root: \x00\n", "1: not YAML: "),
        (b"root: " + b"[" * 40 + b"]" * 40, "1: nested deeper than 20 levels"),
        (b"root: " + b"[" * 400_000, "1: "),
    ],
)
def test_what_is_no_configuration_is_said(tmp_path: Path, body: bytes, fault: str) -> None:
    """Empty, broken, hostile and non-UTF-8 files are one fault with a line."""
    file = tmp_path / "config.yaml"
    file.write_bytes(body)
    with pytest.raises(ConfigError) as caught:
        config.load(file, {})
    assert caught.value.faults[0].startswith(f"{file}:{fault}")
    assert caught.value.message == caught.value.faults[0]
    assert "configvault" in (caught.value.hint or "")


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    """Without a file the hint is the command that writes it; whoever prints the hint adds the place."""
    with pytest.raises(ConfigError, match="no configuration at") as caught:
        config.load(tmp_path / "none.yaml", {})
    assert caught.value.hint == "configvault init --root DIR"


def test_a_folder_or_huge_file_is_no_configuration(tmp_path: Path) -> None:
    """What cannot be a configuration is refused before it is parsed."""
    with pytest.raises(ConfigError, match="is a directory"):
        config.load(tmp_path, {})
    (tmp_path / "huge").write_bytes(b"#" * (2 << 20))
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        config.load(tmp_path / "huge", {})


def test_a_loop_of_aliases_ends(faults: Faults) -> None:
    """A mapping that contains itself is a fault, not a crash."""
    assert faults("watch: &a\n  quiet: *a\n") == ["config.yaml:4: watch.quiet: expected one value, found a section"]  # fmt: skip


def test_shown_settings_hold_no_secret(load: Load, tmp_path: Path) -> None:
    """Headers, passwords, queries, webhook paths and telling words are masked in YAML and JSON."""
    secret = tmp_path / "secret"
    secret.write_text("can4ry")
    settings = load(
        f"""
reload: {{url: "http://user:can4ry@host/x?token=can4ry", headers: {{Authorization: Bearer can4ry}}, expect: {{contains: "${{MY_TOKEN}}"}}}}
health: [{{name: a, command: [ask, --token, can4ry, --password=can4ry, "${{file:{secret}}}", "http://u:can4ry@h/"]}}]
replicas: [{{url: "https://can4ry@forge/x.git"}}, {{url: "ssh://git@forge/x.git"}}]
notify: [{{url: "https://hooks.example/services/can4ry", on: failed}}, {{command: ["${{MY_TOKEN}}"], on: failed}}]
""",
        {"MY_TOKEN": "can4ry"},
    )
    text, document = config.dump(settings), config.as_document(settings)
    assert "can4ry" not in text + json.dumps(document) + repr(settings.notify)
    assert document["reload"]["url"] == "http://***@host/x?***"
    assert document["reload"]["headers"] == {"Authorization": "***"}
    assert document["health"][0]["command"] == ["ask", "--token", "***", "***", "***", "http://***@h/"]
    assert [replica["url"] for replica in document["replicas"]] == [
        "https://***@forge/x.git",
        "ssh://git@forge/x.git",
    ]
    assert document["notify"][0]["url"] == "https://hooks.example/***"


def test_shown_settings_parse_to_themselves(tmp_path: Path) -> None:
    """What `config show` prints without secrets is a configuration of the same meaning."""
    settings = config.load(EXAMPLE, {})
    (tmp_path / "shown.yaml").write_text(config.dump(settings))
    assert config.load(tmp_path / "shown.yaml", {}) == settings


def test_the_first_configuration_loads(tmp_path: Path) -> None:
    """`init` writes a private file that loads to its two paths, whatever characters they have."""
    file = tmp_path / "etc" / "config.yaml"
    assert config.write_initial(file, '/srv/${HOME} "quoted": é', "/srv/vault")
    assert config.load(file, {}) == Settings('/srv/${HOME} "quoted": é', "/srv/vault")
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["config.yaml"]


def test_an_existing_configuration_is_kept(tmp_path: Path) -> None:
    """A file that stands there, even an empty one or a dangling link, is never overwritten."""
    (tmp_path / "mine").write_text("")
    (tmp_path / "link").symlink_to("nowhere")
    assert not config.write_initial(tmp_path / "mine", "/r", "/v")
    assert not config.write_initial(tmp_path / "link", "/r", "/v")
    assert (tmp_path / "mine").read_text() == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "mine"]


def test_a_first_configuration_that_could_not_be_used_is_not_written(tmp_path: Path) -> None:
    """Places that `load` would refuse are refused before anything is written."""
    with pytest.raises(ConfigError, match="is inside the root"):
        config.write_initial(tmp_path / "c.yaml", "/srv", "/srv/vault")
    assert not list(tmp_path.iterdir())


def test_the_example_parses_to_the_defaults() -> None:
    """config.example.yaml says exactly what is in force without it."""
    assert config.load(EXAMPLE, {}) == Settings("/app/conf/plugin", "/var/lib/configvault")


def test_the_example_holds_every_key(tmp_path: Path) -> None:
    """With its commented examples turned on, the example has every field of every section, and loads."""
    (tmp_path / "reload-token").write_text("x")
    text = EXAMPLE.read_text().replace("/run/credentials/configvault.service", str(tmp_path))
    text = re.sub(r"(?m)^( *)(\w+): (\[\]|\{\}|null)\n((?:\1# .*\n)*)\1#\2:", r"\4\1\2:", text)
    text = re.sub(r"(?m)^( *)#(?=[a-z]|  )", r"\1", text).replace("kind: http\n", "kind: command\n")
    (tmp_path / "full.yaml").write_text(text)
    config.load(tmp_path / "full.yaml", {})
    assert set(_leaves(Settings)) - set(_written(yaml.safe_load(text))) == set()


def _leaves(cls: type[Settings], prefix: str = "") -> Iterator[str]:
    beside = {
        field.name: field.metadata["allowed"].beside for field in dataclasses.fields(cls) if field.metadata
    }
    for field, hint in typing.get_type_hints(cls).items():
        name = beside.get(field) or field
        inner = typing.get_args(hint)[0] if typing.get_args(hint) else hint
        if dataclasses.is_dataclass(inner):
            yield from _leaves(inner, f"{prefix}{name}.")  # type: ignore[arg-type]
        else:
            yield f"{prefix}{name}"


def _written(value: Any, prefix: str = "") -> Iterator[str]:
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            for name, child in item.items():
                # YAML 1.1 reads the key `on` as true.
                key = f"{prefix}{'on' if name is True else name}"
                yield key
                yield from _written(child, f"{key}.")


def test_reading_a_plain_configuration_imports_little(tmp_path: Path) -> None:
    """Loading a file without JMESPath or zones pulls in none of the libraries that only some keys need."""
    (tmp_path / "c.yaml").write_text(PLACES)
    script = (
        "import sys; from configvault import config; config.load(sys.argv[1], {});"
        "print(*{'jmespath', 'urllib3', 'difflib', 'zoneinfo', 'subprocess', 'json', 'pydantic'} & set(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "c.yaml"], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == ""
