import subprocess
import sys
import time

import pytest

from eoinas_tf.resource_usage import peak_memory_gib, seconds_since_process_start


def test_peak_memory_grows_by_what_is_touched():
    code = (
        "from eoinas_tf.resource_usage import peak_memory_gib\n"
        "before = peak_memory_gib(); block = bytearray(b'x') * (256 * 2**20); print(peak_memory_gib() - before)"
    )
    growth = float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert growth == pytest.approx(0.25, abs=0.05)
    assert peak_memory_gib() > 0


def test_seconds_since_start_are_the_process_s_own():
    code = "import time; time.sleep(0.5)\nfrom eoinas_tf.resource_usage import *\nprint(seconds_since_process_start())"
    assert 0.5 <= float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout) < 5
    first = seconds_since_process_start()
    time.sleep(0.05)
    assert seconds_since_process_start() - first == pytest.approx(0.05, abs=0.04)
