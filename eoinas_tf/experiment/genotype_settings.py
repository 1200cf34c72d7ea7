"""The settings of the run that a genotype file comes from."""

import json
import os
from pathlib import Path
from typing import Any

from eoinas_tf.errors import ConfigurationError

SETTINGS_FILE = "config.json"
KINDS = ("SearchConfig", "EvaluationConfig")


def settings_beside(genotype: str) -> tuple[Path, dict[str, Any]] | None:
    """Reads the config.json beside a genotype file.

    Args:
        genotype: The setting `genotype`: a file, or something else, such as a published name.

    Returns:
        The file and its settings, none of them if it is another program's; None if there is no such file.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    file = Path(genotype).with_name(SETTINGS_FILE) if genotype and os.path.isfile(genotype) else None
    if file is None or not file.is_file():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{file}, beside --genotype, cannot be read: {error}; move the genotype away from it, or repair it"
        ) from None
    return file, content if isinstance(content, dict) and content.get("kind") in KINDS else {}
