"""HTML for what Streamlit has no element for. Pure; all text from outside is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape as escape

from frontend.api.client import PredictResponse, Timings
from frontend.locales.texts import Texts
from frontend.results.comparison import Agreement

TIMING_PARTS = ("fetch", "queue", "decode", "infer")
INDETERMINATE_BAR = '<div class="g-wait" aria-hidden="true"><span class="g-moving"></span></div>'


def escape_markdown(text: str) -> str:
    """Text for Streamlit's labels and messages, which are Markdown."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|~<>$:&])", r"\\\1", text.replace("\n", " "))


def header(texts: Texts) -> str:
    return (
        '<div class="g-brand"><span class="g-mark" aria-hidden="true"></span>'
        f'<div><p class="g-name">Guichet</p><p class="g-tagline">{escape(texts("tagline"))}</p></div></div>'
    )


def footer(gateway: str, texts: Texts) -> str:
    return (
        f'<p class="g-foot"><a href="{escape(gateway)}/docs" target="_blank">{escape(texts("docs"))}</a>'
        f"<span>{escape(texts('private'))}</span></p>"
    )


def welcome(texts: Texts, labels: int) -> str:
    """Shown until there is an image."""
    return (
        f'<section class="g-welcome"><h1>{escape(texts("welcome_title"))}</h1>'
        f'<p class="g-lead">{escape(texts("welcome"))}</p>'
        f"<p>{escape(texts('honest', labels=texts.count(labels)))}</p></section>"
    )


def agreement_row(agreement: Agreement, titles: Mapping[str, str], pending: int, texts: Texts) -> str:
    """Whether the models agree; "" until two have responded, unless more are pending."""
    if agreement.kind == "none" or (agreement.kind == "one" and not pending):
        return ""
    if agreement.kind == "one":
        return f'<p class="g-agree g-agree-wait">{escape(texts("agree_pending", count=pending))}</p>'
    sentence = {
        "all": texts("agree_all", count=agreement.models, label=agreement.label),
        "most": texts("agree_most", votes=agreement.votes, count=agreement.models, label=agreement.label),
        "no": texts("agree_no"),
    }[agreement.kind]
    others = [texts("says", model=titles.get(model, model), label=label) for model, label in agreement.others]
    if pending:
        others.append(texts("agree_pending", count=pending))
    rest = f'<span class="g-others">{escape(" · ".join(others))}</span>' if others else ""
    return f'<p class="g-agree g-agree-{agreement.kind}"><strong>{escape(sentence)}</strong>{rest}</p>'


def card_head(title: str, note: str = "") -> str:
    chip = f'<span class="g-chip">{escape(note)}</span>' if note else ""
    return f'<div class="g-card-head"><h2>{escape(title)}</h2>{chip}</div>'


def predictions(response: PredictResponse, top: int, threshold: float, texts: Texts) -> str:
    """A model's best label, the top labels with bars, and the timings."""
    best = response.predictions[0] if response.predictions else None
    if best is None:
        verdict = texts("not_sure")
    elif best.score < threshold:
        guess = escape(texts("best_guess", label=best.label))
        verdict = f'{escape(texts("not_sure"))} <span class="g-guess">{guess}</span>'
    else:
        verdict = escape(best.label)
    unsure = "" if best is not None and best.score >= threshold else " g-unsure"
    bars = "".join(_bar(one.label, one.score, texts) for one in response.predictions[:top])
    return f'<p class="g-verdict{unsure}">{verdict}</p><ol class="g-bars">{bars}</ol>{timings(response.timings, texts)}'


def _bar(label: str, score: float, texts: Texts) -> str:
    width = max(0.0, min(score, 1.0)) * 100
    return (
        f'<li><span class="g-label">{escape(label)}</span><span class="g-percent">{texts.percent(score)}</span>'
        f'<span class="g-track" aria-hidden="true"><span style="width:{width:.1f}%"></span></span></li>'
    )


def timings(times: Timings, texts: Texts) -> str:
    """The total, a bar split into its parts, and their names."""
    parts = [("network", times.network)]
    parts += [(name, times.parts[name]) for name in TIMING_PARTS if times.parts.get(name)]
    total = sum(value for _, value in parts) or 1.0
    segments = "".join(f'<span class="g-{name}" style="flex-grow:{value / total:.4f}"></span>' for name, value in parts)
    names = "".join(
        f'<li><span class="g-dot g-{name}" aria-hidden="true"></span>{escape(texts(name))} {texts.duration(value)}</li>'
        for name, value in parts
    )
    return (
        f'<p class="g-total">{escape(texts("time", total=texts.duration(times.total)))}</p>'
        f'<div class="g-split" aria-hidden="true">{segments}</div><ul class="g-parts">{names}</ul>'
    )


def waiting(message: str, bar: str = "") -> str:
    return f'<p class="g-waiting">{escape(message)}</p>{bar}'


def waking_bar(elapsed: float, typical: float | None) -> str:
    """A bar that fills within `typical` seconds, or an indeterminate one if None."""
    if typical is None:
        return INDETERMINATE_BAR
    # The negative delay lets a bar that is drawn again continue where it was.
    style = f"animation-duration:{typical:.1f}s;animation-delay:-{elapsed:.1f}s"
    return f'<div class="g-wait" aria-hidden="true"><span class="g-filling" style="{style}"></span></div>'


def facts(entries: Iterable[tuple[str, str]]) -> str:
    """A list of names and values."""
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{_breakable(value)}</dd></div>" for name, value in entries)
    return f'<dl class="g-facts">{items}</dl>'


def _breakable(name: str) -> str:
    """An identifier that may wrap after its punctuation."""
    return re.sub(r"([:._/])", r"\1<wbr>", escape(name))


def latency_plot(milliseconds: list[float], caption: str) -> str:
    """A bar for each recent latency, oldest first, and a caption."""
    highest = max(milliseconds, default=1.0) or 1.0
    bars = "".join(f'<span style="height:{max(4.0, value / highest * 100):.0f}%"></span>' for value in milliseconds)
    return f'<div class="g-plot" aria-hidden="true">{bars}</div><p class="g-plot-words">{escape(caption)}</p>'
