"""EoiNAS: neural architecture search that exploits operation importance (arXiv 1911.10511).

Importing this loads neither TensorFlow nor Keras and changes nothing in the process, except that Keras, once imported,
knows the names of this package's layers, so that `keras.models.load_model` can create them.
"""

import importlib
import types
from typing import Any

from eoinas_tf import search as _search
from eoinas_tf.keras_registration import register_with_keras

__version__ = "0.2.0"

# Loaded on first access, so that importing the package loads neither TensorFlow nor Keras.
_PUBLIC = {
    "Genotype": "eoinas_tf.space.genotype",
    "ImageClassifier": "eoinas_tf.api.image_classifier",
    "MixedOperation": "eoinas_tf.supernet.mixed_operation",
    "Operation": "eoinas_tf.space.operations",
    "OperationMixture": "eoinas_tf.supernet.choice",
    "SampledOperation": "eoinas_tf.supernet.choice",
    "build_model": "eoinas_tf.api.model_building",
    "list_genotypes": "eoinas_tf.space.published_genotypes",
    "load_run": "eoinas_tf.api.run_folders",
    "register_operation": "eoinas_tf.space.operations",
    "train": "eoinas_tf.api.network_training",
}
__all__ = [
    "Genotype",
    "ImageClassifier",
    "MixedOperation",
    "Operation",
    "OperationMixture",
    "SampledOperation",
    "__version__",
    "build_model",
    "list_genotypes",
    "load_run",
    "register_operation",
    "search",
    "train",
]


class _SearchPackage(types.ModuleType):
    """The package `eoinas_tf.search`, which is also the function of this name."""

    def __call__(self, data: Any, **arguments: Any) -> Any:
        """Searches for a cell; see `eoinas_tf.api.cell_search.search`."""
        return importlib.import_module("eoinas_tf.api.cell_search").search(data, **arguments)


search = _search
search.__class__ = _SearchPackage
register_with_keras()


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
