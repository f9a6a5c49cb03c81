from __future__ import annotations

import asyncio

import pytest

from benchmarks.soak.client import read_response


def read(data: bytes) -> tuple[int, str]:
    async def fed() -> tuple[int, str]:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return await read_response(reader)

    return asyncio.run(fed())


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", (200, ""), id="prediction"),
        pytest.param(
            b'HTTP/1.1 429 Too Many\r\ncontent-length: 21\r\n\r\n{"code":"overloaded"}',
            (429, "overloaded"),
            id="problem",
        ),
        pytest.param(b"HTTP/1.1 503 X\r\nContent-Length: 4\r\n\r\noops", (503, ""), id="no-problem-document"),
    ],
)
def test_a_response_gives_its_status_and_code(data: bytes, expected: tuple[int, str]) -> None:
    assert read(data) == expected


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", ValueError, id="no-length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[]", asyncio.IncompleteReadError, id="cut-off"),
    ],
)
def test_an_incomplete_response_is_an_error(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read(data)
