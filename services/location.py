"""Where in the code an exception was raised: what is logged of an unforeseen one, whose text may be a caller's."""

from __future__ import annotations

from types import TracebackType


def location_of(traceback: TracebackType | None) -> str:
    """`module:line` of where the exception was raised."""
    while traceback and traceback.tb_next:
        traceback = traceback.tb_next
    return f"{traceback.tb_frame.f_globals.get('__name__')}:{traceback.tb_lineno}" if traceback else "?"
