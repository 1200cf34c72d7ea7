import fcntl
import json
import subprocess
import sys
import threading

import pytest
from small_search import write_planned_search
from small_study import write_study

from eoinas_tf.study import command
from eoinas_tf.study.gathered_results import Results
from eoinas_tf.study.planned_run import PlannedRun


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """Records the runs that the command would make, and marks them finished at once."""
    made = []

    class Runner:
        def __init__(self, chosen, study_dir, jobs):
            made.append((chosen, study_dir, jobs))

        def run(self, stop):
            for run in made[-1][0]:
                if not run.label:
                    run.folder.mkdir(parents=True, exist_ok=True)
                    (run.folder / "summary.json").write_text('{"finished": true}')
                    if run.kind == "search":
                        write_planned_search(run)

    monkeypatch.setattr(command, "StudyRunner", Runner)
    monkeypatch.chdir(tmp_path)
    return made


def small(tmp_path):
    """A study without searches."""
    study = json.loads(write_study(tmp_path).read_text())
    study["scales"][0] |= {"methods": [], "method_seeds": {}, "derived_cells": []}
    study["scales"][0]["trainings"] = study["scales"][0]["trainings"][:1]
    return str(write_study(tmp_path, study))


def test_a_study_runs_and_ends_in_a_report(runs, tmp_path, monkeypatch):
    reported = []
    monkeypatch.setattr(command, "_analyse", lambda *arguments: reported.append((arguments[0], str(arguments[-1]))))
    command.main([small(tmp_path), "--jobs=3"])
    ((chosen, study_dir, jobs),) = runs
    assert (len(chosen), str(study_dir), jobs) == (4, "runs/study", 3)
    assert reported == [("report", "runs/study/results/study")]


def test_a_part_leaves_the_report_to_the_last_one(runs, tmp_path, monkeypatch, capsys):
    reported = []
    monkeypatch.setattr(command, "_analyse", lambda *arguments: reported.append(arguments[0]))
    file = small(tmp_path)
    command.main([file, "--part=1/2"])
    assert reported == []
    assert "2 runs of other parts are not" in capsys.readouterr().out
    command.main([file, "--part=2/2"])
    assert reported == ["report"]
    titles = [run.title for chosen, _, _ in runs for run in chosen]
    assert len(titles) == len(set(titles)) == 4


def test_the_last_part_waits_for_another_that_writes_the_report(runs, tmp_path, monkeypatch):
    reported = []
    monkeypatch.setattr(command, "_analyse", lambda *arguments: reported.append(arguments[0]))
    (tmp_path / "runs" / "study").mkdir(parents=True)
    with open(tmp_path / "runs" / "study" / "report.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        threading.Timer(0.3, lambda: (reported.append("another"), fcntl.flock(lock, fcntl.LOCK_UN))).start()
        command.main([small(tmp_path)])
    assert reported == ["another", "report"]


def test_only_some_runs_end_in_a_report_if_nothing_else_is_left(runs, tmp_path, monkeypatch, capsys):
    reported = []
    monkeypatch.setattr(command, "_analyse", lambda *arguments: reported.append(arguments[0]))
    file = str(write_study(tmp_path))
    command.main([file, "--only=candidates"])
    assert "other runs of the study are not" in capsys.readouterr().out
    monkeypatch.setattr(command, "is_done", lambda run: True)
    command.main([file, "--only=candidates"])
    assert reported == ["report"]


def test_output_that_nobody_reads_does_not_end_the_study(runs, tmp_path):
    code = "import sys; from eoinas_tf.study.command import main; main(sys.argv[1:])"
    with open("/dev/full", "w", encoding="utf-8") as full:
        arguments = [sys.executable, "-c", code, small(tmp_path), "--dry_run"]
        ended = subprocess.run(arguments, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_only_some_derived_cells_with_their_searches(runs, tmp_path):
    command.main([str(write_study(tmp_path)), "--only=candidates"])
    ((chosen, _, _),) = runs
    assert [run.role for run in chosen] == [""] + ["candidates"] * 7
    assert all(isinstance(run, PlannedRun) for run in chosen)


def test_a_dry_run_prints_the_plan_and_runs_nothing(runs, tmp_path, capsys):
    command.main([small(tmp_path), "--dry_run"])
    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert all("new  " in line for line in lines)
    assert last.startswith("4 runs, 0 finished; 0.0 hours left with --jobs=1, estimated from figures of two CPU cores")
    assert runs == []
    assert not (tmp_path / "runs").exists()


def test_an_analysis_writes_what_is_finished(runs, tmp_path, monkeypatch, capsys):
    file = small(tmp_path)
    command.main(["counts", "--output=out", file])
    assert Results.read(tmp_path / "out").trainings.empty


def test_records_are_packed_into_the_studys_folder(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "_analyse", lambda *arguments: None)
    file = small(tmp_path)
    command.main([file])
    command.main(["records", file])
    assert "runs/study/records.tar.xz: the records of 4 finished runs" in capsys.readouterr().out
    assert (tmp_path / "runs" / "study" / "records.tar.xz").stat().st_size > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.json"], "study file none.json: No such file or directory"),
        (["none.json", "--jobs", "2"], "study file none.json: No such file or directory"),
        (["FILE", "--jobs=0"], "must be a whole number of 1 or more. Received: 0"),
        (["FILE", "--part=3/2"], "--part must be such as 3/8"),
        (["FILE", "--only=cells"], "--only must be of candidates, drops, edge_rankings. Received: cells"),
        (["FILE", "--colour"], "unrecognized arguments: --colour; see python -m eoinas_tf.study --help"),
        ([], "the following arguments are required: FILE"),
        (["figure9", "FILE"], "no analysis has this name; there are report, records, comparison, "),
        (["records", "FILE"], "has no finished run of this study, so there is nothing to pack"),
        (["page", "nowhere"], "page.md: No such file or directory; it holds the prose of the page"),
    ],
)
def test_errors_are_one_line_and_a_status(runs, tmp_path, capsys, arguments, message):
    file = small(tmp_path)
    with pytest.raises(SystemExit) as ended:
        command.main([file if argument == "FILE" else argument for argument in arguments])
    errors = capsys.readouterr().err
    assert ended.value.code == 1
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert message in errors
    assert runs == []


def test_one_process_at_a_time_runs_a_part(runs, tmp_path, capsys):
    file = small(tmp_path)
    (tmp_path / "runs" / "study").mkdir(parents=True)
    with open(tmp_path / "runs" / "study" / "1_2.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(SystemExit) as ended:
            command.main([file, "--part=1/2"])
        assert ended.value.code == 4
        assert "another process runs this part of it" in capsys.readouterr().err
        command.main([file, "--part=2/2"])
    assert len(runs) == 1
