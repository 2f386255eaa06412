"""One file a command, and the list of them all in the order of `--help`.

To add one: a file with `declare(parser)` and `run(context, args) -> exit code`, and a row here with an example.
"""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """A command's name, its file, one line of help, an example or more, other names."""

    name: str
    module: str
    help: str
    examples: str
    aliases: tuple[str, ...] = ()


COMMANDS = (
    Command(
        "init", "init", "write a configuration if there is none, create the vault, record the first snapshot",
        "  configvault init                          # in or beside a Coze Studio checkout\n"
        "  configvault init --root /etc/nginx\n"
        "  configvault init --root /app/conf/plugin --vault /var/lib/configvault",
    ),
    Command(
        "run", "run", "watch, validate and record in the foreground: what the systemd unit runs",
        "  configvault run\n  configvault run --once",
    ),
    Command(
        "status", "status", "say how things stand: live, latest, loaded, good, the daemon, what is left to do",
        "  configvault status\n  configvault status --check && echo recorded",
    ),
    Command(
        "check", "check", "validate the root, or any other directory, and record nothing",
        "  configvault check\n  configvault check --profile coze backend/conf/plugin\n  configvault check --rules\n"
        "  configvault check --online --endpoints --methods get,post --min-rate 50% --timeout 10s",
    ),
    Command(
        "snapshot", "snapshot", "record live now",
        "  configvault snapshot -m 'before the upgrade' --pin pre-upgrade", ("backup",),
    ),
    Command(
        "list", "listing", "list snapshots, newest first",
        "  configvault list --since yesterday\n  configvault list --path pluginproduct/plugin_meta.yaml --all",
        ("ls",),
    ),
    Command(
        "show", "show", "show what a snapshot is and what it changed, or a file as it was in it",
        "  configvault show latest\n  configvault show previous:pluginproduct/plugin_meta.yaml",
    ),
    Command(
        "diff", "diff", "compare two snapshots, or one with live; secrets are hidden",
        "  configvault diff\n  configvault diff previous latest -- pluginproduct\n  configvault diff good --stat",
    ),
    Command(
        "rollback", "rollback", "restore a snapshot and have the service load it",
        "  configvault rollback backup_20231201_143022\n  configvault rollback previous -n\n"
        "  configvault rollback --at '2h ago' -m 'search plugin broke'\n"
        "  configvault rollback latest --path pluginproduct/plugin_meta.yaml\n"
        "  configvault rollback good --confirm 5m",
    ),
    Command(
        "deploy", "deploy", "validate a directory, a tar file or a git commit, then make it live",
        "  configvault deploy ./plugin -n\n"
        "  configvault deploy ./plugin --confirm=5m -m 'weather 2.0'\n"
        "  tar c -C plugin . | ssh web-1 configvault deploy -\n"
        "  configvault deploy 'https://git.example/team/plugins.git#main:backend/conf/plugin'",
    ),
    Command("confirm", "confirm", "keep a rollback that waits for its confirmation", "  configvault confirm"),
    Command("cancel", "cancel", "undo a rollback that waits for its confirmation", "  configvault cancel"),
    Command("reload", "reload", "have the service load what is live, and check its health", "  configvault reload"),
    Command(
        "test", "test", "run the health checks now: is the service well, and do its plugins work",
        "  configvault test\n  configvault test --only 'agent converts a document'\n"
        "  configvault test --junit results.xml",
    ),
    Command(
        "rollout", "rollout", "look at the releases of the service itself, and go back to one",
        "  configvault rollout history\n  configvault rollout previous\n  configvault rollout revision 3",
    ),
    Command(
        "rejected", "rejected", "look at refused states: list, show, diff, drop",
        "  configvault rejected list\n  configvault rejected show rejected_20231201_143022",
    ),
    Command("pin", "pin", "give a snapshot a name, so that it is kept", "  configvault pin latest stable"),
    Command("unpin", "unpin", "take a name away", "  configvault unpin stable"),
    Command("annotate", "annotate", "add a reason to a snapshot", "  configvault annotate latest -m 'as agreed with ops'"),
    Command(
        "report", "report", "count changes, refusals, rollbacks and failures by plugin, actor and day",
        "  configvault report --since '30 days ago'\n"
        "  configvault report --service-log /var/log/coze/plugin.log\n"
        "  docker logs coze-server 2>&1 | configvault report --service-log - --slow 2s",
    ),
    Command(
        "doctor", "doctor", "try everything that could stop it working, with a remedy for each",
        "  configvault doctor",
    ),
    Command(
        "verify", "verify", "prove that the vault is whole and that snapshots restore",
        "  configvault verify\n  configvault verify --restore-test",
    ),
    Command(
        "prune", "prune", "thin out snapshots; never the good, pinned or live ones",
        "  configvault prune -n --keep-last 20 --keep-daily 30 --keep-monthly 12\n"
        "  configvault prune            # as retention.snapshots says",
    ),
    Command(
        "export", "export", "write a snapshot to somewhere else",
        "  configvault export latest --output /tmp/plugin\n"
        "  configvault export good --format tar --output - | ssh other tar -x -C /app/conf/plugin\n"
        "  configvault export good --format configmap --name coze-plugins | kubectl apply --server-side -f -\n"
        "  configvault export ./backend/conf/plugin --format secret --name coze-plugins | kubectl apply --server-side -f -",
    ),
    Command("replicate", "replicate", "push to the replicas now", "  configvault replicate"),
    Command(
        "recover", "recover", "rebuild vault and root from a replica",
        "  configvault recover --from ssh://git@backup.example/configvault/web-1.git\n"
        "  configvault recover --from '/mnt/backup/{host}.git' --list\n"
        "  configvault recover --from '/mnt/backup/{host}.git' --host web-1 --into /app/conf/plugin",
    ),
    Command(
        "fleet", "fleet", "look at many hosts through their replicas: status, diff, find",
        "  configvault fleet status --from '/srv/configvault/{host}.git'\n"
        "  ssh git@backup.example list | configvault fleet status --from 'ssh://git@backup.example/{host}.git' --hosts -\n"
        "  configvault fleet diff web-1 web-2\n  configvault fleet find pluginproduct/plugin_meta.yaml",
    ),
    Command(
        "config", "config", "look at configvault's own configuration: validate, show, example, import-postman",
        "  configvault config validate\n  configvault config show\n"
        "  configvault config import-postman collection.json > health.yaml",
    ),
    Command(
        "unit", "unit", "install, show or remove the systemd service",
        "  configvault unit install --now\n  configvault unit install --now @web     # for /etc/configvault/web.yaml\n"
        "  configvault unit show",
    ),
    Command(
        "import", "import_", "make the first history of an older script's backup folders",
        "  configvault import /backup/plugin-config\n"
        "  configvault import --root /app/conf/plugin /backup/plugin-config/backup_20231201_143022",
    ),
    Command("git", "git", "run git on the vault", "  configvault git log -p --stat\n  configvault git show backup_20231201_143022"),
    Command("demo", "demo", "take a tour in a temporary folder", "  configvault demo"),
    Command(
        "completion", "completion", "print what makes a shell complete these commands",
        "  configvault completion bash > /etc/bash_completion.d/configvault",
    ),
)  # fmt: skip
