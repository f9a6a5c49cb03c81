"""HTML for what Streamlit has no element for. Pure; all text from outside is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape as escape

from frontend.api.client import Model, Prediction, PredictResponse, ScoreKind, Timings
from frontend.locales.texts import Texts
from frontend.results.agreement import Agreement
from frontend.results.folders import FolderScore
from frontend.results.verdict import Thresholds

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


def welcome(models: Sequence[Model], texts: Texts) -> str:
    """Shown until there is an image: what the chosen models can say, and one line on how each differs."""
    kinds = "".join(
        f"<p>{escape(texts(f'honest_{kind}'))}</p>" for kind in dict.fromkeys(model.scores for model in models)
    )
    lines = "".join(
        f"<li><strong>{escape(model.title)}</strong> {escape(model_line(model, texts))}</li>" for model in models
    )
    return (
        f'<section class="g-welcome"><h1>{escape(texts("welcome_title"))}</h1>'
        f'<p class="g-lead">{escape(texts("welcome"))}</p>{kinds}<ul>{lines}</ul></section>'
    )


def model_line(model: Model, texts: Texts) -> str:
    """What sets a model apart: its labels, scores, input and precision."""
    parts = []
    if model.labels is not None:
        one = "label_count_one" if model.labels == 1 else "label_count"
        parts.append(texts(one, count=texts.count(model.labels)))
    if model.scores != "softmax":
        parts.append(texts(f"scores_{model.scores}"))
    if model.input is not None:
        parts.append(f"{model.input[0]} × {model.input[1]}")
    return " · ".join([*parts, *([model.precision] if model.precision else [])])


def agreement_row(found: Agreement, said: str, notes: Iterable[str]) -> str:
    """The sentence about all chosen models, and what it leaves out."""
    if found.kind == "all" and not found.unsure:
        tone = "good"
    else:
        tone = "mild" if found.kind in {"most", "no"} or found.unsure else "wait"
    others = " · ".join(notes)
    rest = f'<span class="g-others">{escape(others)}</span>' if others else ""
    return f'<p class="g-agree g-agree-{tone}"><strong>{escape(said)}</strong>{rest}</p>'


def card_head(title: str, note: str = "") -> str:
    chip = f'<span class="g-chip">{escape(note)}</span>' if note else ""
    return f'<div class="g-card-head"><h2>{escape(title)}</h2>{chip}</div>'


def predictions(response: PredictResponse, model: Model, top: int, thresholds: Thresholds, texts: Texts) -> str:
    """What a model says, its top labels with bars, and the timings."""
    listed = response.predictions[:top]
    highest = max((one.score for one in listed), default=1.0) if model.scores == "none" else 1.0
    bars = "".join(_bar(one, one.score / highest if highest > 0 else 0.0, model.scores, texts) for one in listed)
    few = ""
    if model.labels is not None and model.labels < top and len(listed) == model.labels:
        known = texts("few_labels_one" if model.labels == 1 else "few_labels", count=model.labels)
        few = f'<p class="g-few">{escape(known)}</p>'
    return (
        f"{_verdict(response, model, thresholds, texts)}"
        f'<ol class="g-bars">{bars}</ol>{few}{timings(response.timings, texts)}'
    )


def _verdict(response: PredictResponse, model: Model, thresholds: Thresholds, texts: Texts) -> str:
    if not response.predictions:
        return f'<p class="g-verdict g-unsure">{escape(texts("no_predictions"))}</p>'
    best = response.predictions[0]
    if model.scores == "sigmoid":
        labels = [one.label for one in response.predictions if one.score >= thresholds.applies]
        note = texts("applies_from", percent=texts.percent(thresholds.applies))
        said = escape(", ".join(labels) or texts("no_label_applies"))
        unsure = "" if labels else " g-unsure"
        return f'<p class="g-verdict{unsure}">{said} <span class="g-guess">{escape(note)}</span></p>'
    if model.scores == "softmax" and best.score < thresholds.sure:
        guess = escape(texts("best_guess", label=best.label))
        return f'<p class="g-verdict g-unsure">{escape(texts("not_sure"))} <span class="g-guess">{guess}</span></p>'
    return f'<p class="g-verdict">{escape(best.label)}</p>'


def _bar(one: Prediction, share: float, kind: ScoreKind, texts: Texts) -> str:
    width = max(0.0, min(share, 1.0)) * 100
    return (
        f'<li><span class="g-label">{escape(one.label)}</span>'
        f'<span class="g-percent">{texts.score(one.score, kind)}</span>'
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


def folder_table(scores: Mapping[str, Mapping[str, FolderScore]], titles: Mapping[str, str], texts: Texts) -> str:
    """A row per folder, a column per model, and the totals."""
    models = list(next(iter(scores.values())))
    totals = {model: sum((row[model] for row in scores.values()), FolderScore()) for model in models}
    head = "".join(f'<th scope="col">{escape(titles[model])}</th>' for model in models)
    body = ""
    for folder, row in [*scores.items(), (texts("folders_all"), totals)]:
        cells = [texts("folder_right", right=row[model].right, total=row[model].total) for model in models]
        body += f'<tr><th scope="row">{escape(folder)}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    column = escape(texts("column_folder"))
    return f'<table class="g-folders"><thead><tr><th scope="col">{column}</th>{head}</tr></thead>{body}</table>'


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
