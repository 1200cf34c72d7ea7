"""What other rules would have dropped at a search's decisions: beta alone, or beta with a bonus for exploration.

C = Ca / Ce is high for an operation that was seldom sampled, whatever its accuracy. Where the operations of an edge
differ far more in Ce than in Ca, I is beta plus a bonus for what was seldom sampled.
"""

from typing import Any

import numpy as np
from scipy.special import comb

from eoinas_tf.search.edge_means import edge_means, ratio_or_edge_mean
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
    importance_weight, drop_epochs, rows = evidence.config.get("importance_weight"), evidence.drop_epochs(), []
    for record in evidence.metrics:
        dropped = drop_epochs == record["epoch"]
        weights, accuracy, iterations = evidence.weights(record), evidence.accuracy(record), evidence.iterations(record)
        if not dropped.any() or not importance_weight or weights is None or accuracy is None or iterations is None:
            continue
        living, edges = ~np.isnan(weights), dropped.any(axis=-1)
        sampled = living & (iterations > 0) & ~np.isnan(accuracy)
        bonus = importance_weight * exploration_bonus(accuracy, iterations, sampled, living)
        choices = comb(living.sum(axis=-1), dropped.sum(axis=-1))
        rows.append(
            {
                "epoch": record["epoch"],
                "edges": int(edges.sum()),
                BY_BETA: _agreeing_edges(weights, living, dropped),
                BY_BONUS: _agreeing_edges(bonus, living, dropped),
                BY_BOTH: _agreeing_edges(weights + bonus, living, dropped),
                BY_CHANCE: float(np.sum(1.0 / choices[edges])),
                VARIATIONS[0]: _variation(accuracy[edges], sampled[edges]),
                VARIATIONS[1]: _variation(iterations[edges], sampled[edges]),
            }
        )
    return rows


def exploration_bonus(
    accuracy: np.ndarray, iterations: np.ndarray, sampled: np.ndarray, living_operations: np.ndarray
) -> np.ndarray:
    """Returns C as it would be if all operations of an edge had the same Ca: their mean.

    Args:
        accuracy: Ca, float [..., operations].
        iterations: Ce, float64 of the same shape.
        sampled: Whether both are known, bool of the same shape.
        living_operations: bool of the same shape.
    """
    means = np.broadcast_to(edge_means(accuracy, sampled & living_operations), accuracy.shape)
    return ratio_or_edge_mean(means, iterations, sampled, living_operations)


def _agreeing_edges(scores: np.ndarray, living: np.ndarray, dropped: np.ndarray) -> float:
    """Returns on how many edges with a drop the dropped operations have the lowest scores of the living ones."""
    ranks = np.argsort(np.argsort(np.where(living, scores, np.inf), kind="stable"))
    lowest = ranks < dropped.sum(axis=-1, keepdims=True)
    return float(np.sum((lowest == dropped).all(axis=-1) & dropped.any(axis=-1)))


def _variation(values: np.ndarray, sampled: np.ndarray) -> float:
    """Returns the mean, over edges, of the standard deviation over the sampled operations divided by their mean."""
    known = np.ma.masked_array(values, ~sampled)
    return float(np.mean(known.std(axis=-1) / known.mean(axis=-1)))
