import pytest

from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.training.early_end import early_end_report, last_step
from eoinas_tf.training.step_pace import StepPace, Stretch


@pytest.mark.parametrize("config_class", [SearchConfig, EvaluationConfig])
@pytest.mark.parametrize(
    ("max_steps", "finished", "expected"),
    [(0, 0, 12), (0, 7, 12), (7, 0, 7), (7, 5, 7), (7, 7, 7), (7, 9, 9), (12, 0, 12), (100, 3, 12)],
)
def test_a_process_ends_after_max_steps_of_the_run_and_keeps_what_is_done(config_class, max_steps, finished, expected):
    assert last_step(config_class(max_steps=max_steps), 12, finished) == expected


def test_the_report_says_what_is_kept_and_what_was_measured():
    now = [0.0]
    pace = StepPace([Stretch(("weight step", "architecture step"), 12)], clock=lambda: now[0])
    config = SearchConfig(max_steps=7)
    saved = early_end_report(config, pace, 7, 12)
    assert saved.startswith("ended by --max_steps=7 after 7 of 12 steps, which are saved")
    assert " ".join(saved.split()).endswith("the same command without it continues after them")
    tried = " ".join(early_end_report(config, pace, 7, 12, continues=False).split())
    assert tried.startswith("ended by --max_steps=7 after 7 of 12 steps, which are saved; the same command")
    assert tried.endswith("without it is refused, because the schedule of its epochs makes no search")
    pace.first_step_done(1, 9.25)
    assert "9.2 s to the end of the first step, - s a step" in early_end_report(config, pace, 1, 12)
    now[0] = 3.0
    text = early_end_report(config, pace, 7, 12)
    assert all(len(line) < 80 for line in text.splitlines())
    measured = " ".join(text.removeprefix(saved).split())
    assert measured.startswith(
        "9.2 s to the end of the first step, 0.50 s a step (weight step and architecture step), "
    )
    assert measured.endswith(" GiB")
