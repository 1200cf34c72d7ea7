"""The example script and the notebook's cells, unchanged except for smaller settings and fewer images."""

import importlib.util
import json
from pathlib import Path

import keras  # noqa: F401 -- the tests are seeded where their module imports it
import pytest
import sklearn.datasets
from sklearn.utils import Bunch

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = {"cells": 3, "init_channels": 2, "crop_padding": 0, "horizontal_flip": False, "batch_size": 20}
SEARCH = {
    **SMALL, "epochs": 1, "operations": ["skip_connect", "max_pool_3x3"], "warmup_epochs": 0,
    "pruning_after_epoch": 0, "pruning_every_epochs": 1,
}  # fmt: skip
TRAINING = {**SMALL, "epochs": 1, "cutout_length": 0, "drop_path": 0.0}


@pytest.fixture
def few_digits(monkeypatch):
    digits = sklearn.datasets.load_digits()
    few = Bunch(images=digits.images[:100], target=digits.target[:100])
    monkeypatch.setattr(sklearn.datasets, "load_digits", lambda: few)


def run_cells(notebook, replaced):
    """Runs a notebook's code cells in order; returns their names and the values with which cells end."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    names, shown = {}, []
    for cell in cells:
        lines = [line.rstrip("\n") for line in cell["source"]]
        if cell["cell_type"] != "code":
            continue
        if lines[0].startswith("FOLDER ="):
            assert {line.split(" ")[0] for line in lines} - {"NETWORK"} == set(replaced)
            names.update(replaced)
            continue
        exec("\n".join(lines[:-1]), names)  # noqa: S102 -- of our own notebook
        is_value = not lines[-1].startswith(("import", "from")) and " = " not in lines[-1]
        shown.append(eval(lines[-1], names) if is_value else None)  # noqa: S307
    return names, shown


@pytest.mark.usefixtures("exports_are_checked_in_this_process")
def test_the_script_and_then_the_notebook_that_finds_its_runs_finished(few_digits, tmp_path, capsys):
    specification = importlib.util.spec_from_file_location("arrays_example", EXAMPLES / "arrays.py")
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    script.main(tmp_path, SEARCH, TRAINING, fit_epochs=1)
    written = capsys.readouterr().out
    assert "Genotype(normal=" in written
    assert "the first ten digits: [" in written
    assert (tmp_path / "fit.keras").exists()
    assert (tmp_path / "normal_cell.png").stat().st_size > 1000

    replaced = {"FOLDER": str(tmp_path), "SEARCH": SEARCH, "TRAINING": TRAINING}
    names, shown = run_cells(EXAMPLES / "arrays.ipynb", replaced)
    assert "is finished: its cell is in" in capsys.readouterr().out
    assert names["trained"].test_accuracy in shown
    assert shown[-1] == (10, 64)
