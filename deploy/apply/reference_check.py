"""Compares the scores that the gateway returns with those of the models' own pipelines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from deploy.apply.smoke_test import RESPONSE_TIMEOUT_SECONDS
from deploy.plan.reference_scores import ReferenceScores


def check_references(url: str, references: Iterable[ReferenceScores], key: str) -> list[str]:
    """What is wrong, one sentence per model."""
    with requests.Session() as session:
        # Ignore the environment's proxy on loopback.
        session.trust_env = urlsplit(url).hostname not in ("localhost", "127.0.0.1")
        session.headers["x-api-key"] = key
        wrong = ((reference.route, _mistake(session, url + reference.route, reference)) for reference in references)
        return [f"{route}: {mistake}" for route, mistake in wrong if mistake]


def _mistake(session: requests.Session, address: str, reference: ReferenceScores) -> str:
    try:
        receipt = _json(session.get(address, timeout=RESPONSE_TIMEOUT_SECONDS))["receipt"]
        if not receipt.get("reference"):
            return "the model was exported without its reference; export it again"
        allowed = receipt["reference"]["allowed"]["worst"]
        for path, recorded in reference.images:
            served = _served(session, address, path, len(recorded))
            found = largest_difference(calibrated(recorded, receipt), served)
            if found > allowed:
                return f"the scores for {path.name} differ from the recorded ones by {found:.3f}; {allowed} is allowed"
    except requests.RequestException as err:
        return f"the scores could not be compared: {type(err).__name__}"
    except (KeyError, TypeError, ValueError):
        return "the scores could not be compared: the response is not that of a model"
    except OSError as err:
        return f"the scores could not be compared: {err.filename}: {err.strerror}"
    return ""


def _served(session: requests.Session, address: str, path: Path, labels: int) -> dict[str, float]:
    response = session.post(
        f"{address}/predict", params={"top_k": labels}, data=path.read_bytes(), timeout=RESPONSE_TIMEOUT_SECONDS
    )
    return {one["label"]: float(one["score"]) for one in _json(response)}


def _json(response: requests.Response) -> Any:
    response.raise_for_status()
    return response.json()


def calibrated(recorded: Mapping[str, float], receipt: Mapping[str, Any]) -> dict[str, float]:
    """The recorded scores at the temperature that the export has put into the network, if it has."""
    evaluation = receipt.get("evaluation") or {}
    if not evaluation.get("calibrated"):
        return dict(recorded)
    powers = {label: score ** (1 / evaluation["temperature"]) for label, score in recorded.items()}
    return {label: power / sum(powers.values()) for label, power in powers.items()}


def largest_difference(expected: Mapping[str, float], actual: Mapping[str, float]) -> float:
    """Among all labels; of scores that exceed one, in parts of the largest. Raises KeyError if a label is missing."""
    largest = max(1.0, *(abs(score) for score in expected.values()))
    return max(abs(score - actual[label]) for label, score in expected.items()) / largest
