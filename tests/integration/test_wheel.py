"""The built wheel, installed without its dependencies and run from an empty folder."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from eoinas_tf import __version__
from eoinas_tf.preset_files import preset_names
from eoinas_tf.published_weights import published_weights

ROOT = Path(__file__).parent.parent.parent
THIS_VERSION = ".".join(platform.python_version_tuple()[:2])
OTHER_VERSIONS = [version for version in ("3.11", "3.12", "3.13") if version != THIS_VERSION]
SOURCES = (
    "eoinas_tf", "flags", "weights", "setup.py", "setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE",
)  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Builds the wheel from a copy, so that the build leaves nothing in the repository."""
    folder = tmp_path_factory.mktemp("build")
    for name in (*SOURCES, "CHANGELOG.md"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder / "dist", folder]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    (path,) = (folder / "dist").glob("*.whl")
    return path


@pytest.fixture(scope="module")
def eoinas(wheel, tmp_path_factory):
    """Installs the wheel; returns a function that runs `eoinas` in an empty folder."""
    target, empty = tmp_path_factory.mktemp("target"), tmp_path_factory.mktemp("empty")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target, wheel]
    subprocess.run(command, check=True, capture_output=True)

    def run(*arguments):
        environment = {**os.environ, "PYTHONPATH": str(target), "COLUMNS": "80"}
        command = [sys.executable, target / "bin" / "eoinas", *arguments]
        return subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True, check=False)

    run.target = target
    return run


def test_presets_are_installed_byte_for_byte(eoinas):
    presets = eoinas.target / "eoinas_tf" / "presets"
    assert sorted(path.stem for path in presets.iterdir()) == preset_names()
    for path in presets.iterdir():
        assert path.read_bytes() == (ROOT / "flags" / path.name).read_bytes()


def test_published_weights_are_installed_byte_for_byte(eoinas):
    weights = eoinas.target / "eoinas_tf" / "weights"
    assert sorted(path.stem for path in weights.iterdir()) == published_weights()
    for path in weights.iterdir():
        assert path.read_bytes() == (ROOT / "weights" / path.name).read_bytes()


def test_list_needs_neither_repository_nor_tensorflow(eoinas):
    result = eoinas("list")
    assert (result.returncode, result.stderr) == (0, "")
    assert any(line.startswith("DARTS_V2 ") for line in result.stdout.splitlines())
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_version_and_help_say_what_is_installed(eoinas):
    assert eoinas("--version").stdout == f"eoinas_tf {__version__}\n"
    for arguments in (("--help",), ("search", "--help"), ("eval", "-h"), ("predict", "--help"), ("auto", "--help")):
        result = eoinas(*arguments)
        assert (result.returncode, result.stderr) == (0, ""), arguments
        assert "usage: eoinas" in result.stdout


def test_a_preset_is_found_by_its_name(eoinas):
    # It is refused after the preset was read, whose cells are 8.
    result = eoinas("search", "--preset=search_cifar10", "--temperature_end=6")
    assert result.returncode == 1
    assert "--temperature_end must not be above --temperature_start. Received: 6.0 and 5.0" in result.stderr
    assert "did you mean search_cifar10" in eoinas("search", "--preset=search_cifar11").stderr


def test_describe_prints_the_published_size(eoinas):
    result = eoinas("describe", "darts-v2")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["parameters"] == 3_349_342


def interpreter(version):
    """Returns the program of another Python, on the path or among pyenv's; skips if there is none."""
    if (found := shutil.which(f"python{version}")) and "shims" not in found:
        return found
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    for path in sorted(pyenv.glob(f"versions/{version}.*/bin/python")):
        return str(path)
    pytest.skip(f"no Python {version} on this machine")


@pytest.mark.parametrize("version", OTHER_VERSIONS)
def test_another_python_compiles_all_and_runs_what_needs_no_tensorflow(version, wheel, tmp_path):
    subprocess.run([interpreter(version), "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    for requirement in (["--no-deps", wheel], ["absl-py"]):
        subprocess.run([python, "-m", "pip", "install", "--quiet", *requirement], check=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*command):
        ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, ""), command
        return ended.stdout

    run(python, "-W", "error", "-m", "compileall", "-q", "-f", next((tmp_path / "venv").glob("lib/*/*/eoinas_tf")))
    program = tmp_path / "venv" / "bin" / "eoinas"
    assert run(program, "--version") == f"eoinas_tf {__version__}\n"
    assert any(line.startswith("DARTS_V2 ") for line in run(program, "list").splitlines())
    for command in ("search", "eval", "auto"):
        assert "usage: eoinas" in run(program, command, "--help")


@pytest.mark.slow
@pytest.mark.parametrize("version", [THIS_VERSION, *OTHER_VERSIONS])
def test_an_empty_environment_gets_all_that_is_needed(version, wheel, tmp_path):
    chosen = sys.executable if version == THIS_VERSION else interpreter(version)
    subprocess.run([chosen, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], check=True)
    folder = tmp_path / "empty"
    folder.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for arguments in (
        ("search", "--preset=search_digits", "--run_dir=search", "--max_steps=2"),
        ("eval", "--preset=eval_digits", "--genotype=DARTS_V2", "--run_dir=eval", "--epochs=1", "--init_channels=4"),
    ):
        command = [tmp_path / "venv" / "bin" / "eoinas", *arguments]
        result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
    assert (folder / "eval" / "saved_model").is_dir()
