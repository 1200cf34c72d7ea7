"""Loading executes nothing in a file, and opens nothing outside its folder.

Python reports both to audit hooks. A hook cannot be removed, so each loading is watched in a forked process. It is run
there once beforehand, because the first time imports modules, which reads and executes them. Hooks do not see what
TensorFlow reads in C++: that a checkpoint's files are the folder's own is checked when their digests are compared.
"""

import contextlib
import ctypes
import gc
import hashlib
import json
import marshal
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import traceback

import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.errors import EoinasError
from eoinas_tf.evaluation.weight_files import file_digest, opened_weights
from eoinas_tf.experiment.checkpointing import Checkpoints
from eoinas_tf.experiment.json_lines import JsonLines
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.experiment.run_environment import CPU_FILE
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

FORBIDDEN_EVENTS = {
    "exec",
    "compile",
    "code.__new__",
    "marshal.loads",
    "marshal.load",
    "pickle.find_class",
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "socket.connect",
    "ctypes.dlopen",
}
# NumPy reads the header of an array with ast.literal_eval, which parses under this name.
# Parsed text is not code yet; running it would be the event exec.
LITERAL = "<unknown>"
# A run's environment is compared with the CPU and with the versions of installed packages, for which Python searches
# all of its folders.
READABLE = {str(CPU_FILE), *(os.path.realpath(entry) for entry in sys.path if entry)}
CODE = "__import__('os').mkdir('touched')"
LONGEST_SECONDS = 60


class Touch:
    """An object whose pickle makes a folder when it is loaded."""

    def __reduce__(self):
        return os.mkdir, ("touched",)


def forbidden(event, arguments, folder):
    """Returns what an event did, or None if loading from the folder may do it."""
    if event == "open":
        path, mode, flags = arguments
        if isinstance(path, int):  # A file that is already open.
            return None
        real_path = os.path.realpath(os.fsdecode(path))
        is_read = flags & os.O_ACCMODE == os.O_RDONLY
        is_allowed = lies_in(real_path, {folder}) or (is_read and lies_in(real_path, READABLE))
        return None if is_allowed else f"open {real_path} {mode} {flags}"
    if event == "compile" and arguments[1] == LITERAL:
        return None
    return f"{event} {arguments}"[:200] if event in FORBIDDEN_EVENTS else None


def lies_in(path, folders):
    """Tells whether a path is one of the folders or below it."""
    return any(path == folder or path.startswith(f"{folder}{os.sep}") for folder in folders)


def watched(load, folder):
    """Loads twice in a forked process.

    Returns:
        The result, "loaded" or the message of an error of ours, and the forbidden events of the second time.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        # Objects of TensorFlow that wait to be collected need its threads, which do not exist in a forked process.
        gc.disable()
        signal.alarm(LONGEST_SECONDS)
        try:
            answer = json.dumps(watch_here(load, os.path.realpath(folder)))
        except BaseException:  # noqa: BLE001 -- it is reported to the parent
            answer = json.dumps([traceback.format_exc(), None])
        os.write(write_end, answer.encode())
        os._exit(0)
    os.close(write_end)
    with open(read_end, "rb") as answers:
        answer = answers.read()
    _, status = os.waitpid(child, 0)
    assert answer, f"the process ended with status {status}"
    outcome, events = json.loads(answer)
    assert events is not None, outcome
    return outcome, events


def watch_here(load, folder):
    outcome(load)
    events = []
    is_watching = True

    def hook(event, arguments):
        if is_watching and (what := forbidden(event, arguments, folder)):
            events.append(what)

    sys.addaudithook(hook)
    result = outcome(load)
    is_watching = False
    return result, events


def outcome(load):
    try:
        load()
    except EoinasError as error:
        return str(error)
    return "loaded"


def connect():
    with socket.socket() as client, contextlib.suppress(OSError):
        client.connect(("127.0.0.1", 9))


@pytest.mark.parametrize(
    ("event", "act"),
    [
        ("exec", lambda: exec("1")),  # noqa: S102 -- what must be seen
        ("exec", lambda: eval("1")),  # noqa: S307 -- what must be seen
        ("compile", lambda: compile("1", "file", "eval")),
        ("marshal.loads", lambda: marshal.loads(marshal.dumps(1))),
        ("pickle.find_class", lambda: pickle.loads(pickle.dumps(os.getcwd))),  # noqa: S301 -- what must be seen
        ("subprocess.Popen", lambda: subprocess.run(["true"], check=True)),
        ("os.system", lambda: os.system("true")),
        ("socket.connect", connect),
        ("ctypes.dlopen", lambda: ctypes.CDLL(None)),
        ("open", lambda: open("/dev/null").close()),
        ("open", lambda: os.close(os.open("/dev/null", os.O_RDONLY))),
    ],
)
def test_what_is_forbidden_is_seen(tmp_path, event, act):
    result, events = watched(act, tmp_path)
    assert result == "loaded"
    assert any(seen.split()[0] == event for seen in events)


def test_what_is_allowed_is_not_seen(tmp_path):
    (tmp_path / "file").write_text("")

    def load():
        (tmp_path / "file").read_text()
        with open(json.__file__):
            pass

    assert watched(load, tmp_path) == ("loaded", [])


# Each makes a file or a folder of a run, and returns a function that loads it; all contain code that would run.


def genotype(folder, operation="skip_connect"):
    path = folder / "genotype.json"
    path.write_text(PUBLISHED_GENOTYPES["DARTS_V2"].to_json().replace("skip_connect", operation))
    return lambda: Genotype.read(path)


def genotype_of_code(folder):
    return genotype(folder, CODE)


def checkpoint(folder):
    state = {CODE: [tf.Variable([1.0, 2.0])], "counter": [tf.Variable(3)]}
    Checkpoints(folder, state).save(1, {"epoch": CODE})
    return lambda: Checkpoints(folder, state).restore_latest()


def checkpoint_with_other_files(folder):
    """Its digests are right, but one belongs to a file outside it."""
    load = checkpoint(folder)
    outside = folder.parent / "outside"
    outside.write_text(CODE)
    path = folder / "ckpt-00000001" / "manifest.json"
    content = json.loads(path.read_text())["content"]
    content["files"][str(outside)] = content["files"]["../../outside"] = file_digest(str(outside))
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps({"sha256": digest, "content": content}))
    return load


def run_settings(folder):
    config = SearchConfig(run_dir=str(folder), dataset=f"folder:{CODE}")

    def load():
        with RunDirectory(config):
            pass

    load()
    (folder / "metrics.jsonl").write_text("")
    return load


def run_environment_of_code(folder):
    load = run_settings(folder)
    environment = json.loads((folder / "environment.json").read_text())
    (folder / "environment.json").write_text(json.dumps({**environment, "py/object": CODE, "python": CODE}))
    return load


def run_settings_of_code(folder):
    load = run_settings(folder)
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "kind": CODE, "py/reduce": [CODE]}))
    return load


def metrics(folder):
    lines = JsonLines(folder / "metrics.jsonl")
    lines.append({"epoch": 1, "!!python/object/apply:os.mkdir": CODE})
    return lines.read


def metrics_of_code(folder):
    path = folder / "metrics.jsonl"
    path.write_text(f"{CODE}\n{{}}\n")
    return JsonLines(path).read


def weights(path):
    def load():
        with opened_weights(str(path)) as tensors:
            for tensor in tensors.values():
                tensor.read()
        file_digest(str(path))

    return load


def npz(folder):
    np.savez(folder / "weights.npz", **{CODE: np.ones(3)})
    return weights(folder / "weights.npz")


def npz_of_code(folder):
    np.savez(folder / "weights.npz", a=np.ones(3), b=np.array([Touch()], dtype=object))
    return weights(folder / "weights.npz")


def safetensors(folder, entry=None):
    header = {"__metadata__": {"format": CODE}, CODE: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    text = json.dumps({**header, "a": entry} if entry else header).encode()
    (folder / "weights.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
    return weights(folder / "weights.safetensors")


def safetensors_of_code(folder):
    return safetensors(folder, {"dtype": CODE, "shape": CODE, "data_offsets": [4, 4]})


def pytorch(folder, *others):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'eoinas_tf[pytorch]'")
    state_dict = {CODE: torch.ones(3), **{str(number): other for number, other in enumerate(others)}}
    torch.save(state_dict, folder / "weights.pt")
    return weights(folder / "weights.pt")


def pytorch_of_code(folder):
    return pytorch(folder, Touch())


def bare_pickle(folder):
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'eoinas_tf[pytorch]'")
    (folder / "weights.pt").write_bytes(pickle.dumps(Touch()))
    return weights(folder / "weights.pt")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (genotype, "loaded"),
        (genotype_of_code, "names operation"),
        (checkpoint, "loaded"),
        (checkpoint_with_other_files, "is whole (ckpt-00000001: manifest.json names other files than a checkpoint's)"),
        (run_settings, "loaded"),
        (run_environment_of_code, "loaded"),
        (run_settings_of_code, "holds a run with other settings (--kind"),
        (metrics, "loaded"),
        (metrics_of_code, "holds a damaged line"),
        (npz, "loaded"),
        (npz_of_code, "b.npy holds pickled objects"),
        (safetensors, "loaded"),
        (safetensors_of_code, "the header's entry of 'a' is not a tensor's"),
        (pytorch, "loaded"),
        (pytorch_of_code, "not a PyTorch file that holds tensors and nothing else"),
        (bare_pickle, "not a PyTorch file that holds tensors and nothing else"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_loading_runs_nothing_and_opens_nothing_elsewhere(tmp_path, monkeypatch, make, message):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "run"
    folder.mkdir()
    result, events = watched(make(folder), folder)
    assert message in result
    assert events == []
    assert not (tmp_path / "touched").exists()
