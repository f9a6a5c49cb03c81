"""Cloud Logging: three lines of every service, newest first."""

from __future__ import annotations

import re

from tests.deploy.fake_google_cloud.routing import Request, Response, route
from tests.deploy.fake_google_cloud.state import PROJECT, Cloud


@route("logging", "POST", "v2/entries:list")
def entries(cloud: Cloud, request: Request) -> Response:
    found = re.search(r'service_name="?([a-z0-9-]+)', request.body.get("filter", ""))
    name = found[1] if found else "guichet-alpha"
    return {
        "entries": [
            {
                "insertId": str(number),
                "logName": f"projects/{PROJECT}/logs/run.googleapis.com%2Fstdout",
                "timestamp": f"2026-01-02T03:04:0{number}.123456Z",
                "severity": "INFO",
                "resource": {
                    "type": "cloud_run_revision",
                    "labels": {"service_name": name, "revision_name": f"{name}-00001-abc"},
                },
                "jsonPayload": {
                    "message": "POST /predict 200",
                    "status": 200,
                    "milliseconds": 12.5,
                    "request_id": f"request-{number}",
                },
            }
            for number in (3, 2, 1)
        ]
    }
