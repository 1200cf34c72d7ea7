"""Tells Keras where to find the layers of this package, without loading either.

`keras.models.load_model` creates layers by the names under which they were registered when their module was imported.
To make `import eoinas_tf` sufficient for loading, without loading Keras or TensorFlow, each name first leads to a
`DeferredClass`, which imports the module when Keras creates the first layer with that name. If Keras has not been
imported yet, registration waits until it is: a module finder notices the import, without changing it.
"""

import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

REGISTERED_CLASSES = {
    "AuxiliaryClassifier": "eoinas_tf.evaluation.auxiliary_classifier",
    "AuxiliaryHead": "eoinas_tf.evaluation.auxiliary_head",
    "BatchNormalization": "eoinas_tf.space.convolution_blocks",
    "BatchStandardization": "eoinas_tf.space.convolution_blocks",
    "CellClassifier": "eoinas_tf.evaluation.keras_classifier",
    "ConvolutionUnit": "eoinas_tf.evaluation.convolution_unit",
    "DepthwiseConvolution": "eoinas_tf.space.convolution_blocks",
    "DepthwiseSeparableUnit": "eoinas_tf.space.convolution_blocks",
    "DilatedConvolution": "eoinas_tf.space.operations",
    "EvaluationCell": "eoinas_tf.evaluation.evaluation_cell",
    "EvaluationNetwork": "eoinas_tf.evaluation.evaluation_network",
    "FactorizedReduction": "eoinas_tf.space.convolution_blocks",
    "FanInUniform": "eoinas_tf.space.initializers",
    "Identity": "eoinas_tf.space.operations",
    "LearningRateSchedule": "eoinas_tf.optimization.learning_rate_schedule",
    "MixedOperation": "eoinas_tf.supernet.mixed_operation",
    "MobileNetV2": "eoinas_tf.evaluation.mobile_network",
    "PointwiseConvolution": "eoinas_tf.space.convolution_blocks",
    "Pooling": "eoinas_tf.space.operations",
    "ReLUConvolution": "eoinas_tf.space.convolution_blocks",
    "ResidualNetwork": "eoinas_tf.evaluation.residual_network",
    "RowColumnConvolution": "eoinas_tf.space.operations",
    "SeparableConvolution": "eoinas_tf.space.operations",
    "ShortcutBlock": "eoinas_tf.evaluation.block_network",
    "StemConvolution": "eoinas_tf.evaluation.network_stem",
    "Zero": "eoinas_tf.space.operations",
}
PACKAGE = "eoinas_tf"


class DeferredClass:
    """Takes the place of a registered class until it is needed.

    Args:
        module: Name of its module.
        name: Its name there.
    """

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    def from_config(self, config: dict[str, Any]) -> Any:
        """Imports the class, which replaces this object, and makes an instance from a config."""
        return getattr(importlib.import_module(self.module), self.name).from_config(config)

    def __repr__(self) -> str:
        return f"{self.module}.{self.name}"


class AfterKeras(importlib.abc.MetaPathFinder):
    """Registers the classes once Keras has been imported; finds modules only through the other finders."""

    def __init__(self) -> None:
        self._is_searching = False

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None):
        """Returns Keras's own spec, with a loader that registers the classes after running the module; else None."""
        if name != "keras" or self._is_searching:
            return None
        self._is_searching = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._is_searching = False
        if spec is None or spec.loader is None:
            return None
        loader, run = spec.loader, spec.loader.exec_module

        def run_and_register(module: ModuleType) -> None:
            del loader.exec_module  # From here on, the loader is unchanged.
            run(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            register(module)

        loader.exec_module = run_and_register  # type: ignore[method-assign]
        return spec


def register_with_keras() -> None:
    """Registers the classes: at once if Keras has been imported, otherwise when it is."""
    keras = sys.modules.get("keras")
    if keras is not None:
        register(keras)
    elif not any(isinstance(finder, AfterKeras) for finder in sys.meta_path):
        sys.meta_path.insert(0, AfterKeras())


def register(keras: ModuleType) -> None:
    """Adds to Keras's known classes each one that is not registered yet.

    Args:
        keras: Keras; versions before 3 are left alone.
    """
    objects: dict[str, Any] = getattr(getattr(keras, "saving", None), "get_custom_objects", dict)()
    for name, module in REGISTERED_CLASSES.items():
        objects.setdefault(f"{PACKAGE}>{name}", DeferredClass(module, name))
