"""The trained networks that come with the package, by name."""

import os
from pathlib import Path

PACKAGE = Path(__file__).parent
# In an installed package, and in a repository.
FOLDERS = (PACKAGE / "weights", PACKAGE.parent / "weights")
SUFFIX = ".keras"


def published_weights() -> list[str]:
    """Returns the names of all trained networks that come with the package, sorted."""
    return sorted(path.stem for path in _folder().glob(f"*{SUFFIX}"))


def weights_location(source: str) -> str:
    """Returns the path of weights: the file of a published network if `source` names one, else `source` itself.

    Args:
        source: A name such as `cifar10_small`, or a path. `./cifar10_small` is a folder or file of the same name.
    """
    return str(_folder() / f"{source}{SUFFIX}") if source in published_weights() else source


def weights_setting(weights: str | Path) -> str:
    """Returns weights that a program gives, as the setting `initial_weights` names them.

    Args:
        weights: A name or path as text, whose `~` is expanded; or a `Path`, which is never a published network's name.
    """
    text = os.path.expanduser(weights)
    return os.path.join(os.curdir, text) if isinstance(weights, Path) and text in published_weights() else text


def _folder() -> Path:
    return next((folder for folder in FOLDERS if folder.is_dir()), FOLDERS[0])
