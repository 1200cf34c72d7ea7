"""Peak memory of a network's activations for one image, computed from its graph: nothing is run or measured.

Only float tensors that depend on the image are counted, at 4 bytes per value, as in float32:

- Operations run one after the other, in the order in which the layers call them.
- The output of an operation lives from its producer to its last consumer; the image lives from the start, the logits
  to the end. While an operation runs, both its inputs and its outputs exist. No operation overwrites its input.
- The same operation on the same tensors, such as the ReLUs of several edges on one node, runs once; its output lives
  until the last consumer of any of them. Runtimes and converters share it in the same way.
- Reshapes, copies of whole tensors and casts between float types share their input's memory.
- The three operations into which TensorFlow splits a dilated convolution count as one.

Not counted: weights and everything computed from weights alone, integers such as shapes, the workspace of
convolutions, and tensors inside an operation that has a graph of its own.
"""

from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.kernels import kernel_policy

MEBIBYTE = 2**20
BYTES_OF_A_VALUE = 4
# Their output is a rearranged input; a dilated convolution is a plain convolution between two such operations.
VIEWS = {
    "BatchToSpaceND",
    "Cast",
    "CheckNumerics",
    "EnsureShape",
    "ExpandDims",
    "Identity",
    "IdentityN",
    "PreventGradient",
    "Reshape",
    "SpaceToBatchND",
    "Squeeze",
    "StopGradient",
}
# The only view whose output is smaller than its input, which was padded; a single convolution would not pad it.
UNPADDED = "BatchToSpaceND"


def peak_memory_bytes(network: Callable[[tf.Tensor], tf.Tensor], image_shape: tuple[int, int, int]) -> int:
    """Returns the largest sum of the bytes of activations that exist at the same time while one image is classified.

    Args:
        network: Maps normalized images, float32 [1, height, width, channels], to logits, as in testing.
        image_shape: Height, width and channels of the image.

    Raises:
        ConfigurationError: A tensor's shape is known only when the network runs.
    """
    image = tf.TensorSpec([1, *image_shape], tf.float32)
    # Uses the operations of an export, which are the same on every machine.
    with kernel_policy.plain_operations():
        graph = tf.function(network, autograph=False).get_concrete_function(image).graph
    return _Lifetimes(graph).peak()


class _Lifetimes:
    """The lifetimes of all tensors in a graph that depend on its first input.

    Args:
        graph: A traced function's graph; its operations are listed in an order in which they can run.
    """

    def __init__(self, graph: Any) -> None:
        self._owner: dict[str, str] = {}  # The tensor whose memory a tensor uses: itself if it is not a view.
        self._bytes: dict[str, int] = {}
        self._first: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._different: dict[tuple[Any, ...], Any] = {}
        self._operations = len(graph.get_operations())
        (image, *_) = graph.inputs
        self._start(image, 0)
        for position, operation in enumerate(graph.get_operations()):
            self._run(operation, position)
        self._use(graph.outputs, self._operations)

    def peak(self) -> int:
        """Returns the largest sum of bytes that exist at the same time."""
        changes = [0] * (self._operations + 2)
        for name, size in self._bytes.items():
            changes[self._first[name]] += size
            changes[self._last[name] + 1] -= size
        largest = existing = 0
        for change in changes:
            existing += change
            largest = max(largest, existing)
        return largest

    def _run(self, operation: Any, position: int) -> None:
        inputs = [tensor for tensor in operation.inputs if tensor.name in self._owner]
        if not inputs:
            return
        first = self._first_like(operation)
        if first is not operation:
            same = zip(operation.outputs, first.outputs, strict=True)
            self._owner.update((output.name, self._owner[of.name]) for output, of in same if of.name in self._owner)
            return
        self._use(inputs, position)
        for number, output in enumerate(operation.outputs):
            if not output.dtype.is_floating:
                continue
            if operation.type not in VIEWS:
                self._start(output, position)
                continue
            owner = self._owner[output.name] = self._owner[inputs[min(number, len(inputs) - 1)].name]
            if operation.type == UNPADDED:
                self._bytes[owner] = _size(output)

    def _first_like(self, operation: Any) -> Any:
        """Returns the first operation that does the same with the same tensors; itself if it is the first."""
        names = [self._owner.get(tensor.name) for tensor in operation.inputs]
        if operation.type in VIEWS or None in names or operation.op_def.is_stateful:
            return operation
        attributes = sorted((name, str(value)) for name, value in operation.node_def.attr.items())
        return self._different.setdefault((operation.type, *names, *attributes), operation)

    def _start(self, tensor: Any, position: int) -> None:
        self._owner[tensor.name] = tensor.name
        self._bytes[tensor.name] = _size(tensor)
        self._first[tensor.name] = self._last[tensor.name] = position

    def _use(self, tensors: Iterable[Any], position: int) -> None:
        for tensor in tensors:
            if tensor.name in self._owner:
                self._last[self._owner[tensor.name]] = position


def _size(tensor: Any) -> int:
    count = tensor.shape.num_elements()
    if count is None:
        raise ConfigurationError(
            f"the peak memory of the network cannot be computed, for the shape of {tensor.name} ({tensor.op.type}) is "
            f"known only when it runs; give the operation a static shape. Received: {tensor.shape}"
        )
    return BYTES_OF_A_VALUE * count
