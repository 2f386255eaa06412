# configvault as a container: beside the service in a pod or a compose project, or one a node.
#
#   docker build -t configvault .
#
# Debian's own Python, git and ssh; nothing runs as root unless the container is told to. A user of its own can restore
# only what belongs to it: where the root has other owners, run as root with the five capabilities of the systemd unit
# (CHOWN, FOWNER, FSETID, DAC_OVERRIDE, LEASE) and no others.

FROM debian:bookworm-slim AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY pyproject.toml setup.py README.md LICENSE config.example.yaml /src/
COPY systemd /src/systemd
COPY requirements /src/requirements
COPY configvault /src/configvault
RUN python3 -m venv /opt/configvault \
    && /opt/configvault/bin/pip install --no-cache-dir -r /src/requirements/run.txt \
    && /opt/configvault/bin/pip install --no-cache-dir --no-deps --no-build-isolation /src

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates git openssh-client python3 tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --home-dir /var/lib/configvault --shell /usr/sbin/nologin configvault \
    && install -d -m 0700 -o configvault -g configvault /var/lib/configvault
COPY --from=build /opt/configvault /opt/configvault
COPY deploy/ask.py /opt/configvault/ask.py
ENV PATH=/opt/configvault/bin:/usr/bin:/bin \
    CONFIGVAULT_CONFIG=/etc/configvault/config.yaml \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
# The vault: whoever loses it has only the replicas left.
VOLUME /var/lib/configvault
# It reaps its own children, so it can be the first process.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python3", "-IS", "/opt/configvault/ask.py", "/health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["configvault"]
CMD ["run"]
