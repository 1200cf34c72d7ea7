"""The message for a user if TensorFlow Lite's converter cannot convert a network."""

import contextlib
import re
from collections.abc import Iterator

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.kernels.tensorflow_internals import conversion_errors

OPERATION = re.compile(r"'tf\.(\w+)' op is neither a custom op nor a flex op")
LONGEST_REASON = 200


@contextlib.contextmanager
def named_conversion_errors(format_name: str, asked: str) -> Iterator[None]:
    """Turns an error of the converter in the block, which has many lines, into one line.

    Args:
        format_name: The format that the network is exported to.
        asked: The flag that needs the export.

    Raises:
        ConfigurationError: The network cannot be converted.
    """
    try:
        yield
    except conversion_errors() as error:
        raise ConfigurationError(
            f"{asked}: the network cannot be exported as {format_name}: {_reason(str(error))}; leave the flag out, or "
            "use cells whose operations TensorFlow Lite has"
        ) from None


def _reason(text: str) -> str:
    missing = sorted(set(OPERATION.findall(text)))
    if missing:
        return f"TensorFlow Lite does not have {', '.join(missing)}"
    return " ".join(text.split())[:LONGEST_REASON] or "the converter gives no reason"
