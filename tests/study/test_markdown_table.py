import numpy as np
import pandas as pd

from eoinas_tf.study.markdown_table import cell_text, markdown_table


def test_headings_digits_and_what_says_nothing():
    table = pd.DataFrame(
        {"data_set": ["", ""], "contestant": ["a|b", "c"], "mean": [71.234, np.nan], "tau": [np.nan] * 2}
    )
    assert markdown_table(table) == (
        "| contestant | test accuracy, mean (%) |\n| --- | ---: |\n| a\\|b | 71.23 |\n| c | - |"
    )


def test_values_are_written_as_their_column_wants():
    assert cell_text(3.14159, "mean") == "3.14"
    assert cell_text(3.14159, "search_seconds") == "3"
    assert cell_text(0.04567, "beta_std") == "0.0457"
    assert cell_text(None, "mean") == cell_text(float("nan"), "tau") == "-"
    assert cell_text(7, "sample_size") == "7"
