"""Curves, histograms, pictures, texts and settings for TensorBoard, without duplicate values after a restart."""

import io
import logging
import os
import re
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import tensorflow as tf
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import metadata as custom_scalar_metadata
from tensorboard.plugins.histogram.summary import histogram_pb
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.image.metadata import create_summary_metadata
from tensorboard.plugins.scalar.summary import scalar_pb
from tensorboard.plugins.text.summary import text_pb
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util.tensor_util import make_tensor_proto

from eoinas_tf.errors import StorageError
from eoinas_tf.experiment.atomic_files import TEMPORARY_SUFFIX, append_bytes, write_bytes
from eoinas_tf.experiment.write_failures import failure_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOGGER = logging.getLogger(__name__)

FILE_VERSION = "brain.Event:2"
EVENT_FILES = "events.out.tfevents.*"
# Of a record's framing: its length, the length's checksum, the content's checksum.
RECORD_BYTES = 16


class TensorBoardLogger:
    """Writes one folder of TensorBoard event files.

    If they cannot be written, as on a full disk, there is one warning, the values are left out and the run goes on:
    metrics.jsonl has everything that matters. The next values are tried again, and the file only ever holds whole
    values. TensorFlow's own writer is not used because it does not notice that a large record was cut off, after which
    the rest of the file cannot be read.

    Args:
        folder: The target; created if needed.
        enabled: Whether anything is written at all.
        last_step: Step up to which earlier values are kept; later ones are written again. 0 keeps nothing, not even
            step 0.
    """

    def __init__(self, folder: Path, enabled: bool = True, last_step: int = 0) -> None:
        self._folder = folder
        self._enabled = enabled
        self._file: BinaryIO | None = None
        self._is_failing = False
        if enabled:
            try:
                forget_after(folder, last_step)
            except (OSError, tf.errors.OpError, StorageError) as error:
                # Without this, values would be there twice, so none are written.
                LOGGER.warning("%s; the run goes on without TensorBoard", error)
                self._enabled = False

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes one value for each tag.

        Args:
            step: Position on the axis, such as the epoch.
            values: Values by tag.
        """
        self._write(step, (scalar_pb(tag, value) for tag, value in values.items()))

    def histograms(self, step: int, values: Mapping[str, np.ndarray]) -> None:
        """Writes the distribution of an array for each tag.

        Args:
            step: Position on the axis.
            values: Arrays of any shape by tag.
        """
        self._write(step, (histogram_pb(tag, value) for tag, value in values.items()))

    def image(self, step: int, tag: str, figure: "Figure") -> None:
        """Writes a picture.

        Args:
            step: Position on the axis.
            tag: Name of the picture.
            figure: The picture.
        """
        from eoinas_tf.experiment.figure_files import figure_to_png  # Here, so that no start waits for matplotlib.

        if self._enabled:
            self._write(step, [_picture(tag, figure_to_png(figure))])

    def text(self, step: int, tag: str, markdown: str) -> None:
        """Writes a text.

        Args:
            step: Position on the axis.
            tag: Name of the text.
            markdown: The text, in Markdown.
        """
        self._write(step, [text_pb(tag, markdown)])

    def hyperparameters(self, settings: Mapping[str, Any], kind: str, name: str) -> None:
        """Writes a run's settings as a text and for the HParams dashboard.

        That dashboard has one table for all runs in a folder, with one column per name: names include the kind, so that
        the settings of searches and of training runs have separate columns.

        Args:
            settings: Values by name; anything but numbers, booleans and strings is written as text. Settings without a
                value, such as those of other methods, get no column.
            kind: `search` or `training`.
            name: The run's name in the table, unique among the runs.
        """
        plain = {
            f"{kind}.{key}": value if isinstance(value, (bool, int, float, str)) else _shown(value)
            for key, value in settings.items()
            if value is not None
        }
        self._write(0, [hparams.hparams_pb(plain, trial_id=name)])
        rows = "".join(f"| {key} | {table_cell(_shown(value))} |\n" for key, value in settings.items())
        self.text(0, f"{kind}/settings", f"| setting | value |\n| --- | --- |\n{rows}")

    def layout(self, charts: Mapping[str, Sequence[str]]) -> None:
        """Writes which curves share a chart in the Custom Scalars dashboard.

        Args:
            charts: For each chart's title, regular expressions for its tags.
        """
        content = layout_pb2.Layout(
            category=[
                layout_pb2.Category(
                    title="overview",
                    chart=[
                        layout_pb2.Chart(title=title, multiline=layout_pb2.MultilineChartContent(tag=tags))
                        for title, tags in charts.items()
                    ],
                )
            ]
        )
        value = Summary.Value(
            tag=custom_scalar_metadata.CONFIG_SUMMARY_TAG,
            tensor=make_tensor_proto(content.SerializeToString()),
            metadata=custom_scalar_metadata.create_summary_metadata(),
        )
        self._write(0, [Summary(value=[value])])

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, step: int, summaries: Iterable[Summary]) -> None:
        """Appends values to the file, all or none of them."""
        if not self._enabled:
            return
        events = [Event(wall_time=time.time(), step=step, summary=summary) for summary in summaries]
        needed = None
        try:
            if self._file is None:
                self._file = self._new_file()
            if not self._file.seek(0, os.SEEK_END):
                events.insert(0, Event(wall_time=time.time(), file_version=FILE_VERSION))
            content = _records(events)
            needed = len(content)
            append_bytes(self._file, content)
        except OSError as error:
            if not self._is_failing:
                LOGGER.warning(
                    "%s; the run goes on, and TensorBoard lacks values that are in metrics.jsonl",
                    failure_line(self._folder, error, needed),
                )
            self._is_failing = True
        else:
            self._is_failing = False

    def _new_file(self) -> BinaryIO:
        self._folder.mkdir(parents=True, exist_ok=True)
        # A unique number, because several files may be opened within a second.
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{time.time_ns()}"
        return open(self._folder / name, "ab", buffering=0)


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def table_cell(text: str) -> str:
    """Returns a text that stays in its cell of a Markdown table, without markup."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~-])", r"\\\1", " ".join(text.split()))


def _records(events: Iterable[Event]) -> bytes:
    buffer = io.BytesIO()
    writer = RecordWriter(buffer)
    for event in events:
        writer.write(event.SerializeToString())
    return buffer.getvalue()


def _picture(tag: str, png: bytes) -> Summary:
    height, width, _ = tf.io.decode_png(png).shape
    content = make_tensor_proto([str(width).encode(), str(height).encode(), png])
    metadata = create_summary_metadata(display_name=None, description=None)
    return Summary(value=[Summary.Value(tag=tag, tensor=content, metadata=metadata)])


def forget_after(folder: Path, last_step: int) -> None:
    """Removes the values after a step from a folder's event files.

    Args:
        folder: Folder of event files; it need not exist.
        last_step: The last step to keep.

    Raises:
        StorageError: A file could not be written; it is unchanged.
    """
    if not folder.is_dir():
        return
    for path in folder.glob(EVENT_FILES + TEMPORARY_SUFFIX):
        path.unlink()  # A kill left it.
    for path in sorted(folder.glob(EVENT_FILES)):
        content = path.read_bytes()
        kept = []
        end = 0
        try:
            for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                start, end = end, end + len(record) + RECORD_BYTES
                event = tf.compat.v1.Event.FromString(record)
                if not event.HasField("summary") or (last_step and event.step <= last_step):
                    kept.append(content[start:end])
        except tf.errors.DataLossError:
            pass  # A kill cut off the last record.
        rest = b"".join(kept)
        if rest != content:
            write_bytes(path, rest)
