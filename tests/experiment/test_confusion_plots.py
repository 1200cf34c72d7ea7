import numpy as np
import pytest

from eoinas_tf.experiment.confusion_plots import (
    PicturedConfusion,
    draw_confusion_matrix,
    draw_confusions,
    most_confused_classes,
)
from eoinas_tf.experiment.figure_files import figure_to_png


def many_classes():
    """1000 classes of 10 images; 17 and 900 are confused most, then 17 and 3, then each with its neighbour."""
    matrix = 8 * np.eye(1000, dtype=np.int64)
    matrix[np.arange(999), np.arange(1, 1000)] = 1
    matrix[17, 900], matrix[3, 17] = 7, 5
    return matrix


def test_of_many_classes_the_most_confused_are_shown_in_their_order():
    matrix = many_classes()
    np.testing.assert_array_equal(most_confused_classes(matrix, 2), [17, 900])
    np.testing.assert_array_equal(most_confused_classes(matrix, 3), [3, 17, 900])
    np.testing.assert_array_equal(most_confused_classes(matrix, 5), [0, 1, 3, 17, 900])
    np.testing.assert_array_equal(most_confused_classes(matrix[:5, :5], 5), [0, 1, 2, 3, 4])


def test_a_matrix_of_few_classes_shows_its_numbers_and_shares():
    axes, color_bar = draw_confusion_matrix(np.array([[3, 1], [0, 0]]), ["cat", "$dog"]).axes
    assert [text.get_text() for text in axes.texts] == ["3", "1", "0", "0"]
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.75, 0.25], [0, 0]])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "$dog"]
    assert "all classes" in axes.get_title()
    assert "share" in color_bar.get_ylabel()


def test_a_matrix_of_a_thousand_classes_stays_readable():
    names = [f"class {position} with a name that is far too long" for position in range(1000)]
    figure = draw_confusion_matrix(many_classes(), names)
    axes = figure.axes[0]
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert 20 <= len(labels) <= 30
    assert max(map(len, labels)) <= 22
    assert labels[-1].startswith("class 900 ")
    assert f"the {len(labels)} most confused of 1000 classes" in axes.get_title()
    # Of the 16 images of class 17, 8 + 7 + 1 in the matrix, 7 went to class 900.
    row = next(position for position, label in enumerate(labels) if label.startswith("class 17 "))
    assert axes.images[0].get_array()[row, -1] == pytest.approx(7 / 16)
    # One of the 9 images of class 900 went to a class that is not shown.
    assert axes.images[0].get_array()[-1, -1] == pytest.approx(8 / 9)
    assert max(figure.get_size_inches()) < 20


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_mistakes_are_shown_with_title_and_confidence(channels):
    images = np.zeros((2, 6, 4, channels), np.uint8)
    images[1, ..., 0] = 200
    pair = PicturedConfusion("cat$", "$dog", 2, 9, images, np.array([0.96, 0.5]))
    assert pair.title == "cat$ taken for $dog\n2 of 9 images"
    one = pair._replace(images=images[:1], probabilities=pair.probabilities[:1])
    figure = draw_confusions([pair, one], images_a_row=6)
    panels = figure.axes
    assert [axes.get_title() for axes in panels] == [f"{pair.title}\n{share} % sure" for share in (96, 50, 96)]
    # A row ends only when it is full, and no panel is empty.
    assert [len(axes.images) for axes in panels] == [1, 1, 1]
    full = draw_confusions([pair, one], images_a_row=2)
    assert [len(axes.images) for axes in full.axes] == [1, 1, 1, 0]
    balanced = draw_confusions([pair, pair], images_a_row=3)
    assert [len(axes.images) for axes in balanced.axes] == [1, 1, 1, 1]
    assert panels[1].images[0].get_array().shape == ((6, 4, 3) if channels == 3 else (6, 4))
    assert panels[1].images[0].get_array().max() == 200
    assert figure_to_png(figure)


def test_without_mistakes_the_picture_says_so():
    assert [text.get_text() for text in draw_confusions([], 6).texts] == ["no test image was classified wrongly"]
