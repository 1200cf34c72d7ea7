"""Pictures of a network's mistakes: its confusion matrix, and the images that it classified wrongly."""

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from eoinas_tf.experiment.curve_plots import new_figure

MOST_CLASSES = 30
MOST_CLASSES_WITH_NUMBERS = 15
LONGEST_NAME = 22


class PicturedConfusion(NamedTuple):
    """One class mistaken for another, with images of it.

    Args:
        true_class: Name of the right class.
        predicted_class: Name of the class that was predicted instead.
        times: Number of images confused this way.
        class_images: Images of the right class.
        images: uint8 [images, height, width, channels].
        probabilities: The network's confidence in each prediction, [images].
    """

    true_class: str
    predicted_class: str
    times: int
    class_images: int
    images: np.ndarray
    probabilities: np.ndarray

    @property
    def title(self) -> str:
        """The two classes, and how often they were confused."""
        what = f"{_shortened(self.true_class)} taken for {_shortened(self.predicted_class)}"
        return f"{textwrap.fill(what, LONGEST_NAME)}\n{self.times} of {self.class_images} images"


def most_confused_classes(matrix: np.ndarray, most: int) -> np.ndarray:
    """Returns the classes of the most frequent confusions, in the order of the classes.

    Args:
        matrix: Images by right class (row) and predicted class (column), int [classes, classes].
        most: Most classes to return.

    Returns:
        int [classes shown]; all classes if there are at most `most`.
    """
    classes = len(matrix)
    if classes <= most:
        return np.arange(classes)
    mistakes = matrix * (1 - np.eye(classes, dtype=matrix.dtype))
    chosen: dict[int, None] = {}
    for cell in np.argsort(-mistakes, axis=None, kind="stable"):
        pair = divmod(int(cell), classes)
        if len(chosen.keys() | set(pair)) > most:
            break
        chosen.update(dict.fromkeys(pair))
    return np.sort(np.fromiter(chosen, int))


def draw_confusion_matrix(matrix: np.ndarray, class_names: Sequence[str]) -> Figure:
    """Draws the confusion matrix; if there are many classes, those that are confused most.

    Args:
        matrix: Images by right class (row) and predicted class (column), int [classes, classes].
        class_names: A name for each class.

    Returns:
        The picture: colours are fractions of the true class's images, numbers are counts.
    """
    shown = most_confused_classes(matrix, MOST_CLASSES)
    counts = matrix[np.ix_(shown, shown)]
    shares = counts / np.maximum(matrix[shown].sum(axis=1, keepdims=True), 1)
    side = 4 + 0.32 * len(shown)
    figure = new_figure(side + 1.5, side)
    axes = figure.subplots()
    # The square root, so that a few mistakes are visible beside many right answers.
    picture = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1))
    if len(shown) <= MOST_CLASSES_WITH_NUMBERS:
        for (row, column), count in np.ndenumerate(counts):
            color = "white" if shares[row, column] > 0.35 else "black"
            axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color=color)
    names = [_shortened(class_names[position]) for position in shown]
    axes.set_xticks(range(len(shown)), names, rotation=90, fontsize=8, parse_math=False)
    axes.set_yticks(range(len(shown)), names, fontsize=8, parse_math=False)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("right class")
    part = f"the {len(shown)} most confused of {len(matrix)} classes" if len(shown) < len(matrix) else "all classes"
    axes.set_title(f"confusion matrix, {part}")
    figure.colorbar(picture, ax=axes, label="share of the right class's test images", shrink=0.8)
    return figure


def draw_confusions(confusions: Sequence[PicturedConfusion], images_a_row: int) -> Figure:
    """Draws images that were classified wrongly, the worst pairs first, each with the network's confidence.

    Args:
        confusions: The pairs, the worst first.
        images_a_row: Images that fit in a row.
    """
    if not confusions:
        figure = new_figure(6, 1.5)
        figure.text(0.5, 0.5, "no test image was classified wrongly", ha="center", va="center")
        return figure
    pictured = [
        (confusion, image, probability)
        for confusion in confusions
        for image, probability in zip(confusion.images, confusion.probabilities, strict=True)
    ]
    # One after the other, whatever the pair, so that no part of the picture stays empty.
    rows = -(-len(pictured) // images_a_row)
    columns = -(-len(pictured) // rows)
    title_lines = 2 + max(confusion.title.count("\n") for confusion in confusions)
    figure = new_figure(1.7 * columns, (1.8 + 0.13 * title_lines) * rows)
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    for axes, (confusion, image, probability) in zip(panels.flat, pictured, strict=False):
        # For images that are neither grey nor in colour, the first channel.
        axes.imshow(image if image.shape[-1] == 3 else image[..., 0], cmap="gray", vmin=0, vmax=255)
        title = f"{confusion.title}\n{100 * probability:.0f} % sure"
        axes.set_title(title, fontsize=7, parse_math=False)
    return figure


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "\N{HORIZONTAL ELLIPSIS}"
