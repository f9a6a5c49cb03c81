"""The script that Streamlit runs for every visitor and every click: the frame around the two views."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st

from frontend.state.streamlit_state import choose_language, page_texts, shared_state
from frontend.views import markup

HERE = Path(__file__).parent


@cache
def stylesheet(theme: str) -> str:
    """The page's style. Streamlit tells its own element about the theme, but not dialogs and popovers."""
    style = (HERE / "assets" / "page.css").read_text(encoding="utf-8")
    return f"<style>{style}\n:root {{ color-scheme: {theme}; }}</style>"


def main() -> None:
    texts = page_texts()
    st.set_page_config(
        page_title="Guichet",
        layout="wide",
        # Streamlit shows its menu, with the choice of theme, only if it has an entry.
        menu_items={"About": f"**Guichet**. {texts('tagline')}"},
    )
    st.html(stylesheet(st.context.theme.type or "light"))
    views = {
        texts("classify"): st.Page(HERE / "views" / "classify.py", title=texts("classify"), default=True),
        texts("status"): st.Page(HERE / "views" / "status.py", title=texts("status"), url_path="status"),
    }
    view = st.navigation(list(views.values()), position="hidden")
    with st.container(key="frame", horizontal=True, vertical_alignment="center"):
        st.html(markup.header(texts), width="content")
        for title, page in views.items():
            st.page_link(page, label=title)
        st.space("stretch")
        choose_language(texts)
    # The footer is drawn before the view, which may wait for predictions.
    body = st.container()
    st.html(markup.footer(shared_state().settings.gateway, texts))
    with body:
        view.run()


main()
