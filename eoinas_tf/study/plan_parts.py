"""Divides a plan among machines, in the same way on each of them and without communication."""

import re

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.study.planned_run import PlannedRun
from eoinas_tf.study.time_estimate import formula_seconds


def parse_part(text: str) -> tuple[int, int]:
    """Returns the part and the number of parts in a text such as `3/8`.

    Args:
        text: The part, counted from 1, and their number.

    Raises:
        ConfigurationError: It is not such a text.
    """
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise ConfigurationError(f"--part must be such as 3/8, the third of eight parts. Received: {text}")
    return int(found[1]), int(found[2])


def part_of_plan(runs: list[PlannedRun], part: int, parts: int) -> list[PlannedRun]:
    """Returns the runs of one part; a search and all training runs of its cells are in the same part.

    The longest groups are assigned first, each to the part with the least work so far. Only the plan counts, not what
    is finished, so that every machine arrives at the same division.

    Args:
        runs: The whole plan.
        part: The part, counted from 1.
        parts: Number of parts.
    """
    groups: dict[str, list[PlannedRun]] = {}
    for run in runs:
        owner = run.search or run
        groups.setdefault(owner.title, []).append(run)
    seconds = {title: sum(formula_seconds(run) or run.epochs() for run in group) for title, group in groups.items()}
    loads = [0.0] * parts
    own: set[str] = set()
    for title in sorted(groups, key=lambda title: (-seconds[title], title)):
        lightest = loads.index(min(loads))
        loads[lightest] += seconds[title]
        if lightest == part - 1:
            own.add(title)
    return [run for run in runs if (run.search or run).title in own]
