"""Whether the chosen models agree about an image, and the sentence that says so. All of them count, not only those that
have responded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from frontend.api.client import Model
from frontend.locales.texts import Texts
from frontend.results.verdict import Verdict


@dataclass(frozen=True)
class Agreement:
    """How far the models agree.

    `kind` is "all" only if every chosen model responded and said the same, and "partial" if those that responded did.
    `labels` are what most of those that responded say, or "" if they say that no label applies. `votes` is how many say
    it, `unsure` how many of these are not sure, and `others` are the models that say something else.
    """

    kind: Literal["none", "one", "all", "partial", "most", "no"]
    chosen: int = 0
    responded: int = 0
    votes: int = 0
    unsure: int = 0
    labels: tuple[str, ...] = ()
    others: Mapping[str, Verdict] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)


def agreement(verdicts: Mapping[str, Verdict]) -> Agreement:
    """The agreement of {model: its verdict}."""
    responded = {model: each for model, each in verdicts.items() if each.state == "done"}
    missing: Counter[str] = Counter(each.state for each in verdicts.values() if each.state != "done")
    if not responded:
        return Agreement("none", len(verdicts), missing=missing)
    votes = Counter(label for each in responded.values() for label in each.labels or ("",))
    most = max(votes.values())
    labels = tuple(label for label, count in votes.items() if count == most)
    if most == len(responded):
        kind = "one" if most == 1 else "all" if most == len(verdicts) else "partial"
    else:
        kind = "most" if most > len(responded) / 2 else "no"
        labels = labels[:1] if kind == "most" else ()
    voters = {model: each for model, each in responded.items() if set(labels) & set(each.labels or ("",))}
    return Agreement(
        kind,  # type: ignore[arg-type]  # mypy infers str
        chosen=len(verdicts),
        responded=len(responded),
        votes=len(voters),
        unsure=sum(not each.sure for each in (voters or responded).values()),
        labels=labels,
        others={model: each for model, each in responded.items() if model not in voters},
        missing=missing,
    )


def asked_label(verdicts: Mapping[str, Verdict]) -> str:
    """The label that most of the models say, or the first of several; "" if none says one."""
    votes = Counter(label for each in verdicts.values() if each.state == "done" for label in each.labels)
    return votes.most_common(1)[0][0] if votes else ""


def sentence(found: Agreement, texts: Texts) -> str:
    """One sentence about all chosen models; "" if there is nothing to compare."""
    if found.chosen < 2 or (found.kind == "none" and found.missing.get("pending")):
        return ""
    if found.kind == "none":
        return texts("agree_none_answered", count=found.chosen)
    said = _said(found, texts)
    if found.responded == found.chosen:
        return said[0].upper() + said[1:]
    key = "agree_answered_one" if found.responded == 1 else "agree_answered"
    return texts(key, answered=found.responded, chosen=found.chosen, said=said)


def _said(found: Agreement, texts: Texts) -> str:
    label = ", ".join(found.labels)
    if found.kind == "no":
        return texts("agree_no_unsure" if found.unsure == found.responded else "agree_no")
    what = "nothing" if not label else "guess" if found.unsure == found.votes else "say"
    if found.kind == "one":
        return texts(f"agree_it_{what}", label=label)
    who = "some" if found.kind == "most" else "both" if found.votes == 2 else "all"
    # After "2 of 3 answered", the models need no noun.
    noun = "models" if found.responded == found.chosen else "alone"
    subject = texts(f"agree_{who}_{noun}", votes=found.votes, count=found.responded, word=texts.word(found.votes))
    said = texts(f"agree_they_{what}", who=subject, label=label)
    if not found.unsure:
        return said
    if found.unsure < found.votes:
        doubt = "one" if found.unsure == 1 else "some"
    else:
        doubt = "neither" if found.votes == 2 else "none"
    return said + texts(f"agree_doubt_{doubt}", count=texts.word(found.unsure))


def notes(found: Agreement, models: Mapping[str, Model], texts: Texts) -> list[str]:
    """What the sentence leaves out: the models that say something else, and those that have not responded."""
    said = []
    for model, each in found.others.items():
        key = "finds_nothing" if not each.labels else "says" if each.sure else "guesses"
        said.append(texts(key, model=models[model].title, label=each.label))
    if len({models[model].labels for model in found.others}) > 1:
        said.append(texts("agree_other_labels"))
    if found.chosen > 1:
        said += [texts(f"agree_{state}", count=count) for state, count in sorted(found.missing.items())]
    return said


def short(found: Agreement, texts: Texts) -> str:
    """For the table's column: "yes", "no", "2 of 3"; "" if there is nothing to compare."""
    if found.chosen < 2 or found.responded == 0:
        return ""
    if found.kind == "all":
        return texts("yes_unsure" if found.unsure else "yes")
    if found.kind in {"partial", "one"}:
        return texts("agree_of", votes=found.votes, count=found.chosen)
    return texts("no")
