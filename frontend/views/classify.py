"""The main view: a picture or many, and what each chosen model says."""

from __future__ import annotations

import streamlit as st

from frontend.api.client import GatewayError
from frontend.state.streamlit_state import office, visit, words
from frontend.views import markup
from frontend.views.inputs import Wishes, choose_models, choose_options, give_pictures, keep_link
from frontend.views.live_results import show_results


def main() -> None:
    say = words()
    here = visit()
    try:
        models = office().models()
    except GatewayError as err:
        st.html(f'<section class="g-card-alone">{markup.error_body(err, say)}</section>')
        st.button(say("again"), key="directory-again")
        return
    titles = {model.name: model.title for model in models}

    left, right = st.columns([4, 9], gap="medium")
    with left:
        give_pictures(here, say)
    with right:
        with st.container(key="choices", horizontal=True, vertical_alignment="bottom"):
            chosen = choose_models(models, say)
            top, threshold = choose_options(say)
        keep_link(chosen)
        for model in chosen:
            office().awake(model)  # while the visitor looks for a picture
        here.jobs.submit(here.pictures, chosen)
        wishes = Wishes(chosen, titles, top, threshold, say)
        if not chosen:
            st.html(f'<p class="g-hint">{say("no_models")}</p>')
        elif not here.pictures:
            st.html(markup.welcome(say, max((model.labels for model in models), default=1000)))
        else:
            show_results(here, wishes)


main()
