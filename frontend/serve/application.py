"""The page as an ASGI application."""

from __future__ import annotations

import logging
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.responses import FileResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from streamlit import file_util

from frontend.images.image import SAMPLES, SAMPLES_PATH
from frontend.serve.compression import Compression
from frontend.serve.security import Security
from frontend.state.streamlit_state import page_texts

ROOT = Path(__file__).parents[1]
ICON = ROOT / "assets" / "icon.svg"


def application() -> st.App:
    """Streamlit's application with the page's own routes and middleware."""
    static = Path(file_util.get_static_dir())
    routes = [
        # Not st.set_page_config(page_icon=…), which imports NumPy and Pillow.
        Route("/favicon.png", lambda _: FileResponse(ICON, media_type="image/svg+xml")),
        Mount(SAMPLES_PATH, StaticFiles(directory=SAMPLES)),
    ]
    middleware = [
        Middleware(Security, index=(static / "index.html").read_text(encoding="utf-8")),
        Middleware(Compression, folder=static / "static"),
    ]
    return st.App(ROOT / "app.py", routes=routes, middleware=middleware, on_script_error=show_page_error)


def show_page_error(error: Exception) -> bool:
    """Show one sentence instead of Streamlit's traceback, which goes into the log."""
    logging.getLogger("frontend").exception("The page's script failed.", exc_info=error)
    st.error(page_texts()("page_error"))
    return True
