"""The host that the daemon runs on: its systemd unit, and a Coze Studio checkout where there is one."""
