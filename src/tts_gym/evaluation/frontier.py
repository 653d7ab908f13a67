"""The accuracy-token frontier of a set of evaluated controllers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tts_gym.evaluation.statistics import question_means


@dataclass(frozen=True)
class Frontier:
    """Where controllers stand between accuracy and tokens.

    Attributes:
        points: one row a controller, cheapest first: controller (its specification), family (its name), tokens,
            accuracy (%), and ``efficient``, whether no other point is at least as accurate for fewer tokens.
    """

    points: pd.DataFrame

    @property
    def efficient(self) -> pd.DataFrame:
        """The Pareto set, cheapest first."""
        return self.points[self.points["efficient"]]

    def area(self, low: float | None = None, high: float | None = None) -> float:
        """Area under the best affordable accuracy, over log-tokens, divided by the length of the range.

        It is the mean accuracy (%) of a user whose budget is log-uniform on the range; 0 below the cheapest point.

        Args:
            low: begin of the range in tokens, the cheapest point by default; give both to compare two frontiers.
            high: end of the range in tokens, the dearest point by default.

        Raises:
            ValueError: if the range is empty or not positive.
        """
        low = float(self.points["tokens"].min()) if low is None else low
        high = float(self.points["tokens"].max()) if high is None else high
        if not 0 < low < high:
            raise ValueError(f"The range of tokens must be positive and not empty, but goes from {low} to {high}.")
        tokens = self.efficient["tokens"].to_numpy()
        accuracy = np.concatenate([[0.0], self.efficient["accuracy"].to_numpy()])
        edges = np.log(np.clip(np.concatenate([[low], tokens, [high]]), low, high))
        return float((np.diff(edges) * accuracy).sum() / (edges[-1] - edges[0]))

    def tokens_to_reach(self, family: str, accuracy: float) -> float:
        """Tokens that a family of controllers needs for an accuracy, log-interpolated; NaN if that is out of reach.

        Args:
            family: one of those in ``points``.
            accuracy: in %.

        Raises:
            KeyError: for a family without points.
        """
        own = self.points[self.points["family"] == family]
        if own.empty:
            raise KeyError(f"No controller named {family!r} was evaluated.")
        best = own["accuracy"].cummax().to_numpy()
        cost = np.log(own["tokens"].to_numpy())
        place = int(np.searchsorted(best, accuracy))
        if place == len(best):
            return float("nan")
        if place == 0:
            return float(np.exp(cost[0]))
        share = (accuracy - best[place - 1]) / (best[place] - best[place - 1])
        return float(np.exp(cost[place - 1] + share * (cost[place] - cost[place - 1])))

    def tokens_to_match(self) -> pd.DataFrame:
        """Tokens that each family (row) needs for the accuracy of each controller (column); NaN if out of reach."""
        families = list(dict.fromkeys(self.points["family"]))
        accuracies = zip(self.points["controller"], self.points["accuracy"], strict=True)
        return pd.DataFrame(
            {
                controller: {family: self.tokens_to_reach(family, accuracy) for family in families}
                for controller, accuracy in accuracies
            }
        )


def frontier(rows: pd.DataFrame) -> Frontier:
    """The frontier of the controllers in ``rows``.

    Args:
        rows: episode rows of several controllers (``pandas.concat``), each on the same stores; questions weigh equally.
    """
    points = []
    for controller, group in rows.groupby("controller", sort=False):
        tokens, right = question_means(group, ("tokens", "correct")).mean()
        family = str(controller).partition(":")[0]
        points.append({"controller": controller, "family": family, "tokens": tokens, "accuracy": 100 * right})
    return pareto(pd.DataFrame(points))


def pareto(points: pd.DataFrame) -> Frontier:
    """The frontier of ``points`` with columns controller, family, tokens and accuracy."""
    points = points.sort_values(["tokens", "accuracy"], ascending=[True, False], kind="stable", ignore_index=True)
    best_before = points["accuracy"].astype(float).cummax().shift(fill_value=-np.inf)
    return Frontier(points.assign(efficient=points["accuracy"] > best_before))
