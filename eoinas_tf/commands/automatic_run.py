"""The command `eoinas auto FOLDER`: a search, a training and an export with settings made for a folder of images."""

import argparse
import math
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from eoinas_tf.commands.argument_parser import CommandParser, run_parsed
from eoinas_tf.commands.dispatch import TRAINING
from eoinas_tf.errors import ConfigurationError, EoinasError, StoppedError

ABOUT = "Searches a cell for a folder of class folders, trains it and exports it. The same command continues."
# Small enough for a few CPU cores; both commands' flags change them. Alpha learns faster than in the paper, for it has
# far fewer steps, and Ce is relative, for in so few epochs C in epochs would outweigh beta (search_cifar10_cpu.flags).
SEARCH_FLAGS = (
    "--epochs=16",
    "--cells=5",
    "--init_channels=16",
    "--architecture_learning_rate=0.003",
    "--importance_iterations=relative",
)
TRAINING_FLAGS = (
    "--epochs=40",
    "--cells=8",
    "--init_channels=16",
    "--learning_rate=0.05",
    "--cutout_length=0",
    "--drop_path=0.1",
)
LARGEST_SIDE = 64
LARGEST_BATCH, SMALLEST_BATCH = 64, 4
# Below, the batch is made smaller.
FEWEST_STEPS = 10


def run_all(options: argparse.Namespace) -> None:
    """Searches, trains and exports, each in a process of its own.

    Args:
        options: `folder`, `run_dir`, `image_size`, `search_flags` and `train_flags`.

    Raises:
        EoinasError: The folder is not one of images, or a step failed; its process has said why.
    """
    root = Path(options.folder).expanduser().resolve()
    run_dir = Path(options.run_dir or Path("runs", root.name))
    size, batch = _fitting(root)
    size = options.image_size or size
    images = [f"--dataset=folder:{root}", *([f"--image_size={size}"] if size else []), f"--batch_size={batch}"]
    search_dir, training_dir = run_dir / "search", run_dir / "network"
    _run(["search", *SEARCH_FLAGS, *images, f"--run_dir={search_dir}", *shlex.split(options.search_flags)])
    genotype = f"--genotype={search_dir / 'genotype.json'}"
    _run([TRAINING, *TRAINING_FLAGS, *images, genotype, f"--run_dir={training_dir}", *shlex.split(options.train_flags)])


def _fitting(root: Path) -> tuple[str, int]:
    """Returns an image size, empty where the images' own will do, and a batch size for a folder."""
    from eoinas_tf.data.image_folder_layout import find_layout
    from eoinas_tf.data.suggested_size import header_shapes, suggested_side

    if not root.is_dir():
        raise ConfigurationError(f"FOLDER must be a folder of class folders. Received: {root}")
    layout = find_layout(root)
    paths = layout.parts[0].paths
    shapes = header_shapes(paths)
    batch = batch_size(len(paths) if layout.test_name else len(paths) * 4 // 5)
    is_one_size = len({shape[:2] for shape in shapes}) == 1
    if not shapes or (is_one_size and max(shapes[0][:2]) <= LARGEST_SIDE):
        return "", batch
    side = min(LARGEST_SIDE, suggested_side(shapes))
    print(f"images are resized to {side}x{side} pixels; --image_size=H,W takes another size", flush=True)
    return f"{side},{side}", batch


def batch_size(training_images: int) -> int:
    """Returns a power of 2 with which an epoch of a search, on half of the images, has some steps at least.

    Args:
        training_images: Images of the training part.
    """
    fitting = max(SMALLEST_BATCH, training_images // 2 // FEWEST_STEPS)
    return min(LARGEST_BATCH, 2 ** int(math.log2(fitting)))


def _run(arguments: Sequence[str]) -> None:
    """Runs a subcommand in a process of its own; its memory is free afterwards."""
    print(f"\neoinas {shlex.join(arguments)}", flush=True)
    process = subprocess.Popen([sys.executable, "-m", "eoinas_tf", *arguments])
    try:
        status = process.wait()
    except StoppedError:
        process.terminate()  # It saves, too.
        process.wait()
        raise
    if status:
        error = EoinasError(f"eoinas {arguments[0]} ended with status {status}; see above")
        error.exit_status = status if status > 0 else 128 - status
        raise error


def main() -> None:
    """Reads the command line and runs all."""
    parser = CommandParser(ABOUT)
    parser.add_argument("folder", metavar="FOLDER", help="class folders, or train/ and test/ with class folders")
    parser.add_argument("--run_dir", help="receives the runs in search/ and network/ (default: runs/NAME OF FOLDER)")
    parser.add_argument("--image_size", metavar="H,W", help="pixels (default: the images' own, at most 64)")
    parser.add_argument("--search_flags", default="", help="further flags of the search, in one argument")
    parser.add_argument("--train_flags", default="", help="further flags of the training, in one argument")
    run_parsed(parser, run_all)
