import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eoinas_tf.enduring_output import EnduringStream, enduring_output, has_reader

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("encoding", "expected"), [("ascii", r"caf\xe9 \u2603 \udcff"), ("latin-1", r"café \u2603 \udcff")]
)
def test_what_an_encoding_lacks_is_escaped(encoding, expected):
    buffer = io.BytesIO()
    stream = EnduringStream(io.TextIOWrapper(buffer, encoding=encoding))
    print("café ☃ \udcff", end="", file=stream, flush=True)
    assert buffer.getvalue().decode(encoding) == expected


def test_a_stream_that_a_process_was_started_without_takes_everything():
    stream = EnduringStream(None)
    print("lost", file=stream, flush=True)
    stream.settle()
    assert not stream.isatty()
    assert not has_reader(stream)


def test_a_reader_that_has_gone_is_noticed_and_nothing_is_left_for_the_end():
    reader, writer = os.pipe()
    file = os.fdopen(writer, "w")
    stream = EnduringStream(file)
    print("read", file=stream, flush=True)
    assert has_reader(stream)
    os.close(reader)
    print("lost", file=stream, flush=True)
    assert not has_reader(stream)
    print("left in the buffer", file=stream)
    stream.settle()
    file.close()


def test_a_stream_of_another_kind_has_a_reader():
    assert has_reader(io.StringIO())


def test_outside_of_the_block_everything_is_as_before():
    before = sys.stdout, sys.stderr
    with enduring_output():
        assert isinstance(sys.stdout, EnduringStream)
        assert isinstance(sys.stderr, EnduringStream)
    assert (sys.stdout, sys.stderr) == before


# A run like those of the commands, without TensorFlow; it prints that it has started, and works until it is stopped.
PROGRAM = """
import logging, sys, time, warnings
from eoinas_tf.command_line import run_command
from eoinas_tf.config import SearchConfig

def work(config):
    print("caf\\u00e9")
    logging.getLogger("a").warning("\\u2603")
    warnings.warn("caf\\u00e9")
    print("working", flush=True)
    for _ in range(3000):
        time.sleep(0.01)
        print("still working", flush=True)

run_command(SearchConfig, work)
"""


def start(environment=None, **streams):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env={**os.environ, **(environment or {})}, **streams
    )


def read_until_it_works(process):
    lines = []
    while not lines or not lines[-1].startswith(b"working"):
        lines.append(process.stdout.readline())
        assert lines[-1], lines
    return b"".join(lines)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_run_whose_readers_were_stopped_with_it_ends_with_its_own_status(number):
    """As with `2>&1 | tee log` and Ctrl-C, which stops both, or when a terminal is closed."""
    process = start(stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    read_until_it_works(process)
    process.stdout.close()
    time.sleep(0.1)
    process.send_signal(number)
    assert process.wait() == 42


def test_an_ascii_terminal_gets_escapes():
    process = start({"PYTHONIOENCODING": "ascii"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = read_until_it_works(process)
    process.send_signal(signal.SIGTERM)
    output += process.communicate()[0]
    assert process.returncode == 42
    assert rb"caf\xe9" in output
    assert rb"WARNING: \u2603" in output
    assert b"Traceback" not in output
    assert b"Logging error" not in output


def test_a_process_without_standard_streams_runs():
    process = subprocess.Popen(
        ["sh", "-c", 'exec "$0" -c "$1" >&- 2>&-', sys.executable, PROGRAM], cwd=ROOT, stdin=subprocess.DEVNULL
    )
    time.sleep(2)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 42
