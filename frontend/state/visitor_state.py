"""One visitor's state: what was given, what was asked. It lives in the visitor's session and dies with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from frontend.api.jobs import JobStore
from frontend.images.image import Picture, PictureRefused, at_address, bounded, sample, uploaded


@dataclass
class Visit:
    """What one visitor has given the page.

    `batch` is the last batch of uploads taken, so that the browser knows when to send the next; `opened` is the picture
    of many whose answers are shown in full.
    """

    jobs: JobStore
    pictures: list[Picture] = field(default_factory=list)
    refused: list[PictureRefused] = field(default_factory=list)
    batch: str = ""
    opened: str = ""

    def take_uploads(self, payload: Any) -> None:
        """One batch from the picture input: {"batch", "first", "items"}; the first one replaces what was there."""
        if not isinstance(payload, dict) or not isinstance(payload.get("items"), list):
            return
        batch = str(payload.get("batch", ""))[:80]
        if batch == self.batch:
            return
        taken, refused = [], []
        for entry in payload["items"]:
            try:
                taken.append(uploaded(entry))
            except PictureRefused as err:
                refused.append(err)
        first = bool(payload.get("first"))
        self.batch = batch
        self._replace([] if first else self.pictures, taken)
        self.refused = refused if first else self.refused + refused

    def take_address(self, url: str) -> None:
        """The picture at a web address, instead of what was there; nothing for an empty one."""
        self.refused = []
        if not url.strip():
            if any(picture.url for picture in self.pictures):
                self._replace([], [])
            return
        try:
            self._replace([], [at_address(url)])
        except PictureRefused as err:
            self.refused = [err]

    def take_sample(self, name: str) -> None:
        """One of the samples, instead of what was there."""
        picture = sample(name)
        if picture:
            self.refused = []
            self._replace([], [picture])

    def clear(self) -> None:
        """Forgets every picture and answer."""
        self.refused = []
        self._replace([], [])

    def _replace(self, before: list[Picture], more: Iterable[Picture]) -> None:
        pictures = bounded([*before, *more])
        kept = {picture.id for picture in pictures}
        self.jobs.forget(picture.id for picture in self.pictures if picture.id not in kept)
        self.pictures = pictures
        if self.opened not in kept:
            self.opened = ""
