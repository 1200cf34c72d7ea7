"""Rules of the package's structure, read from its source.

Each rule is a function from a source tree to its violations, so that a small faulty tree can show that it fails.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "eoinas_tf"
SCRIPTS = ("run_search.py", "run_eval.py")
LONGEST_SCRIPT = 60

_BASE = {
    "config",
    "enduring_output",
    "errors",
    "fault_points",
    "learning_rate_shapes",
    "memory_exhaustion",
    "onednn",
    "cpu_threads",
    "quiet_logging",
    "random_seeds",
    "resource_usage",
    "search_methods",
    "setting_paths",
    "stop_signals",
}
_EVALUATION = _BASE | {"kernels", "space", "data", "experiment", "optimization", "distribution", "training"}
# The modules of this package that each module or folder may import, besides itself.
ALLOWED_IMPORTS = {
    # The package that is also the function `search`, and the code that registers layers; all other imports are lazy.
    "__init__": {"keras_registration", "search"},
    "keras_registration": set(),
    "enduring_output": set(),
    "errors": set(),
    "config": {"errors", "learning_rate_shapes", "search_methods", "setting_paths"},
    "fault_points": set(),
    "keras_backend": {"errors"},
    "learning_rate_shapes": set(),
    "memory_exhaustion": {"errors"},
    "cpu_threads": set(),
    "onednn": set(),
    "quiet_logging": set(),
    "random_seeds": {"errors"},
    "resource_usage": {"errors"},
    "search_methods": set(),
    "setting_paths": {"errors"},
    "stop_signals": {"errors"},
    "flag_definitions": {"config", "errors", "flag_help"},
    "flag_help": {"config", "preset_files", "search_methods"},
    "preset_files": {"errors"},
    "published_weights": set(),
    "__main__": {"commands"},
    "command_line": {
        "__version__",
        "config",
        "enduring_output",
        "errors",
        "flag_definitions",
        "flag_help",
        "keras_backend",
        "onednn",
        "preset_files",
        "cpu_threads",
        "stop_signals",
    },
    "kernels": {"onednn"},
    "space": {"errors", "keras_backend", "kernels"},
    "optimization": {"errors", "learning_rate_shapes"},
    "distribution": _BASE | {"kernels"},
    "data": _BASE | {"kernels"},
    "experiment": _BASE,
    "training": _BASE | {"kernels", "data", "experiment", "optimization", "distribution"},
    "supernet": {"kernels", "space", "errors", "random_seeds"},
    "search": _EVALUATION | {"supernet"},
    "evaluation": _EVALUATION | {"published_weights"},
    "study": _EVALUATION | {"search", "evaluation", "command_line", "flag_definitions"},
    "commands": _EVALUATION
    | {
        "search",
        "evaluation",
        "study",
        "command_line",
        "flag_definitions",
        "keras_backend",
        "preset_files",
        "__version__",
    },
    "run_search": {"commands"},
    "run_eval": {"commands"},
    # At the top: nothing imports it.
    "api": _EVALUATION | {"search", "evaluation", "published_weights"},
}
KNOW_FLAGS = {"flag_definitions", "command_line"}
WITHOUT_LIBRARIES = (
    "command_line",
    "commands.genotype_list",
    "commands.search",
    "commands.evaluation",
    "commands.automatic_run",
)
WITHOUT_TENSORFLOW = (
    "published_weights",
    "setting_paths",
    "config",
    "enduring_output",
    "errors",
    "search_methods",
    "flag_help",
    "flag_definitions",
    "command_line",
    "cpu_threads",
    "onednn",
    "keras_backend",
    "keras_registration",
    "api",
    "space.operation_names",
    "space.cell_topology",
    "space.genotype",
    "space.published_genotypes",
    "space.python_genotype",
    "experiment.atomic_files",
    "experiment.run_directory",
    "experiment.report_command",
    "experiment.report.report_page",
    "experiment.report.run_comparison",
    "distribution.worker",
    "distribution.batch_division",
    "data.image_folder_layout",
    "data.suggested_size",
    "training.automatic_sizes",
    "training.time_formula",
    "evaluation.weight_files",
    "evaluation.weight_source",
    "evaluation.genotype_table",
    "evaluation.inherited_settings",
    "commands.search",
    "commands.argument_parser",
    "commands.automatic_preset",
    "commands.automatic_run",
    "commands.description",
    "commands.dispatch",
    "commands.genotype_list",
    "commands.prediction",
    "commands.study",
    "commands.evaluation",
    "search.search_schedule",
    "search.search_comparison",
    "search.seed_selection",
    "study.command",
    "commands.lean_imports",
    "commands.study_run",
    "study.analyses",
)
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc"}
UNSAFE_MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "yaml", "runpy"}
UNSAFE_BUILTINS = {"eval", "exec", "compile", "__import__"}
# Functions that build a network from a file; this package builds from genotypes. Paths in archives can lead anywhere.
UNSAFE_NAMES = {
    "load_model",
    "load_weights",
    "model_from_json",
    "deserialize",
    "deserialize_keras_object",
    "enable_unsafe_deserialization",
    "TFSMLayer",
    "read_pickle",
    "extractall",
    "unpack_archive",
}
UNSAFE_ENDS = ("yaml.load", "builtins.eval", "builtins.exec", "os.system", "os.popen", "saved_model.load")
# The only file that may import private names, their modules, and the choices that only `kernels` makes.
INTERNALS = "eoinas_tf/kernels/tensorflow_internals.py"
PRIVATE_MODULES = ("tensorflow.python.", "tensorflow.compiler.", "tensorflow.core.", "keras.src.")
CHOICES = {
    "__internal__",
    "experimental_attributes",
    "get_experimental_options",
    "jit_compile",
    "set_experimental_options",
    "set_jit",
}
# The only values with which these may be called.
SAFE_ARGUMENTS = {"allow_pickle": False, "safe_mode": True, "weights_only": True, "shell": False}
# The first runs an export that was just made, in its own process, or one that a user passes to `eoinas predict`; the
# name of a subcommand is a plain word.
EXCEPTIONS = {
    ("eoinas_tf/experiment/exported_predictions.py", "tf.saved_model.load"),
    ("eoinas_tf/commands/dispatch.py", "'eval'"),
    ("eoinas_tf/experiment/report/run_commands.py", "'eval'"),
    # Reads only values, into a network that was built from checked settings.
    ("eoinas_tf/evaluation/keras_file.py", "load_weights"),
}


def sources(root):
    """Yields (path below root, syntax tree) for the package's modules and the two scripts."""
    for path in sorted([*(root / PACKAGE).rglob("*.py"), *(root / script for script in SCRIPTS)]):
        if path.exists():
            yield path.relative_to(root), ast.parse(path.read_text(encoding="utf-8"), str(path))


def part_of(path):
    """Returns the name under which `ALLOWED_IMPORTS` lists a file: its folder in the package, or itself."""
    return path.parts[1] if len(path.parts) > 2 else path.stem


def imported_modules(tree):
    """Yields (line, dotted name) for every import in the file, with `from a import b` as a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def forbidden_imports(root):
    """Imports within the package that the order of its folders does not allow, and relative imports."""
    for path, tree in sources(root):
        part = part_of(path)
        if part not in ALLOWED_IMPORTS:
            yield f"{path}: {part} has no rule in ALLOWED_IMPORTS"
            continue
        for line, name in imported_modules(tree):
            first, *rest = name.split(".")
            if not first:
                yield f"{path}:{line}: relative import {name}"
            elif first == PACKAGE and (not rest or rest[0] not in ALLOWED_IMPORTS[part] | {part}):
                yield f"{path}:{line}: {part} imports {name}"


def imports_of_flags(root):
    """Imports of absl.flags outside the two modules that may use flags."""
    for path, tree in sources(root):
        if part_of(path) not in KNOW_FLAGS:
            for line, name in imported_modules(tree):
                if name == "absl" or f"{name}.".startswith("absl.flags."):
                    yield f"{path}:{line}: imports {name}"


def modules_without_test(root):
    """Modules a/b.py of the package without tests/a/test_b.py; likewise for modules in nested folders."""
    for path, _ in sources(root):
        if len(path.parts) >= 3 and path.stem != "__init__":
            test = Path("tests", *path.parts[1:-1], f"test_{path.name}")
            if not (root / test).exists():
                yield f"{path}: no {test}"


def files_that_say_nothing(root):
    """Files and folders of this package whose names do not describe their contents."""
    for folder in (PACKAGE, "tests", "benchmarks"):
        for path in sorted((root / folder).rglob("*")):
            if path.stem in NAMES_THAT_SAY_NOTHING and (path.is_dir() or path.suffix == ".py"):
                yield str(path.relative_to(root))


def dangerous_code(root):
    """Blanket exception handlers, and ways to run code that comes from a file."""
    for path, tree in sources(root):
        for line, name in imported_modules(tree):
            if UNSAFE_MODULES & set(name.split(".")):
                yield f"{path}:{line}: imports {name}"
        for node in ast.walk(tree):
            for what in dangers_of(node):
                if (path.as_posix(), what) not in EXCEPTIONS:
                    yield f"{path}:{node.lineno}: {what}"


def dangers_of(node):
    """Yields the dangerous constructs in one node of a syntax tree."""
    if isinstance(node, ast.ExceptHandler) and node.type is None:
        yield "bare except"
    if isinstance(node, ast.Name) and node.id in UNSAFE_BUILTINS:
        yield node.id
    if isinstance(node, (ast.Name, ast.Attribute)):
        name = node.id if isinstance(node, ast.Name) else node.attr
        if name in UNSAFE_NAMES:
            yield name
    # As in getattr(keras.saving, "load_model"); in longer texts, words are not code.
    if isinstance(node, ast.Constant) and node.value in UNSAFE_NAMES | UNSAFE_BUILTINS:
        yield repr(node.value)
    if isinstance(node, ast.alias) and node.name.rpartition(".")[2] in UNSAFE_NAMES:
        yield f"imports {node.name}"
    if isinstance(node, ast.Attribute) and ast.unparse(node).endswith(UNSAFE_ENDS):
        yield ast.unparse(node)
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        for name, value in given.items():
            if name in SAFE_ARGUMENTS and ast.unparse(value) != repr(SAFE_ARGUMENTS[name]):
                yield f"{name}={ast.unparse(value)}"
        if called in {"np.load", "numpy.load"} and len(node.args) > 1:
            yield f"{called} with more than a path, which could be allow_pickle"
        if called == "torch.load" and "weights_only" not in given:
            yield "torch.load without weights_only=True"


def choices_outside_of_kernels(root):
    """Private TensorFlow and Keras names outside one module, and XLA and Grappler options outside one folder."""
    for path, tree in sources(root):
        if path.as_posix() != INTERNALS:
            for line, name in imported_modules(tree):
                if f"{name}.".startswith(PRIVATE_MODULES):
                    yield f"{path}:{line}: imports {name}"
        if part_of(path) == "kernels":
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg in CHOICES:
                yield f"{path}:{node.value.lineno}: {node.arg}"
            if isinstance(node, ast.Attribute) and node.attr in CHOICES:
                yield f"{path}:{node.lineno}: {node.attr}"


def long_scripts(root):
    """Scripts with more lines than the flags and a call need."""
    for script in SCRIPTS:
        lines = len((root / script).read_text(encoding="utf-8").splitlines())
        if lines > LONGEST_SCRIPT:
            yield f"{script}: {lines} lines"


IMPORT_ALL = """
import importlib, sys
libraries, *names = sys.argv[1:]
for name in names:
    importlib.import_module(name)
    loaded = set(libraries.split(",")) & set(sys.modules)
    if loaded:
        sys.exit(f"{name} loads {' and '.join(sorted(loaded))}")
"""


def modules_that_load_tensorflow(root, names=WITHOUT_TENSORFLOW, libraries=("tensorflow", "keras")):
    """The first module whose import, in a process that has imported only those before it, loads one of the libraries.

    TensorFlow and Keras are the default ones.
    """
    command = [sys.executable, "-c", IMPORT_ALL, ",".join(libraries), *(f"{PACKAGE}.{name}" for name in names)]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    return [run.stderr.strip()] if run.returncode else []


def modules_that_load_numpy(root, names=WITHOUT_LIBRARIES):
    """The same for NumPy, which `eoinas list` and every --help do without."""
    return modules_that_load_tensorflow(root, names, ("numpy",))


RULES_OF_FILES = (
    forbidden_imports,
    imports_of_flags,
    modules_without_test,
    files_that_say_nothing,
    dangerous_code,
    choices_outside_of_kernels,
    long_scripts,
)
RULES = (*RULES_OF_FILES, modules_that_load_tensorflow, modules_that_load_numpy)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_follows(rule):
    broken = list(rule(ROOT))
    assert not broken, "\n".join(broken)


def test_the_rules_see_the_whole_package():
    paths = {str(path) for path, _ in sources(ROOT)}
    assert len(paths) > 50
    assert {"eoinas_tf/config.py", "eoinas_tf/space/genotype.py", *SCRIPTS} <= paths
    assert {part_of(Path(path)) for path in paths} == set(ALLOWED_IMPORTS)


# (rule, file, its content, expected violation)
WRONG_FILES = [
    (forbidden_imports, "space/genotype.py", "from eoinas_tf.config import SearchConfig", "space imports"),
    (forbidden_imports, "space/genotype.py", "def f():\n    import eoinas_tf.search.loop", "space imports"),
    (forbidden_imports, "optimization/steps.py", "from eoinas_tf import space", "optimization imports eoinas_tf.space"),
    (forbidden_imports, "data/folder.py", "from eoinas_tf.space.genotype import Genotype", "data imports"),
    (forbidden_imports, "experiment/plots.py", "from eoinas_tf.search import loop", "experiment imports"),
    (forbidden_imports, "supernet/network.py", "from eoinas_tf.config import SearchConfig", "supernet imports"),
    (forbidden_imports, "search/loop.py", "import eoinas_tf.evaluation.loop as loop", "search imports"),
    (forbidden_imports, "evaluation/loop.py", "from eoinas_tf.supernet.network import Network", "evaluation imports"),
    (forbidden_imports, "evaluation/loop.py", "from eoinas_tf.search.loop import run", "evaluation imports"),
    (forbidden_imports, "evaluation/loop.py", "from eoinas_tf.study.command import main", "evaluation imports"),
    (forbidden_imports, "evaluation/loop.py", "from eoinas_tf.api.cell_search import search", "evaluation imports"),
    (forbidden_imports, "search/loop.py", "from eoinas_tf.api.cell_search import search", "search imports"),
    (forbidden_imports, "errors.py", "from eoinas_tf.config import setting", "errors imports"),
    (forbidden_imports, "config.py", "import eoinas_tf", "config imports eoinas_tf"),
    (forbidden_imports, "search/loop.py", "from . import temperature", "relative import"),
    (forbidden_imports, "training/loop.py", "from eoinas_tf.search.loop import run", "training imports"),
    (forbidden_imports, "experiment/plots.py", "from eoinas_tf.training.loop import run", "experiment imports"),
    (forbidden_imports, "tuning/loop.py", "", "tuning has no rule"),
    (imports_of_flags, "search/loop.py", "from absl import flags", "imports absl.flags"),
    (imports_of_flags, "config.py", "import absl.flags", "imports absl.flags"),
    (imports_of_flags, "config.py", "def f():\n    from absl.flags import FLAGS", "imports absl.flags.FLAGS"),
    (modules_without_test, "search/loop.py", "", "no tests/search/test_loop.py"),
    (modules_without_test, "search/methods/gdas.py", "", "no tests/search/methods/test_gdas.py"),
    (files_that_say_nothing, "search/utils.py", "", "eoinas_tf/search/utils.py"),
    (files_that_say_nothing, "common/loop.py", "", "eoinas_tf/common"),
    (files_that_say_nothing, "../tests/helpers.py", "", "tests/helpers.py"),
    (dangerous_code, "config.py", "try:\n    pass\nexcept:\n    pass", "config.py:3: bare except"),
    (dangerous_code, "config.py", "import pickle", "imports pickle"),
    (dangerous_code, "config.py", "from pickle import loads", "imports pickle.loads"),
    (dangerous_code, "config.py", "eval('1')", "eval"),
    (dangerous_code, "config.py", "run = exec", "exec"),
    (dangerous_code, "config.py", "np.load(path, allow_pickle=True)", "allow_pickle=True"),
    (dangerous_code, "config.py", "np.load(path, allow_pickle=trusted)", "allow_pickle=trusted"),
    (dangerous_code, "config.py", "np.load(path, None, True)", "np.load with more than a path"),
    (dangerous_code, "config.py", "keras.saving.load_model(path)", "load_model"),
    (dangerous_code, "config.py", "getattr(keras.saving, 'load_model')(path)", "'load_model'"),
    (dangerous_code, "config.py", "keras.models.model_from_json(text)", "model_from_json"),
    (dangerous_code, "config.py", "keras.layers.deserialize(entries)", "deserialize"),
    (dangerous_code, "config.py", "from keras.saving import deserialize_keras_object", "imports deserialize_keras_obj"),
    (dangerous_code, "config.py", "network.load_weights(path)", "load_weights"),
    (dangerous_code, "config.py", "keras.layers.TFSMLayer(path)", "TFSMLayer"),
    (dangerous_code, "config.py", "tensorflow.saved_model.load(path)", "tensorflow.saved_model.load"),
    (dangerous_code, "config.py", "from tensorflow import saved_model\nsaved_model.load(path)", "saved_model.load"),
    (dangerous_code, "config.py", "zipfile.ZipFile(path).extractall()", "extractall"),
    (dangerous_code, "config.py", "from keras.models import load_model", "load_model"),
    (dangerous_code, "config.py", "yaml.load(text)", "yaml.load"),
    (dangerous_code, "config.py", "from yaml import safe_load", "imports yaml.safe_load"),
    (dangerous_code, "config.py", "compile(text, 'a', kind)", "compile"),
    (dangerous_code, "config.py", "os.system(text)", "os.system"),
    (dangerous_code, "config.py", "subprocess.run(text, shell=True)", "shell=True"),
    (dangerous_code, "../run_search.py", "import pickle", "run_search.py:1: imports pickle"),
    (dangerous_code, "../run_eval.py", "keras.models.load_model(config.genotype)", "run_eval.py:1: load_model"),
    (dangerous_code, "config.py", "deserialized(entries, safe_mode=False)", "safe_mode=False"),
    (dangerous_code, "config.py", "deserialized(entries, safe_mode=None)", "safe_mode=None"),
    (dangerous_code, "config.py", "torch.load(path, weights_only=False)", "weights_only=False"),
    (dangerous_code, "config.py", "torch.load(path)", "torch.load without weights_only=True"),
    (
        choices_outside_of_kernels,
        "space/layers.py",
        "from tensorflow.python.ops import cond_v2",
        "cond_v2",
    ),
    (choices_outside_of_kernels, "kernels/pooling.py", "import tensorflow.python", "imports tensorflow.python"),
    (choices_outside_of_kernels, "data/images.py", "from keras.src import ops", "imports keras.src.ops"),
    (choices_outside_of_kernels, "data/images.py", "tf.function(run, jit_compile=True)", "jit_compile"),
    (choices_outside_of_kernels, "search/step.py", "tf.config.optimizer.set_experimental_options(a)", "step.py:1: set"),
    (choices_outside_of_kernels, "search/step.py", "tf.__internal__.tracking", "__internal__"),
    (long_scripts, "../run_eval.py", "pass\n" * 61, "run_eval.py: 61 lines"),
]


def write(root, file, content):
    path = (root / PACKAGE / file).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


@pytest.fixture
def small_tree(tmp_path):
    """A tree that breaks no rule."""
    write(tmp_path, "__init__.py", '"""Words such as eval( and pickle are no code."""\n')
    write(tmp_path, "command_line.py", "from absl import app, flags\nfrom eoinas_tf.errors import EoinasError\n")
    write(tmp_path, "errors.py", "class EoinasError(Exception):\n    pass\n")
    write(tmp_path, "search/step.py", "from absl import app\nfrom eoinas_tf.space import genotype\n")
    write(tmp_path, "search/__init__.py", "")
    write(tmp_path, "space/genotype.py", "np.load(path, allow_pickle=False)\nmodel.eval()\n")
    write(tmp_path, "kernels/tensorflow_internals.py", "from tensorflow.python import a\nf(jit_compile=True)\n")
    for test in ("search/test_step.py", "space/test_genotype.py", "kernels/test_tensorflow_internals.py"):
        write(tmp_path, f"../tests/{test}", "")
    for script in SCRIPTS:
        write(tmp_path, f"../{script}", "from eoinas_tf.commands.search import main\n" + "pass\n" * 59)
    return tmp_path


@pytest.mark.parametrize("rule", RULES_OF_FILES, ids=lambda rule: rule.__name__)
def test_a_right_tree_breaks_no_rule(small_tree, rule):
    assert list(rule(small_tree)) == []


@pytest.mark.parametrize(("rule", "file", "content", "message"), WRONG_FILES)
def test_a_wrong_file_breaks_its_rule(small_tree, rule, file, content, message):
    write(small_tree, file, content)
    broken = list(rule(small_tree))
    assert len(broken) == 1, broken
    assert message in broken[0]


def test_a_module_that_loads_tensorflow_through_another_is_named(tmp_path):
    """Uses a stand-in for TensorFlow, because importing the real one takes seconds."""
    write(tmp_path, "../tensorflow.py", "")
    write(tmp_path, "__init__.py", "")
    write(tmp_path, "errors.py", "")
    write(tmp_path, "config.py", "from eoinas_tf import layers")
    write(tmp_path, "layers.py", "import tensorflow")
    assert modules_that_load_tensorflow(tmp_path, ("errors",)) == []
    assert modules_that_load_tensorflow(tmp_path, ("errors", "config")) == ["eoinas_tf.config loads tensorflow"]


def test_no_two_files_of_tests_share_a_name():
    """Pytest imports test files by name alone and refuses the second of two with the same name."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
