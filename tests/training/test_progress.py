import io

from eoinas_tf.training.progress import Progress


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


class FullDisk(io.StringIO):
    tries = 0

    def flush(self):
        self.tries += 1
        raise OSError(28, "No space left on device")


def test_time_left_counts_from_the_end_of_the_first_step():
    clock, stream = Clock(), io.StringIO()
    progress = Progress(100, stream, clock)
    clock.now += 50  # Tracing: no part of the pace.
    progress.first_step_done(1, seconds_since_start=53.5)
    assert progress.seconds_to_first_step == 53.5
    assert progress.seconds_per_step(1) is None
    clock.now += 20
    assert progress.seconds_per_step(11) == 2.0
    progress.show(11, "epoch 1/9")
    assert stream.getvalue() == "epoch 1/9   11 %  2 s/step  0:02:58 left\n"


def test_a_new_network_has_a_pace_of_its_own():
    clock = Clock()
    progress = Progress(100, io.StringIO(), clock)
    assert not progress.is_measuring
    progress.first_step_done(1, seconds_since_start=53.5)
    clock.now += 20
    assert progress.seconds_per_step(11) == 2.0
    progress.forget_pace()
    assert not progress.is_measuring
    assert progress.seconds_per_step(12) is None
    clock.now += 70
    progress.first_step_done(12, seconds_since_start=200.0)
    assert progress.seconds_to_first_step == 53.5, "that of the process"
    clock.now += 10
    assert progress.seconds_per_step(14) == 5.0


def test_a_line_is_due_only_now_and_then():
    clock = Clock()
    progress = Progress(100, io.StringIO(), clock, seconds_between_lines=30)
    clock.now += 29
    assert not progress.due()
    clock.now += 1
    assert progress.due()
    progress.show(1, "x")
    assert not progress.due()


def test_a_terminal_s_line_renews_itself_and_gives_way_to_lines_that_stay():
    stream = Terminal()
    progress = Progress(10, stream, Clock())
    progress.show(1, "a")
    progress.show(2, "b")
    progress.say("done")
    assert stream.getvalue() == "\r\x1b[Ka   10 %\r\x1b[Kb   20 %\r\x1b[Kdone\n"


def test_an_output_that_cannot_be_written_does_not_end_the_run():
    stream = FullDisk()
    progress = Progress(10, stream, Clock())
    progress.show(1, "a")
    progress.say("done")
    assert stream.tries == 2


def test_what_a_terminal_cannot_show_is_escaped():
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding="ascii")
    Progress(10, stream, Clock()).say("caf\u00e9 \u2603")
    assert buffer.getvalue() == rb"caf\xe9 \u2603" + b"\n"
