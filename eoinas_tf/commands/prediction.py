"""The command `eoinas predict`: classifies image files with an exported network."""

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from eoinas_tf.command_line import write_error
from eoinas_tf.commands.argument_parser import CommandParser, run_parsed
from eoinas_tf.commands.lean_imports import lean_imports
from eoinas_tf.enduring_output import has_reader
from eoinas_tf.errors import ConfigurationError, DatasetError, EoinasError, MemoryExhaustedError, StorageError

ABOUT = "Names the classes of images with an exported network. Load no export that you do not trust."
DESCRIPTION = "export.json"
PARTS = {"format", "image", "class_names"}
# In the order in which they are searched for: the first resizes images itself.
FORMATS = ("saved_model", "tflite", "onnx", "tflite_float16", "tflite_int8")

# Of images that are in memory and are run together.
MOST_IMAGES, MOST_BYTES = 32, 2**26
# Of the reason in an error line.
MOST_CHARACTERS = 200
UNREADABLE = (DatasetError, ConfigurationError, MemoryExhaustedError)


def predict(options: argparse.Namespace) -> None:
    """Prints a line for each image: its classes in order of falling probability.

    An image that cannot be read is an error line on stderr and, at the end, the exit status.

    Args:
        options: `images`, `model`, `top` and `json`.

    Raises:
        EoinasError: There is no export, or it cannot be run.
    """
    if options.top < 1:
        raise ConfigurationError(f"--top must be at least 1. Received: {options.top}")
    folder, description = find_export(Path(options.model).expanduser())
    from eoinas_tf.experiment.exported_predictions import LOADERS

    with lean_imports(), _named_failures(folder, description["format"]):
        network = LOADERS[description["format"]](folder)
    shape, resize_side = description["image"]["shape"][1:], _resize_side(folder, description)
    failures: list[EoinasError] = []

    def readable_images() -> Iterator[tuple[str, np.ndarray]]:
        for path in options.images:
            try:
                yield path, _read_image(Path(path), shape, resize_side)
            except UNREADABLE as error:
                write_error(str(error), error.heading)
                failures.append(error)

    def run(images: np.ndarray) -> dict[str, np.ndarray]:
        with _named_failures(folder, description["format"]):
            return network(images)

    for part in _parts(readable_images()):
        for (path, _), outputs in zip(part, _outputs(run, [image for _, image in part]), strict=True):
            sys.stdout.write(_line(path, *outputs, description["class_names"], options.top, options.json))
        sys.stdout.flush()
        if not has_reader(sys.stdout):
            break
    if failures:
        sys.exit(failures[0].exit_status)


def find_export(model: Path) -> tuple[Path, dict[str, Any]]:
    """Finds an export.

    Args:
        model: Its folder, or a run folder of `eoinas eval`, of whose exports those of an earlier training do not count.

    Returns:
        The export's folder and its description.

    Raises:
        ConfigurationError: There is no export.
    """
    summary = _read_object(model / "summary.json")
    names = FORMATS if summary is None else [name for name in FORMATS if name in summary]
    for folder in (model, *(model / name for name in names)):
        description = _read_object(folder / DESCRIPTION)
        if description is not None and description.get("format") in FORMATS and description.keys() >= PARTS:
            return folder, description
    raise ConfigurationError(
        f"--model must be a run folder of a finished training or an export's folder. Received: {model}, which holds "
        f"no {DESCRIPTION} of an export"
    )


def _read_object(file: Path) -> dict[str, Any] | None:
    """Returns the JSON object in a file; None if there is none."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _resize_side(folder: Path, description: dict[str, Any]) -> int | None:
    """Returns the run's `resize_side` for test images, for formats that do not resize images themselves."""
    if "resize_side" in description:
        return description["resize_side"]
    # Earlier exports do not have it, but the settings of their run folder do.
    return (_read_object(folder.parent / "config.json") or {}).get("resize_side")


def _read_image(path: Path, shape: list[int | None], resize_side: int | None) -> np.ndarray:
    """Returns an image as input for an export, uint8 [height, width, channels], turned upright."""
    from eoinas_tf.data.decoded_files import decode_one_file
    from eoinas_tf.data.image_decoding import convert_channels

    height, width, channels = shape
    size = None if height is None or width is None else (height, width)
    image = decode_one_file(path, size, resize_side)
    if channels == 1 and image.shape[2] == 3:
        raise ConfigurationError(f"the network takes grey images, and {path} is in colour; convert it")
    return np.asarray(convert_channels(image, channels or 3))


def _parts(images: Iterable[tuple[str, np.ndarray]]) -> Iterator[list[tuple[str, np.ndarray]]]:
    """Divides paths and images into parts that fit into memory, whatever their number and size."""
    part: list[tuple[str, np.ndarray]] = []
    for path, image in images:
        part.append((path, image))
        if len(part) == MOST_IMAGES or sum(image.nbytes for _, image in part) >= MOST_BYTES:
            yield part
            part = []
    if part:
        yield part


@contextlib.contextmanager
def _named_failures(folder: Path, format_name: str) -> Iterator[None]:
    """Turns what goes wrong in an export's runtime into a one-line error."""
    from eoinas_tf.memory_exhaustion import named_memory_exhaustion

    try:
        with named_memory_exhaustion("the size of the images"):
            yield
    except EoinasError:
        raise
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"an export to {format_name} needs a package that is not installed ({error.name}); install it, or give "
            f"another export. Received: --model={folder}"
        ) from None
    except Exception as error:  # Each runtime has exceptions of its own.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise StorageError(
            f"the export in {folder} cannot be run ({reason[:MOST_CHARACTERS]}); copy it again, with all its files, or "
            "repeat the command of its run"
        ) from error


def _outputs(
    run: Callable[[np.ndarray], dict[str, np.ndarray]], images: list[np.ndarray]
) -> list[tuple[np.ndarray, int]]:
    """Returns the probabilities, float [classes], and the label for each image; images of one size are run together."""
    found: dict[int, tuple[np.ndarray, int]] = {}
    for shape in dict.fromkeys(image.shape for image in images):
        positions = [position for position, image in enumerate(images) if image.shape == shape]
        outputs = run(np.stack([images[position] for position in positions]))
        found.update(zip(positions, zip(outputs["probabilities"], outputs["label"].tolist(), strict=True), strict=True))
    return [found[position] for position in range(len(images))]


def _line(path: str, probabilities: np.ndarray, label: int, class_names: list[str], top: int, as_json: bool) -> str:
    """Returns the line that is printed for an image.

    Its label comes first: quantized probabilities are often equal where the network's logits were not.
    """
    is_other = np.arange(len(probabilities)) != label
    best = np.lexsort((-probabilities, is_other))[:top].tolist()
    if as_json:
        classes = [{"class_name": class_names[label], "probability": float(probabilities[label])} for label in best]
        return json.dumps({"image": path, "label": label, "classes": classes}) + "\n"
    return f"{path}: " + ", ".join(f"{class_names[label]} {100 * probabilities[label]:.1f} %" for label in best) + "\n"


def main() -> None:
    """Reads the command line and classifies the images."""
    parser = CommandParser(ABOUT)
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="an image file")
    parser.add_argument("--model", required=True, metavar="FOLDER", help="run folder of eoinas eval, or an export")
    parser.add_argument("--top", type=int, default=3, help="classes to name for each image (default: 3)")
    parser.add_argument("--json", action="store_true", help="print a JSON line an image, for programs")
    run_parsed(parser, predict)
