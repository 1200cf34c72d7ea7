import io

import pytest

from eoinas_tf.training.epoch_table import EpochTable, loss_text, percent_text, speed_text
from eoinas_tf.training.progress import Progress


def test_rows_stand_under_one_row_of_titles():
    stream = io.StringIO()
    table = EpochTable(Progress(10, stream), ("epoch", "train %", "images/s"))
    assert stream.getvalue() == ""
    table.add(("1/160", "9.75", "71.0"))
    table.add(("160/160", "100.00", "12345"))
    assert stream.getvalue().splitlines() == [
        "",
        "  epoch  train %  images/s",
        "  1/160     9.75      71.0",
        "160/160   100.00     12345",
    ]


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (None, "-"),
        (2.30259, "2.3026"),
        (99.99, "99.9900"),
        (99.99999, "100.0"),
        (123.4, "123.4"),
        (99999.94, "99999.9"),
        (123456.0, "1.2e+05"),
        (1e30, "1.0e+30"),
        (float("nan"), "nan"),
    ],
)
def test_losses_are_short(loss, text):
    written = loss_text(loss)
    assert written == text
    assert len(written) <= 7


def test_fractions_and_speeds():
    assert (percent_text(None), percent_text(0.09751), percent_text(1.0)) == ("-", "9.75", "100.00")
    assert (speed_text(7.04), speed_text(99.96), speed_text(1234.5)) == ("7.0", "100.0", "1234")
