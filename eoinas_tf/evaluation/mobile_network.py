"""MobileNetV2 (Sandler et al., arXiv 1801.04381), one of the paper's hand-designed rows in Table 2."""

from typing import NamedTuple

import keras

from eoinas_tf.evaluation.block_network import BlockNetwork, ShortcutBlock

STEM_CHANNELS = 32
LAST_CHANNELS = 1280


class Stage(NamedTuple):
    """A row of the MobileNetV2 paper's Table 2: expansion, output channels, blocks, stride of the first block."""

    expansion: int
    channels: int
    blocks: int
    stride: int


STAGES = (
    Stage(1, 16, 1, 1),
    Stage(6, 24, 2, 2),
    Stage(6, 32, 3, 2),
    Stage(6, 64, 4, 2),
    Stage(6, 96, 3, 1),
    Stage(6, 160, 3, 2),
    Stage(6, 320, 1, 1),
)
# With the stem `cifar`, the stem and this stage keep the sides, so that images of 32 pixels end as maps of 4.
STAGE_KEPT_FOR_SMALL_IMAGES = 1


@keras.saving.register_keras_serializable(package="eoinas_tf")
class MobileNetV2(BlockNetwork):
    """Seventeen inverted residuals: 1x1 convolution that widens, 3x3 depthwise, 1x1 that narrows without activation.

    All widths are the published ones times `init_channels` / 32, rounded to whole channels; the last one, 1280
    channels, is never narrowed.

    Args:
        num_classes: Number of classes.
        init_channels: Channels of the first convolution; 32 is the published width 1.0.
        stem: `cifar` or `imagenet`.

    Call arguments:
        As `BlockNetwork`.
    """

    def _width(self, channels: int) -> int:
        return max(1, round(channels * self.init_channels / STEM_CHANNELS))

    def build_blocks(self) -> list[ShortcutBlock]:
        """Returns the stem, the inverted residuals, and the last 1x1 convolution."""
        channels = self._width(STEM_CHANNELS)
        stem = {"channels": channels, "stride": 1 if self.stem == "cifar" else 2, "activation": "relu6"}
        blocks = [ShortcutBlock([stem], name="stem")]
        for number, stage in enumerate(STAGES):
            for position in range(stage.blocks):
                keeps_sides = position or (self.stem == "cifar" and number == STAGE_KEPT_FOR_SMALL_IMAGES)
                blocks.append(
                    self._inverted_residual(
                        channels, stage, 1 if keeps_sides else stage.stride, f"block_{len(blocks) - 1}"
                    )
                )
                channels = self._width(stage.channels)
        last = max(LAST_CHANNELS, self._width(LAST_CHANNELS))
        return [
            *blocks,
            ShortcutBlock([{"channels": last, "kernel_size": 1, "activation": "relu6"}], name="last"),
        ]

    def _inverted_residual(self, input_channels: int, stage: Stage, stride: int, name: str) -> ShortcutBlock:
        hidden, channels = input_channels * stage.expansion, self._width(stage.channels)
        units: list[dict] = [
            {"channels": hidden, "stride": stride, "depthwise": True, "activation": "relu6"},
            {"channels": channels, "kernel_size": 1},
        ]
        if stage.expansion > 1:
            units.insert(0, {"channels": hidden, "kernel_size": 1, "activation": "relu6"})
        keeps_shape = stride == 1 and input_channels == channels
        return ShortcutBlock(units, "identity" if keeps_shape else "none", name=name)
