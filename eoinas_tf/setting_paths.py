"""Paths in settings: `~` is the home folder in all of them, and paths of images are made absolute once."""

import os
from pathlib import PurePath
from typing import Any

from eoinas_tf.errors import ConfigurationError

# Of a data set, whose path may be relative: it must stay the same in whatever folder the run is resumed.
FOLDER_PREFIX = "folder:"


def expanded_paths(name: str, value: Any, prefix: str) -> Any:
    """Expands `~` and `~user` at the start of a setting's path or paths.

    Args:
        name: The setting, for the message.
        value: A string, several, or None.
        prefix: The text before the path, such as `folder:`; values without it are not paths. After `folder:`, a
            relative path also becomes absolute.

    Returns:
        The value with the paths expanded, of the same type.

    Raises:
        ConfigurationError: There is no such user.
    """
    if isinstance(value, (tuple, list)):
        return type(value)(expanded_paths(name, item, prefix) for item in value)
    if not isinstance(value, str) or not value.startswith(prefix):
        return value
    given = value.removeprefix(prefix)
    path = os.path.expanduser(given)
    if path.startswith("~"):
        raise ConfigurationError(
            f"--{name}: no home folder is known for {given.split('/')[0]}. Received: {value}; write ./~ for a folder "
            "whose name begins so"
        )
    if prefix == FOLDER_PREFIX and path.strip():
        # In one form, since it names the data set: without `./` and a slash at its end.
        path = str(PurePath(os.getcwd(), path))
    return prefix + path
