"""Modules that register a user's own operations."""

import importlib
from collections.abc import Sequence

from eoinas_tf.errors import ConfigurationError


def import_operations(modules: Sequence[str] | None) -> None:
    """Imports the modules that register a user's own operations, before anything that names these is read.

    Args:
        modules: Their names, as in an import statement; None: no module.

    Raises:
        ConfigurationError: There is no such module, it is no name of one, or it cannot be imported.
    """
    for module in modules or ():
        if "/" in module or module.endswith(".py") or not all(module.split(".")):
            raise ConfigurationError(
                "--operation_modules must be names as in an import statement, such as my_operations for the file "
                f"my_operations.py. Received: {module}"
            )
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                f"--operation_modules: {error}; install it, or name its folder in PYTHONPATH. Received: {module}"
            ) from None
        except (ImportError, SyntaxError, ValueError) as error:  # ValueError: as `register_operation` raises it.
            raise ConfigurationError(
                f"--operation_modules: {module} cannot be imported: {type(error).__name__}: {error}; correct it there"
            ) from error
