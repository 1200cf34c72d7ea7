"""The trained networks that come with the package, by name."""

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


def _folder() -> Path:
    return next((folder for folder in FOLDERS if folder.is_dir()), FOLDERS[0])
