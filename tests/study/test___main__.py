import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_module_is_the_command():
    run = subprocess.run(
        [sys.executable, "-m", "eoinas_tf.study", "nowhere.json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "error: study file nowhere.json: No such file or directory\n"
