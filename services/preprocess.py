"""How an image becomes the input of a network: the description that catalog, export, receipt and decoder share."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

MAX_SIDE = 4096

# What receipts without the field mean, where that is not the field's default.
FORMER: dict[str, Any] = {"decode": "fast"}

# In pixels: of both sides, or height and width.
Size = int | tuple[int, int]
Interpolation = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]


@dataclass(frozen=True)
class Preprocess:
    """Resize the image, take the centre, and normalise: (pixel * scale - mean) / std.

    resize         the shorter side in pixels; or height and width, with `fit`; or "none"
    crop           height and width of the network's input
    interpolation  Pillow's filter
    mean, std      one number, or one per channel in the network's order
    scale          default: 1/255
    fit            how an image takes the height and width of `resize`. exact: its shape changes. cover, contain: it
                   keeps its shape, at the smallest size that covers them, or the largest that they contain
    border         the colour around an image that is smaller than the crop, 0 to 255: red, green, blue, or one number
    antialias      whether the filter widens when it shrinks the image, as Pillow's does
    channels       the network's channels, in their order
    half_pixel     how half a pixel in the crop's offset is rounded. even: torchvision and timm; down: transformers
    decode         exact: the pixels of the library's own transforms. fast: from a JPEG decoded at a reduced size

    Raises ValueError for values that contradict each other.
    """

    # For pydantic, which checks the catalog; the service does not import it.
    __pydantic_config__ = {"extra": "forbid", "strict": True}  # noqa: RUF012

    resize: Size | Literal["none"]
    crop: Size
    interpolation: Interpolation
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    scale: float | None = None
    fit: Literal["exact", "cover", "contain"] = "exact"
    border: tuple[int, ...] | None = None
    antialias: bool = True
    channels: Literal["rgb", "bgr", "gray"] = "rgb"
    half_pixel: Literal["even", "down"] = "even"
    decode: Literal["exact", "fast"] = "exact"

    def __post_init__(self) -> None:
        resize = () if isinstance(self.resize, str) else pair(self.resize)
        if not all(1 <= side <= MAX_SIDE for side in (*resize, *pair(self.crop))):
            raise ValueError(f"resize and crop should be 1 to {MAX_SIDE}, not resize {self.resize}, crop {self.crop}")
        if self.fit != "exact" and not isinstance(self.resize, tuple):
            raise ValueError(f"fit: {self.fit} needs a resize like [height, width], not {self.resize}")
        if self.border is None:
            if self.fit == "contain" or not resize:
                raise ValueError("border should be given, because an image may become smaller than the crop")
            if any(crop > side for crop, side in zip(pair(self.crop), resize, strict=True)):
                raise ValueError(
                    f"1 ≤ crop ≤ resize should hold without a border, not crop {self.crop}, resize {self.resize}"
                )
        if not self.antialias and self.interpolation not in ("nearest", "bilinear", "bicubic"):
            raise ValueError(f"antialias: false is for bilinear and bicubic, not {self.interpolation}")
        if self.decode == "fast" and (not self.antialias or self.interpolation == "nearest"):
            raise ValueError("decode: fast is for filters with antialias")
        self._check_numbers()

    def _check_numbers(self) -> None:
        if (self.mean is None) != (self.std is None) or (self.mean is None and self.scale is None):
            raise ValueError("mean and std should both be given, or scale alone")
        for name, values in (("mean", self.mean), ("std", self.std), ("border", self.border)):
            if values is not None and len(values) not in (1, self.channel_count):
                raise ValueError(f"{name} should have one number or {self.channel_count}, not {list(values)}")
        if self.std is not None and min(self.std) <= 0:
            raise ValueError(f"std should be positive, not {list(self.std)}")
        if self.scale is not None and self.scale <= 0:
            raise ValueError(f"scale should be positive, not {self.scale}")
        if self.border is not None and not 0 <= min(self.border) <= max(self.border) <= 255:
            raise ValueError(f"border should be 0 to 255, not {list(self.border)}")

    @property
    def height(self) -> int:
        """Of the network's input."""
        return pair(self.crop)[0]

    @property
    def width(self) -> int:
        """Of the network's input."""
        return pair(self.crop)[1]

    @property
    def channel_count(self) -> int:
        """Of the network's input."""
        return 1 if self.channels == "gray" else 3

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """Of one image in a batch: 1, channels, height, width."""
        return (1, self.channel_count, self.height, self.width)

    @property
    def pixel_mean(self) -> list[float]:
        """The mean of each channel on the scale of pixels, 0 to 255."""
        return self._of_pixels(self.mean or (0.0,))

    @property
    def pixel_std(self) -> list[float]:
        """The divisor of each channel on the scale of pixels, 0 to 255."""
        return self._of_pixels(self.std or (1.0,))

    def _of_pixels(self, values: tuple[float, ...]) -> list[float]:
        every = values if len(values) > 1 else values * self.channel_count
        return [255 * value if self.scale is None else value / self.scale for value in every]

    def as_dict(self) -> dict[str, Any]:
        """Without the fields that mean what they meant before they existed, so that digests of older ones stay."""
        former = {field.name: field.default for field in fields(self)} | FORMER
        return {name: value for name, value in asdict(self).items() if value != former[name]}


def pair(size: Size) -> tuple[int, int]:
    """Height and width."""
    return (size, size) if isinstance(size, int) else size


def preprocess_from(values: dict[str, Any]) -> Preprocess:
    """The preprocessing that `as_dict` or a receipt describes in JSON; raises TypeError or ValueError."""
    return Preprocess(
        **FORMER | {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    )
