"""Files of named tensors: PyTorch's own, `.npz` and `.safetensors`, opened without executing anything in them.

Only names, shapes and types are read at first; a tensor's values are read on request, after its shape has been found to
be the required one. So a file's claims about its contents cost no memory.
"""

import contextlib
import hashlib
import io
import json
import math
import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from eoinas_tf.errors import WeightsError

# Older versions can be made to run code from a file that is loaded as weights only.
OLDEST_SAFE_PYTORCH = (2, 10)
CONVERT_COMMAND = (
    """python -c "import sys, numpy, torch; s = torch.load(sys.argv[1], map_location='cpu', weights_only=True); """
    """numpy.savez(sys.argv[2], **{k: v.numpy() for k, v in s.get('state_dict', s).items()})" model.pt model.npz"""
)
# Many times a network's. An archive can list one member over and over, at 50 bytes each.
MOST_TENSORS = 15_000
# Enough for as many tensors; parsed, a header can take 25 times its size.
LARGEST_SAFETENSORS_HEADER_BYTES = 2 * 1024 * 1024
# NumPy refuses to parse a longer header, but only after reading it.
LARGEST_NPY_HEADER_BYTES = 10_240
# Other methods unpack without limit, however few bytes are requested.
NUMPY_COMPRESSIONS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
MOST_DIMENSIONS = 8
LARGEST_COUNT = 2**63 - 1
LONGEST_QUOTE = 80
DIGEST_BYTES = 2**20
SAFETENSORS_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


class StoredTensor(NamedTuple):
    """A tensor that is still in its file.

    Args:
        shape: Its shape.
        read: Reads its values as a floating-point array of that shape; raises WeightsError if they are of another kind
            or damaged.
    """

    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]


@contextlib.contextmanager
def opened_weights(path: str) -> Iterator[dict[str, StoredTensor]]:
    """Opens a file of weights; every WeightsError raised inside the block names the file.

    Args:
        path: A file whose name ends in .pt, .pth or .tar (PyTorch's), .npz or .safetensors.

    Yields:
        The file's tensors by name, readable until the file is closed again.

    Raises:
        WeightsError: It cannot be read, or is not what its name says.
    """
    try:
        with _opened(path) as file:
            yield _reader(path)(file)
    except WeightsError as error:
        raise WeightsError(f"--pytorch_weights={path}: {error}") from None


def file_digest(path: str) -> str:
    """Returns a file's SHA-256 in hexadecimal digits, which identifies the source of a result.

    Args:
        path: A readable file.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(DIGEST_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def quoted(value: object) -> str:
    """Returns text from a file, shortened and escaped to fit into a one-line message.

    Args:
        value: A name, a shape or a message that holds text from a file.
    """
    text = ascii(str(value))[1:-1]
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 3] + "..."


def _opened(path: str) -> IO[bytes]:
    try:
        mode = os.stat(path).st_mode
        # A pipe is not opened, because that would wait until something writes to it.
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise WeightsError("is a pipe, a socket or a device; name a file of weights")
        return open(path, "rb")
    except (OSError, ValueError) as error:  # The latter if a character is not allowed in a path.
        raise WeightsError(f"cannot be read ({getattr(error, 'strerror', error)}); name a file of weights") from None


def _reader(path: str) -> Callable[[IO[bytes]], dict[str, StoredTensor]]:
    ending = Path(path).suffix.lower()
    if ending not in READERS:
        raise WeightsError(f"the name must end in one of {', '.join(READERS)}. Received: {ending or 'no ending'}")
    return READERS[ending]


def _read_pytorch(file: IO[bytes]) -> dict[str, StoredTensor]:
    try:
        import torch
    except ImportError:
        raise WeightsError(
            "PyTorch, which reads this kind of file, is not installed: pip install 'eoinas_tf[pytorch]', or turn the "
            f"file into an .npz where PyTorch is: {CONVERT_COMMAND}"
        ) from None
    if torch.__version__ < OLDEST_SAFE_PYTORCH:
        raise WeightsError(
            f"PyTorch must be {'.'.join(map(str, OLDEST_SAFE_PYTORCH))} or newer, for older ones can be made to run "
            f"code from a file of weights. Received: {torch.__version__}"
        )
    try:
        _check_archive(file)
        content = torch.load(file, map_location="cpu", weights_only=True)
    except WeightsError:
        raise
    except Exception as error:  # A damaged or hostile file can raise any exception at all.
        raise WeightsError(
            f"not a PyTorch file that holds tensors and nothing else, or a damaged one ({type(error).__name__}); "
            "nothing in it was run. Save the network's state_dict() alone"
        ) from error
    if isinstance(content, dict):
        content = content.get("state_dict", content)
    if not isinstance(content, dict) or not content:
        raise WeightsError(f"must hold a state_dict, names with tensors. Received: {type(content).__name__}")
    for name, tensor in content.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise WeightsError(
                f"must hold a state_dict, names with tensors. Received: {ascii(name)[:60]} with a value of type "
                f"{type(tensor).__name__}"
            )
    return {name: StoredTensor(tuple(tensor.shape), _pytorch_values(tensor)) for name, tensor in content.items()}


def _check_archive(file: IO[bytes]) -> None:
    """Refuses an archive that unpacks to more than its size; PyTorch would read it all, and never compresses."""
    size = file.seek(0, 2)
    file.seek(0)
    if file.read(2) == b"PK":
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > size:
            raise WeightsError(f"{size} bytes that unpack to {unpacked}; PyTorch saves no such file")
    file.seek(0)


def _pytorch_values(tensor: Any) -> Callable[[], np.ndarray]:
    def read() -> np.ndarray:
        if not tensor.is_floating_point():
            raise WeightsError(f"must hold floating-point values. Received: {tensor.dtype}")
        try:
            return tensor.detach().float().numpy()
        except (RuntimeError, TypeError) as error:  # For sparse tensors and those without values.
            raise WeightsError(f"not a plain tensor ({type(error).__name__})") from None

    return read


def _read_npz(file: IO[bytes]) -> dict[str, StoredTensor]:
    with _damage_is_an_error():
        archive = zipfile.ZipFile(file)
        entries = archive.infolist()
        if len(entries) > MOST_TENSORS:
            raise WeightsError(f"must hold at most {MOST_TENSORS} tensors. Received: {len(entries)}")
        return {entry.filename.removesuffix(".npy"): _npz_tensor(archive, entry) for entry in entries}


def _npz_tensor(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> StoredTensor:
    name = quoted(entry.filename)
    if entry.compress_type not in NUMPY_COMPRESSIONS:
        raise WeightsError(f"{name} is compressed in another way than NumPy's; write it with numpy.savez")
    with archive.open(entry) as member:
        start = io.BytesIO(member.read(LARGEST_NPY_HEADER_BYTES))
    version = np.lib.format.read_magic(start)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(start)
    if dtype.hasobject:
        raise WeightsError(f"{name} holds pickled objects, which are not read; store plain arrays")
    if not (len(shape) <= MOST_DIMENSIONS and _are_counts(list(shape))):
        raise WeightsError(f"{name} claims a shape that no tensor has; damaged")

    def read() -> np.ndarray:
        if dtype.kind != "f":
            raise WeightsError(f"must hold floating-point values. Received: {quoted(dtype)}")
        with _damage_is_an_error(), archive.open(entry) as member:
            return np.lib.format.read_array(member, allow_pickle=False)

    return StoredTensor(shape, read)


@contextlib.contextmanager
def _damage_is_an_error() -> Iterator[None]:
    """Turns any error that zipfile or NumPy raises for a damaged archive into a WeightsError."""
    try:
        yield
    except WeightsError:
        raise
    except Exception as error:
        raise WeightsError(
            f"not an .npz archive, or a damaged one ({type(error).__name__}: {quoted(error)})"
        ) from error


def _read_safetensors(file: IO[bytes]) -> dict[str, StoredTensor]:
    size = file.seek(0, 2)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    start = 8 + length
    if start > size or length > LARGEST_SAFETENSORS_HEADER_BYTES:
        raise WeightsError(
            f"not a .safetensors file, or a truncated one: {size} bytes, of which {length} are the header"
        )
    try:
        header = json.loads(file.read(length).decode("utf-8"))
    except (ValueError, RecursionError):
        raise WeightsError("not a .safetensors file: its header is not JSON") from None
    if not isinstance(header, dict):
        raise WeightsError("not a .safetensors file: its header is not a JSON object")
    header.pop("__metadata__", None)
    tensors = {name: _safetensors_tensor(file, start, size - start, name, entry) for name, entry in header.items()}
    end = 0
    for (first, last), name in sorted((entry["data_offsets"], name) for name, entry in header.items()):
        if first != end:
            raise WeightsError(
                f"{quoted(name)} begins at byte {first} and must at {end}: tensors may neither overlap nor leave gaps"
            )
        end = last
    if end != size - start:
        raise WeightsError(f"{size - start - end} bytes follow the last tensor: damaged, or something else is in it")
    return tensors


def _safetensors_tensor(file: IO[bytes], start: int, size: int, name: str, entry: Any) -> StoredTensor:
    entry = entry if isinstance(entry, dict) else {}
    shape, offsets, kind = entry.get("shape"), entry.get("data_offsets"), entry.get("dtype")
    is_tensor = _are_counts(shape) and _are_counts(offsets) and isinstance(kind, str)
    if not (is_tensor and len(shape) <= MOST_DIMENSIONS and len(offsets) == 2):
        raise WeightsError(f"not a .safetensors file: the header's entry of '{quoted(name)}' is not a tensor's")
    first, last = offsets
    if not first <= last <= size:
        raise WeightsError(f"{quoted(name)} lies at bytes {first} to {last} of {size}: truncated or damaged")

    def read() -> np.ndarray:
        if kind not in SAFETENSORS_TYPES:
            raise WeightsError(f"must be of type {', '.join(SAFETENSORS_TYPES)}. Received: {quoted(kind)}")
        dtype = np.dtype(SAFETENSORS_TYPES[kind])
        if last - first != math.prod(shape) * dtype.itemsize:
            raise WeightsError(f"its {last - first} bytes do not fit shape {tuple(shape)}: damaged")
        file.seek(start + first)
        try:
            values = np.frombuffer(file.read(last - first), dtype).reshape(shape)
        except ValueError:  # No values, and other sides that are too long even for an empty array.
            raise WeightsError(f"there is no array of shape {tuple(shape)}: damaged") from None
        # bfloat16 is the upper half of a float32.
        return (values.astype(np.uint32) << 16).view(np.float32) if kind == "BF16" else values

    return StoredTensor(tuple(shape), read)


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value <= LARGEST_COUNT for value in values)


READERS: dict[str, Callable[[IO[bytes]], dict[str, StoredTensor]]] = {
    ".pt": _read_pytorch,
    ".pth": _read_pytorch,
    ".tar": _read_pytorch,
    ".npz": _read_npz,
    ".safetensors": _read_safetensors,
}
