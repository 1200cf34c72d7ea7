"""EoiNAS: neural architecture search that exploits operation importance (arXiv 1911.10511)."""

import importlib
from typing import Any

__version__ = "0.1.0"

# Loaded when they are first asked for, so that importing the package loads neither TensorFlow nor Keras.
_PUBLIC = {
    "Genotype": "eoinas_tf.space.genotype",
    "register_operation": "eoinas_tf.space.operations",
}
__all__ = ["Genotype", "__version__", "register_operation"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)
