"""The script: golden for one deployment, sound bash for all, every value quoted, every parameter checked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from infra import parameter, script
from infra.parameter import FaultyParameters

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).with_name("plan.sh")
SHELLCHECK = Path(sys.executable).with_name("shellcheck")
GIVEN = {"PROJECT": "demo", "REGION": "europe-west1"}
VARIANTS = {
    "plain": {},
    "single": {"SINGLE": "1", "LOCATION": "eur3", "PITR": "1"},
    "domain": {"DOMAIN": "hub.example.org", "EMAIL": "ops@example.org"},
}


def render(**given: str) -> str:
    return script.render(parameter.read(GIVEN | given))


def plan(**environ: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "infra", "plan"],
        cwd=ROOT, env={"PATH": "", **environ}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_plan_is_golden(request):
    text = render()
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text(), "run pytest tests/infra --update-golden, and read the difference"


def test_planning_needs_no_program_and_prints_what_deploying_runs():
    done = plan(**GIVEN)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == GOLDEN.read_text()


@pytest.mark.parametrize("given", VARIANTS.values(), ids=VARIANTS)
def test_it_is_bash(given):
    done = subprocess.run(["bash", "-n"], input=render(**given), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("given", VARIANTS.values(), ids=VARIANTS)
def test_shellcheck_finds_nothing(given):
    done = subprocess.run([SHELLCHECK, "-"], input=render(**given), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("text", ["", "a b", "it's", "$HOME `id` $(id)", "a\nb", "*?[x]", "-x", 'é"ü', "\\"])
def test_a_quoted_word_comes_out_as_it_went_in(text):
    done = subprocess.run(
        ["bash", "-c", f"printf %s {script.quote(text)} {script.quote(f'{text}<NUMBER>{text}')}"],
        env={"NUMBER": "1 '$x"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == f"{text}{text}1 '$x{text}"


def test_every_variable_is_set_before_it_is_used():
    for given in VARIANTS.values():
        known = {"PYTHON", "SOURCE", "FOUND"}
        for line in render(**given).split("# fed SOURCE", 1)[1].splitlines():
            assert set(re.findall(r'"\$([A-Z]+)"', line)) <= known | {"STATE", "ANSWER"}, line
            known |= set(re.findall(r"^([A-Z]+)=", line))


@pytest.mark.parametrize(("name", "values"), {
    "PROJECT": ["", "Demo", "1demo", "demo-", "a", "demo; id", "demo\n", "d" * 31, "$(id)"],
    "REGION": ["", "europe", "Europe-west1", "europe-west1;", "europe_west1"],
    "LOCATION": ["eur", "EUR3", "eur3 x"],
    "DOMAIN": ["hub", "hub.example.org.", "-hub.example.org", "https://hub.example.org", "hub..org", "Hub.example.org",
               "x" * 250 + ".org"],
    "EMAIL": ["ops", "ops@", "@example.org", "ops@example.org,x@example.org", "o ps@example.org", "ops@example.org\n"],
    "SINGLE": ["yes", "0"],
    "PITR": ["true"],
}.items())  # fmt: skip
def test_a_parameter_that_cannot_be_is_refused_by_name(name, values):
    for value in values:
        with pytest.raises(FaultyParameters) as caught:
            parameter.read(GIVEN | {name: value})
        assert [fault.split()[0] for fault in caught.value.faults] == [name], value


def test_all_faults_are_told_together_and_nothing_is_printed():
    done = plan(PROJECT="$(id)", EMAIL="x", DOMAIN="hub.example.org", SINGLE="1")
    assert (done.returncode, done.stdout) == (2, "")
    assert [line.split()[1] for line in done.stderr.splitlines()] == ["PROJECT", "REGION", "EMAIL", "DOMAIN", "like"]


def test_the_plan_says_how_clients_reach_the_hub():
    assert "SINGLE=1 (one function serves all; recommended without a domain)" in render()
    assert "https://tributary-hub-<NUMBER>.europe-west1.run.app" in render(SINGLE="1")
    assert "Clients use https://hub.example.org" in render(DOMAIN="hub.example.org")


def test_make_prints_the_plan():
    text = (ROOT / "Makefile").read_text()
    for name in ("plan", "deploy"):
        assert re.search(rf"^{name}: .*## .+\n\t@\$\(BIN\)/python -m infra {name}$", text, re.MULTILINE)


def test_a_reader_who_has_seen_enough_is_no_fault():
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        [sys.executable, "-m", "infra", "plan"],
        cwd=ROOT, env={"PATH": "", **GIVEN}, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(theirs)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_readme_shows_what_is_printed():
    text = (ROOT / "infra" / "README.md").read_text()
    block = re.search(r"```console\n(\$ make plan PROJECT=demo .*?)```", text, re.DOTALL)[1]
    shown = [line for line in block.splitlines() if not line.startswith(("$ ", "error: "))]
    assert len(shown) > 10
    assert set(shown) <= set(GOLDEN.read_text().splitlines())
    assert [line for line in block.splitlines() if line.startswith("error: ")] == plan(
        PROJECT="demo; id", REGION="europe-west1"
    ).stderr.splitlines()
