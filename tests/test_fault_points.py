import ast
import os
import signal
from pathlib import Path

import pytest

from eoinas_tf import fault_points
from eoinas_tf.fault_points import FAULT_POINTS, FAULT_VARIABLE, fault_point

PACKAGE = Path(fault_points.__file__).parent


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("after_test:2", [signal.SIGKILL]),
        ("after_test:2:SIGTERM", [signal.SIGTERM]),
        ("after_test:3", []),
        ("after_drops:2", []),
        ("", []),
    ],
)
def test_only_the_named_place_and_number_get_a_signal(fault, expected, monkeypatch):
    sent = []
    monkeypatch.setattr(os, "kill", lambda process, number: sent.append((process, number)))
    fault_point("after_test", 2)
    assert not sent
    monkeypatch.setenv(FAULT_VARIABLE, fault)
    fault_point("after_test", 2)
    assert sent == [(os.getpid(), number) for number in expected]


def test_the_places_in_the_code_are_those_that_are_named():
    """Each name occurs once in the code: in its own call, or as an argument of the loop that contains the call."""
    nodes = [
        node
        for path in PACKAGE.rglob("*.py")
        if path.name != "fault_points.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    ]
    written = [node.value for node in nodes if isinstance(node, ast.Constant) and node.value in FAULT_POINTS]
    assert sorted(written) == sorted(FAULT_POINTS)
    calls = [
        node.args[0].value
        for node in nodes
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", None) == "fault_point"
        and isinstance(node.args[0], ast.Constant)
    ]
    assert set(calls) <= set(FAULT_POINTS)
    assert len(calls) > 5
