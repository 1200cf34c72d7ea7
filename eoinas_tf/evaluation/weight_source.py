"""Identifies the network that weights in a run folder or a .keras file belong to. Does not import TensorFlow."""

import dataclasses
import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eoinas_tf.config import CELLS
from eoinas_tf.errors import ConfigurationError, WeightsError
from eoinas_tf.published_weights import published_weights, weights_location
from eoinas_tf.space.genotype import Genotype

KERAS_SUFFIX = ".keras"
# Many times the size of the config of a network with a thousand cells.
LARGEST_CONFIG_BYTES = 64 * 2**20
# The values of --network, by the class names under which Keras saves hand-designed networks.
BLOCK_NETWORKS = {"ResidualNetwork": "residual", "MobileNetV2": "mobilenet_v2"}
CONVOLUTIONS_OF_STEMS = {1: "cifar", 3: "imagenet"}
# A network's weights fit only these settings.
NETWORK_SETTINGS = ("network", "cells", "init_channels", "stem", "operation_modules")


@dataclasses.dataclass(frozen=True)
class WeightSource:
    """The network that initial weights belong to.

    Args:
        path: The run folder, file or published network, as given in the setting.
        settings: The known values of `NETWORK_SETTINGS`.
        genotype_data: The cells as plain data, not checked; None if there are none.
        image_shape: Height, width and channels of an image.
        num_classes: Number of classes; None if the file holds a backbone without a classifier.
        normalization: Means and standard deviations of the channels on the scale 0 to 255; None if the network
            takes images that are already normalized.
    """

    path: str
    settings: Mapping[str, Any]
    genotype_data: Mapping[str, Any] | None
    image_shape: tuple[int, int, int]
    num_classes: int | None
    normalization: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    @property
    def location(self) -> str:
        """The path of the run folder or file."""
        return weights_location(self.path)

    @property
    def is_file(self) -> bool:
        """Whether it is a .keras file rather than a run folder."""
        return self.location.endswith(KERAS_SUFFIX)

    def genotype(self) -> Genotype | None:
        """Returns the cells; a user's own operations must be registered first.

        Raises:
            GenotypeError: They are not valid cells.
        """
        return None if self.genotype_data is None else Genotype.from_json(json.dumps(self.genotype_data))

    def missing_settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the settings that a training run takes from here: the network's, and the size of the images.

        Args:
            given: The settings that the user gave.

        Raises:
            ConfigurationError: One of those differs from the network's.
        """
        self.refuse_others(given)
        wanted = {**self.settings, "image_size": self.image_shape[:2]}
        return {name: value for name, value in wanted.items() if name not in given}

    def refuse_others(self, settings: Mapping[str, Any]) -> None:
        """Raises a ConfigurationError if the settings describe another network.

        Args:
            settings: Values by name.
        """
        for name, own in self.settings.items():
            # Importing more modules than the network needs is allowed.
            if name == "operation_modules" or name not in settings:
                continue
            value = settings[name]
            if value != own:
                raise ConfigurationError(
                    f"--{name} contradicts --initial_weights={self.path}, whose network has {own}; leave --{name} out. "
                    f"Received: {value}"
                )


def read_weight_source(path: str, setting: str = "--initial_weights") -> WeightSource:
    """Reads which network a run folder or a .keras file holds, but not its weights.

    Args:
        path: The folder of a finished training run, a .keras file written by this package, or the name of a published
            network.
        setting: The name of the setting or argument that the user gave, for the messages.

    Raises:
        WeightsError: It is none of these.
    """
    wanted = ", ".join(("the folder of a finished training", "a .keras file", *published_weights()))
    location = weights_location(path)
    try:
        return _read_file(path, location) if location.endswith(KERAS_SUFFIX) else _read_run(path)
    except OSError as error:
        raise WeightsError(
            f"{setting}={path} cannot be read ({error.strerror or error}); name one of: {wanted}"
        ) from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{setting}={path} must be of a network of this package, one of: {wanted} "
            f"({type(error).__name__}: {' '.join(str(error).split())[:80]})"
        ) from None


def _read_run(path: str) -> WeightSource:
    folder = Path(path)
    config, summary = (json.loads((folder / name).read_text("utf-8")) for name in ("config.json", "summary.json"))
    if config.get("kind") != "EvaluationConfig":
        raise ValueError(f"config.json is of a {config.get('kind')}")
    settings = {name: config[name] for name in NETWORK_SETTINGS if config.get(name) is not None}
    if settings.get("operation_modules"):
        settings["operation_modules"] = tuple(settings["operation_modules"])
    # A budget may have lowered the channels.
    settings["init_channels"] = int(summary.get("init_channels", settings["init_channels"]))
    genotype = None
    if settings.setdefault("network", CELLS) == CELLS:
        genotype = json.loads((folder / "genotype.json").read_text("utf-8"))
    classes = json.loads((folder / "dataset.json").read_text("utf-8"))["class_names"]
    normalization = None
    if "mean" in summary:
        normalization = tuple(map(float, summary["mean"])), tuple(map(float, summary["standard_deviation"]))
    shape = _image_shape(summary["image_shape"])
    return WeightSource(path, settings, genotype, shape, len(classes), normalization)


def _read_file(path: str, location: str) -> WeightSource:
    with zipfile.ZipFile(location) as archive:
        if archive.getinfo("config.json").file_size > LARGEST_CONFIG_BYTES:
            raise ValueError(f"its config.json has more than {LARGEST_CONFIG_BYTES} bytes")
        layers = json.loads(archive.read("config.json").decode("utf-8"))["config"]["layers"]
    by_class: dict[str, list[dict[str, Any]]] = {}
    for layer in layers:
        name = str(layer.get("registered_name") or layer["class_name"]).rpartition(">")[2]
        by_class.setdefault(name, []).append(layer["config"])
    image_shape = _image_shape(by_class["InputLayer"][0]["batch_shape"][1:])
    normalization = None
    if "Normalization" in by_class:
        (layer,) = by_class["Normalization"]
        normalization = tuple(map(float, layer["mean"])), tuple(math.sqrt(value) for value in layer["variance"])
    for name, network in BLOCK_NETWORKS.items():
        if name in by_class:
            (config,) = by_class[name]
            settings = {"network": network, "init_channels": config["init_channels"], "stem": config["stem"]}
            if "blocks_count" in config:
                settings["cells"] = config["blocks_count"]
            return WeightSource(path, settings, None, image_shape, int(config["num_classes"]), normalization)
    cells = by_class["EvaluationCell"]
    settings = {
        "network": CELLS,
        "cells": len(cells),
        "init_channels": int(cells[0]["channels"]),
        "stem": CONVOLUTIONS_OF_STEMS[len(by_class["StemConvolution"])],
    }
    classifiers = by_class.get("Dense", [])
    num_classes = int(classifiers[-1]["units"]) if classifiers else None
    return WeightSource(path, settings, cells[0]["genotype"], image_shape, num_classes, normalization)


def _image_shape(sides: Any) -> tuple[int, int, int]:
    height, width, channels = (int(side) for side in sides)
    return height, width, channels
