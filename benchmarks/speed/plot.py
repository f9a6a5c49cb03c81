"""`python -m benchmarks.speed.plot FIGURES.json PLOT.png`: throughput, cold start and memory side by side.

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

COLOURS = {
    "torch": "#b8bec8",
    "given": "#8fa3bf",
    "given-decoder": "#5f7ea6",
    "variant": "#e3b778",
    "gateway": "#d99a3d",
    "direct": "#c2701c",
}
LEGEND = {
    "torch": "peers, torch as documented",
    "given": "peers given the OpenVINO model",
    "given-decoder": "… and our decoder",
    "variant": "Guichet, answering in the service's own process",
    "gateway": "Guichet through the gateway",
    "direct": "Guichet",
}
MANY = 8


def draw(figures: dict[str, Any], path: Path) -> None:
    """One bar for each candidate, the fastest on top, and the limits without HTTP as lines."""
    rows = [(row, rate) for row in figures["rows"] for rate in row["rates"] if rate["connections"] == MANY]
    rows.sort(key=lambda pair: pair[1]["rate"])
    names = [row["name"] for row, _ in rows]
    colours = [COLOURS[row["group"]] for row, _ in rows]
    plt.rcParams.update({"font.size": 9, "font.family": "DejaVu Sans"})
    figure, panels = plt.subplots(
        1, 3, figsize=(12, 1.6 + 0.26 * len(rows)), sharey=True, width_ratios=(3, 1.4, 1.4), layout="constrained"
    )
    throughput = [rate["rate"] for _, rate in rows]
    spread = [
        [rate["rate"] - rate["least"] for _, rate in rows],
        [rate["most"] - rate["rate"] for _, rate in rows],
    ]
    _bars(panels[0], names, throughput, colours, f"photos/s at {MANY} connections", "{:,.0f}", spread)
    for limit in figures["limits"]:
        panels[0].axvline(limit["ceiling"], color="#444444", linewidth=0.8, linestyle="--")
        panels[0].annotate(
            f"limit in process, {limit['engine']}",
            (limit["ceiling"], 0.02),
            xycoords=("data", "axes fraction"),
            rotation=90,
            ha="right",
            va="bottom",
            fontsize=8,
            color="#444444",
        )
    _bars(panels[1], names, [row["cold_start"] or 0 for row, _ in rows], colours, "s to the first answer", "{:.1f}")
    memory = [(row["memory_loaded"] or 0) / 1e6 for row, _ in rows]
    _bars(panels[2], names, memory, colours, "MB of memory under load", "{:,.0f}")
    groups = [group for group in LEGEND if any(row["group"] == group for row, _ in rows)]
    handles = [plt.Rectangle((0, 0), 1, 1, color=COLOURS[group]) for group in groups]
    figure.legend(handles, [LEGEND[group] for group in groups], loc="outside lower center", ncols=3, frameon=False)
    machine = figures["machine"]
    figure.suptitle(
        f"{figures['plan']['title']}: one photo a request, {machine['cores']} cores of {machine['processor']}",
        fontsize=11,
    )
    figure.savefig(path, dpi=140)


def _bars(
    panel: Any, names: list[str], values: list[float], colours: list[str], title: str, form: str, spread: Any = None
) -> None:
    bars = panel.barh(names, values, color=colours, xerr=spread, error_kw={"elinewidth": 0.8, "ecolor": "#555555"})
    panel.bar_label(bars, [form.format(value) for value in values], padding=4, fontsize=8)
    panel.set_title(title, fontsize=9)
    panel.margins(x=0.16, y=0.01)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(left=False)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
