"""What other rules would have dropped at a search's decisions: beta alone, or beta with a bonus for exploration.

C = Ca / Ce is high for an operation that was seldom sampled, whatever its accuracy. Where the operations of an edge
differ far more in Ce than in Ca, I is beta plus a bonus for what was seldom sampled.
"""

import math
from typing import Any

import numpy as np

from eoinas_tf.space.cell_topology import CELL_TYPES
from eoinas_tf.study.search_evidence import SearchEvidence

BY_BETA, BY_BONUS, BY_BOTH, BY_CHANCE = "by_beta", "by_bonus", "by_both", "by_chance"
RULES = (BY_BETA, BY_BONUS, BY_BOTH, BY_CHANCE)
VARIATIONS = ("accuracy_variation", "iterations_variation")


def decision_rows(evidence: SearchEvidence) -> list[dict[str, Any]]:
    """Compares the drops of a search by I with those that other rules would have made of the same operations.

    Args:
        evidence: The finished search.

    Returns:
        A row for each epoch with drops: `epoch`; `edges` with a drop; on how many of them the dropped operations are
        also the lowest by beta, by the bonus (lambda C with the edge's mean Ca in place of each operation's) and by the
        sum of both; on how many they would be if they were drawn at random; the standard deviations of Ca and of Ce
        over an edge's operations, divided by their means (`VARIATIONS`), as means over the edges. Nothing for methods
        without I and for lambda = 0.
    """
    importance_weight = evidence.config.get("importance_weight")
    rows = []
    for epoch in sorted({drop["epoch"] for drop in evidence.drops}):
        record = next((record for record in evidence.metrics if record["epoch"] == epoch), {})
        weights, accuracy, iterations = evidence.weights(record), evidence.accuracy(record), evidence.iterations(record)
        if not importance_weight or weights is None or accuracy is None or iterations is None:
            return []
        dropped: dict[tuple[int, int], set[int]] = {}
        for drop in evidence.drops:
            if drop["epoch"] == epoch:
                edge = CELL_TYPES.index(drop["cell"]), drop["edge"]
                dropped.setdefault(edge, set()).add(evidence.operations.index(drop["operation"]))
        edges = [
            _compare(operations, weights[edge], accuracy[edge], iterations[edge], importance_weight)
            for edge, operations in dropped.items()
        ]
        sums = {name: float(sum(edge[name] for edge in edges)) for name in RULES}
        means = {name: float(np.nanmean([edge[name] for edge in edges])) for name in VARIATIONS}
        rows.append({"epoch": epoch, "edges": len(edges)} | sums | means)
    return rows


def _compare(
    dropped: set[int], weights: np.ndarray, accuracy: np.ndarray, iterations: np.ndarray, importance_weight: float
) -> dict[str, float]:
    """Compares the rules on one edge; arrays are [operations], NaN where dropped before."""
    living = ~np.isnan(weights)
    bonus = importance_weight * exploration_bonus(accuracy, iterations, living)
    sampled = _sampled(accuracy, iterations, living)

    def agrees(scores: np.ndarray) -> float:
        lowest = np.argsort(np.where(living, scores, np.inf), kind="stable")[: len(dropped)]
        return float(set(lowest.tolist()) == dropped)

    def variation(values: np.ndarray) -> float:
        return float(np.std(values[sampled]) / np.mean(values[sampled])) if sampled.any() else 0.0

    return {
        BY_BETA: agrees(weights),
        BY_BONUS: agrees(bonus),
        BY_BOTH: agrees(weights + bonus),
        BY_CHANCE: 1.0 / math.comb(int(living.sum()), len(dropped)),
        VARIATIONS[0]: variation(accuracy),
        VARIATIONS[1]: variation(iterations),
    }


def exploration_bonus(accuracy: np.ndarray, iterations: np.ndarray, living: np.ndarray) -> np.ndarray:
    """Returns C as it would be if all operations of an edge had the same Ca: their mean.

    Args:
        accuracy: Ca of an edge's operations, float [operations]; NaN where unknown.
        iterations: Ce likewise.
        living: bool [operations].

    Returns:
        float [operations]; as in C itself, an operation that was not sampled yet has the mean of the others, 0 if none
        was.
    """
    sampled = _sampled(accuracy, iterations, living)
    if not sampled.any():
        return np.zeros_like(accuracy)
    bonus = np.mean(accuracy[sampled]) / np.where(sampled, iterations, 1.0)
    return np.where(sampled, bonus, np.mean(bonus[sampled]))


def _sampled(accuracy: np.ndarray, iterations: np.ndarray, living: np.ndarray) -> np.ndarray:
    return living & (iterations > 0) & ~np.isnan(accuracy)
