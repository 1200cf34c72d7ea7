import numpy as np
import pytest
import tensorflow as tf


@pytest.mark.parametrize("count", [1, 5])
def test_images_of_the_networks_size_are_classified_as_they_are(tiny, count):
    for function in (tiny.classifier.classify, tiny.classifier.classify_resized):
        outputs = function(tf.constant(tiny.images[:count]))
        np.testing.assert_allclose(outputs["probabilities"], tiny.probabilities[:count], atol=1e-6)
        np.testing.assert_array_equal(outputs["label"], tiny.probabilities[:count].argmax(-1))


@pytest.mark.parametrize(("height", "width"), [(20, 30), (5, 6), (8, 7), (1, 1)])
def test_images_of_another_size_are_resized_and_rounded_first(tiny, height, width):
    images = tiny.make_images(height, width)
    outputs = tiny.classifier.classify(tf.constant(images))
    np.testing.assert_allclose(outputs["probabilities"], tiny.expected_of_other_size(images), atol=1e-5)


def test_the_names_are_those_of_the_labels(tiny):
    outputs = tiny.classifier.classify(tf.constant(tiny.images))
    names = [name.decode() for name in outputs["class_name"].numpy()]
    assert names == [tiny.class_names[label] for label in tiny.probabilities.argmax(-1)]
    assert len(set(names)) > 1
    assert [name.decode() for name in tiny.classifier.name_classes()["class_names"].numpy()] == list(tiny.class_names)


def test_only_uint8_images_are_taken_and_only_the_own_size_without_resizing(tiny):
    with pytest.raises(TypeError, match="image"):
        tiny.classifier.classify(tf.constant(tiny.images, tf.float32))
    with pytest.raises(TypeError, match="image"):
        tiny.classifier.classify_resized(tf.constant(tiny.make_images(20, 30)))
