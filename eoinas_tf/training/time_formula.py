"""How long a network trains on an image, by a formula: an estimate before anything can be measured."""

# Fitted to three final training runs on two CPU cores, with 5, 8 and 20 cells: 1,150, 242 and 29 images per second,
# matched within 3 % by seconds = A * cells * channels^1.5 * pixels^0.785; a search takes 1.25 times as long per image.
SECONDS_OF_A_CELL = 3.5e-8
SEARCH_FACTOR = 1.25
CPUS_OF_THE_FIT = 2


def seconds_of_an_image(cells: int, channels: int, pixels: int) -> float:
    """Returns how long two CPU cores train a network on one image, by the formula.

    Args:
        cells: Cells of the network.
        channels: Channels of its first cell.
        pixels: Pixels of the image.
    """
    return SECONDS_OF_A_CELL * cells * channels**1.5 * pixels**0.785
