"""`python -m benchmarks.quantisation.plot FIGURES.json PLOT.png`: time and accuracy by precision, model by model.

Run in the peers' environment, which has matplotlib.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

COLOURS = ("#b8bec8", "#8fa3bf", "#5f7ea6", "#d99a3d", "#c2701c")


def draw(figures: dict[str, Any], path: Path) -> None:
    """Above the time of one image on one core, below the share of right answers; a bar for each precision."""
    variants = figures["variants"]
    models = list(dict.fromkeys(one["model"] for one in variants))
    names = list(dict.fromkeys(one["name"] for one in variants))
    plt.rcParams.update({"font.size": 9})
    figure, (times, rights) = plt.subplots(
        2, 1, figsize=(9, 5.2), sharex=True, height_ratios=(2, 1), layout="constrained"
    )
    width = 0.8 / len(names)
    for place, name in enumerate(names):
        found = [one for model in models for one in variants if (one["model"], one["name"]) == (model, name)]
        where = [number + (place - (len(names) - 1) / 2) * width for number in range(len(models))]
        colour = COLOURS[place % len(COLOURS)]
        milliseconds = [one["one"] * 1e3 for one in found]
        bars = times.bar(where, milliseconds, width * 0.92, color=colour, label=name)
        times.bar_label(bars, [f"{value:.1f}" for value in milliseconds], fontsize=8, padding=2)
        shares = [one["right"] * 100 for one in found]
        # Two standard errors of a share of so many photos.
        errors = [200 * (one["right"] * (1 - one["right"]) / figures["photos"]) ** 0.5 for one in found]
        rights.errorbar(where, shares, errors, fmt="o", color=colour, ecolor="#999999", elinewidth=0.8, markersize=5)
    times.set_ylabel("ms per image, one core")
    rights.set_ylabel(f"top-1 of {figures['photos']}, %")
    rights.set_xticks(range(len(models)), models)
    for panel in (times, rights):
        panel.spines[["top", "right"]].set_visible(False)
    times.margins(y=0.12)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    figure.savefig(path, dpi=140)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
