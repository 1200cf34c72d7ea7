import logging
import subprocess
import sys

import pytest

from eoinas_tf.quiet_logging import without_warnings


def test_warnings_are_silent_inside_and_heard_afterwards(caplog):
    logger = logging.getLogger("some.library")
    with without_warnings("some.library"):
        logger.warning("inside")
        logger.error("an error")
    logger.warning("afterwards")
    assert [record.message for record in caplog.records] == ["an error", "afterwards"]


def test_the_level_comes_back_after_an_exception():
    logger = logging.getLogger("some.library")
    logger.setLevel(logging.DEBUG)
    with pytest.raises(ValueError, match="any"), without_warnings("some.library"):
        raise ValueError("any")
    assert logger.level == logging.DEBUG


PROGRAM = """
import os, sys
from eoinas_tf.quiet_logging import held_back_library_logs

print("before", file=sys.stderr)
try:
    with held_back_library_logs():
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\\n")
        os.write(2, b"I0000 00:00:1795754861.859637 21753 cudart_stub.cc:31] Could not find cuda drivers.\\n")
        os.write(2, b"2026-11-27 05:00:00.123456: I tensorflow/core/util/port.cc:153] oneDNN is on.\\n")
        os.write(2, b"fully_quantize: 0, inference_type: 6, input_inference_type: UINT8\\n")
        os.write(2, b"E0000 00:00:1795754861.859637 21753 a.cc:31] An error.\\n")
        print("a warning", file=sys.stderr)
        if len(sys.argv) > 1:
            raise ImportError("no library")
except ImportError as error:
    print(error, file=sys.stderr)
print("after", file=sys.stderr)
"""


def run_program(*arguments):
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()


def test_log_lines_of_libraries_are_held_back_and_nothing_else():
    lines = run_program()
    assert [line.partition(" ")[0] for line in lines] == ["before", "E0000", "a", "after"]


def test_all_is_shown_where_the_import_fails():
    lines = run_program("fail")
    firsts = ["before", "WARNING:", "I0000", "2026-11-27", "fully_quantize:", "E0000", "a", "no", "after"]
    assert [line.partition(" ")[0] for line in lines] == firsts


def test_without_a_standard_error_the_block_still_runs():
    command = [sys.executable, "-c", PROGRAM.replace("os.write(2,", "str(") + "print('ran')"]
    result = subprocess.run(["sh", "-c", 'exec "$@" 2>&-', "sh", *command], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "ran"
