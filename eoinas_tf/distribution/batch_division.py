"""How a batch is divided: among replicas, and each replica's share into the pieces of `--accumulation_steps`."""

from eoinas_tf.errors import ConfigurationError

# Of a share and of a piece, where a final network trains: a map of one value per channel would be normalized to the
# offset whatever the image, and mixup and CutMix need a second image.
FEWEST_IMAGES = 2


def check_batch_size(batch_size: int, pieces: int = 1, fewest_images: int = 1, replicas: int = 1) -> None:
    """Refuses a batch that cannot be divided.

    Args:
        batch_size: Images in a batch of all replicas.
        pieces: Pieces that each replica's share is divided into.
        fewest_images: Fewest images of a piece.
        replicas: The number of replicas, which only the machine that trains knows.

    Raises:
        ConfigurationError: It cannot be divided evenly, or a piece has too few images.
    """
    counts = [f"{replicas} replicas"] if replicas > 1 else []
    counts += [f"{pieces} pieces{' each' if counts else ''}"] if pieces > 1 else []
    divided = f" to be divided into {', '.join(counts)}" if counts else ""
    if batch_size % (replicas * pieces):
        raise ConfigurationError(
            f"--batch_size must be a multiple of {replicas * pieces}{divided}. Received: {batch_size}"
        )
    if batch_size < replicas * pieces * fewest_images:
        raise ConfigurationError(
            f"--batch_size must be at least {replicas * pieces * fewest_images}{divided}, for normalization needs "
            f"{fewest_images} images or more at a time. Received: {batch_size}"
        )
