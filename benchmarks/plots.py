"""`python -m benchmarks.plots {comparison,quantisation} FIGURES.json PLOT.png`: the plots of README and docs.

Run it in the peers' environment (.venv-peers), which has matplotlib.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

# Group: colour and legend.
GROUPS = {
    "torch": ("#b8bec8", "peers with torch, as documented"),
    "openvino": ("#8fa3bf", "peers with the same OpenVINO model"),
    "openvino-decoder": ("#5f7ea6", "… and our decoder"),
    "one-process": ("#e3b778", "Guichet without worker processes"),
    "gateway": ("#d99a3d", "Guichet through its gateway"),
    "direct": ("#c2701c", "Guichet"),
}
PRECISIONS = ("#b8bec8", "#8fa3bf", "#5f7ea6", "#d99a3d", "#c2701c")
CONNECTIONS = 8


def comparison(figures: dict[str, Any]) -> Any:
    """Throughput, cold start and memory per server, the fastest on top; the limits in process as lines."""
    rows = [(row, rate) for row in figures["rows"] for rate in row["rates"] if rate["connections"] == CONNECTIONS]
    rows.sort(key=lambda pair: pair[1]["rate"])
    names, colours = [row["name"] for row, _ in rows], [GROUPS[row["group"]][0] for row, _ in rows]
    figure, panels = plt.subplots(
        1, 3, figsize=(12, 1.6 + 0.26 * len(rows)), sharey=True, width_ratios=(3, 1.4, 1.4), layout="constrained"
    )

    def bars(panel: Any, values: list[float], title: str, form: str, spread: Any = None) -> None:
        drawn = panel.barh(names, values, color=colours, xerr=spread, error_kw={"elinewidth": 0.8, "ecolor": "#555555"})
        panel.bar_label(drawn, [form.format(value) for value in values], padding=4, fontsize=8)
        panel.set_title(title, fontsize=9)
        panel.margins(x=0.16, y=0.01)
        panel.spines[["top", "right", "left"]].set_visible(False)
        panel.tick_params(left=False)

    below = [rate["rate"] - rate["least"] for _, rate in rows]
    above = [rate["most"] - rate["rate"] for _, rate in rows]
    rates = [rate["rate"] for _, rate in rows]
    bars(panels[0], rates, f"photos/s at {CONNECTIONS} connections", "{:,.0f}", [below, above])
    bars(panels[1], [row["cold_start"] or 0 for row, _ in rows], "cold start, s", "{:.1f}")
    bars(panels[2], [(row["memory_loaded"] or 0) / 1e6 for row, _ in rows], "memory under load, MB", "{:,.0f}")
    for limit in figures["limits"]:
        panels[0].axvline(limit["rate"], color="#444444", linewidth=0.8, linestyle="--")
        at = {"rotation": 90, "ha": "right", "va": "bottom", "fontsize": 8, "color": "#444444"}
        place = (limit["rate"], 0.02)
        panels[0].annotate(f"limit in process, {limit['engine']}", place, xycoords=("data", "axes fraction"), **at)
    groups = [group for group in GROUPS if any(row["group"] == group for row, _ in rows)]
    handles = [plt.Rectangle((0, 0), 1, 1, color=GROUPS[group][0]) for group in groups]
    legend = [GROUPS[group][1] for group in groups]
    figure.legend(handles, legend, loc="outside lower center", ncols=3, frameon=False)
    machine = figures["machine"]
    title = f"{figures['plan']['title']}, one photo per request, {machine['cores']} cores of {machine['processor']}"
    figure.suptitle(title, fontsize=11)
    return figure


def quantisation(figures: dict[str, Any]) -> Any:
    """Per model and precision: the time of one image on one core, and the accuracy with two standard errors."""
    variants = figures["variants"]
    models = list(dict.fromkeys(one["model"] for one in variants))
    names = list(dict.fromkeys(one["name"] for one in variants))
    figure, (times, accuracies) = plt.subplots(
        2, 1, figsize=(9, 5.2), sharex=True, height_ratios=(2, 1), layout="constrained"
    )
    width = 0.8 / len(names)
    for place, (name, colour) in enumerate(zip(names, PRECISIONS, strict=False)):
        found = [one for model in models for one in variants if (one["model"], one["name"]) == (model, name)]
        where = [number + (place - (len(names) - 1) / 2) * width for number in range(len(models))]
        milliseconds = [one["seconds"] * 1e3 for one in found]
        bars = times.bar(where, milliseconds, width * 0.92, color=colour, label=name)
        times.bar_label(bars, [f"{value:.1f}" for value in milliseconds], fontsize=8, padding=2)
        shares = [one["accuracy"] for one in found]
        errors = [200 * (share * (1 - share) / figures["photos"]) ** 0.5 for share in shares]
        percent = [share * 100 for share in shares]
        accuracies.errorbar(where, percent, errors, fmt="o", color=colour, ecolor="#999999", elinewidth=0.8)
    times.set_ylabel("ms per image, one core")
    times.margins(y=0.12)
    accuracies.set_ylabel(f"top-1 of {figures['photos']}, %")
    accuracies.set_xticks(range(len(models)), models)
    for panel in (times, accuracies):
        panel.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return figure


if __name__ == "__main__":
    draw = {"comparison": comparison, "quantisation": quantisation}[sys.argv[1]]
    plt.rcParams.update({"font.size": 9, "font.family": "DejaVu Sans"})
    draw(json.loads(Path(sys.argv[2]).read_text())).savefig(sys.argv[3], dpi=140)
