"""Fixtures with which small images are computed like large ones, by every implementation that a CPU may have."""

import pytest
from kernel_checks import set_thresholds

from eoinas_tf.kernels import kernel_policy


@pytest.fixture
def any_size(monkeypatch):
    """Makes the small images of these tests count as large ones, and their few channels as a full vector."""
    set_thresholds(monkeypatch, 0)
    monkeypatch.setattr(kernel_policy, "ONEDNN_VECTOR_CHANNELS", 1)


@pytest.fixture(params=[True, False], ids=["onednn", "no-onednn"])
def _onednn(request, monkeypatch):
    """Runs once with the kernels that are chosen with oneDNN, once with those chosen without it."""
    monkeypatch.setattr(kernel_policy, "has_onednn", lambda: request.param)


@pytest.fixture(params=[(0, True), (0, False), (2**60, False)], ids=["onednn", "no-onednn", "small"])
def _normalization(request, any_size, monkeypatch):
    """Runs once as a CPU normalizes large batches with oneDNN, once without it, once as for small batches."""
    min_elements, onednn = request.param
    monkeypatch.setattr(kernel_policy, "MIN_ELEMENTS_TO_COMPILE", min_elements)
    monkeypatch.setattr(kernel_policy, "has_onednn", lambda: onednn)
