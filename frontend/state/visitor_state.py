"""One visitor's images and jobs. They live in the visitor's session and are dropped with it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from frontend.api.jobs import JobStore
from frontend.images.image import MAX_IMAGES, Budget, Image, ImageRefused, from_upload, from_url, limited
from frontend.results.marks import Mark

# Characters of a mark that a browser sends.
MAX_MARK_LENGTH = 2000


@dataclass(eq=False)
class VisitorState:
    """`visit` is a random token: a browser that sees another one knows that its images are lost and sends them again.
    `session` is the id of the Streamlit session. `batch` is the id of the last upload batch, which tells the browser to
    send the next one. `opened` is the id of the image in the dialog, and `shown` are the ids of the table's rows as the
    visitor sorted them. `marks` are by the image's id. `budget` returns how much the page can keep for this visitor.
    """

    jobs: JobStore
    session: str = ""
    budget: Callable[[VisitorState], Budget] = lambda _: Budget()
    visit: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    images: list[Image] = field(default_factory=list)
    refused: list[ImageRefused] = field(default_factory=list)
    batch: str = ""
    opened: str = ""
    shown: list[str] = field(default_factory=list)
    marks: dict[str, Mark] = field(default_factory=dict)

    def add_uploads(self, payload: Any) -> None:
        """Add a batch of the image input: {"visit", "batch", "first", "items", "marks"}.

        The first one replaces the images before; `marks` are those of a visit that was lost. A batch for a lost visit
        is ignored: the browser sends all images again.
        """
        if not isinstance(payload, dict) or not isinstance(payload.get("items"), list):
            return
        if payload.get("visit", self.visit) != self.visit:
            return
        batch = str(payload.get("batch", ""))[:80]
        if batch == self.batch:
            return
        accepted, refused = [], []
        for item in payload["items"]:
            try:
                accepted.append(from_upload(item))
            except ImageRefused as err:
                # Without the traceback, whose frames would keep the file's bytes.
                refused.append(ImageRefused(err.reason, err.name))
        first = bool(payload.get("first"))
        self.batch = batch
        self.refused = refused if first else self.refused + refused
        self._set_images(accepted if first else [*self.images, *accepted])
        self._restore_marks(payload.get("marks"))

    @property
    def used(self) -> Budget:
        """The bytes of the images."""
        sizes = [(len(image.data), not image.handle and not image.preview) for image in self.images]
        return Budget(sum(size for size, _ in sizes), sum(size for size, undecoded in sizes if undecoded))

    def path_of(self, image: Image) -> str:
        """Where the page serves an uploaded image to this visitor, relative to its root; "" for other images."""
        return f"visits/{self.visit}/{image.id}" if image.data and not image.preview else ""

    def open(self, event: Any) -> None:
        """Open the image of an event of the results table, {"image", "shown"}."""
        if not isinstance(event, dict) or not isinstance(event.get("shown"), list):
            return
        self.shown = [str(each) for each in event["shown"][:MAX_IMAGES]]
        image = str(event.get("image"))
        self.opened = image if image in {each.id for each in self.rows} else ""

    @property
    def rows(self) -> list[Image]:
        """The images of the rows that the table showed when one was opened, in its order."""
        images = {image.id: image for image in self.images}
        return [images[each] for each in self.shown if each in images]

    @property
    def given(self) -> str:
        """How the visitor gave the images: "upload", "sample", "url", or "" without images."""
        if not self.images:
            return ""
        return "url" if self.images[0].url else "sample" if self.images[0].preview else "upload"

    def use_url(self, url: str) -> None:
        """Replace the images by the one at `url`; an empty `url` removes only an image that came from a URL."""
        self.refused = []
        if not url.strip():
            if any(image.url for image in self.images):
                self._set_images([])
            return
        try:
            self._set_images([from_url(url)])
        except ImageRefused as err:
            self.refused = [err]

    def use_sample(self, image: Image) -> None:
        """Replace the images by a sample."""
        self.refused = []
        self._set_images([image])

    @property
    def sample(self) -> str:
        """The name of the sample that is shown, or ""."""
        return PurePath(self.images[0].name).stem if self.given == "sample" else ""

    def clear(self) -> None:
        """Drop all images and their jobs."""
        self.refused = []
        self._set_images([])

    def _restore_marks(self, marks: Any) -> None:
        """Take over marks, [[image, asked, label]], the newest first, of the images that are not marked."""
        images = {image.id for image in self.images}
        for mark in marks if isinstance(marks, list) else ():
            match mark:
                case [str(image), str(asked), str(label)] if image in images and len(asked + label) <= MAX_MARK_LENGTH:
                    self.marks.setdefault(image, Mark(asked, label))

    def _set_images(self, images: Iterable[Image]) -> None:
        images, refused = limited(images, self.budget(self))
        self.refused = self.refused + refused
        kept = {image.id for image in images}
        self.jobs.forget(image.id for image in self.images if image.id not in kept)
        self.images = images
        self.marks = {image: mark for image, mark in self.marks.items() if image in kept}
        if self.opened not in kept:
            self.opened = ""
