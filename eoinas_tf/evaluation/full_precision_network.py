"""A trained network that computes in float32, for the exports of training in 16-bit types."""

from eoinas_tf.evaluation.final_networks import FinalNetwork
from eoinas_tf.optimization.precision import computing_in

FULL_PRECISION = "float32"


def full_precision_network(network: FinalNetwork, image_shape: tuple[int, int, int]) -> FinalNetwork:
    """Returns a network with the same weights that computes in float32; the network itself if it does so already.

    TensorFlow Lite has no operations in bfloat16 and computes in float32 on CPUs, and the graphs of the same network
    in another process would round 16-bit values differently.

    Args:
        network: The built network.
        image_shape: Height, width and channels of an image.
    """
    if network.compute_dtype == FULL_PRECISION:
        return network
    with computing_in(FULL_PRECISION):
        copy = type(network).from_config({**network.get_config(), "dtype": FULL_PRECISION})
        copy.build((None, *image_shape))
    for own, trained in zip(copy.variables, network.variables, strict=True):
        own.assign(trained)
    return copy
