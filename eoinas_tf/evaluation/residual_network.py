"""A residual network (He et al., arXiv 1512.03385), the first of the paper's hand-designed rows in Table 1."""

import keras

from eoinas_tf.evaluation.block_network import BlockNetwork, ShortcutBlock

# For small images: section 4.2 of the ResNet paper; for large ones: its Table 1.
STAGES = {"cifar": 3, "imagenet": 4}


@keras.saving.register_keras_serializable(package="eoinas_tf")
class ResidualNetwork(BlockNetwork):
    """Basic blocks of two 3x3 convolutions; width doubles and sides halve from stage to stage.

    With the stem `cifar`, stages begin where a network with as many cells has its reduction cells. The stem `imagenet`
    is three 3x3 convolutions, two of them with stride 2, instead of a 7x7 convolution and pooling, as in later versions
    of the network.

    Args:
        num_classes: Number of classes.
        blocks_count: Number of blocks; two convolutions each.
        init_channels: Channels of the first stage.
        stem: `cifar` or `imagenet`.

    Call arguments:
        As `BlockNetwork`.
    """

    def __init__(
        self, num_classes: int, blocks_count: int = 9, init_channels: int = 16, stem: str = "cifar", **kwargs
    ) -> None:
        self.blocks_count = blocks_count
        super().__init__(num_classes, init_channels, stem, **kwargs)

    def build_blocks(self) -> list[ShortcutBlock]:
        """Returns the stem and the blocks."""
        channels, stages = self.init_channels, STAGES[self.stem]
        strides = [1] if self.stem == "cifar" else [2, 1, 2]
        units = [{"channels": channels, "stride": stride, "activation": "relu"} for stride in strides]
        blocks = [ShortcutBlock(units, name="stem")]
        starts = {stage * self.blocks_count // stages for stage in range(1, stages)}
        for position in range(self.blocks_count):
            is_start = position in starts and position > 0
            channels *= 2 if is_start else 1
            units = [
                {"channels": channels, "stride": 2 if is_start else 1, "activation": "relu"},
                {"channels": channels},
            ]
            shortcut = "projection" if is_start else "identity"
            blocks.append(ShortcutBlock(units, shortcut, final_relu=True, name=f"block_{position}"))
        return blocks

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "blocks_count": self.blocks_count}
