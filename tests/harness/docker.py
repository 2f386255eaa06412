"""A stand-in for `docker` on the PATH: as much of it as operators of Coze Studio use, with one container, coze-server.

The container has no process. A restart reads the plugins as the server does at its start: YAML that cannot be read is a
panic, after which it is started again and again. What it did stands in the folder that $DOCKER_STATE names:
`state.json`, `log` (of the newest start) and `calls`, a line for each call. A file `panic` there is a panic whatever the
plugins are.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

STATE = Path(os.environ.get("DOCKER_STATE", "/nonexistent"))
ID = "c0ze5e4ve4"


def main(words: list[str]) -> int:
    """Do what the command line says, and note that it was asked for."""
    with (STATE / "calls").open("a") as calls:
        calls.write(" ".join(words) + "\n")
    match words:
        case ["compose", "-f", file, "restart", "coze-server"]:
            return restart(Path(file))
        case ["compose", "-f", file, "ps", "--all", "--quiet", "coze-server"] if Path(file).is_file():
            print(ID)
            return 0
        case ["inspect", "--format", form, id_] if id_ == ID:
            state = json.loads((STATE / "state.json").read_text())
            for name, value in state.items():
                form = form.replace("{{" + name + "}}", str(value))
            print(form)
            return 0
        case ["logs", *_, id_] if id_ == ID:
            print((STATE / "log").read_text(), end="", file=sys.stderr)
            return 0
    print(f"unknown command: docker {' '.join(words)}", file=sys.stderr)
    return 1


def restart(compose: Path) -> int:
    """Start the container anew."""
    plugins = compose.parent.parent / "backend" / "conf" / "plugin" / "pluginproduct" / "plugin_meta.yaml"
    # It has been up for a while: nothing in a test waits for ten seconds.
    started = (datetime.now(UTC) - timedelta(seconds=60)).isoformat()
    status, again, log = "running", 0, "HERTZ: HTTP server listening on address=[::]:8888\n"
    try:
        yaml.safe_load(plugins.read_text())
        if (STATE / "panic").exists():
            raise ValueError((STATE / "panic").read_text())
    except (ValueError, yaml.YAMLError) as error:
        status, again = "restarting", 3
        log = f"panic: InitializeInfra failed, err={str(error).splitlines()[0]}\n\ngoroutine 1 [running]:\n"
    (STATE / "log").write_text(log)
    state = {".State.Status": status, ".RestartCount": again, ".State.StartedAt": started}
    (STATE / "state.json").write_text(json.dumps(state))
    print("Container coze-server  Restarting\n Container coze-server  Started", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
