"""Logs, one line per request."""

from __future__ import annotations

import pytest

from deploy.report.logs import follow, line, log_filter, read_lines
from tests.deploy.deployment_fixture import Deployment

pytestmark = pytest.mark.integration


def test_the_lines_of_a_service_come_oldest_first(deployment: Deployment) -> None:
    deployment.cloud.enable("logging.googleapis.com")
    session = deployment.session()
    lines = read_lines(session.gcloud, session.settings, "guichet-alpha", 10)
    assert [text.split()[-1] for text in lines] == ["request-1", "request-2", "request-3"]
    assert "POST /predict 200  12.5 ms" in lines[0]


def test_a_followed_log_shows_each_line_once(deployment: Deployment) -> None:
    session = deployment.session()
    lines = []
    for text in follow(session.gcloud, session.settings, "guichet-alpha", 10, "", session.stop):
        lines.append(text)
        if len(lines) == 3:
            session.stop.set()
    assert len(set(lines)) == 3


def test_the_filter_selects_a_request(deployment: Deployment) -> None:
    assert 'jsonPayload.request_id="abc"' in log_filter(deployment.settings, "", "abc")


def test_a_line_has_nothing_that_a_terminal_acts_on() -> None:
    assert "\x1b" not in line({"textPayload": "a\x1b[31m\nb"})
