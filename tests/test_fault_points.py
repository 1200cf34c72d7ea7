import ast
import os
import signal
from pathlib import Path

import pytest

from eoinas_tf import fault_points
from eoinas_tf.fault_points import FAULT_POINTS, FAULT_VARIABLE, fault_point

PACKAGE = Path(fault_points.__file__).parent


@pytest.mark.parametrize(
    ("fault", "kills"), [("after_test:2", True), ("after_test:3", False), ("after_drops:2", False)]
)
def test_only_the_named_place_and_number_kills(fault, kills, monkeypatch):
    killed = []
    monkeypatch.setattr(os, "kill", lambda *arguments: killed.append(arguments))
    fault_point("after_test", 2)
    assert not killed
    monkeypatch.setenv(FAULT_VARIABLE, fault)
    fault_point("after_test", 2)
    assert killed == ([(os.getpid(), signal.SIGKILL)] if kills else [])


def test_the_places_in_the_code_are_those_that_are_named():
    calls = [
        node.args[0].value
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "fault_point"
    ]
    assert sorted(calls) == sorted(FAULT_POINTS)
