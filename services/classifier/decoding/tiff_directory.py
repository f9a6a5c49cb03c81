"""Parse the first directory of a TIFF file, or of Exif data, which has the same structure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

# Bytes per value, by the type of an entry.
SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
BYTE_ORDERS: Final[dict[bytes, Literal["little", "big"]]] = {b"II": "little", b"MM": "big"}
BIG_TIFF: Final = 43
# Those of cameras have fewer than a hundred entries.
MAX_ENTRIES: Final = 4096


@dataclass(frozen=True)
class Entry:
    """A tag, the type and number of its values, and the positions of the entry and of the values."""

    tag: int
    kind: int
    count: int
    position: int
    values: int


@dataclass(frozen=True)
class Directory:
    """The first directory in `data`: its position and encoding."""

    data: bytes
    order: Literal["little", "big"]
    big: bool
    position: int

    @classmethod
    def first(cls, data: bytes) -> Directory | None:
        """None if the data does not begin as a TIFF file does."""
        order = BYTE_ORDERS.get(data[:2])
        if not order or len(data) < 8:
            return None
        big = int.from_bytes(data[2:4], order) == BIG_TIFF
        return cls(data, order, big, int.from_bytes(data[8:16] if big else data[4:8], order))

    @property
    def word(self) -> int:
        """The size of an offset."""
        return 8 if self.big else 4

    @property
    def count_size(self) -> int:
        """The size of the number of entries."""
        return 8 if self.big else 2

    @property
    def entry_size(self) -> int:
        """The size of an entry."""
        return 4 + 2 * self.word

    def entries(self) -> Iterator[Entry]:
        """The entries; fewer if the data is truncated."""
        start = self.position + self.count_size
        count = min(self._number(self.position, self.count_size), MAX_ENTRIES)
        for position in range(start, start + count * self.entry_size, self.entry_size):
            if position + self.entry_size > len(self.data):
                return
            kind, number = self._number(position + 2, 2), self._number(position + 4, self.word)
            values = position + 4 + self.word
            if number * SIZES.get(kind, 0) > self.word:
                values = self._number(values, self.word)
            yield Entry(self._number(position, 2), kind, number, position, values)

    def integer(self, entry: Entry) -> int:
        """The first value of an entry of whole numbers."""
        return self._number(entry.values, SIZES.get(entry.kind, 0))

    def value(self, entry: Entry) -> bytes:
        """All values of an entry, as far as the data has them."""
        return self.data[entry.values : entry.values + entry.count * SIZES.get(entry.kind, 0)]

    def _number(self, position: int, size: int) -> int:
        return int.from_bytes(self.data[position : position + size], self.order)
