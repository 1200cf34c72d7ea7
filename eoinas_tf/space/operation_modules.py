"""Modules that register a user's own operations."""

import importlib
from collections.abc import Sequence

from eoinas_tf.errors import ConfigurationError


def import_operations(modules: Sequence[str] | None) -> None:
    """Imports the modules that register a user's own operations, before anything that names these is read.

    Args:
        modules: Their names, as in an import statement; None: no module.

    Raises:
        ConfigurationError: There is no such module.
    """
    for module in modules or ():
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"--operation_modules: {error}; install it, or name its folder in PYTHONPATH. Received: {module}"
            ) from None
