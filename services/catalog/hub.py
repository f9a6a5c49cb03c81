"""Download files of the Hugging Face Hub, with its own client and into its cache.

The client reads HF_ENDPOINT, HF_TOKEN and HF_HOME, and a file that it has once downloaded needs no network.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.catalog.model_folder import CONFIG, FolderError, needed_files


class HubError(Exception):
    """The Hub did not deliver; the message says why, and what to do."""


@dataclass(frozen=True)
class HubModel:
    """A model's newest commit, or another one, and what its card says."""

    revision: str
    url: str
    license: str


def hub_model(name: str, revision: str | None) -> HubModel:
    """The model ORGANISATION/NAME at a branch, a tag or a commit; raises HubError."""
    from huggingface_hub import HfApi

    with _explained(name, revision or "main"):
        api = HfApi()
        info = api.model_info(name, revision=revision)
        card = info.card_data
        return HubModel(str(info.sha), f"{api.endpoint}/{name}", str(card.get("license") or "") if card else "")


def hub_config(name: str, revision: str) -> Path:
    """config.json of the model ORGANISATION/NAME at a commit; raises HubError."""
    from huggingface_hub import hf_hub_download

    with _explained(name, revision):
        return Path(hf_hub_download(name, CONFIG, revision=revision))


def hub_folder(name: str, revision: str) -> Path:
    """A folder with the files that the export needs; raises HubError, and FolderError if there are none."""
    from huggingface_hub import HfApi, errors, snapshot_download, try_to_load_from_cache

    with _explained(name, revision):
        try:
            names = [sibling.rfilename for sibling in HfApi().model_info(name, revision=revision).siblings or []]
        except errors.HfHubHTTPError:
            raise
        except Exception:
            # The client's HTTP library raises errors of its own. Without a network, take what was downloaded before.
            config = try_to_load_from_cache(name, CONFIG, revision=revision)
            if not isinstance(config, str):
                raise
            needed_files({path.name for path in Path(config).parent.iterdir()})
            return Path(config).parent
        return Path(snapshot_download(name, revision=revision, allow_patterns=needed_files(names)))


@contextmanager
def _explained(name: str, revision: str) -> Iterator[None]:
    """Turn the client's errors into sentences."""
    from huggingface_hub import errors, logging

    # It warns about every attempt to connect.
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    except errors.GatedRepoError as err:
        raise HubError(f"{name} is gated: accept its conditions on the Hub, then set HF_TOKEN") from err
    except errors.RepositoryNotFoundError as err:
        raise HubError(f"the Hub has no model {name}, or it is private and HF_TOKEN gives no access") from err
    except errors.RevisionNotFoundError as err:
        raise HubError(f"{name} has no commit {revision}") from err
    except errors.RemoteEntryNotFoundError as err:
        raise HubError(
            f"{name} has no {CONFIG} at {revision[:12]}, so it is no model of timm or transformers; if it is an adapter"
            " (LoRA), merge it into its model, and save that with save_pretrained"
        ) from err
    except errors.LocalEntryNotFoundError as err:
        raise HubError(
            f"{name} was not downloaded before, and the Hub cannot be reached: is this machine online, and HF_ENDPOINT"
            " right?"
        ) from err
    except FolderError:
        raise
    except Exception as err:  # the client and its HTTP library raise many kinds of errors
        line = next((line.strip() for line in str(err).splitlines() if line.strip()), type(err).__name__)
        raise HubError(f"{name} cannot be downloaded: {line[:200]}") from err
