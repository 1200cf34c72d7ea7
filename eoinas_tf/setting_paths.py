"""Paths in settings: `~` is the home folder in each of them, and what names images is resolved once."""

import os
from typing import Any

from eoinas_tf.errors import ConfigurationError

# Of a data set, whose path may be given relative: it must stay the same one in whatever folder the run is continued.
FOLDER_PREFIX = "folder:"


def expanded_paths(name: str, value: Any, prefix: str) -> Any:
    """Expands `~` and `~user` at the start of a setting's path or paths.

    Args:
        name: The setting, for the message.
        value: A text, several, or None.
        prefix: What stands before the path, such as `folder:`; texts without it are no paths. Behind `folder:`, a
            relative path becomes an absolute one, too.

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
        path = os.path.join(os.getcwd(), path)
    return prefix + path
