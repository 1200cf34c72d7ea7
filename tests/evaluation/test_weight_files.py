import contextlib
import io
import json
import os
import pickle
import shlex
import signal
import socket
import struct
import subprocess
import sys
import tracemalloc
import types
import zipfile
import zlib

import numpy as np
import pytest

from eoinas_tf.errors import WeightsError
from eoinas_tf.evaluation import weight_files
from eoinas_tf.evaluation.weight_files import CONVERT_COMMAND, opened_weights

TENSORS = {
    "stem.0.weight": np.arange(-6, 6, dtype=np.float32).reshape(2, 3, 1, 2) / 4,
    "stem.1.bias": np.array([0.5, -1.5], np.float32),
    "scalar": np.array(2.5, np.float32),
    "empty": np.zeros((0, 4), np.float32),
}
LONGEST_MESSAGE = 600
MOST_EXTRA_BYTES = 300 * 10**6
BOMB_BYTES = 2**30
SAFETENSORS_NAMES = {"float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64"}


def npz_bytes(tensors):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **tensors)
    return buffer.getvalue()


def npz_of_members(compression=zipfile.ZIP_DEFLATED, **members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def npy_header(shape, descr="<f4"):
    """The header of an array in NumPy's format, version 1.0."""
    return npy_header_of_text(repr({"descr": descr, "fortran_order": False, "shape": shape}) + "\n")


def npy_header_of_text(text):
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def npz_bomb(start, filling):
    """A file of 1 MB whose one member unpacks to `start` and a gigabyte of `filling`, made without unpacking it."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    start = compressor.compress(start) + compressor.flush(zlib.Z_FULL_FLUSH)
    # After a full flush nothing refers back, so the rest can be repeated.
    block = compressor.compress(filling * 2**20) + compressor.flush(zlib.Z_FULL_FLUSH)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.npy", start + block * (BOMB_BYTES // 2**20))
        entry = archive.getinfo("a.npy")
        entry.compress_type, entry.file_size = zipfile.ZIP_DEFLATED, BOMB_BYTES
    return buffer.getvalue()


def safetensors_of_header(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def safetensors_of_offsets(*offsets, size=8):
    """Tensors of one or two values, at the given bytes."""
    entries = {
        f"tensor{position}": {"dtype": "F32", "shape": [(last - first) // 4], "data_offsets": [first, last]}
        for position, (first, last) in enumerate(offsets)
    }
    return safetensors_of_header(entries, bytes(size))


def safetensors_of_shape(*shape):
    """One tensor without values."""
    return safetensors_of_header({"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}})


def renamed_keras_archive():
    """A file like Keras's: a zip archive with a description, which can name code, and weights in HDF5."""
    layer = {"class_name": "Lambda", "config": {"function": {"class_name": "__lambda__", "config": {"code": "4wEA"}}}}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Sequential", "config": {"layers": [layer]}}))
        archive.writestr("model.weights.h5", HDF5)
    return buffer.getvalue()


def safetensors_bytes(tensors):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, values in tensors.items():
        last = len(data) + values.nbytes
        kind = SAFETENSORS_NAMES[values.dtype.name]
        header[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": [len(data), last]}
        data += values.tobytes()
    return safetensors_of_header(header, data)


HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(88)
WRITERS = {".npz": npz_bytes, ".safetensors": safetensors_bytes}


def read_all(path):
    with opened_weights(str(path)) as tensors:
        return {name: (tensor.shape, tensor.read()) for name, tensor in tensors.items()}


def refusal(path):
    """Returns the message with which a file is refused, at once or when its tensors are read."""
    with pytest.raises(WeightsError) as refused:
        read_all(path)
    message = str(refused.value)
    assert message.startswith(f"--pytorch_weights={path}: ")
    assert message.isprintable()
    assert message.isascii()
    assert len(message) <= LONGEST_MESSAGE + len(str(path))
    return message


class Touch:
    """An object whose pickle creates a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_shapes_and_values_of_every_tensor(tmp_path, ending, dtype):
    path = tmp_path / f"weights{ending}"
    path.write_bytes(WRITERS[ending]({name: values.astype(dtype) for name, values in TENSORS.items()}))
    received = read_all(path)
    assert list(received) == list(TENSORS)
    for name, (shape, values) in received.items():
        assert shape == TENSORS[name].shape
        np.testing.assert_array_equal(values, TENSORS[name])


def test_bfloat16_is_the_upper_half_of_float32(tmp_path):
    path = tmp_path / "weights.safetensors"
    # 1.0 and -2.5 are 0x3f80 and 0xc020.
    entry = {"dtype": "BF16", "shape": [2, 1], "data_offsets": [0, 4]}
    path.write_bytes(safetensors_of_header({"a": entry}, b"\x80\x3f\x20\xc0"))
    np.testing.assert_array_equal(read_all(path)["a"][1], [[1.0], [-2.5]])


@pytest.mark.parametrize("ending", WRITERS)
def test_values_that_are_not_floating_point_are_refused_only_when_read(tmp_path, ending):
    path = tmp_path / f"weights{ending}"
    path.write_bytes(WRITERS[ending]({"num_batches_tracked": np.array(7)}))
    with opened_weights(str(path)) as tensors:
        assert tensors["num_batches_tracked"].shape == ()
    assert "float" in refusal(path) or "F32" in refusal(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npz", b"", "not an .npz archive"),
        ("a.npz", b"not a zip", "not an .npz archive"),
        ("a.npz", npz_of_members(a=b"no array"), "not an .npz archive, or a damaged one"),
        ("a.npz", npz_of_members(a=npy_header((10**12,))), "damaged"),
        ("a.npz", npz_of_members(a=npy_header((2,)) + b"1234"), "damaged"),
        ("a.npz", npz_of_members(a=npy_header((1,), "V99999999")), "floating-point"),
        ("a.npz", npz_of_members(a=npy_header((1,), "nonsense")), "damaged"),
        ("a.npz", npz_of_members(a=b"\x93NUMPY\x01\x00\x06\x00((((((" + b" " * 9), "damaged"),
        ("a.npz", npz_of_members(a=npy_header((-1,))), "a.npy claims a shape that no tensor has"),
        ("a.npz", npz_of_members(a=npy_header((True,))), "claims a shape that no tensor has"),
        ("a.npz", npz_of_members(a=npy_header((0,) * 9)), "claims a shape that no tensor has"),
        ("a.npz", npz_of_members(a=npy_header((0, 10**4000))), "claims a shape that no tensor has"),
        (
            "a.npz",
            npz_of_members(a=npy_header_of_text("{'descr': '<f4', 'fortran_order': 0, 'shape': 0x" + "f" * 9000 + "}")),
            "damaged one (ValueError",
        ),
        ("a.npz", npz_of_members(a=npy_header_of_text("-" * 9000 + "1")), "or a damaged one ("),
        ("a.npz", npz_of_members(a=npy_header_of_text("(" * 9000)), "or a damaged one ("),
        ("a.npz", npz_of_members(a=npy_header_of_text("a b" + " " * 9000)), "(ValueError: Cannot parse header: "),
        ("a.npz", npz_of_members(a=npy_header_of_text(" " * 10_100)), "(ValueError: Header info length (10100) is"),
        ("a.npz", npz_of_members(a=npy_header_of_text(" " * 30_000)), "damaged one (ValueError: EOF: reading array"),
        ("a.npz", npz_of_members(a=npy_header((1,), [("\n" * 99, "<f4")])), r"values. Received: [('\\n\\n\\n"),
        ("a.npz", npz_of_members(**{"\n" * 999: npy_header((1,), "O")}), "... holds pickled objects"),
        ("a.npz", npz_of_members(zipfile.ZIP_BZIP2, a=npy_header((1,)) + b"1234"), "a.npy is compressed in another"),
        ("a.npz", npz_of_members(zipfile.ZIP_LZMA, a=npy_header((1,)) + b"1234"), "a.npy is compressed in another"),
        ("a.npz", HDF5, "not an .npz archive"),
        ("a.npz", renamed_keras_archive(), "not an .npz archive, or a damaged one (ValueError: the magic string"),
        (
            "a.keras",
            renamed_keras_archive(),
            "must end in one of .pt, .pth, .tar, .npz, .safetensors. Received: .keras",
        ),
        ("a.safetensors", HDF5, "not a .safetensors file, or a truncated one"),
        ("a.safetensors", renamed_keras_archive(), "not a .safetensors file, or a truncated one"),
        ("a.safetensors", safetensors_of_header(b" " * (2 * 2**20 + 1)), "of which 2097153 are the header"),
        ("a.safetensors", safetensors_of_offsets((0, 8), (4, 8)), "tensor1 begins at byte 4 and must at 8"),
        ("a.safetensors", safetensors_of_offsets((4, 8), (0, 8)), "tensor0 begins at byte 4 and must at 8"),
        ("a.safetensors", safetensors_of_offsets((0, 8), (0, 8)), "tensor1 begins at byte 0 and must at 8"),
        ("a.safetensors", safetensors_of_offsets((4, 8)), "tensor0 begins at byte 4 and must at 0"),
        ("a.safetensors", safetensors_of_offsets((0, 4), (8, 12), size=12), "tensor1 begins at byte 8 and must at 4"),
        ("a.safetensors", safetensors_of_offsets((0, 4)), "4 bytes follow the last tensor"),
        ("a.safetensors", safetensors_of_offsets((0, 12)), "tensor0 lies at bytes 0 to 12 of 8"),
        ("a.safetensors", safetensors_of_offsets((4, 0)), "tensor0' is not a tensor's"),
        ("a.safetensors", safetensors_of_shape(0, 2**62, 2**62), "there is no array of shape (0, 4611686018427387904"),
        ("a.safetensors", safetensors_of_shape(0, 2**63), "entry of 'a' is not a tensor's"),
        ("a.safetensors", safetensors_of_shape(*[0] * 9), "entry of 'a' is not a tensor's"),
        (
            "a.safetensors",
            safetensors_of_header({"\n" * 999: {"dtype": "\n" * 999, "shape": [1], "data_offsets": [0, 4]}}, b"1234"),
            r"must be of type F64, F32, F16, BF16. Received: \n\n",
        ),
        ("a.safetensors", b"", "0 bytes"),
        ("a.safetensors", b"\xff" * 8, "not a .safetensors file, or a truncated one"),
        ("a.safetensors", safetensors_of_header(b"{" * 100_000), "its header is not JSON"),
        ("a.safetensors", safetensors_of_header(b"[" * 100_000), "its header is not JSON"),
        ("a.safetensors", safetensors_of_header(b"\xff\xfe"), "its header is not JSON"),
        ("a.safetensors", safetensors_of_header([]), "not a JSON object"),
        ("a.safetensors", safetensors_of_header({"a": 3}), "entry of 'a' is not a tensor's"),
        (
            "a.safetensors",
            safetensors_of_header({"a": {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}}, b"1234"),
            "entry of 'a' is not a tensor's",
        ),
        (
            "a.safetensors",
            safetensors_of_header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 2**63 - 1]}}, b"1234"),
            "a lies at bytes 0 to 9223372036854775807 of 4",
        ),
        (
            "a.safetensors",
            safetensors_of_header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}, b"1234"),
            "entry of 'a' is not a tensor's",
        ),
        (
            "a.safetensors",
            safetensors_of_header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, b"1234"),
            r"its 4 bytes do not fit shape (2,)",
        ),
        ("a.h5", b"", "must end in one of .pt, .pth, .tar, .npz, .safetensors. Received: .h5"),
        ("a", b"", "Received: no ending"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_file_of_weights_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    assert message in refusal(tmp_path / name)


def test_a_file_that_cannot_be_opened_is_refused(tmp_path):
    assert "No such file or directory" in refusal(tmp_path / "missing.npz")
    (tmp_path / "folder.npz").mkdir()
    assert "Is a directory" in refusal(tmp_path / "folder.npz")


@pytest.fixture
def impatience():
    """Fails a test that waits for more than ten seconds, as one that opens a pipe would."""

    def give_up(*_):
        raise AssertionError("waited for ten seconds")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(10)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", ["a.npz", "a.safetensors", "a.pt"])
def test_what_is_no_file_is_refused_at_once(tmp_path, monkeypatch, impatience, name):
    monkeypatch.chdir(tmp_path)  # A socket's path must be short.
    os.mkfifo("pipe")
    (tmp_path / "saved_model" / "variables").mkdir(parents=True)
    (tmp_path / "saved_model" / "saved_model.pb").write_bytes(b"")
    for target, message in [
        ("pipe", "is a pipe, a socket or a device"),
        ("socket", "is a pipe, a socket or a device"),
        ("/dev/zero", "is a pipe, a socket or a device"),
        ("saved_model", "cannot be read (Is a directory)"),
        ("nothing", "cannot be read (No such file or directory)"),
        (name, "cannot be read (Too many levels of symbolic links)"),
    ]:
        with socket.socket(socket.AF_UNIX) as listener:
            if target == "socket":
                listener.bind(target)
            os.symlink(target, name)
            assert message in refusal(name)
            os.unlink(name)
    os.rename("pipe", name)
    assert "is a pipe, a socket or a device" in refusal(name)


def test_a_path_that_cannot_be_one_is_refused():
    with pytest.raises(WeightsError, match=r"cannot be read \(embedded null byte\); name a file of weights"):
        read_all("a\0.npz")


def test_a_link_to_a_file_is_followed(tmp_path):
    (tmp_path / "weights.npz").write_bytes(npz_bytes(TENSORS))
    (tmp_path / "link.npz").symlink_to("weights.npz")
    assert list(read_all(tmp_path / "link.npz")) == list(TENSORS)


@contextlib.contextmanager
def at_most(limit):
    """Fails if more than this many additional bytes are in use at once."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        (
            "a.npz",
            lambda: npz_bomb(b"\x93NUMPY\x02\x00" + struct.pack("<I", BOMB_BYTES - 12), b" "),
            "EOF: reading array",
        ),
        ("a.npz", lambda: npz_bomb(b"", b"\0"), "the magic string is not correct"),
        (
            "a.safetensors",
            lambda: safetensors_of_header(b"[" + b"[]," * (2 * 2**20 // 3 - 1) + b"0]"),
            "not a JSON obj",
        ),
    ],
    ids=["header", "no header", "header of lists"],
)
def test_a_small_file_that_grows_is_refused_in_little_memory(tmp_path, name, make, message):
    (tmp_path / name).write_bytes(make())
    assert (tmp_path / name).stat().st_size < 5 * 10**6
    with at_most(MOST_EXTRA_BYTES):
        assert message in refusal(tmp_path / name)


def test_a_tensor_s_values_are_not_unpacked_before_they_are_asked_for(tmp_path):
    path = tmp_path / "weights.npz"
    path.write_bytes(npz_bomb(npy_header((BOMB_BYTES // 4,)), b"\0"))
    with at_most(10**6), opened_weights(str(path)) as tensors:
        assert tensors["a"].shape == (BOMB_BYTES // 4,)


def test_an_archive_of_too_many_tensors_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "weights.npz"
    path.write_bytes(npz_bytes(TENSORS))
    monkeypatch.setattr(weight_files, "MOST_TENSORS", len(TENSORS))
    assert list(read_all(path)) == list(TENSORS)
    monkeypatch.setattr(weight_files, "MOST_TENSORS", len(TENSORS) - 1)
    assert "must hold at most 3 tensors. Received: 4" in refusal(path)


def test_names_that_are_paths_are_names_only(tmp_path, monkeypatch):
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    path = tmp_path / "below" / "weights.npz"
    names = ["../outside", "/tmp/outside", "..\\outside", "a/../../outside"]
    path.write_bytes(npz_of_members(**dict.fromkeys(names, npy_header((1,)) + b"1234")))
    assert [name.replace("/", "\\") for name in read_all(path)] == [name.replace("/", "\\") for name in names]
    assert sorted(found.name for found in tmp_path.rglob("*")) == ["below", "weights.npz"]


def test_what_a_file_claims_to_hold_is_not_made_room_for(tmp_path):
    path = tmp_path / "weights.npz"
    path.write_bytes(npz_of_members(a=npy_header((10**15,))))
    with opened_weights(str(path)) as tensors:
        assert tensors["a"].shape == (10**15,)


@pytest.mark.parametrize("ending", WRITERS)
def test_damage_never_ends_in_another_error(tmp_path, ending, generator):
    whole = WRITERS[ending](TENSORS)
    refused = 0
    for trial in range(300):
        damaged = bytearray(whole)
        if trial % 2:
            del damaged[int(generator.integers(len(whole))) :]
        else:
            for position in generator.integers(len(whole), size=3):
                damaged[position] = int(generator.integers(256))
        path = tmp_path / f"weights{ending}"
        path.write_bytes(damaged)
        try:
            read_all(path)
        except WeightsError:
            refused += 1
    assert refused > 150


def test_pickled_code_in_an_npz_is_refused_and_not_run(tmp_path):
    path = tmp_path / "weights.npz"
    np.savez(path, **{"stem.0.weight": np.array([Touch(tmp_path / "touched")], dtype=object)})
    assert "stem.0.weight.npy holds pickled objects, which are not read" in refusal(path)
    path.write_bytes(npz_of_members(a=pickle.dumps(Touch(tmp_path / "touched"))))
    assert "not an .npz archive" in refusal(path)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("name", ["weights.pt", "weights.pth", "weights.pth.tar"])
def test_without_pytorch_its_files_are_refused_with_the_way_out(tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / name).write_bytes(pickle.dumps(Touch(tmp_path / "touched")))
    message = refusal(tmp_path / name)
    assert "pip install 'eoinas_tf[pytorch]'" in message
    assert message.endswith(CONVERT_COMMAND)
    assert not (tmp_path / "touched").exists()


def test_the_way_out_is_a_command():
    python, flag, program, *files = shlex.split(CONVERT_COMMAND)
    assert (python, flag, files) == ("python", "-c", ["model.pt", "model.npz"])
    compile(program, "command", "exec")


def test_a_pytorch_with_a_known_hole_is_refused(tmp_path, monkeypatch):
    # PyTorch's version is a string that is compared with numbers.
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(__version__=(2, 9, 1)))
    (tmp_path / "weights.pt").write_bytes(b"")
    assert "PyTorch must be 2.10 or newer" in refusal(tmp_path / "weights.pt")


def test_an_archive_that_unpacks_to_more_than_its_size_is_not_given_to_pytorch(tmp_path, monkeypatch):
    given = []
    torch = types.SimpleNamespace(__version__=(2, 13), load=lambda file, **_: given.append(file.tell()))
    monkeypatch.setitem(sys.modules, "torch", torch)
    path = tmp_path / "weights.pt"
    path.write_bytes(npz_bomb(b"", b"\0"))
    assert f"that unpack to {BOMB_BYTES}; PyTorch saves no such file" in refusal(path)
    path.write_bytes(b"PK no archive")
    assert "not a PyTorch file that holds tensors and nothing else, or a damaged one (BadZipFile)" in refusal(path)
    assert given == []
    # Files of old versions are not archives.
    for content in (npz_of_members(zipfile.ZIP_STORED, a=b"1234"), pickle.dumps(3)):
        path.write_bytes(content)
        assert "Received: NoneType" in refusal(path)
    assert given == [0, 0]


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'eoinas_tf[pytorch]'")


@pytest.mark.parametrize("is_checkpoint", [False, True])
@pytest.mark.parametrize("is_archive", [True, False])
def test_pytorch_files(tmp_path, torch, is_checkpoint, is_archive):
    state_dict = {name: torch.from_numpy(values) for name, values in TENSORS.items()}
    state_dict["stem.1.bias"] = torch.nn.Parameter(state_dict["stem.1.bias"].double())
    state_dict["scalar"] = state_dict["scalar"].bfloat16()
    content = {"epoch": 3, "state_dict": state_dict, "optimizer": {"state": {}}} if is_checkpoint else state_dict
    path = tmp_path / "weights.pth.tar"
    torch.save(content, path, _use_new_zipfile_serialization=is_archive)
    received = read_all(path)
    assert list(received) == list(TENSORS)
    for name, (shape, values) in received.items():
        assert shape == TENSORS[name].shape
        np.testing.assert_array_equal(values, TENSORS[name])

    converted = tmp_path / "weights.npz"
    torch.save({"state_dict": {"a": torch.ones(2)}} if is_checkpoint else {"a": torch.ones(2)}, path)
    _, *program = shlex.split(CONVERT_COMMAND)
    subprocess.run([sys.executable, *program[:2], str(path), str(converted)], check=True)
    np.testing.assert_array_equal(read_all(converted)["a"][1], [1.0, 1.0])


def test_code_and_damage_in_pytorch_files_are_refused_and_nothing_is_run(tmp_path, torch, generator):
    path = tmp_path / "weights.pt"
    for is_archive in (True, False):
        torch.save(
            {"a": torch.ones(2), "b": Touch(tmp_path / "touched")}, path, _use_new_zipfile_serialization=is_archive
        )
        assert "not a PyTorch file that holds tensors and nothing else" in refusal(path)
        torch.save(torch.nn.Linear(2, 2), path, _use_new_zipfile_serialization=is_archive)
        assert "Save the network's state_dict() alone" in refusal(path)
        torch.save({"a": torch.ones(200)}, path, _use_new_zipfile_serialization=is_archive)
        whole = path.read_bytes()
        for length in generator.integers(len(whole), size=40):
            path.write_bytes(whole[:length])
            assert "not a PyTorch file" in refusal(path)
    path.write_bytes(pickle.dumps(Touch(tmp_path / "touched")))
    assert "not a PyTorch file" in refusal(path)
    assert not (tmp_path / "touched").exists()


def test_a_packed_file_that_pytorch_itself_would_read_is_refused(tmp_path, torch):
    path = tmp_path / "weights.pt"
    torch.save({"a": torch.zeros(10**6)}, path)
    with zipfile.ZipFile(path) as archive:
        members = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert torch.load(path)["a"].shape == (10**6,)
    assert "PyTorch saves no such file" in refusal(path)


def test_pytorch_files_of_other_things_are_refused(tmp_path, torch):
    path = tmp_path / "weights.pt"
    for content, message in [
        (torch.ones(2), "Received: Tensor"),
        ({}, "Received: dict"),
        ({"epoch": 3, "model": {"a": torch.ones(2)}}, "Received: 'epoch' with a value of type int"),
        ({1: torch.ones(2)}, "Received: 1 with a value of type Tensor"),
        ({"a": torch.ones(2, dtype=torch.int64)}, "floating-point values. Received: torch.int64"),
        ({"a": torch.ones(2).to_sparse()}, "not a plain tensor"),
    ]:
        torch.save(content, path)
        assert message in refusal(path)


def test_every_ending_is_tested_here():
    assert set(weight_files.READERS) == {".pt", ".pth", ".tar", *WRITERS}
