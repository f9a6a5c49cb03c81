"""The page's HTML, as strings: every word that is not ours goes through `escape`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape as escape

from frontend.api.client import Answer, GatewayError, Timings
from frontend.api.jobs import State
from frontend.locales.texts import Texts
from frontend.results.comparison import Agreement

PARTS = ("fetch", "queue", "decode", "infer")
# After so many seconds without an answer the page says so; a model that is awake and idle answers before the first.
SLOW = (3, 10, 30, 60)
MOVING_BAR = '<div class="g-wait" aria-hidden="true"><span class="g-moving"></span></div>'


def inert(text: str) -> str:
    """Text for Streamlit's labels, which are Markdown: shown letter by letter, whoever wrote it."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|~<>$:&])", r"\\\1", text.replace("\n", " "))


def header(say: Texts) -> str:
    return (
        '<div class="g-brand"><span class="g-mark" aria-hidden="true"></span>'
        f'<div><p class="g-name">Guichet</p><p class="g-tagline">{escape(say("tagline"))}</p></div></div>'
    )


def footer(gateway: str, say: Texts) -> str:
    return (
        f'<p class="g-foot"><a href="{escape(gateway)}/docs" target="_blank">{escape(say("docs"))}</a>'
        f"<span>{escape(say('private'))}</span></p>"
    )


def welcome(say: Texts, labels: int) -> str:
    """What stands where the answers will be."""
    return (
        f'<section class="g-welcome"><h1>{escape(say("welcome_title"))}</h1>'
        f'<p class="g-lead">{escape(say("welcome"))}</p>'
        f"<p>{escape(say('honest', labels=_thousands(labels, say)))}</p></section>"
    )


def agreement_row(verdict: Agreement, titles: Mapping[str, str], pending: int, say: Texts) -> str:
    """Whether the models agree, once more than one has answered."""
    if verdict.kind == "none" or (verdict.kind == "one" and not pending):
        return ""
    if verdict.kind == "one":
        return f'<p class="g-agree g-agree-wait">{escape(say("agree_pending", count=pending))}</p>'
    sentence = {
        "all": say("agree_all", count=verdict.answered, label=verdict.label),
        "most": say("agree_most", votes=verdict.votes, count=verdict.answered, label=verdict.label),
        "no": say("agree_no"),
    }[verdict.kind]
    others = [say("says", model=titles.get(model, model), label=label) for model, label in verdict.others]
    if pending:
        others.append(say("agree_pending", count=pending))
    rest = f'<span class="g-others">{escape(" · ".join(others))}</span>' if others else ""
    return f'<p class="g-agree g-agree-{verdict.kind}"><strong>{escape(sentence)}</strong>{rest}</p>'


def card_head(title: str, note: str = "") -> str:
    chip = f'<span class="g-chip">{escape(note)}</span>' if note else ""
    return f'<div class="g-card-head"><h2>{escape(title)}</h2>{chip}</div>'


def answer_body(answer: Answer, top: int, threshold: float, say: Texts) -> str:
    """A model's verdict, its labels with bars, and where the time went."""
    best = answer.predictions[0] if answer.predictions else None
    if best is None:
        verdict = say("not_sure")
    elif best.score < threshold:
        guess = escape(say("best_guess", label=best.label))
        verdict = f'{escape(say("not_sure"))} <span class="g-guess">{guess}</span>'
    else:
        verdict = escape(best.label)
    sure = "" if best is not None and best.score >= threshold else " g-unsure"
    bars = "".join(_bar(one.label, one.score, say) for one in answer.predictions[:top])
    return f'<p class="g-verdict{sure}">{verdict}</p><ol class="g-bars">{bars}</ol>{timing(answer.timings, say)}'


def _bar(label: str, score: float, say: Texts) -> str:
    width = max(0.0, min(score, 1.0)) * 100
    return (
        f'<li><span class="g-label">{escape(label)}</span><span class="g-percent">{say.percent(score)}</span>'
        f'<span class="g-track" aria-hidden="true"><span style="width:{width:.1f}%"></span></span></li>'
    )


def timing(timings: Timings, say: Texts) -> str:
    """The time as one bar and one line of words."""
    parts = [("network", timings.network), *((name, timings.parts[name]) for name in PARTS if timings.parts.get(name))]
    total = sum(value for _, value in parts) or 1.0
    segments = "".join(f'<span class="g-{name}" style="flex-grow:{value / total:.4f}"></span>' for name, value in parts)
    words = "".join(
        f'<li><span class="g-dot g-{name}" aria-hidden="true"></span>{escape(say(name))} {say.duration(value)}</li>'
        for name, value in parts
    )
    return (
        f'<p class="g-total">{escape(say("time", total=say.duration(timings.total)))}</p>'
        f'<div class="g-split" aria-hidden="true">{segments}</div><ul class="g-parts">{words}</ul>'
    )


def error_body(error: GatewayError, say: Texts) -> str:
    request = f'<p class="g-request">{escape(say("request_id", id=error.request_id))}</p>' if error.request_id else ""
    return f'<p class="g-error">{escape(reason(error, say))}</p>{request}'


def reason(error: GatewayError, say: Texts) -> str:
    """The error as one sentence in the page's language; a code the page does not know keeps the service's words."""
    key = f"error_{error.code}"
    if say.has(key):
        return say(key)
    if error.code.startswith("http_"):
        return say("error_other", status=error.status)
    return error.detail


def waking_words(usual: float | None, say: Texts) -> str:
    """Of a model that wakes, which usually takes so many seconds; None if that is not known."""
    return say("waking_unknown") if usual is None else say("waking_usually", seconds=f"{usual:.0f}")


def waking_bar(elapsed: float, usual: float | None) -> str:
    """A bar that fills in the seconds that waking usually takes; without those, one that only moves."""
    if usual is None:
        return MOVING_BAR
    # A delay into the past: the bar goes on from where it is, however often it is drawn.
    style = f"animation-duration:{usual:.1f}s;animation-delay:-{elapsed:.1f}s"
    return f'<div class="g-wait" aria-hidden="true"><span class="g-filling" style="{style}"></span></div>'


def waiting_words(state: State, asked: float, say: Texts) -> str:
    """What a pending question waits for, `asked` seconds after it was put to the model."""
    if state == "waiting":
        return say("waiting")
    slow = [seconds for seconds in SLOW if state == "asking" and asked >= seconds]
    return say("asking_long", seconds=slow[-1]) if slow else say("asking")


def awake_words(woke: float, timings: Timings, say: Texts) -> str:
    """Whether the model slept when it was asked, as far as the page can tell; `woke`: the seconds it took to wake."""
    if woke >= 1:
        return say("was_asleep", seconds=say.number(woke))
    return say("awake") if timings.network < SLOW[0] * 1000 else ""


def waiting_body(words: str) -> str:
    return f'<p class="g-waiting">{escape(words)}</p>'


def facts(entries: Iterable[tuple[str, str]]) -> str:
    """A list of terms and what they are."""
    items = "".join(f"<div><dt>{escape(term)}</dt><dd>{_breakable(value)}</dd></div>" for term, value in entries)
    return f'<dl class="g-facts">{items}</dl>'


def _breakable(name: str) -> str:
    """A program's name for something, which may go on on the next line after its punctuation."""
    return re.sub(r"([:._/])", r"\1<wbr>", escape(name))


def numbers(entries: Iterable[tuple[str, str]]) -> str:
    """A row of figures with their names."""
    items = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in entries)
    return f'<dl class="g-numbers">{items}</dl>'


def latency_plot(milliseconds: list[float], words: str) -> str:
    """Bars of the latest answers' times, oldest first, with the same in words."""
    highest = max(milliseconds, default=1.0) or 1.0
    bars = "".join(f'<span style="height:{max(4.0, value / highest * 100):.0f}%"></span>' for value in milliseconds)
    return f'<div class="g-plot" aria-hidden="true">{bars}</div><p class="g-plot-words">{escape(words)}</p>'


def state_dot(state: str, words: str) -> str:
    return f'<span class="g-state g-state-{escape(state)}">{escape(words)}</span>'


def _thousands(count: int, say: Texts) -> str:
    return f"{count:,}".replace(",", "," if say.language == "en" else " ")
