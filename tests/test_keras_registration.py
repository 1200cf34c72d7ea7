import ast
import subprocess
import sys
from pathlib import Path

import pytest

from eoinas_tf.keras_registration import REGISTERED_CLASSES

ROOT = Path(__file__).parent.parent
# A stand-in for Keras that keeps the registered objects.
KERAS = """
import types
known = {"eoinas_tf>Zero": "its own"}
saving = types.SimpleNamespace(get_custom_objects=lambda: known)
"""
CHECK = """
assert "keras" in sys.modules and "tensorflow" not in sys.modules
assert set(keras.known) == {f"eoinas_tf>{name}" for name in eoinas_tf.keras_registration.REGISTERED_CLASSES}
assert keras.known["eoinas_tf>Zero"] == "its own"
assert not [finder for finder in sys.meta_path if "eoinas_tf" in type(finder).__module__]
assert type(keras.__spec__.loader).__name__ == "SourceFileLoader" and not vars(keras.__loader__).get("exec_module")
"""
ORDERS = {
    "before Keras": "import eoinas_tf, keras",
    "after Keras": "import keras, eoinas_tf",
    "before Keras, which is looked for and not imported first": (
        "import eoinas_tf, importlib.util; importlib.util.find_spec('keras'); import keras"
    ),
}


def run(folder, code):
    command = [sys.executable, "-c", f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{code}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("order", ORDERS)
def test_keras_knows_the_names_whenever_it_is_imported(order, tmp_path):
    (tmp_path / "keras.py").write_text(KERAS)
    ended = run(tmp_path, ORDERS[order] + CHECK)
    assert ended.returncode == 0, ended.stderr


def test_an_old_or_broken_keras_is_left_alone(tmp_path):
    (tmp_path / "keras.py").write_text("saving = None")
    assert run(tmp_path, "import eoinas_tf, keras").returncode == 0
    (tmp_path / "keras.py").write_text("raise ImportError('of its own')")
    assert "of its own" in run(tmp_path, "import eoinas_tf, keras").stderr


def test_every_class_that_is_registered_is_in_the_table():
    found = {}
    for path in (ROOT / "eoinas_tf").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and any(
                "register_keras_serializable" in ast.unparse(decorator) for decorator in node.decorator_list
            ):
                found[node.name] = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    assert found == REGISTERED_CLASSES
    assert list(REGISTERED_CLASSES) == sorted(REGISTERED_CLASSES)
