"""Which of several worker processes this one is, according to TF_CONFIG; needs no TensorFlow."""

import dataclasses
import json
import os

from eoinas_tf.errors import ConfigurationError

MULTI_WORKER = "multi_worker"
EXAMPLE = '{"cluster": {"worker": ["host0:12345", "host1:12345"]}, "task": {"type": "worker", "index": 0}}'


@dataclasses.dataclass(frozen=True)
class Worker:
    """A process among those that train one network together.

    Args:
        index: Its number, counted from 0.
        count: How many there are.
    """

    index: int
    count: int

    @property
    def is_chief(self) -> bool:
        """Whether this is the only process that writes to the run folder."""
        return self.index == 0


ONLY_WORKER = Worker(0, 1)


def this_worker(strategy: str, tf_config: str | None = None) -> Worker:
    """Returns which worker this process is.

    Args:
        strategy: The setting `strategy`; only `multi_worker` has more than one process.
        tf_config: Content of TF_CONFIG; by default that of the environment variable.

    Raises:
        ConfigurationError: TF_CONFIG is missing, is not JSON, or names no such worker.
    """
    if strategy != MULTI_WORKER:
        return ONLY_WORKER
    text = os.environ.get("TF_CONFIG", "") if tf_config is None else tf_config
    if not text:
        raise ConfigurationError(
            f"--strategy={MULTI_WORKER} needs the environment variable TF_CONFIG in every process, such as {EXAMPLE}"
        )
    try:
        content = json.loads(text)
        addresses, kind, index = content["cluster"]["worker"], content["task"]["type"], content["task"]["index"]
        is_right = (
            set(content["cluster"]) == {"worker"}
            and isinstance(addresses, list)
            and kind == "worker"
            and type(index) is int
            and 0 <= index < len(addresses)
        )
    except (ValueError, KeyError, TypeError):
        is_right = False
    if not is_right:
        raise ConfigurationError(
            f"TF_CONFIG must list the workers and say which one this process is, such as {EXAMPLE}. Received: {text}"
        )
    return Worker(index, len(addresses))
