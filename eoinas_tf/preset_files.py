"""The presets by name: flagfiles that are installed with the package, or are in flags/ of the repository."""

import difflib
from pathlib import Path

from eoinas_tf.errors import ConfigurationError

PACKAGE = Path(__file__).parent
# In an installed package, and in a repository.
FOLDERS = (PACKAGE / "presets", PACKAGE.parent / "flags")
SUFFIX = ".flags"
FLAG = "preset"
# The preset that is not a file: its settings depend on the images.
AUTOMATIC = "auto"


def preset_names() -> list[str]:
    """Returns the names of all presets, sorted."""
    return sorted(path.stem for path in _folder().glob(f"*{SUFFIX}"))


def preset_path(name: str) -> Path:
    """Returns a preset's flagfile.

    Args:
        name: A name such as `search_cifar10`, with or without `.flags` at its end.

    Raises:
        ConfigurationError: There is no such preset.
    """
    name, known = name.removesuffix(SUFFIX), preset_names()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=2)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise ConfigurationError(
            f"--{FLAG} must be one of {', '.join((*known, AUTOMATIC))}. Received: {name or 'nothing'}{hint}"
        )
    return _folder() / f"{name}{SUFFIX}"


def with_preset_files(arguments: list[str]) -> list[str]:
    """Returns a command line in which each `--preset=NAME` is replaced with the `--flagfile=FILE` that it stands for.

    `--preset=auto` is left unchanged: it stands for no file.

    Args:
        arguments: The command line without the program.

    Raises:
        ConfigurationError: There is no such preset.
    """
    replaced: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        name, _, value = argument.partition("=")
        if argument == "--":
            return [*replaced, argument, *rest]
        if name not in (f"--{FLAG}", f"-{FLAG}"):
            replaced.append(argument)
            continue
        value = value if "=" in argument else next(rest, "")
        replaced.append(f"--{FLAG}={AUTOMATIC}" if value == AUTOMATIC else f"--flagfile={preset_path(value)}")
    return replaced


def _folder() -> Path:
    return next((folder for folder in FOLDERS if folder.is_dir()), FOLDERS[0])
