"""The trained networks that come with the package, by name."""

from pathlib import Path

PACKAGE = Path(__file__).parent
# Of an installed package, and of a repository.
FOLDERS = (PACKAGE / "weights", PACKAGE.parent / "weights")
SUFFIX = ".keras"


def published_weights() -> list[str]:
    """Returns the names of all trained networks that come with the package, sorted."""
    return sorted(path.stem for path in _folder().glob(f"*{SUFFIX}"))


def weights_location(source: str) -> str:
    """Returns where weights lie: the file of a published network's name, and any other path as it is.

    Args:
        source: Such as `cifar10_small`, or a path. A folder or file of the same name is meant by `./cifar10_small`.
    """
    return str(_folder() / f"{source}{SUFFIX}") if source in published_weights() else source


def _folder() -> Path:
    return next((folder for folder in FOLDERS if folder.is_dir()), FOLDERS[0])
