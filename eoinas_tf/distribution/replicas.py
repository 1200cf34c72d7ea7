"""The copies of a network that train together: how they are made, and how they agree.

A replica is one device's copy of the network. In a step each replica takes its share of the batch; the gradients are
averaged over all replicas before clipping, so that every copy makes the same update. Normalization uses the statistics
of a replica's own share.
"""

import functools
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from eoinas_tf.config import RunConfig
from eoinas_tf.distribution.batch_division import check_batch_size
from eoinas_tf.distribution.worker import ONLY_WORKER, Worker, this_worker
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.kernels.kernel_policy import has_gpu
from eoinas_tf.random_seeds import ALGORITHM


def one_device(config: RunConfig) -> tf.distribute.Strategy:
    """Returns TensorFlow's default: the first GPU, or the CPU."""
    return tf.distribute.get_strategy()


def mirrored(config: RunConfig) -> tf.distribute.Strategy:
    """Returns a strategy over all GPUs of this machine, or over logical CPUs if there is none."""
    if has_gpu():
        return tf.distribute.MirroredStrategy()
    split_cpu(config.logical_cpus)
    return tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(config.logical_cpus)])


def multi_worker(config: RunConfig) -> tf.distribute.Strategy:
    """Returns a strategy over the workers that TF_CONFIG lists; waits until all of them are running."""
    return tf.distribute.MultiWorkerMirroredStrategy()


STRATEGIES: dict[str, Callable[[RunConfig], tf.distribute.Strategy]] = {
    "one": one_device,
    "mirrored": mirrored,
    "multi_worker": multi_worker,
}


def split_cpu(logical_cpus: int) -> None:
    """Splits the CPU into several logical CPUs; possible only before TensorFlow has used it.

    Args:
        logical_cpus: How many.

    Raises:
        ConfigurationError: TensorFlow has started with another number.
    """
    (cpu,) = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration() for _ in range(logical_cpus)]
    try:
        tf.config.set_logical_device_configuration(cpu, parts)
    except RuntimeError:
        if len(tf.config.list_logical_devices("CPU")) != logical_cpus:
            raise ConfigurationError(
                f"--logical_cpus={logical_cpus} comes too late: TensorFlow is running with "
                f"{len(tf.config.list_logical_devices('CPU'))} logical CPUs; start a new process"
            ) from None


# Between two votes of the workers: reading the result waits for the device.
STEPS_BETWEEN_QUESTIONS = 10


def short_digest(value: Any) -> str:
    """Returns a short text that differs for different values, to compare what workers have.

    Args:
        value: Anything whose `repr` tells everything.
    """
    return f"{zlib.crc32(repr(value).encode()):08x}"


class Replicas:
    """All copies of the network.

    Args:
        strategy: TensorFlow's strategy; by default a single replica.
        worker: Which of the processes with replicas this one is.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None, worker: Worker = ONLY_WORKER) -> None:
        self.strategy = strategy or tf.distribute.get_strategy()
        self.worker = worker
        self.count: int = self.strategy.num_replicas_in_sync
        self._done_before = 0

    @classmethod
    def of(cls, config: RunConfig, pieces: int = 1, fewest_images: int = 1) -> "Replicas":
        """Makes the replicas that the settings ask for.

        Args:
            config: `strategy`, `logical_cpus` and `batch_size`, which is divided among the replicas.
            pieces: Pieces that each replica's share is divided into.
            fewest_images: Fewest images of a piece.

        Raises:
            ConfigurationError: The batch cannot be divided among them.
        """
        replicas = cls(STRATEGIES[config.strategy](config), this_worker(config.strategy))
        check_batch_size(config.batch_size, pieces, fewest_images, replicas.count)
        return replicas

    def worker_rows(self, batch_size: int) -> slice | None:
        """Returns the rows of a batch that this process loads; None if it loads all of them.

        Args:
            batch_size: Images in a batch of all replicas, a multiple of their number.
        """
        if self.worker.count == 1:
            return None
        own = batch_size // self.worker.count
        return slice(self.worker.index * own, (self.worker.index + 1) * own)

    def share_out(self, batches: tf.data.Dataset):
        """Gives each of this process's replicas its share of every batch, in the order of the replicas.

        Args:
            batches: Yields tuples of tensors whose first dimension is the part of the batch that this process
                loads (`worker_rows`), a multiple of the number of its replicas. One replica takes any iterable.

        Returns:
            An iterable of the same tuples, for `strategy.run`.
        """
        if self.count == 1:
            gpus = tf.config.list_logical_devices("GPU")
            if not gpus or not isinstance(batches, tf.data.Dataset):
                return batches
            # Copied while the previous step computes; strategies with several replicas do so themselves.
            return batches.apply(tf.data.experimental.prefetch_to_device(gpus[0].name))
        own = self.count // self.worker.count

        def shares(*batch):
            return tf.nest.map_structure(
                lambda tensor: tf.reshape(tensor, [own, tensor.shape[0] // own, *tensor.shape[1:]]), batch
            )

        split = batches.map(tf.autograph.experimental.do_not_convert(shares)).unbatch().prefetch(2 * own)
        return self.strategy.distribute_datasets_from_function(lambda _: split)

    def average_gradients(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Averages each gradient over all replicas; called by every replica.

        Args:
            gradients: This replica's gradients.
        """
        if self.count == 1:
            return list(gradients)
        context = tf.distribute.get_replica_context()
        return list(context.all_reduce(tf.distribute.ReduceOp.MEAN, list(gradients)))

    def own_seed(self, seed: tf.Tensor) -> tf.Tensor:
        """Returns a seed that differs between replicas; with one replica, the seed itself.

        Args:
            seed: Integer [2].
        """
        if self.count == 1:
            return seed
        number = tf.distribute.get_replica_context().replica_id_in_sync_group
        return tf.random.fold_in(seed, number, alg=ALGORITHM)

    def mean(self, value: tf.Tensor) -> tf.Tensor:
        """Returns the mean over all replicas of a result of `strategy.run`, one scalar per replica."""
        return self.strategy.reduce(tf.distribute.ReduceOp.MEAN, value, axis=None)

    def sum(self, value: tf.Tensor) -> tf.Tensor:
        """Returns the sum over all replicas of a result of `strategy.run`, tensors of one shape."""
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)

    def first(self, value: tf.Tensor) -> tf.Tensor:
        """Returns the part of a `strategy.run` result that belongs to this worker's first replica."""
        return self.strategy.experimental_local_results(value)[0]

    def agree_on_statistics(self, network: keras.Model) -> None:
        """Gives every replica the mean of all replicas' moving statistics; called in a graph function.

        Args:
            network: A network whose untrained variables are moving means and variances.
        """
        if self.count == 1 or not network.non_trainable_variables:
            return
        variables = [variable.value for variable in network.non_trainable_variables]

        def average() -> None:
            values = [tf.identity(variable) for variable in variables]  # On the replica's device, as reducing needs it.
            for variable, mean in zip(variables, self.average_gradients(values), strict=True):
                variable.assign(mean)

        self.strategy.run(average)

    def is_any(self, own: bool, done: int, at_once: bool = False) -> bool:
        """Tells whether any worker says yes; several workers vote once in ten steps, and the answer in between is no.

        Args:
            own: This worker's answer.
            done: Steps done, the same in all workers.
            at_once: Whether to vote now in any case; the same in all workers.
        """
        if self.worker.count == 1:
            return own
        # Not only at every tenth step, which a call of several steps may skip.
        before, self._done_before = self._done_before, done
        if done // STEPS_BETWEEN_QUESTIONS == before // STEPS_BETWEEN_QUESTIONS and not at_once:
            return False
        return bool(self._total(tf.constant(float(own))).numpy() > 0)

    @functools.cached_property
    def _total(self) -> Callable[[tf.Tensor], tf.Tensor]:
        return tf.function(lambda own: self.sum(self.strategy.run(tf.identity, (own,))), autograph=False)

    def check_agreement(self, what: str, text: str) -> None:
        """Makes sure that all workers have the same text.

        Args:
            what: Description of the text, for the message.
            text: This worker's text.

        Raises:
            ConfigurationError: Another worker has a different text.
        """
        if self.count == 1:
            return
        own = zlib.crc32(text.encode()) % 2**24  # A float32 holds it exactly.

        def placed() -> tf.Tensor:
            number = tf.distribute.get_replica_context().replica_id_in_sync_group
            return tf.one_hot(number, self.count) * tf.constant(own, tf.float32)

        @tf.function(autograph=False)
        def gather() -> tf.Tensor:
            return self.sum(self.strategy.run(placed))

        if (gather().numpy() != own).any():
            raise ConfigurationError(
                f"the workers do not agree on {what}; this one has: {text}. Give all of them the same flags and a "
                "--run_dir that all of them see"
            )
