"""The page, as Streamlit runs it for every visitor and every click: the frame around its views."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from frontend import components
from frontend.state.streamlit_state import choose_language, office, words
from frontend.views import markup

VIEWS = Path(__file__).with_name("views")


def main() -> None:
    say = words()
    st.set_page_config(
        page_title="Guichet",
        layout="wide",
        # An entry of its own is what makes Streamlit show its menu, and with it the choice between light and dark.
        menu_items={"About": f"**Guichet**. {say('tagline')}"},
    )
    st.html(components.stylesheet())
    views = {
        say("classify"): st.Page(VIEWS / "classify.py", title=say("classify"), default=True),
        say("status"): st.Page(VIEWS / "status.py", title=say("status"), url_path="status"),
    }
    view = st.navigation(list(views.values()), position="hidden")
    with st.container(key="frame", horizontal=True, vertical_alignment="center"):
        st.html(markup.header(say), width="content")
        for title, page in views.items():
            st.page_link(page, label=title)
        choose_language(say)
    # The view may wait for answers, and the rest of the page should not.
    body = st.container()
    st.html(markup.footer(office().settings.gateway, say))
    with body:
        view.run()


main()
