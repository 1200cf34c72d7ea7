import subprocess
import sys

import pytest

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.space.candidate_names import candidate_names
from eoinas_tf.space.operation_names import OPERATION_NAMES


def test_the_papers_eight_unless_others_are_named():
    assert candidate_names(None) == OPERATION_NAMES
    assert candidate_names(["skip_connect", "sep_conv_7x7"], 0) == ("skip_connect", "sep_conv_7x7")
    assert candidate_names(("none", "skip_connect"), 8) == ("none", "skip_connect")


@pytest.mark.parametrize(
    ("names", "limit", "message"),
    [
        (["skip_connect", "typo_conv"], None, "--operations: typo_conv is not known; known: none, skip_connect, "),
        (["sep_conv_3x3"], None, "two or more different operations. Received: sep_conv_3x3"),
        (["none", "none"], None, "two or more different operations. Received: none,none"),
        (["skip_connect", "none"], 7, "--max_skip_connections=7 needs an operation other than none and skip_connect"),
    ],
)
def test_what_leaves_no_choice_is_refused(names, limit, message):
    with pytest.raises(ConfigurationError) as caught:
        candidate_names(names, limit)
    assert message in str(caught.value)


def test_names_are_checked_without_tensorflow():
    code = "import sys, eoinas_tf.space.candidate_names; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
