"""Pictures of results; they need the extra ``report``."""

from __future__ import annotations

from os import PathLike

from tts_gym.errors import TTSGymError
from tts_gym.evaluation.frontier import Frontier

_COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#7F7F7F",
    "#000000",
    "#8C564B",
    "#5D3A9B",
)
_MARKERS = "osD^vP*X<"
"""One fewer than the colours, so that pairs of both repeat late."""


def plot_frontier(frontier: Frontier, file: str | PathLike[str], title: str, bounds: Frontier | None = None) -> None:
    """Draw accuracy against tokens, one mark a controller, a line a family, and the Pareto set as a step.

    Args:
        frontier: the controllers.
        file: picture to write; the suffix tells the format.
        title: what was evaluated.
        bounds: upper bounds, drawn as dotted lines.

    Raises:
        TTSGymError: if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter
    except ImportError as error:
        raise TTSGymError("Plots need matplotlib: pip install 'tts-gym[report]'.") from error
    figure = Figure(figsize=(8, 5), dpi=150, layout="constrained")
    axes = figure.subplots()
    efficient = frontier.efficient
    axes.step(
        efficient["tokens"], efficient["accuracy"], where="post", color="0.8", linewidth=5, label="Pareto set", zorder=1
    )
    for place, (family, points) in enumerate(frontier.points.groupby("family", sort=False)):
        axes.plot(
            points["tokens"],
            points["accuracy"],
            marker=_MARKERS[place % len(_MARKERS)],
            color=_COLOURS[place % len(_COLOURS)],
            markersize=8,
            linewidth=1.2,
            label=str(family),
        )
    if bounds is not None:
        for family, accuracy in zip(bounds.points["family"], bounds.points["accuracy"], strict=True):
            axes.axhline(accuracy, color="0.5", linestyle=":", label=f"{family} (upper bound)")
    axes.set(xscale="log", xlabel="mean tokens per question", ylabel="accuracy (%)", title=title)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    figure.savefig(file)
