"""The page as an ASGI application."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from streamlit import file_util, runtime

from frontend.images.image import SAMPLES_PATH
from frontend.serve.compression import Compression
from frontend.serve.memory import return_memory
from frontend.serve.paths import SCRIPTS, Paths
from frontend.serve.security import Security
from frontend.settings import SAMPLES, Settings
from frontend.state.streamlit_state import page_texts, visits

ROOT = Path(__file__).parents[1]
# How often (s) to look for visitors who left.
CHECK_EVERY = 20.0
ICON = ROOT / "assets" / "icon.svg"


def application(settings: Settings) -> st.App:
    """Streamlit's application with the page's own routes and middleware."""
    static = Path(file_util.get_static_dir())
    routes = [
        # Not st.set_page_config(page_icon=…), which imports NumPy and Pillow.
        *(
            Route(f"/favicon.{kind}", lambda _: FileResponse(ICON, media_type="image/svg+xml"))
            for kind in ("png", "ico")
        ),
        *(Route(path, script) for path in SCRIPTS),
        # The Host that the server gets, which a proxy may have changed.
        Route("/host", lambda request: PlainTextResponse(request.headers.get("host", ""))),
        Mount(f"/{SAMPLES_PATH}", StaticFiles(directory=settings.samples or SAMPLES)),
        Route("/visits/{visit}/{image}", uploaded_image),
    ]
    index = (static / "index.html").read_text(encoding="utf-8")
    middleware = [
        Middleware(Security, index=index, settings=settings),
        Middleware(Paths, index=index, idle_minutes=settings.idle_minutes),
        Middleware(Compression, folder=static / "static"),
    ]
    return st.App(
        ROOT / "app.py",
        routes=routes,
        middleware=middleware,
        lifespan=ending_visits,
        on_script_error=show_page_error,
    )


@asynccontextmanager
async def ending_visits(_app: st.App) -> AsyncIterator[None]:
    """While the page is served, end the visits of those who left."""
    ending = asyncio.create_task(end_visits())
    try:
        yield
    finally:
        ending.cancel()


async def end_visits() -> None:
    """Close the sessions of those who left: Streamlit itself would keep each until another visitor leaves."""
    while True:
        await asyncio.sleep(CHECK_EVERY)
        if over := visits().end_those_left():
            for session in over:
                runtime.get_instance().close_session(session)
            await asyncio.to_thread(return_memory)


def script(request: Request) -> Response:
    """One of the page's own scripts."""
    return FileResponse(ROOT / "assets" / request.url.path.rpartition("/")[2], media_type="text/javascript")


def uploaded_image(request: Request) -> Response:
    """An image of the visit whose token is in the path: after a reload, the browser has no preview of it."""
    image = visits().image(request.path_params["visit"], request.path_params["image"])
    if image is None or not image.data:
        return Response(status_code=404)
    return Response(image.data, media_type=image.media_type, headers={"Cache-Control": "private, no-store"})


def show_page_error(error: Exception) -> bool:
    """Show one sentence instead of Streamlit's traceback, which goes into the log."""
    logging.getLogger("frontend").exception("The page's script failed.", exc_info=error)
    st.error(page_texts()("page_error"))
    return True
