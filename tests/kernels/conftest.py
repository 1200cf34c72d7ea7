"""Fixtures with which small images are computed as large ones are, by every implementation that a CPU may have."""

import pytest

from eoinas_tf.kernels import kernel_policy


@pytest.fixture
def any_size(monkeypatch):
    """Lets the small images of these tests count as large ones, and their few channels as a vector's."""
    for threshold in (
        "MIN_ELEMENTS_TO_COMPILE", "MIN_ELEMENTS_TO_COMPILE_CONVOLUTION", "MIN_ELEMENTS_FOR_ONEDNN_POOLING"
    ):  # fmt: skip
        monkeypatch.setattr(kernel_policy, threshold, 0)
    monkeypatch.setattr(kernel_policy, "ONEDNN_VECTOR_CHANNELS", 1)


@pytest.fixture(params=[True, False], ids=["onednn", "no-onednn"])
def _onednn(request, monkeypatch):
    """Once with the kernels that are chosen where oneDNN is on, once with those where it is off."""
    monkeypatch.setattr(kernel_policy, "has_onednn", lambda: request.param)
