"""Curves, histograms, pictures and settings for TensorBoard, without a value twice after a restart."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from tensorboard.plugins.hparams import api as hparams

from eoinas_tf.experiment.cell_drawing import figure_to_png


class TensorBoardLogger:
    """Writes one folder of TensorBoard event files.

    Args:
        folder: Where to; created if needed.
        enabled: Whether anything is written at all.
        last_step: Step up to which earlier values are kept: what lies behind it is written again. 0
            keeps nothing, step 0 included.
    """

    def __init__(self, folder: Path, enabled: bool = True, last_step: int = 0) -> None:
        self._writer = None
        if enabled:
            forget_after(folder, last_step)
            self._writer = tf.summary.create_file_writer(str(folder))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes one value for each tag.

        Args:
            step: Position on the axis, such as the epoch.
            values: Values by tag.
        """
        if self._writer is not None:
            with self._writer.as_default(step):
                for tag, value in values.items():
                    tf.summary.scalar(tag, value)

    def histograms(self, step: int, values: Mapping[str, np.ndarray]) -> None:
        """Writes the distribution of an array for each tag.

        Args:
            step: Position on the axis.
            values: Arrays of any shape by tag.
        """
        if self._writer is not None:
            with self._writer.as_default(step):
                for tag, value in values.items():
                    tf.summary.histogram(tag, value)

    def per_edge(
        self,
        step: int,
        prefix: str,
        values: np.ndarray,
        cell_names: Sequence[str],
        edge_names: Sequence[str],
        operation_names: Sequence[str],
    ) -> None:
        """Writes a value for each edge and operation, such as `beta/normal/edge_0-2/sep_conv_3x3`.

        Args:
            step: Position on the axis.
            prefix: First part of the tags.
            values: [cell types, edges, operations]; NaN is left out.
            cell_names: Name of each cell type.
            edge_names: Name of each edge.
            operation_names: Name of each operation.
        """
        self.scalars(
            step,
            {
                f"{prefix}/{cell_names[cell]}/edge_{edge_names[edge]}/{operation_names[operation]}": float(value)
                for (cell, edge, operation), value in np.ndenumerate(values)
                if not np.isnan(value)
            },
        )

    def image(self, step: int, tag: str, figure: Figure) -> None:
        """Writes a picture.

        Args:
            step: Position on the axis.
            tag: Name of the picture.
            figure: The picture.
        """
        if self._writer is not None:
            pixels = tf.io.decode_png(figure_to_png(figure), channels=3)
            with self._writer.as_default(step):
                tf.summary.image(tag, pixels[None])

    def hyperparameters(self, settings: Mapping[str, Any]) -> None:
        """Writes a run's settings for the HParams dashboard.

        Args:
            settings: Values by name; what is neither number, truth value nor text is written as text.
        """
        if self._writer is not None:
            plain = {
                name: value if isinstance(value, (bool, int, float, str)) else str(value)
                for name, value in settings.items()
            }
            with self._writer.as_default(0):
                hparams.hparams(plain)

    def close(self) -> None:
        """Writes what is still in memory and closes the file."""
        if self._writer is not None:
            self._writer.close()


def forget_after(folder: Path, last_step: int) -> None:
    """Removes the values behind a step from a folder's event files.

    Args:
        folder: Folder of event files; it need not exist.
        last_step: The last step that is kept.
    """
    if not folder.is_dir():
        return
    for path in sorted(folder.glob("events.out.tfevents.*")):
        kept = []
        changed = False
        try:
            for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                event = tf.compat.v1.Event.FromString(record)
                if event.HasField("summary") and (event.step > last_step or last_step == 0):
                    changed = True
                else:
                    kept.append(record)
        except tf.errors.DataLossError:
            changed = True  # A kill cut the last record off.
        if changed:
            temporary = path.with_name(f"rewritten.{path.name}")
            with tf.io.TFRecordWriter(str(temporary)) as writer:
                for record in kept:
                    writer.write(record)
            temporary.replace(path)
