"""Fixtures that several files of tests share."""

from __future__ import annotations

import pytest


@pytest.fixture
def no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes a second: left out where a test reads tables."""
    monkeypatch.setattr("reports.figures.figure.draw", lambda *_: {})
