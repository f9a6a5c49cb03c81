"""The page, as Streamlit runs it for every visitor and every click: the frame around its views."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from frontend import components, markup
from frontend.session import choose_language, office

VIEWS = Path(__file__).with_name("views")


def main() -> None:
    st.set_page_config(page_title="Guichet", page_icon=":material/confirmation_number:", layout="wide")
    st.html(components.stylesheet())
    with st.container(key="frame", horizontal=True, vertical_alignment="center"):
        brand = st.container(key="brand")
        say = choose_language()
    brand.html(markup.header(say))
    view = st.navigation(
        [
            st.Page(VIEWS / "classify.py", title=say("classify"), default=True),
            st.Page(VIEWS / "status.py", title=say("status"), url_path="status"),
        ],
        position="top",
    )
    view.run()
    st.html(f'<p class="g-foot"><a href="{office().settings.gateway}/docs" target="_blank">{say("docs")}</a></p>')


main()
