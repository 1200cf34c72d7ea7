import numpy as np

from eoinas_tf.evaluation.classifier import classifier


def test_kernel_and_bias_are_uniform_within_the_inverse_root_of_fan_in():
    layer = classifier(400, fan_in=25)
    layer.build((None, 25))
    for values in (layer.kernel.numpy(), layer.bias.numpy()):
        assert 0.19 < np.abs(values).max() <= 0.2
        assert abs(values.mean()) < 0.02
