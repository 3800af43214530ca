"""What setup.cfg lets pip install: no release that is known to be malicious, and what constraints.txt pins."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parents[2]
MALICIOUS = [("lightning", "2.6.2"), ("lightning", "2.6.3")]  # GHSA-w37p-236h-pfx3


def asked() -> dict[str, Requirement]:
    """The requirements of the package itself, by name."""
    read = configparser.ConfigParser()
    read.read(PROJECT / "setup.cfg")
    lines = read["options"]["install_requires"].split("\n")
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


@pytest.mark.parametrize(("name", "version"), MALICIOUS)
def test_a_malicious_release_is_excluded_and_its_neighbours_are_not(name, version):
    bounds = asked()[name].specifier
    assert version not in bounds
    assert "2.6.1" in bounds and "2.6.4" in bounds


def test_what_is_pinned_is_within_the_bounds():
    lines = (PROJECT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split(";")[0].strip().split("==") for line in lines if "==" in line and line[0] != "#")
    pinned = {canonicalize_name(name): version for name, version in pairs}
    assert {name for name, requirement in asked().items() if pinned[name] not in requirement.specifier} == set()
