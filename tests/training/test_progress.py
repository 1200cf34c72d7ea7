import io

import pytest

from eoinas_tf.training.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


class FullDisk(io.StringIO):
    tries = 0

    def flush(self):
        self.tries += 1
        raise OSError(28, "No space left on device")


def test_the_line_tells_the_pace_and_the_time_left(clock):
    stream = io.StringIO()
    progress = Progress(100, stream, clock)
    progress.pace.first_step_done(1, seconds_since_start=53.5)
    clock.now += 20
    progress.show(11, "epoch 1/9")
    assert stream.getvalue() == "epoch 1/9   11 %  2 s/step  0:02:58 left\n"
    assert progress.time_left(11) == "0:02:58"
    assert Progress(100, stream, clock).time_left(11) == "-"


def test_a_line_is_due_only_now_and_then(clock):
    progress = Progress(100, io.StringIO(), clock, seconds_between_lines=30)
    clock.now += 29
    assert not progress.due()
    clock.now += 1
    assert progress.due()
    progress.show(1, "x")
    assert not progress.due()


def test_a_terminal_s_line_renews_itself_and_gives_way_to_lines_that_stay(clock):
    stream = Terminal()
    progress = Progress(10, stream, clock)
    progress.show(1, "a")
    progress.show(2, "b")
    progress.say("done")
    assert stream.getvalue() == "\r\x1b[Ka   10 %\r\r\x1b[Kb   20 %\r\x1b[Kdone\n"


def test_an_output_that_cannot_be_written_does_not_end_the_run(clock):
    stream = FullDisk()
    progress = Progress(10, stream, clock)
    progress.show(1, "a")
    progress.say("done")
    assert stream.tries == 2


def test_what_a_terminal_cannot_show_is_escaped(clock):
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding="ascii")
    Progress(10, stream, clock).say("caf\u00e9 \u2603")
    assert buffer.getvalue() == rb"caf\xe9 \u2603" + b"\n"


def test_a_line_that_renews_itself_never_takes_two_rows_of_the_terminal(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    progress = Progress(10, stream, clock)
    progress.show(1, "a" * 50)
    progress.doing("b" * 50)
    lines = stream.getvalue().split("\r\x1b[K")[1:]
    assert lines == ["a" * 19 + "\r", "b" * 19 + "\r"]


def test_what_takes_time_is_said_on_terminals_and_elsewhere_where_asked_for(clock):
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        progress = Progress(10, stream, clock)
        progress.doing("testing")
        progress.doing("exporting onnx", stays=True)
        progress.say("done")
    assert terminal.getvalue() == "\r\x1b[Ktesting ...\r\r\x1b[Kexporting onnx ...\r\x1b[Kdone\n"
    assert pipe.getvalue() == "exporting onnx ...\ndone\n"


@pytest.mark.parametrize("kind", [Terminal, io.StringIO])
def test_a_quiet_run_writes_results_only(clock, kind):
    stream = kind()
    progress = Progress(10, stream, clock, is_quiet=True)
    progress.say("header")
    progress.show(1, "epoch 1")
    progress.doing("testing", stays=True)
    progress.result("test accuracy")
    assert stream.getvalue() == "test accuracy\n"
