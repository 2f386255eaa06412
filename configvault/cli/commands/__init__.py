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
        "  configvault init                          # in or near a Coze Studio checkout\n"
        "  configvault init --root /etc/nginx\n"
        "  configvault init --root /app/conf/plugin --vault /var/lib/configvault",
    ),
    Command(
        "run", "run", "run the daemon in the foreground: watch, validate and record, as the systemd unit does",
        "  configvault run\n  configvault run --once",
    ),
    Command(
        "status", "status", "show live, latest, loaded and good, the daemon, and what needs attention",
        "  configvault status\n  configvault status --check && echo recorded",
    ),
    Command(
        "check", "check", "validate the root or any other directory without recording it",
        "  configvault check\n  configvault check --profile coze backend/conf/plugin\n  configvault check --rules\n"
        "  configvault check --profile coze --format github backend/conf/plugin      # or gitlab, sarif, junit\n"
        "  configvault check --online --endpoints --methods get,post --min-rate 50% --timeout 10s",
    ),
    Command(
        "snapshot", "snapshot", "record the live state now",
        "  configvault snapshot -m 'before the upgrade' --pin pre-upgrade", ("backup",),
    ),
    Command(
        "list", "listing", "list snapshots, newest first",
        "  configvault list --since yesterday\n  configvault list --path pluginproduct/plugin_meta.yaml --all",
        ("ls",),
    ),
    Command(
        "show", "show", "show a snapshot and what it changed, or one file from it",
        "  configvault show latest\n  configvault show previous:pluginproduct/plugin_meta.yaml",
    ),
    Command(
        "diff", "diff", "compare two snapshots, or a snapshot with live; secrets are hidden",
        "  configvault diff\n  configvault diff previous latest -- pluginproduct\n  configvault diff good --stat",
    ),
    Command(
        "rollback", "rollback", "restore a snapshot and reload the service",
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
    Command(
        "edit", "edit", "edit live files safely: they become live only if they are valid",
        "  configvault edit pluginproduct/plugin_meta.yaml\n"
        "  EDITOR=nano configvault edit pluginproduct/weather.yaml -m 'new server'",
    ),
    Command(
        "pull", "pull", "deploy new commits from the configured git repository",
        "  configvault pull\n  configvault pull -n\n  configvault pull --force      # also a commit that is held back",
    ),
    Command("confirm", "confirm", "keep a pending rollback", "  configvault confirm"),
    Command("cancel", "cancel", "undo a pending rollback", "  configvault cancel"),
    Command("reload", "reload", "reload the service with the live state and run the health checks", "  configvault reload"),
    Command(
        "test", "test", "run the health checks now: does the service work, and do its plugins work",
        "  configvault test\n  configvault test --only 'agent converts a document'\n"
        "  configvault test --junit results.xml",
    ),
    Command(
        "rollout", "rollout", "list the releases of the service itself, or switch to one of them",
        "  configvault rollout history\n  configvault rollout previous\n  configvault rollout revision 3",
    ),
    Command(
        "rejected", "rejected", "work with rejected states: list, show, diff, drop",
        "  configvault rejected list\n  configvault rejected show rejected_20231201_143022",
    ),
    Command("pin", "pin", "give a snapshot a name; a pinned snapshot is never pruned", "  configvault pin latest stable"),
    Command("unpin", "unpin", "remove a name from a snapshot", "  configvault unpin stable"),
    Command("annotate", "annotate", "add a reason to a snapshot", "  configvault annotate latest -m 'as agreed with ops'"),
    Command(
        "report", "report", "count changes, rejections, rollbacks and failures by plugin, actor and day",
        "  configvault report --since '30 days ago'\n"
        "  configvault report --service-log /var/log/coze/plugin.log\n"
        "  docker logs coze-server 2>&1 | configvault report --service-log - --slow 2s",
    ),
    Command("page", "page", "print the address of the web page, with its token", "  configvault page\n  xdg-open \"$(configvault page)\""),
    Command(
        "doctor", "doctor", "check everything that could stop configvault from working, and print remedies",
        "  configvault doctor",
    ),
    Command(
        "verify", "verify", "check the integrity of the vault and that snapshots can be restored",
        "  configvault verify\n  configvault verify --restore-test\n  configvault verify --replica",
    ),
    Command(
        "prune", "prune", "remove old snapshots by rules; good, pinned and live ones are kept",
        "  configvault prune -n --keep-last 20 --keep-daily 30 --keep-monthly 12\n"
        "  configvault prune            # uses the rules in retention.snapshots",
    ),
    Command(
        "export", "export", "write a snapshot to another directory, a tar file or a Kubernetes object",
        "  configvault export latest --output /tmp/plugin\n"
        "  configvault export good --format tar --output - | ssh other tar -x -C /app/conf/plugin\n"
        "  configvault export good --format configmap --name coze-plugins | kubectl apply --server-side -f -\n"
        "  configvault export ./backend/conf/plugin --format secret --name coze-plugins | kubectl apply --server-side -f -",
    ),
    Command(
        "prune-store", "prune_store", "remove old bundles from an object store, with a login that may delete",
        "  configvault prune-store --from s3://my-backups/configvault -n\n"
        "  configvault prune-store --from s3://my-backups/configvault --host web-1 --keep-full 3",
    ),
    Command("replicate", "replicate", "push to the replicas now", "  configvault replicate"),
    Command(
        "recover", "recover", "rebuild the vault and the root from a replica",
        "  configvault recover --from ssh://git@backup.example/configvault/web-1.git\n"
        "  configvault recover --from '/mnt/backup/{host}.git' --list\n"
        "  configvault recover --from '/mnt/backup/{host}.git' --host web-1 --into /app/conf/plugin",
    ),
    Command(
        "fleet", "fleet", "compare many hosts by their replicas: status, diff, find",
        "  configvault fleet status --from '/srv/configvault/{host}.git'\n"
        "  ssh git@backup.example list | configvault fleet status --from 'ssh://git@backup.example/{host}.git' --hosts -\n"
        "  configvault fleet diff web-1 web-2\n  configvault fleet find pluginproduct/plugin_meta.yaml",
    ),
    Command(
        "config", "config", "work with configvault's own configuration: validate, show, example, import-postman",
        "  configvault config validate\n  configvault config show\n"
        "  configvault config import-postman collection.json > health.yaml",
    ),
    Command(
        "schema", "schema", "print the JSON Schema of the configuration or of plugin_meta.yaml, for editors",
        "  configvault schema config > /etc/configvault/config.schema.json\n"
        "  configvault schema plugin-meta > plugin_meta.schema.json",
    ),
    Command(
        "unit", "unit", "install, show or remove the systemd service",
        "  configvault unit install --now\n  configvault unit install --now @web     # for /etc/configvault/web.yaml\n"
        "  configvault unit show",
    ),
    Command(
        "import", "import_", "import the backup folders of an older script as the first snapshots",
        "  configvault import /backup/plugin-config\n"
        "  configvault import --root /app/conf/plugin /backup/plugin-config/backup_20231201_143022",
    ),
    Command("git", "git", "run git on the vault, ignoring your own git configuration", "  configvault git log -p --stat\n  configvault git show backup_20231201_143022"),
    Command("demo", "demo", "take a tour in a temporary folder", "  configvault demo"),
    Command(
        "completion", "completion", "print a completion script for a shell",
        "  configvault completion bash > /etc/bash_completion.d/configvault",
    ),
)  # fmt: skip
