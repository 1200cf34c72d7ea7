"""The share of useful time that `docs/reliability.md` states follows from the figures on that page."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def useful_share():
    specification = importlib.util.spec_from_file_location("useful_time", ROOT / "benchmarks" / "useful_time.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.useful_share


@pytest.mark.parametrize(
    ("save", "restart", "between_saves", "between_kills", "expected"),
    [
        (0, 0, 10, 1000, 1 - 5 / 1000),  # Half of the time between two checkpoints is lost.
        (0, 100, 0.001, 1000, 0.9),
        (10, 0, 10, 1e9, 0.5),
        (0.3, 60, 300, 7200, (1 - 210 / 7200) * 300 / 300.3),
    ],
)
def test_by_hand(useful_share, save, restart, between_saves, between_kills, expected):
    assert useful_share(save, restart, between_saves, between_kills) == pytest.approx(expected, abs=1e-6)


def test_the_stated_shares_follow_from_the_stated_seconds(useful_share):
    page = " ".join((ROOT / "docs" / "reliability.md").read_text(encoding="utf-8").split())
    assert "34 s from a restart" in page
    assert "2.2 s, 56 s, and 0.27 s to save" in page
    assert "97.4 % and 97 % of the time are useful" in page
    # A checkpoint every five minutes, or every 50 steps of the slower day, and a kill every two hours.
    assert useful_share(0, 34.3, 300, 7200) == pytest.approx(0.974, abs=0.0005)
    assert useful_share(0.27, 56, 300, 7200) == pytest.approx(0.97, abs=0.005)
    assert useful_share(0.27, 56, 50 * 2.2, 7200) == pytest.approx(0.98, abs=0.005)
