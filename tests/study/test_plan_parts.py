import pytest
from small_study import write_study

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.study.plan_parts import parse_part, part_of_plan
from eoinas_tf.study.study_file import read_study
from eoinas_tf.study.study_plan import plan_study
from eoinas_tf.study.time_estimate import formula_seconds


@pytest.fixture
def plan(tmp_path):
    return plan_study(read_study(write_study(tmp_path)), tmp_path / "runs")


@pytest.mark.parametrize("parts", [1, 2, 3, 8])
def test_the_parts_are_the_whole_and_share_nothing(plan, parts):
    divided = [part_of_plan(plan, part, parts) for part in range(1, parts + 1)]
    titles = [run.title for part in divided for run in part]
    assert sorted(titles) == sorted(run.title for run in plan)
    for part in divided:
        searches = {run.title for run in part if run.kind == "search"}
        assert all(run.search.title in searches for run in part if run.search)


def test_every_machine_finds_the_same_division_whatever_is_finished(plan):
    before = [run.title for run in part_of_plan(plan, 2, 3)]
    plan[0].folder.mkdir(parents=True)
    (plan[0].folder / "summary.json").write_text('{"a": 1}')
    assert [run.title for run in part_of_plan(plan, 2, 3)] == before


def test_the_work_is_shared_out_evenly(plan):
    loads = [sum(map(formula_seconds, part_of_plan(plan, part, 2))) for part in (1, 2)]
    largest_group = sum(formula_seconds(run) for run in plan if run.cell == "eoinas/1")
    assert abs(loads[0] - loads[1]) <= largest_group


def test_a_part_is_read_and_nonsense_refused():
    assert parse_part("3/8") == (3, 8)
    for text in ("0/3", "4/3", "a/b", "3", "1/2/3", "-1/2"):
        with pytest.raises(ConfigurationError, match=r"--part must be such as 3/8, the third of eight parts"):
            parse_part(text)
