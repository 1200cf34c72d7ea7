import warnings

import numpy as np
import tensorflow as tf

from eoinas_tf.experiment.curve_plots import new_figure
from eoinas_tf.experiment.figure_files import figure_to_png, figure_to_svg, hint_at_missing_glyphs, write_figures


def figure():
    drawn = new_figure(3, 2)
    drawn.subplots().plot([1, 2, 3], label="a line")
    return drawn


def test_the_png_is_a_picture_with_something_on_it():
    pixels = tf.io.decode_png(figure_to_png(figure(), dots_per_inch=50)).numpy()
    assert pixels.shape[:2] == (100, 150)
    assert len(np.unique(pixels)) > 5


def test_the_svg_is_the_same_bytes_each_time_and_holds_letters_as_shapes():
    content = figure_to_svg(figure())
    assert content == figure_to_svg(figure())
    assert b"<svg" in content
    assert b"<text" not in content


def test_each_picture_is_written_as_png_and_as_svg(tmp_path):
    paths = write_figures(tmp_path / "plots", {"one": figure()})
    assert [path.name for path in paths] == ["one.png", "one.svg"]
    assert sorted((tmp_path / "plots").iterdir()) == sorted(paths)
    # Laid out once, for the first file.
    drawn = figure()
    assert paths[0].read_bytes() == figure_to_png(drawn)
    assert paths[1].read_bytes() == figure_to_svg(drawn)


def test_characters_that_the_font_lacks_are_one_hint_and_other_warnings_stay(caplog, recwarn):
    hint_at_missing_glyphs.cache_clear()
    for name in ("猫犬鳥", "馬"):
        strange = new_figure(2, 2)
        strange.text(0.5, 0.5, name)
        figure_to_png(strange)
        figure_to_svg(strange)
    assert len(caplog.messages) == 1
    assert "the pictures' font lacks characters" in caplog.messages[0]
    assert not recwarn.list
    other = figure()
    other.savefig = lambda *_, **__: warnings.warn("something else", stacklevel=1)
    figure_to_png(other)
    assert [str(entry.message) for entry in recwarn.list] == ["something else"]
