"""How long a network trains on an image, by a formula: an estimate before anything can be measured."""

# Fitted to nine training steps on two CPU cores, of 3 to 20 cells, 8 to 36 channels and 8x8 to 64x64 pixels, and within
# 22 % of each. A search took 1.1 times as long per image with 16 channels and 2 times with 8 (docs/performance_log.md).
SECONDS_OF_A_CELL = 9.5e-8
CHANNELS_EXPONENT, PIXELS_EXPONENT = 1.25, 0.785
SEARCH_FACTOR = 1.2
# Half of it to one and a half times: a residual network, cells, MobileNetV2, each of about a million multiply-adds.
SECONDS_OF_A_MULTIPLY_ADD = 2e-10
CPUS_OF_THE_FIT = 2
# By which a stem divides height and width before the first cell.
STEM_STRIDES = {"cifar": 1, "imagenet": 8}


def seconds_of_an_image(cells: int, channels: int, pixels: int) -> float:
    """Returns how long two CPU cores train a network on one image, by the formula.

    Args:
        cells: Cells of the network.
        channels: Channels of its first cell.
        pixels: Pixels of the image.
    """
    return SECONDS_OF_A_CELL * cells * channels**CHANNELS_EXPONENT * pixels**PIXELS_EXPONENT


def most_seconds_of_an_image(multiply_adds: int) -> float:
    """Returns about how long two CPU cores train a network on one image that is as large as a budget allows.

    Args:
        multiply_adds: The budget, multiply-adds for one image.
    """
    return SECONDS_OF_A_MULTIPLY_ADD * multiply_adds
