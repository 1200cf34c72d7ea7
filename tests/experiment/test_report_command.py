import json
import subprocess
import sys
from pathlib import Path

import pytest

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.experiment.report.run_comparison import compared_folders
from eoinas_tf.experiment.report_command import main, write_page

ROOT = Path(__file__).parents[2]
FINISHED = ROOT / "docs" / "results" / "eval_cifar10_cpu"


@pytest.fixture
def finished(tmp_path):
    """Copies of the folder of a recorded training run, which an earlier version wrote."""
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        for path in FINISHED.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
    return folders


def test_one_folder_gets_its_page_and_several_one_page(finished, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main([str(finished[0])])
    main([*map(str, finished)])
    main([*map(str, finished), f"--output={tmp_path / 'page.html'}"])
    pages = [finished[0] / "report.html", Path("comparison.html"), tmp_path / "page.html"]
    assert capsys.readouterr().out.split() == list(map(str, pages))
    assert "76.47 %" in pages[0].read_text(encoding="utf-8")
    assert pages[1].read_bytes() == pages[2].read_bytes()
    assert not (finished[1] / "report.html").exists()


def test_the_searches_of_several_seeds_are_compared_in_their_folder(finished, tmp_path, capsys):
    folder = tmp_path / "moved"
    folder.mkdir()
    for name in ("one", "two"):
        (tmp_path / name).rename(folder / name)
    searches = [{"run_dir": f"runs/elsewhere/{name}"} for name in ("one", "two")]
    (folder / "summary.json").write_text(json.dumps({"best": "runs/elsewhere/two", "searches": searches}))
    (folder / "config.json").write_text((folder / "one" / "config.json").read_text())
    main([str(folder)])
    assert capsys.readouterr().out.split() == [str(folder / "report.html")]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "2 runs side by side" in page
    assert "76.47 %" in page


def test_the_searches_of_a_choice_are_found_beside_its_folder(finished, tmp_path, monkeypatch):
    best = tmp_path / "best"
    best.mkdir()
    searches = [{"run_dir": f"runs/elsewhere/{name}"} for name in ("one", "two")]
    (best / "summary.json").write_text(json.dumps({"best": "runs/elsewhere/two", "searches": searches}))
    assert compared_folders(best) == finished
    searches = [{"run_dir": "one"}, {"run_dir": "nowhere/three"}]
    (best / "summary.json").write_text(json.dumps({"best": "one", "searches": searches}))
    monkeypatch.chdir(tmp_path)
    assert compared_folders(best) == [Path("one"), Path("nowhere/three")]


def test_another_search_of_the_same_name_is_not_taken_for_one_of_the_choice(finished, tmp_path, monkeypatch):
    accuracy = json.loads((finished[0] / "summary.json").read_text()).get("validation_accuracy")
    monkeypatch.chdir(tmp_path)
    best = tmp_path / "best"
    best.mkdir()
    for search, expected in (
        ({"run_dir": "gone/one", "validation_accuracy": accuracy}, finished[0]),
        ({"run_dir": "gone/one", "validation_accuracy": 0.123}, Path("gone/one")),
        ({"run_dir": "gone/one", "seed": 99}, Path("gone/one")),
    ):
        (best / "summary.json").write_text(json.dumps({"best": "gone/one", "searches": [search]}))
        assert compared_folders(best) == [expected]


def test_messages_name_the_program(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--colour"], "eoinas report")
    assert capsys.readouterr().err.endswith("see eoinas report --help\n")


def test_what_is_wrong_is_one_line_and_a_status(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        main([str(tmp_path)])
    assert caught.value.code == 4
    line = capsys.readouterr().err
    assert line.startswith(f"error: {tmp_path} is no run folder")
    assert line.count("\n") == 1
    with pytest.raises(ConfigurationError, match=r"the following arguments are required: DIR; see python -m"):
        write_page([])
    with pytest.raises(ConfigurationError, match=r"--output is for several folders.*Received: a.html"):
        write_page(["runs/a", "--output=a.html"])


def test_the_module_is_the_command():
    run = subprocess.run(
        [sys.executable, "-m", "eoinas_tf.experiment.report_command", "nowhere"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stdout) == (4, "")
    assert run.stderr.startswith("error: nowhere is no run folder")
