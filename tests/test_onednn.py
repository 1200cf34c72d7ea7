import os
import platform
import subprocess
import sys

import pytest

from eoinas_tf.onednn import ONEDNN_VARIABLE, X86_NAMES, turn_on_onednn


@pytest.fixture
def variable_after(monkeypatch):
    """Turns oneDNN on for a kind of machine; returns the resulting value of the variable."""

    def turn_on(machine, environment):
        monkeypatch.setattr(platform, "machine", lambda: machine)
        monkeypatch.setattr(os, "environ", environment)
        turn_on_onednn()
        return environment.get(ONEDNN_VARIABLE)

    return turn_on


def test_x86_cpus_compute_with_onednn(variable_after):
    assert variable_after("x86_64", {}) == variable_after("AMD64", {}) == "1"


def test_other_cpus_are_left_to_tensorflow(variable_after):
    assert variable_after("aarch64", {}) is None
    assert variable_after("arm64", {}) is None


def test_what_a_user_says_stands(variable_after):
    assert variable_after("x86_64", {ONEDNN_VARIABLE: "0"}) == "0"


@pytest.mark.skipif(platform.machine().lower() not in X86_NAMES, reason="oneDNN is left to TensorFlow here")
def test_tensorflow_computes_with_it(monkeypatch):
    monkeypatch.delenv(ONEDNN_VARIABLE, raising=False)
    program = (
        "from eoinas_tf.onednn import turn_on_onednn; turn_on_onednn()\n"
        "from eoinas_tf.kernels.kernel_policy import has_onednn; print(has_onednn())\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "True\n"
