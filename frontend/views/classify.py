"""The main view: image input, models, options and results."""

from __future__ import annotations

import streamlit as st

from frontend.api.errors import GatewayError
from frontend.state.streamlit_state import page_texts, shared_state, visitor_state
from frontend.views import markup
from frontend.views.inputs import ViewOptions, choose_images, choose_models, choose_options, update_link
from frontend.views.live_results import show_results
from frontend.views.messages import show_error


def main() -> None:
    texts, visitor, shared = page_texts(), visitor_state(), shared_state()
    try:
        models = shared.models()
    except GatewayError as err:
        show_error(err, texts)
        st.button(texts("retry"), key="directory-again")
        return
    left, right = st.columns([4, 9], gap="medium")
    with left:
        choose_images(visitor, texts)
    with right:
        with st.container(key="choices", horizontal=True, vertical_alignment="bottom"):
            chosen = choose_models(models, texts)
            known = {model.name: model for model in models}
            top, thresholds = choose_options((known[name] for name in chosen), shared.sure_from, texts)
        update_link(models, chosen, visitor)
        for model in chosen:
            shared.readiness.wake(model)  # while the visitor chooses an image
        visitor.jobs.submit(visitor.images, chosen)
        options = ViewOptions(chosen, known, top, thresholds, texts)
        if not chosen:
            st.caption(texts("no_models"))
        elif not visitor.images:
            st.html(markup.welcome(options.chosen, texts))
        else:
            show_results(visitor, options)


main()
