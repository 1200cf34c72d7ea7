import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.experiment.saved_model_export import write_saved_model


@pytest.fixture(scope="module")
def loaded(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_model")
    (folder / "export.json").write_text("{}")
    write_saved_model(tiny.classifier, folder)
    assert (folder / "export.json").exists()
    # The whole model rather than its signatures, which live only as long as it does.
    return tf.saved_model.load(str(folder))


def test_the_signature_takes_images_of_any_size_and_names_its_outputs(loaded):
    signature = loaded.signatures["serving_default"]
    (name, spec), = signature.structured_input_signature[1].items()  # fmt: skip
    assert (name, spec.dtype, spec.shape.as_list()) == ("image", tf.uint8, [None, None, None, 3])
    outputs = {name: (spec.dtype, spec.shape.as_list()) for name, spec in signature.structured_outputs.items()}
    assert outputs == {
        "probabilities": (tf.float32, [None, 3]), "label": (tf.int64, [None]), "class_name": (tf.string, [None]),
    }  # fmt: skip


def test_the_reloaded_model_says_what_the_network_says(loaded, tiny):
    outputs = loaded.signatures["serving_default"](image=tf.constant(tiny.images))
    np.testing.assert_allclose(outputs["probabilities"], tiny.probabilities, atol=1e-6)
    np.testing.assert_array_equal(outputs["label"], tiny.probabilities.argmax(-1))
    names = [name.decode() for name in outputs["class_name"].numpy()]
    assert names == [tiny.class_names[label] for label in tiny.probabilities.argmax(-1)]


def test_the_reloaded_model_resizes_inside(loaded, tiny):
    images = tiny.make_images(20, 30, count=2)
    outputs = loaded.signatures["serving_default"](image=tf.constant(images))
    np.testing.assert_allclose(outputs["probabilities"], tiny.expected_of_other_size(images), atol=1e-5)


def test_the_reloaded_model_knows_all_class_names(loaded, tiny):
    names = loaded.signatures["class_names"]()["class_names"].numpy()
    assert [name.decode() for name in names] == list(tiny.class_names)


def test_it_holds_no_graph_but_those_that_are_served(loaded):
    """The network for integer converters would be a second copy of the whole network."""
    functions = {name for name, value in vars(loaded).items() if callable(value) and not name.startswith("_")}
    assert functions == {"classify", "classify_resized", "name_classes"}
