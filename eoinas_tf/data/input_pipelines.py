"""Batches for the search, the final training and testing, determined by (seed, epoch, step) alone.

The order of an epoch is a permutation derived from (seed, half, epoch), and the augmentation's
seeds are derived from the global step, so an epoch can be started at any step without saved state.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from eoinas_tf.cpu_threads import usable_cpus
from eoinas_tf.data.augmentation import cutout, draw_flips, horizontal_flip, normalize_channels, pad_crop
from eoinas_tf.data.batch_rows import BatchRows
from eoinas_tf.data.color_jitter import flip_jitter_and_normalize
from eoinas_tf.data.image_split import ImageSplit
from eoinas_tf.data.pipeline_tuning import without_autotuning
from eoinas_tf.data.rand_augment import rand_augment
from eoinas_tf.data.random_erasing import erase_rectangles
from eoinas_tf.data.random_resized_crop import draw_crops
from eoinas_tf.errors import DatasetError
from eoinas_tf.random_seeds import epoch_order, stateless_seed

# Batches that are prepared at the same time.
FEWEST_AT_ONCE, MOST_AT_ONCE = 4, 16
# Whole elements that wait for the step, beside the batches that wait for their turn.
BATCHES_READY = 2


class Preprocessing(NamedTuple):
    """The augmentation and normalization of images before they enter a network.

    Args:
        mean: Means of the channels, float32 [channels], on the scale 0 to 255.
        standard_deviation: Standard deviations of the channels, likewise.
        crop_padding: Pixels of padding before a random crop; 0: no crop. Training only.
        horizontal_flip: Whether each image is flipped with probability one half. Training only.
        cutout_length: Side of the blanked-out square in pixels; 0: none. Training only.
        random_resized_crop: Whether training images are random-resized crops; `crop_padding` is then ignored.
        color_jitter: Largest relative change of brightness, contrast and saturation; 0: none. Training only.
        hue_jitter: Largest rotation of the hue, a fraction of the full circle; 0: none. Training only.
        randaugment_layers: Random operations applied to each image; 0: none. Training only.
        randaugment_magnitude: Their strength, from 0 to 10.
        random_erasing_probability: Probability that a rectangle of an image becomes noise; 0: none. Training only.
    """

    mean: np.ndarray
    standard_deviation: np.ndarray
    crop_padding: int = 0
    horizontal_flip: bool = False
    cutout_length: int = 0
    random_resized_crop: bool = False
    color_jitter: float = 0.0
    hue_jitter: float = 0.0
    randaugment_layers: int = 0
    randaugment_magnitude: float = 0.0
    random_erasing_probability: float = 0.0


def steps_per_epoch(image_count: int, batch_size: int, wanted: int | None = None) -> int:
    """Returns the number of steps of an epoch.

    Args:
        image_count: Number of images in the split or half.
        batch_size: Number of images in a batch.
        wanted: The number of steps asked for; by default all full batches of a pass over the images.

    Raises:
        DatasetError: There are fewer images than in one batch, or than so many steps need.
    """
    if image_count < batch_size:
        raise DatasetError(
            f"--batch_size={batch_size} is larger than the {image_count} images to draw from; lower --batch_size"
        )
    most = image_count // batch_size
    if wanted is not None and wanted > most:
        raise DatasetError(
            f"--steps_per_epoch must be at most {most}, the batches of {batch_size} in the {image_count} images to "
            f"draw from; lower it or leave it out. Received: {wanted}"
        )
    return wanted or most


class SearchBatches:
    """The batches of a search: in each epoch, pairs of training batches, one from each half.

    Args:
        split: The training images.
        halves: Indices of the weight half and of the architecture half.
        preprocessing: Augmentation and normalization, the same for both.
        batch_size: Number of images in each of the two batches.
        seed: The run's seed.
        steps: Steps of an epoch; by default those of all images.
        rows: The rows of each batch that this worker loads; by default all.

    Raises:
        DatasetError: A half has fewer images than a batch, or than so many steps need.
    """

    def __init__(
        self,
        split: ImageSplit,
        halves: tuple[np.ndarray, np.ndarray],
        preprocessing: Preprocessing,
        *,
        batch_size: int,
        seed: int,
        steps: int | None = None,
        rows: slice | None = None,
    ) -> None:
        self._steps = steps_per_epoch(min(map(len, halves)), batch_size, steps)
        self._streams = tuple(
            _TrainingStream(name, seed, split, half, preprocessing, batch_size, rows)
            for half, name in zip(halves, ("weight half", "architecture half"), strict=True)
        )

    def epoch(self, number: int, first_step: int = 0) -> tf.data.Dataset:
        """Returns the pairs of an epoch.

        Args:
            number: The epoch, counted from 1.
            first_step: Number of steps of this epoch that are already done, and skipped.

        Returns:
            A dataset of ((images, labels), (images, labels)): float32 [batch, height, width, channels] and
            int32 [batch].
        """
        pairs = tuple(stream.batches(number, self._steps, first_step) for stream in self._streams)
        return _prefetched(tf.data.Dataset.zip(pairs))


class TrainingBatches:
    """The batches of a final training, from all images of a split.

    Args:
        split: The training images.
        preprocessing: Augmentation and normalization.
        batch_size: Number of images in a batch.
        seed: The run's seed.
        steps: Steps of an epoch; by default those of all images.
        rows: The rows of each batch that this worker loads; by default all.

    Raises:
        DatasetError: There are fewer images than in a batch, or than so many steps need.
    """

    def __init__(
        self,
        split: ImageSplit,
        preprocessing: Preprocessing,
        *,
        batch_size: int,
        seed: int,
        steps: int | None = None,
        rows: slice | None = None,
    ) -> None:
        self._steps = steps_per_epoch(len(split), batch_size, steps)
        everything = np.arange(len(split), dtype=np.int64)
        self._stream = _TrainingStream("training", seed, split, everything, preprocessing, batch_size, rows)

    def epoch(self, number: int, first_step: int = 0) -> tf.data.Dataset:
        """Returns the batches of an epoch.

        Args:
            number: The epoch, counted from 1.
            first_step: Number of steps of this epoch that are already done, and skipped.

        Returns:
            A dataset of (images, labels): float32 [batch, height, width, channels] and int32 [batch].
        """
        return _prefetched(self._stream.batches(number, self._steps, first_step))


def test_batches(
    split: ImageSplit,
    preprocessing: Preprocessing,
    *,
    batch_size: int,
    indices: np.ndarray | None = None,  # noqa: PT028
    rows: slice | None = None,  # noqa: PT028
) -> tf.data.Dataset:
    """Returns batches that hold every image once, all of the same size so that nothing is traced twice.

    Args:
        split: The images.
        preprocessing: Normalization; the augmentation is not applied.
        batch_size: Number of images in a batch.
        indices: Indices of the images to use, int64 [n]; by default all.
        rows: The rows of each batch that this worker loads; by default all.

    Returns:
        A dataset of (images, labels, weights): float32 [batch, height, width, channels], int32 [batch] and
        float32 [batch]; the last batch is filled up with images of weight 0.
    """
    chosen = np.arange(len(split), dtype=np.int64) if indices is None else np.asarray(indices, np.int64)
    filler = -len(chosen) % batch_size
    order = np.concatenate([chosen, np.resize(chosen, filler)])
    weights = np.concatenate([np.ones(len(chosen), np.float32), np.zeros(filler, np.float32)])

    def load(batch: tf.Tensor, batch_labels: tf.Tensor, batch_weights: tf.Tensor):
        images = normalize_channels(split.load_batch(batch), preprocessing.mean, preprocessing.standard_deviation)
        return images, batch_labels, batch_weights

    parts = [part.reshape(-1, batch_size)[:, rows or slice(None)] for part in (order, split.labels[order], weights)]
    return _prefetched(_mapped(tf.data.Dataset.from_tensor_slices(tuple(parts)), load))


@dataclasses.dataclass(frozen=True, eq=False)
class _TrainingStream:
    """A source of augmented batches; its name, the seed and the step determine every random draw.

    Args:
        name: The stream's name, from which the seeds of its draws are derived.
        seed: The run's seed.
        split: The training images.
        indices: Indices of the training images that the stream draws from, int64 [n].
        preprocessing: Augmentation and normalization.
        batch_size: Number of images in a whole batch.
        rows: The rows of each batch that this worker loads; by default all.
    """

    name: str
    seed: int
    split: ImageSplit
    indices: np.ndarray
    preprocessing: Preprocessing
    batch_size: int
    rows: slice | None

    def batches(self, epoch: int, steps: int, first_step: int) -> tf.data.Dataset:
        """Returns the batches of an epoch from `first_step` on.

        Args:
            epoch: The epoch, counted from 1.
            steps: Number of steps in a whole epoch.
            first_step: Number of steps of this epoch to skip.
        """
        order = self.indices[epoch_order(len(self.indices), self.seed, self.name, epoch)]
        shape = (steps - first_step, self.batch_size)
        order = order[first_step * self.batch_size : steps * self.batch_size].reshape(shape)
        global_steps = np.arange((epoch - 1) * steps + first_step, epoch * steps, dtype=np.int64)
        rows = self.rows or slice(None)
        loaded = tf.data.Dataset.from_tensor_slices((order[:, rows], self.split.labels[order[:, rows]], global_steps))
        return _mapped(loaded, self._traced)

    @functools.cached_property
    def _traced(self) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
        """`_load`, traced in the first epoch for all of them."""
        return tf.function(self._load, autograph=False)

    def _load(self, indices: tf.Tensor, labels: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        preprocessing, own = self.preprocessing, self._own_rows()
        images = self._cropped(indices, step, own)
        images = rand_augment(
            images,
            preprocessing.randaugment_layers,
            preprocessing.randaugment_magnitude,
            self._draw_seed("RandAugment", step),
            own,
        )
        images = self._flipped_and_normalized(images, step, own)
        images = cutout(images, preprocessing.cutout_length, self._draw_seed("cutout", step), own)
        probability = preprocessing.random_erasing_probability
        return erase_rectangles(images, probability, self._draw_seed("erasing", step), own), labels

    def _cropped(self, indices: tf.Tensor, step: tf.Tensor, own: BatchRows) -> tf.Tensor:
        seed = self._draw_seed("crop", step)
        if self.preprocessing.random_resized_crop:
            return self.split.load_crops(indices, draw_crops(own.count, seed, own))
        return pad_crop(self.split.load_batch(indices), self.preprocessing.crop_padding, seed, own)

    def _flipped_and_normalized(self, images: tf.Tensor, step: tf.Tensor, own: BatchRows) -> tf.Tensor:
        preprocessing, seed = self.preprocessing, self._draw_seed("flip", step)
        mean, deviation = preprocessing.mean, preprocessing.standard_deviation
        if preprocessing.color_jitter or preprocessing.hue_jitter:
            return flip_jitter_and_normalize(
                images,
                preprocessing.color_jitter,
                preprocessing.hue_jitter,
                self._draw_seed("colors", step),
                own,
                is_flipped=draw_flips(own.count, seed, own) if preprocessing.horizontal_flip else None,
                mean=mean,
                standard_deviation=deviation,
            )
        images = horizontal_flip(images, seed, own) if preprocessing.horizontal_flip else images
        return normalize_channels(images, mean, deviation)

    def _draw_seed(self, draw: str, step: tf.Tensor) -> tf.Tensor:
        return stateless_seed(self.seed, f"{self.name}: {draw}", step)

    def _own_rows(self) -> BatchRows:
        rows = self.rows or slice(0, self.batch_size)
        return BatchRows(rows.start, rows.stop - rows.start, self.batch_size)


def _mapped(batches: tf.data.Dataset, load: Callable[..., tuple]) -> tf.data.Dataset:
    converted = tf.autograph.experimental.do_not_convert(load)  # Conversion costs start-up time and changes nothing.
    return batches.map(converted, num_parallel_calls=_batches_at_once(), deterministic=True)


def _batches_at_once() -> int:
    # Part of the time a batch waits for others' threads, so that few CPUs are kept busy by more batches than CPUs.
    return min(max(FEWEST_AT_ONCE, usable_cpus() or 1), MOST_AT_ONCE)


def _prefetched(batches: tf.data.Dataset) -> tf.data.Dataset:
    # Batches are prepared in parallel; running each operation of a batch in parallel too costs more than it gains.
    options = tf.data.Options()
    options.threading.max_intra_op_parallelism = 1
    return without_autotuning(batches.prefetch(BATCHES_READY)).with_options(options)
