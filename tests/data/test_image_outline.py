import numpy as np
import pytest
from PIL import Image

from eoinas_tf.data.image_datasets import load_image_dataset
from eoinas_tf.data.image_outline import count_training_images, outline_images
from eoinas_tf.errors import DatasetError


def write_folder(root, sizes, mode="L"):
    for name in ("a", "b"):
        (root / name).mkdir(parents=True)
        for number, (height, width) in enumerate(sizes):
            image = Image.fromarray(np.zeros((height, width), np.uint8)).convert(mode)
            image.save(root / name / f"{number}.png")
    return f"folder:{root}"


@pytest.mark.parametrize("image_size", [None, (12, 10)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_folder_is_described_as_it_is_loaded(tmp_path, image_size, mode):
    name = write_folder(tmp_path, [(9, 7)] * 5, mode)
    loaded = load_image_dataset(name, image_size=image_size)
    assert outline_images(name, None, image_size) == (loaded.image_shape, len(loaded.class_names))


@pytest.mark.parametrize("image_size", [None, (12, 10)])
def test_digits_are_described_as_they_are_loaded(image_size):
    loaded = load_image_dataset("digits", image_size=image_size)
    assert outline_images("digits", None, image_size) == (loaded.image_shape, len(loaded.class_names))


def test_a_tfds_set_need_not_be_there(tmp_path):
    assert outline_images("cifar100", str(tmp_path), None) == ((32, 32, 3), 100)
    assert outline_images("mnist", str(tmp_path), (16, 20)) == ((16, 20, 1), 10)
    with pytest.raises(DatasetError, match="the images of imagenet2012 differ in size; give --image_size=H,W"):
        outline_images("imagenet2012", str(tmp_path), None)


def test_images_of_many_sizes_are_answered_with_a_size(tmp_path):
    name = write_folder(tmp_path, [(33, 50), (40, 33), (33, 90)])
    advice = r"give --image_size=H,W to resize them, such as --image_size=32,32 \(median shorter side: 33\)"
    for load in (lambda: outline_images(name, None, None), lambda: load_image_dataset(name)):
        with pytest.raises(DatasetError, match=advice):
            load()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DatasetError, match="no such folder"):
        outline_images(f"folder:{tmp_path / 'x'}", None, None)


def test_arrays_of_python_are_known_to_no_command():
    for call in (lambda: outline_images("arrays", None, None), lambda: count_training_images("arrays", None)):
        with pytest.raises(DatasetError, match="--dataset=arrays stands for arrays that were given in Python"):
            call()


def test_training_images_are_counted_without_loading_them(tmp_path):
    assert count_training_images("digits", None) == 1437  # 1,438 when each class gives up whole images.
    for part in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / "parts" / part / name).mkdir(parents=True)
            (tmp_path / "one" / name).mkdir(parents=True, exist_ok=True)
            for number in range(5):
                (tmp_path / "parts" / part / name / f"{number}.png").touch()
                (tmp_path / "one" / name / f"{number}.png").touch()
    assert count_training_images(f"folder:{tmp_path / 'parts'}", None) == 10
    assert count_training_images(f"folder:{tmp_path / 'one'}", None) == 8
    with pytest.raises(DatasetError, match="is not prepared"):
        count_training_images("mnist", str(tmp_path))


def test_training_images_of_prepared_sets_are_counted(tfds_data_dir):
    assert count_training_images("cifar10", tfds_data_dir) == 50_000
