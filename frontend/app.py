"""The page."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import streamlit as st

from frontend.client import Answer, GatewayClient, GatewayError
from frontend.settings import settings


@st.cache_resource
def gateway() -> GatewayClient:
    return GatewayClient(settings().gateway, settings().api_key)


def show(answer: Future[Answer]) -> None:
    try:
        result = answer.result()
    except GatewayError as err:
        st.error(f"{err.detail} (request {err.request_id})")
        return
    for prediction in result.predictions:
        st.progress(min(max(prediction.score, 0.0), 1.0), f"{prediction.label}: {prediction.score:.1%}")
    st.caption(f"{result.timings.total:.0f} ms")


def page() -> None:
    st.set_page_config(page_title="Guichet", page_icon="🎫", layout="wide")
    st.title("Guichet")
    try:
        models = {model["name"]: model["title"] for model in gateway().models()}
    except GatewayError as err:
        st.error(f"{err.detail} (request {err.request_id})")
        st.stop()
    chosen = st.multiselect("Models", list(models), default=list(models)[:1], format_func=lambda name: models[name])
    upload = st.file_uploader("A picture", type=["jpg", "jpeg", "png", "webp", "gif", "bmp"])
    url = st.text_input("… or its address", placeholder="https://…")
    picture: bytes | str = upload.getvalue() if upload else url.strip()
    if not picture or not chosen:
        st.stop()
    if upload:
        st.image(picture, width=320)
    with ThreadPoolExecutor(len(chosen)) as pool:
        answers = {name: pool.submit(gateway().predict, name, picture) for name in chosen}
        for column, (name, answer) in zip(st.columns(len(answers)), answers.items(), strict=True):
            with column:
                st.subheader(models[name])
                show(answer)


page()
