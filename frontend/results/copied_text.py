"""One image's predictions as text to paste."""

from __future__ import annotations

from collections.abc import Mapping

from frontend.api.client import Model
from frontend.locales.texts import Texts
from frontend.results.agreement import sentence
from frontend.results.comparison import Row


def as_text(row: Row, models: Mapping[str, Model], texts: Texts) -> str:
    """The image's name or URL, the sentence about all models, and a line per model."""
    lines = [row.image.url or row.image.name, sentence(row.agreement, texts)]
    for name, each in row.verdicts.items():
        model = models[name]
        if each.state != "done":
            said = texts(each.state)
        elif not each.labels:
            said = texts("no_label_applies")
        else:
            doubt = "" if each.sure else f" ({texts('unsure')})"
            said = f"{each.label} {texts.score(each.score, model.scores)}{doubt}"
        lines.append(f"{model.title}: {said}")
    return "\n".join(line for line in lines if line)
