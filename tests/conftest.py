"""What holds for all tests: no deadlines on a busy machine, and where AIGC_NO_SKIP is set, no skips."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

settings.register_profile("labeler", deadline=None)
settings.load_profile("labeler")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _forbid_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _forbid_skip(report)
    return report


def _forbid_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Where everything is there that tests need (CI), a skipped test fails, with the reason it gave."""
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("AIGC_NO_SKIP"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        report.outcome = "failed"
        report.longrepr = f"AIGC_NO_SKIP forbids it: {reason}"
