import dataclasses
import hashlib

import numpy as np
import pytest
import tensorflow as tf
from small_trained_run import CELLS, shifted, write_trained_run

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation.configured_network import build_network
from eoinas_tf.evaluation.final_networks import backbone_layers
from eoinas_tf.evaluation.initial_weights import (
    fitting_values,
    load_backbone,
    read_initial_weights,
    weights_digest,
)
from eoinas_tf.evaluation.keras_classifier import keras_classifier

CONFIG = EvaluationConfig(cells=3, init_channels=2, auxiliary_weight=0.0)
WITH_HEAD = dataclasses.replace(CONFIG, auxiliary_weight=0.4)


def built(config=CONFIG, channels=3, classes=5, side=8):
    genotype = CELLS if config.network == "cells" else None
    return build_network(config, genotype, (side, side, channels), classes)


def values(layers):
    return [value for layer in layers for value in layer.get_weights()]


def check_equal(received, expected):
    for value, other in zip(received, expected, strict=True):
        np.testing.assert_array_equal(value, other)


@pytest.mark.parametrize("network", ["cells", "residual", "mobilenet_v2"])
def test_the_backbone_is_all_but_the_heads(network):
    model = built(dataclasses.replace(WITH_HEAD, network=network))
    heads = [model.classifier, *([model.auxiliary_head] if network == "cells" else [])]
    own = {id(variable) for layer in backbone_layers(model) for variable in layer.variables}
    others = {id(variable) for layer in heads for variable in layer.variables}
    assert own | others == {id(variable) for variable in model.variables}
    assert not own & others


@pytest.mark.parametrize("network", ["cells", "residual"])
def test_everything_but_the_classifier_is_loaded(network):
    config = dataclasses.replace(CONFIG, network=network)
    source, target = shifted(built(config, classes=3)), built(config)
    classifier = target.classifier.get_weights()
    load_backbone(source, target)
    check_equal(values(backbone_layers(target)), values(backbone_layers(source)))
    check_equal(target.classifier.get_weights(), classifier)


def test_the_auxiliary_head_is_loaded_but_for_its_classifier_where_both_have_one():
    source, target = shifted(built(WITH_HEAD, classes=3)), built(WITH_HEAD)
    before = target.auxiliary_head.classifier.get_weights()
    load_backbone(source, target)
    head, other = target.auxiliary_head, source.auxiliary_head
    for name in ("first_convolution", "first_normalization", "second_convolution", "second_normalization"):
        check_equal(getattr(head, name).get_weights(), getattr(other, name).get_weights())
    check_equal(head.classifier.get_weights(), before)
    # On images of 4x4 pixels its map is one pixel, and its second kernel is smaller.
    tiny = built(WITH_HEAD, side=4)
    before = tiny.auxiliary_head.get_weights()
    load_backbone(source, tiny)
    check_equal(tiny.auxiliary_head.get_weights(), before)
    load_backbone(source, built())
    load_backbone(built(), built(WITH_HEAD))


@pytest.mark.parametrize(("trained", "new"), [(3, 1), (1, 3)])
def test_grey_images_are_seen_alike_by_networks_for_grey_and_for_colour(trained, new):
    source, target = shifted(built(channels=trained)), built(channels=new)
    load_backbone(source, target)
    grey = tf.random.stateless_normal([2, 8, 8, 1], [1, 2])
    features = [
        model.stem_convolutions[0](tf.repeat(grey, channels, axis=-1), training=False)
        for model, channels in ((source, trained), (target, new))
    ]
    np.testing.assert_allclose(features[1], features[0], rtol=1e-5, atol=1e-5)
    check_equal(values(backbone_layers(target)[1:]), values(backbone_layers(source)[1:]))


def test_other_shapes_do_not_fit():
    for shape in ((3, 3, 4, 8), (3, 3, 1, 9), (3, 8)):
        with pytest.raises(ConfigurationError, match="are those of another network: a variable is"):
            fitting_values(np.zeros((3, 3, 3, 8), np.float32), shape)
    with pytest.raises(ConfigurationError, match="another network"):
        load_backbone(built(dataclasses.replace(CONFIG, init_channels=3)), built())
    with pytest.raises(ConfigurationError, match="another network"):
        load_backbone(built(dataclasses.replace(CONFIG, cells=4)), built())


def test_a_run_and_its_keras_file_are_one_source(tmp_path):
    network = write_trained_run(tmp_path / "run")
    keras_classifier(network, (8, 8, 3), mean=None, standard_deviation=None).save(tmp_path / "model.keras")
    expected = hashlib.sha256(b"".join(value.astype("<f4").tobytes() for value in network.get_weights())).hexdigest()
    for path in (str(tmp_path / "run"), str(tmp_path / "model.keras")):
        config = dataclasses.replace(CONFIG, initial_weights=path)
        source = read_initial_weights(config, 3)
        check_equal(source.network.get_weights(), network.get_weights())
        assert (source.path, source.channels, source.sha256) == (path, 3, weights_digest(network))
    # Keras lists a layer's trainable weights first; here, moving statistics follow the weights that they belong to.
    assert len(expected) == len(source.sha256)
    in_order = b"".join(variable.numpy().astype("<f4").tobytes() for variable in network.variables)
    assert source.sha256 == hashlib.sha256(in_order).hexdigest()
    network.classifier.bias.assign(network.classifier.bias + 1)
    assert weights_digest(network) != source.sha256


def test_weights_are_drawn_where_none_are_named():
    assert read_initial_weights(CONFIG, 3) is None


def test_images_of_other_channels_are_one_line(tmp_path):
    write_trained_run(tmp_path / "run")
    config = dataclasses.replace(CONFIG, initial_weights=str(tmp_path / "run"))
    with pytest.raises(ConfigurationError, match="for images of 3 channels, and these have 4; only grey and colour"):
        read_initial_weights(config, 4)
    assert read_initial_weights(config, 1).channels == 3
