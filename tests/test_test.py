"""`configvault test` and the import of a request collection: what CI and people see of health checks."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from service import answer, serving
from sites import Place

from configvault import config
from configvault.config import postman

CHECKS = """
health:
  - {name: up, url: "%s"}
  - {name: "<down> & out", url: "%s", expect: {json: "a == 'b'"}, within: 200ms}
  - {name: nice to have, command: ["false"], required: false, within: 200ms}
"""


def test_a_failed_required_check_is_exit_7(tmp_path: Path) -> None:
    """Each check has a row with its time and reason, the JSON and the JUnit file say the same, and the code tells."""
    with serving(answer(200, "{}")) as service:
        place = Place(tmp_path, CHECKS % (service.url, service.url))
        place.init({"a": "1"})
        done = place.run("test")
        assert done.code == 7, done
        assert "FAILED" in done.out
        assert "failed (not required)" in done.out
        done = place.run("test", "--json", "--junit", str(tmp_path / "junit.xml"))
        assert (done.code, done.json["passed"]) == (7, False)
        assert [one["ok"] for one in done.json["health"]] == [True, False, False]
        assert {"name", "ok", "required", "error"} <= set(done.json["health"][0])
        unwritten = place.run("test", "--json", "--junit", str(tmp_path / "nowhere" / "junit.xml"))
        assert (unwritten.code, unwritten.json["passed"]) == (1, False)
        suite = ElementTree.parse(tmp_path / "junit.xml").getroot()[0]
        assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
        assert [case.get("name") for case in suite] == ["up", "<down> & out", "nice to have"]
        assert place.run("test", "--only", "up").code == 0
        assert place.run("test", "--only", "upp").code == 2


def test_junit_on_standard_output(tmp_path: Path) -> None:
    """`--junit -` prints the XML in place of the table, writes no file of that name, and excludes --json."""
    place = Place(tmp_path, 'health: [{name: up, command: ["true"]}]')
    place.init({"a": "1"})
    done = place.process("test", "--junit", "-", cwd=tmp_path)
    assert (done.code, ElementTree.fromstring(done.out)[0].get("tests")) == (0, "1")
    assert not (tmp_path / "-").exists()
    assert place.run("test", "--json", "--junit", "-").code == 2


def test_an_interrupt_ends_it_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """Whoever stops the command does not wait for a check that may take an hour, and what it made is cleaned up."""
    pid = tmp_path / "pid"

    def interrupt(connection: socket.socket, over: threading.Event) -> None:
        os.kill(int(pid.read_text()), signal.SIGINT)
        over.wait(60)

    steps = (
        "[{url: '%(at)s', method: POST, save: {agent: id}}, {url: '%(at)s', method: PUT}, "
        "{url: '%(at)s/{agent}', method: DELETE, always: true}]"
    )
    with serving(answer(200, '{"id": 7}'), interrupt, answer(200)) as service:
        health = f"health: [{{name: agent, steps: {steps % {'at': service.url}}, within: 1h, timeout: 1h}}]"
        place = Place(tmp_path / "p", health)
        place.init({"a": "1"})
        begin = ["sh", "-c", f'echo $$ > {pid}; exec "$@"', "sh"]
        done = place.process("test", before=begin)
        assert (done.code, done.said("error")) == (130, ["error: interrupted"])
        assert [asked.split(" HTTP")[0] for asked in service.asked] == [
            "POST /reload",
            "PUT /reload",
            "DELETE /reload/7",
        ]


def test_what_could_not_be_decided_is_said(tmp_path: Path) -> None:
    """A log in which nothing was asked passes as undecided: in the table, JUnit, the reload and on record."""
    log = tmp_path / "service.log"
    log.touch()
    place = Place(
        tmp_path / "p", f"service_log: {{path: {log}}}\nhealth: [{{name: calm, log: {{errors_below: 5%}}}}]\n"
    )
    place.init({"a": "1"})
    done = place.run("test")
    assert (done.code, "undecided" in done.out, "no request in 300s" in done.out) == (0, True, True), done
    (case,) = ElementTree.fromstring(place.process("test", "--junit", "-").out)[0]
    assert "no request in 300s" in (case[0].text or "")
    done = place.run("reload")
    assert (done.code, "undecided: health check 'calm': no request" in done.out) == (0, True), done
    assert "health check 'calm' is undecided" in place.git("log", "-1", "--format=%s", "refs/configvault/marks")


def test_a_service_is_tested_without_a_vault(tmp_path: Path) -> None:
    """No vault and no root are needed, and no checks are no failure."""
    with serving(answer(200)) as service:
        place = Place(tmp_path, f"health: [{{name: up, url: '{service.url}'}}]")
        place.root.rmdir()
        assert place.run("test", "--json").json["passed"]
    place.configure()
    done = place.run("test")
    assert (done.code, "no health checks" in done.out) == (0, True)


COLLECTION = {
    "info": {"name": "Coze", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
    "variable": [
        {"key": "base_url", "value": "http://localhost:8080"},
        {"key": "api_token", "value": "can4ry"},
    ],
    "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{api_token}}"}]},
    "item": [
        {
            "name": "convert",
            "request": {
                "method": "POST",
                "header": [
                    {"key": "X-Api-Key", "value": "can4ry"},
                    {"key": "Accept", "value": "application/json"},
                    {"key": "X-Off", "value": "1", "disabled": True},
                ],
                "body": {"mode": "raw", "raw": '{"fileUrl": "{{base_url}}/a.pdf", "keep": true}'},
                "url": {
                    "raw": "{{base_url}}/api/convert",
                    "host": ["{{base_url}}"],
                    "path": ["api", "convert"],
                },
            },
            "event": [{"listen": "test", "script": {"exec": ["pm.test('x')"]}}],
            "response": [{"code": 201}, {"code": 404}],
        },
        {
            "name": "folder",
            "auth": {"type": "noauth"},
            "item": [
                {"name": "convert", "request": "localhost:8080/plain"},
                {
                    "name": "form",
                    "request": {
                        "method": "PUT",
                        "url": {"raw": "http://h/:id/x", "variable": [{"key": "id", "value": "a b"}]},
                        "body": {"mode": "urlencoded", "urlencoded": [{"key": "a", "value": "1 {{n}}"}]},
                    },
                },
                {
                    "name": "upload",
                    "request": {"method": "POST", "url": "http://h", "body": {"mode": "formdata"}},
                },
                {"name": "head", "request": {"method": "HEAD", "url": "http://h"}},
            ],
        },
    ],
}


def test_a_postman_collection_becomes_health_checks() -> None:
    """Variables, headers, logins, bodies and folders are taken over; secrets become references; the rest is named."""
    found = postman.convert(json.dumps(COLLECTION))
    convert, plain, form, upload = found.checks
    assert convert == {
        "name": "convert",
        "url": "http://localhost:8080/api/convert",
        "method": "POST",
        "headers": {
            "X-Api-Key": "${X_API_KEY}",
            "Accept": "application/json",
            "Authorization": "Bearer ${API_TOKEN}",
        },
        "body": {"fileUrl": "http://localhost:8080/a.pdf", "keep": True},
        "expect": {"status": [201]},
    }
    assert plain == {"name": "folder / convert", "url": "http://localhost:8080/plain"}
    assert (form["url"], form["body"]) == ("http://h/a%20b/x", "a=1+${N}")
    assert form["headers"] == {"Content-Type": "application/x-www-form-urlencoded"}
    assert "body" not in upload
    assert found.notes == [
        "convert: its test script is not run",
        "folder / upload: a body of the kind 'formdata' is not taken over",
        "folder / head: the method HEAD cannot be sent, left out",
        "set these in the environment, or replace them: API_TOKEN, N, X_API_KEY",
    ]


def test_no_secret_of_a_collection_is_printed() -> None:
    """A secret in a query, a form or a JSON body becomes a reference too; what has no address is named and left out."""
    url = "http://h/x?page=1&token=can4ry&api_key={{k}}"
    form = {
        "mode": "urlencoded",
        "urlencoded": [{"key": "password", "value": "can4ry"}, {"key": "a", "value": "1"}],
    }
    raw = {"mode": "raw", "raw": '{"login": {"password": "can4ry", "user": "me"}}'}
    text = {"mode": "raw", "raw": '{"n": {{n}}, "password" : "can4\\"ry", "user": "me"}'}
    requests = [{"url": url, "body": form}, {"url": {"raw": url}, "body": raw}, {"method": "GET"}]
    requests.append({"url": "http://h/", "body": text})
    found = postman.convert(json.dumps({"item": [{"name": "r", "request": one} for one in requests]}))
    assert [check["url"] for check in found.checks] == [
        *["http://h/x?page=1&token=${TOKEN}&api_key=${K}"] * 2,
        "http://h/",
    ]
    assert found.checks[0]["body"] == "password=${PASSWORD}&a=1"
    assert found.checks[1]["body"] == {"login": {"password": "${PASSWORD}", "user": "me"}}
    assert found.checks[2]["body"] == '{"n": ${N}, "password" : "${PASSWORD}", "user": "me"}'
    assert found.notes[0] == "r: has no address, left out"


def test_the_login_of_a_collection_replaces_a_header() -> None:
    """Postman sends the login in place of such a header: one header is left, and only its secret has to be set."""
    auth = {"type": "bearer", "bearer": [{"key": "token", "value": "{{t}}"}]}
    header = [{"key": "authorization", "value": "can4ry"}]
    one = {"name": "r", "request": {"url": "http://h/", "header": header, "auth": auth}}
    found = postman.convert(json.dumps({"item": [one]}))
    assert found.checks[0]["headers"] == {"Authorization": "Bearer ${T}"}
    assert found.notes == ["set these in the environment, or replace them: T"]


def test_what_is_printed_for_a_collection_is_a_configuration(tmp_path: Path) -> None:
    """The command prints YAML that loads, and says beside it what was not taken over."""
    place = Place(tmp_path)
    (tmp_path / "collection.json").write_text(json.dumps(COLLECTION))
    done = place.run("config", "import-postman", str(tmp_path / "collection.json"))
    assert done.code == 0
    assert "can4ry" not in done.out + done.err
    assert len(done.said("warning")) == 4
    environ = {"API_TOKEN": "a", "N": "1", "X_API_KEY": "c"}
    settings = config.parse(f"root: /r\nvault: /v\n{done.out}", tmp_path / "c.yaml", environ)
    assert [check.name for check in settings.health] == [
        one["name"] for one in yaml.safe_load(done.out)["health"]
    ]
    assert settings.health[0].body == {"fileUrl": "http://localhost:8080/a.pdf", "keep": True}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"item": 1}', "[" * 100_000])
def test_what_is_no_collection_is_refused(tmp_path: Path, text: str) -> None:
    """Another file is an error that says what a collection is."""
    place = Place(tmp_path)
    (tmp_path / "x.json").write_text(text)
    done = place.run("config", "import-postman", str(tmp_path / "x.json"))
    assert (done.code, "not a Postman collection" in done.err) == (1, True)
