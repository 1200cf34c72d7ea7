import io
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import ExifTags, Image, ImageOps

from eoinas_tf.data import decoded_files, image_split, input_pipelines
from eoinas_tf.data.augmentation import channel_statistics
from eoinas_tf.data.image_folder import load_image_folder
from eoinas_tf.data.image_resizing import fit_images, resize_images
from eoinas_tf.data.input_pipelines import Preprocessing
from eoinas_tf.data.random_resized_crop import crop_image, draw_crops
from eoinas_tf.data.split_indices import class_balanced_halves
from eoinas_tf.errors import DatasetError


def picture(number, height=4, width=6, channels=3):
    return np.random.default_rng(number).integers(0, 256, [height, width, channels], np.uint8)


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    encode = {".jpg": tf.io.encode_jpeg, ".jpeg": tf.io.encode_jpeg}.get(path.suffix.lower(), tf.io.encode_png)
    path.write_bytes(image if isinstance(image, bytes) else encode(image).numpy())


def make_folder(root, classes=("ant", "bee"), count=5, **kwargs):
    for label, name in enumerate(classes):
        for number in range(count):
            write(root / name / f"{number}.png", picture(100 * label + number, **kwargs))


def pixels(split):
    return split.load_batch(tf.range(len(split), dtype=tf.int64)).numpy()


def one_line_error(folder, **kwargs):
    with pytest.raises(DatasetError) as caught:
        load_image_folder(str(folder), **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_train_and_test_folders_in_sorted_order(tmp_path):
    make_folder(tmp_path / "train", classes=("bee", "ant"), count=2)
    write(tmp_path / "train" / "ant" / "10.PNG", picture(7))
    write(tmp_path / "val" / "bee" / "x.png", picture(8))
    dataset = load_image_folder(str(tmp_path))
    assert dataset.name == f"folder:{tmp_path}"
    assert dataset.class_names == ("ant", "bee")
    assert dataset.image_shape == (4, 6, 3)
    assert dataset.train.labels.tolist() == [0, 0, 0, 1, 1]
    np.testing.assert_array_equal(pixels(dataset.train), [picture(number) for number in (100, 101, 7, 0, 1)])
    assert dataset.test.labels.tolist() == [1]
    np.testing.assert_array_equal(pixels(dataset.test), [picture(8)])


@pytest.mark.parametrize("train", ["train", "Training", "TRAIN"])
@pytest.mark.parametrize("test", ["test", "Testing", "val", "Valid", "VALIDATION"])
def test_parts_are_named_without_regard_to_case_and_a_validation_part_is_tested_on(tmp_path, train, test):
    make_folder(tmp_path / train, count=2)
    write(tmp_path / test / "bee" / "x.png", picture(8))
    dataset = load_image_folder(str(tmp_path))
    assert (len(dataset.train), dataset.class_names) == (4, ("ant", "bee"))
    np.testing.assert_array_equal(pixels(dataset.test), [picture(8)])
    assert dataset.counts == (
        f"folder:{tmp_path}: 4 training images, 1 test images, 2 classes; the test part is {test}"
    )


def test_a_class_balanced_fifth_is_held_out(tmp_path):
    make_folder(tmp_path)
    dataset = load_image_folder(str(tmp_path))
    assert dataset.train.labels.tolist() == [0] * 4 + [1] * 4
    assert dataset.test.labels.tolist() == [0, 1]
    together = np.concatenate([pixels(dataset.train), pixels(dataset.test)])
    expected = [picture(100 * label + number) for label in range(2) for number in range(5)]
    assert sorted(image.tobytes() for image in together) == sorted(image.tobytes() for image in expected)
    np.testing.assert_array_equal(pixels(dataset.test), pixels(load_image_folder(str(tmp_path)).test))


def test_a_class_may_be_called_train(tmp_path):
    make_folder(tmp_path, classes=("car", "train"))
    assert load_image_folder(str(tmp_path)).class_names == ("car", "train")


def test_all_grey_stays_grey_and_drops_alpha(tmp_path):
    make_folder(tmp_path / "train", count=1, channels=1)
    write(tmp_path / "train" / "bee" / "alpha.png", picture(5, channels=2))
    dataset = load_image_folder(str(tmp_path / "train"))
    assert dataset.image_shape == (4, 6, 1)
    assert pixels(dataset.train).shape == (2, 4, 6, 1)
    everything = np.concatenate([pixels(dataset.train), pixels(dataset.test)])
    assert any(np.array_equal(image, picture(5, channels=2)[..., :1]) for image in everything)


@pytest.mark.parametrize("limit", [2**30, 0], ids=["pixels", "paths"])
def test_one_colour_image_makes_all_colour(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(image_split, "DECODED_BYTES_LIMIT", limit)
    make_folder(tmp_path / "train", count=1, channels=1)
    write(tmp_path / "test" / "bee" / "x.png", picture(5, channels=4))
    dataset = load_image_folder(str(tmp_path))
    assert dataset.image_shape == (4, 6, 3)
    np.testing.assert_array_equal(pixels(dataset.train)[1], picture(100, channels=1)[..., [0, 0, 0]])
    np.testing.assert_array_equal(pixels(dataset.test)[0], picture(5, channels=4)[..., :3])


def test_pixels_and_paths_give_the_same_images(tmp_path, monkeypatch):
    make_folder(tmp_path / "train", count=2)
    write(tmp_path / "train" / "bee" / "x.jpeg", picture(5, height=9, width=5))
    write(tmp_path / "test" / "ant" / "größe.jpg", picture(6, height=8, width=5, channels=1))
    kept = load_image_folder(str(tmp_path), image_size=(5, 3))
    monkeypatch.setattr(image_split, "DECODED_BYTES_LIMIT", 0)
    read = load_image_folder(str(tmp_path), image_size=(5, 3))
    assert kept.image_shape == read.image_shape == (5, 3, 3)
    np.testing.assert_array_equal(pixels(kept.train), pixels(read.train))
    np.testing.assert_array_equal(pixels(kept.test), pixels(read.test))
    np.testing.assert_array_equal(pixels(kept.train)[0], resize_images(picture(0), (5, 3)))
    os.remove(tmp_path / "train" / "ant" / "0.png")
    pixels(kept.train)
    with pytest.raises(tf.errors.NotFoundError):
        pixels(read.train)


def test_differing_sizes_name_the_flag_and_two_sizes(tmp_path):
    make_folder(tmp_path)
    write(tmp_path / "bee" / "x.png", picture(5, height=6, width=4))
    message = one_line_error(tmp_path)
    assert "--image_size=H,W" in message
    assert "0.png is 4,6" in message
    assert "x.png is 6,4" in message


def test_the_first_frame_of_an_animation_is_taken(tmp_path):
    def frame(colour):
        # 1x1 pixels, codes of 3 bits: clear, the colour, end.
        return b",\0\0\0\0\1\0\1\0\0\2\2" + bytes([4 | colour << 3 | (5 & 3) << 6, 5 >> 2]) + b"\0"

    palette = bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    header = b"GIF89a\1\0\1\0\xa1\0\0" + palette
    write(tmp_path / "train" / "ant" / "two.gif", header + frame(1) + frame(2) + b";")
    write(tmp_path / "train" / "bee" / "one.gif", header + frame(0) + b";")
    write(tmp_path / "test" / "bee" / "one.gif", header + frame(2) + b";")
    dataset = load_image_folder(str(tmp_path))
    assert pixels(dataset.train).reshape(2, 3).tolist() == [[0, 255, 0], [255, 0, 0]]


def test_files_of_operating_systems_are_left_out_and_counted(tmp_path):
    make_folder(tmp_path, count=5)
    for name in ("bee/Thumbs.db", "ant/Thumbs.db", ".DS_Store", "ant/._0.png", "bee/._1.png", "desktop.ini"):
        write(tmp_path / name, b"")
    for name in ("__MACOSX/ant/0.png", "bee/@eaDir/0.png/x.png"):
        write(tmp_path / name, picture(0))
    dataset = load_image_folder(str(tmp_path))
    assert dataset.counts == (
        f"folder:{tmp_path}: 8 training images, 2 test images, 2 classes; a fifth of each class is held out as the "
        "test part; ignored 1 .DS_Store, 2 ._*, 1 @eaDir, 2 Thumbs.db, 1 __MACOSX, 1 desktop.ini"
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("x.jfif", "JPEG"),
        ("x.JPE", "JPEG"),
        ("x", "JPEG"),
        (".x.png", "PNG"),
        ("x.mpo", "MPO"),
        ("x.TIF", "TIFF"),
        ("x.tiff", "TIFF"),
        ("x.webp", "WEBP"),
        ("x.ppm", "PPM"),
        ("x.jp2", "JPEG2000"),
        ("x.txt", "BMP"),
    ],
)
@pytest.mark.parametrize("limit", [2**30, 0], ids=["pixels", "paths"])
def test_an_image_is_read_whatever_its_name(tmp_path, monkeypatch, name, kind, limit):
    monkeypatch.setattr(image_split, "DECODED_BYTES_LIMIT", limit)
    make_folder(tmp_path / "train", count=1)
    image = Image.new("RGB", (6, 4), (200, 120, 40))
    write(tmp_path / "train" / "bee" / name, by_pil(image, kind, **({"lossless": True} if kind == "WEBP" else {})))
    write(tmp_path / "test" / "bee" / name, by_pil(image, kind))
    dataset = load_image_folder(str(tmp_path))
    assert (len(dataset.train), len(dataset.test)) == (3, 1)
    place = 1 if name.startswith(".") else 2
    assert np.abs(pixels(dataset.train)[place].astype(int) - np.asarray(image)).max() <= 3


@pytest.mark.parametrize("name", ["notes.txt", "photo.heic", "labels.csv", "movie.mp4"])
def test_a_file_that_is_no_image_is_refused_by_name_or_counted(tmp_path, monkeypatch, name):
    monkeypatch.setattr(decoded_files, "LARGEST_SKIPPED_PART", 0.25)
    make_folder(tmp_path)
    write(tmp_path / "ant" / name, b"something else")
    assert str(tmp_path / "ant" / name) in one_line_error(tmp_path)
    assert "1 bad files left out" in load_image_folder(str(tmp_path), skip_bad_images=True).counts


def test_a_file_outside_of_the_class_folders_is_named_or_counted(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(decoded_files, "LARGEST_SKIPPED_PART", 0.5)
    for part in ("train", "test"):
        make_folder(tmp_path / part)
    strays = [tmp_path / name for name in ("x.png", "train/x.png", "test/readme.md")]
    for path in strays:
        write(path, picture(0))
        assert f"{path} lies outside of the class folders" in one_line_error(tmp_path)
        path.unlink()
    for path in strays:
        write(path, picture(0))
    assert "10 training images, 10 test images" in load_image_folder(str(tmp_path), skip_bad_images=True).counts
    assert "left out 3 of 23 files" in caplog.text


def photograph(orientation, number):
    """A JPEG file of a smooth image, stored with this EXIF orientation, and the image itself as Pillow shows it."""
    rows, columns = np.mgrid[:24, :40]
    image = Image.fromarray(np.stack([rows * 9, columns * 6, rows + columns + number], axis=-1).astype(np.uint8))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    content = by_pil(image, "JPEG", quality=95, exif=exif)
    return content, np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content)))).astype(int)


@pytest.mark.parametrize("limit", [2**30, 0], ids=["pixels", "paths"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_turned_when_they_are_loaded_and_when_they_are_cropped(
    tmp_path, monkeypatch, orientation, limit
):
    monkeypatch.setattr(image_split, "DECODED_BYTES_LIMIT", limit)
    shown = []
    for number, name in enumerate(("ant", "bee")):
        content, image = photograph(orientation, number)
        shown.append(image)
        for part in ("train", "test"):
            write(tmp_path / part / name / "x.jpg", content)
    dataset = load_image_folder(str(tmp_path))
    assert dataset.image_shape == shown[0].shape
    np.testing.assert_allclose(pixels(dataset.train).astype(int), shown, atol=8)
    np.testing.assert_allclose(pixels(dataset.test).astype(int), shown, atol=8)
    originals = load_image_folder(str(tmp_path), image_size=(12, 12), keep_originals=True)
    draws = draw_crops(2, tf.constant([3, 4]))
    crops = originals.train.load_crops(tf.constant([0, 1]), draws).numpy().astype(int)
    expected = [crop_image(image.astype(np.uint8), draws[place], (12, 12)) for place, image in enumerate(shown)]
    np.testing.assert_allclose(crops, expected, atol=8)


def test_orientations_stay_with_their_files_where_some_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(decoded_files, "LARGEST_SKIPPED_PART", 0.5)
    monkeypatch.setattr(image_split, "DECODED_BYTES_LIMIT", 0)
    content, shown = photograph(6, 0)
    for part in ("train", "test"):
        for name in ("ant", "bee"):
            write(tmp_path / part / name / "0.png", b"")
            write(tmp_path / part / name / "1.jpg", content)
            write(tmp_path / part / name / "2.png", picture(1, 40, 24))
    dataset = load_image_folder(str(tmp_path), skip_bad_images=True)
    for split in (dataset.train, dataset.test):
        np.testing.assert_allclose(pixels(split).astype(int), [shown, picture(1, 40, 24)] * 2, atol=8)


def test_a_long_strip_is_resized_by_its_shorter_side(tmp_path):
    make_folder(tmp_path / "train", count=1, height=40, width=50)
    make_folder(tmp_path / "test", count=1, height=40, width=50)
    write(tmp_path / "train" / "bee" / "strip.png", np.full([20000, 2, 3], 77, np.uint8))
    dataset = load_image_folder(str(tmp_path), image_size=(32, 32), resize_side=36)
    np.testing.assert_array_equal(pixels(dataset.train)[2], np.full([32, 32, 3], 77))


@pytest.mark.parametrize("folder", ["", "/no/such/folder"])
def test_a_missing_folder_is_named(folder):
    assert repr(folder) in one_line_error(folder)


def test_too_few_class_folders(tmp_path):
    assert "Received: 0;" in one_line_error(tmp_path)
    write(tmp_path / "x.png", picture(0))
    assert "Received: 0;" in one_line_error(tmp_path)
    write(tmp_path / "ant" / "x.png", picture(0))
    assert "Received: 1 (ant);" in one_line_error(tmp_path)


def test_a_class_without_images_is_named(tmp_path):
    make_folder(tmp_path, count=2)
    write(tmp_path / "cow" / "Thumbs.db", b"")
    assert f"no images in the class folder {tmp_path / 'cow'}" in one_line_error(tmp_path)


def test_test_classes_must_be_training_classes(tmp_path):
    make_folder(tmp_path / "train", count=2)
    (tmp_path / "test").mkdir()
    assert f"no class folders in {tmp_path / 'test'}" in one_line_error(tmp_path)
    make_folder(tmp_path / "test", classes=("bee", "cow"), count=1)
    assert "does not have: cow;" in one_line_error(tmp_path)


def by_pil(image, kind, **options):
    """Encodes a PIL image, so that files come from another encoder than the decoder's own."""
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


RGB = Image.fromarray(picture(3))
GREY = RGB.convert("L")
PALETTE = RGB.quantize(16)
# Lossless files: name, content, the pixels that should come out.
WRITTEN_BY_PIL = {
    "grey.png": (by_pil(GREY, "PNG"), np.asarray(GREY)[..., np.newaxis]),
    "colour.png": (by_pil(RGB, "PNG"), np.asarray(RGB)),
    "alpha.png": (by_pil(Image.fromarray(picture(3, channels=4)), "PNG"), picture(3, channels=4)[..., :3]),
    "grey_alpha.png": (by_pil(RGB.convert("LA"), "PNG"), np.asarray(GREY)[..., np.newaxis]),
    "black_and_white.png": (by_pil(RGB.convert("1"), "PNG"), np.asarray(RGB.convert("1"))[..., np.newaxis] * 255),
    "sixteen_bits.png": (
        by_pil(Image.fromarray(np.asarray(GREY).astype(np.uint16) * 257), "PNG"),
        np.asarray(GREY)[..., np.newaxis],
    ),
    "palette.png": (by_pil(PALETTE, "PNG"), np.asarray(PALETTE.convert("RGB"))),
    "palette.gif": (by_pil(PALETTE, "GIF"), np.asarray(PALETTE.convert("RGB"))),
    "grey.bmp": (by_pil(GREY, "BMP"), np.asarray(GREY)[..., np.newaxis]),
    "colour.BMP": (by_pil(RGB, "BMP"), np.asarray(RGB)),
}


@pytest.mark.parametrize("name", WRITTEN_BY_PIL)
def test_pixels_of_files_that_pil_wrote(tmp_path, name):
    content, expected = WRITTEN_BY_PIL[name]
    for part in ("train", "test"):
        for class_name in ("ant", "bee"):
            write(tmp_path / part / class_name / name, content)
    dataset = load_image_folder(str(tmp_path))
    assert dataset.image_shape == expected.shape
    np.testing.assert_array_equal(pixels(dataset.train), [expected] * 2)
    np.testing.assert_array_equal(pixels(dataset.test), [expected] * 2)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("suffix", [".jpg", ".JPEG"])
def test_jpeg_files_that_pil_wrote(tmp_path, mode, suffix):
    # The same colour everywhere, because JPEG blurs details.
    image = Image.new("RGB", (6, 4), (200, 120, 40)).convert(mode)
    for class_name in ("ant", "bee"):
        for number in range(2):
            write(tmp_path / class_name / f"{number}{suffix}", by_pil(image, "JPEG", quality=95))
    dataset = load_image_folder(str(tmp_path))
    assert dataset.image_shape == (4, 6, 1 if mode == "L" else 3)
    expected = np.asarray(image if mode == "L" else image.convert("RGB")).reshape(4, 6, -1)
    assert np.abs(pixels(dataset.train).astype(int) - expected).max() <= 3


def test_the_first_of_two_frames_that_pil_wrote_is_taken(tmp_path):
    make_folder(tmp_path / "train", count=1)
    first, second = (Image.fromarray(picture(number)).quantize(16) for number in (1, 2))
    content = by_pil(first, "GIF", save_all=True, append_images=[second])
    assert Image.open(io.BytesIO(content)).n_frames == 2
    write(tmp_path / "test" / "ant" / "two.gif", content)
    np.testing.assert_array_equal(pixels(load_image_folder(str(tmp_path)).test)[0], np.asarray(first.convert("RGB")))


@pytest.mark.parametrize("with_parts", [False, True], ids=["held out", "train and test"])
def test_the_file_system_s_order_does_not_matter(tmp_path, monkeypatch, with_parts):
    for part in ("train", "test") if with_parts else ("",):
        make_folder(tmp_path / part, classes=("cow", "ant", "bee"))
    own, found = load_image_folder(str(tmp_path)), []
    for turn in (sorted, lambda paths: sorted(paths, reverse=True)):
        real = pathlib.Path.iterdir
        with monkeypatch.context() as patch:
            patch.setattr(pathlib.Path, "iterdir", lambda path, real=real, turn=turn: iter(turn(real(path))))
            found.append(load_image_folder(str(tmp_path)))
    for dataset in found:
        assert dataset.class_names == ("ant", "bee", "cow")
        for split, expected in ((dataset.train, own.train), (dataset.test, own.test)):
            np.testing.assert_array_equal(split.labels, expected.labels)
            np.testing.assert_array_equal(pixels(split), pixels(expected))


def test_a_fifth_of_a_training_part_without_test_part_is_held_out(tmp_path):
    make_folder(tmp_path / "train")
    dataset = load_image_folder(str(tmp_path))
    assert (dataset.train.labels.tolist(), dataset.test.labels.tolist()) == ([0] * 4 + [1] * 4, [0, 1])


@pytest.mark.parametrize("folder", ["~no_such_user/images", "x" * 5000, "a\0b"], ids=["user", "long", "zero"])
def test_a_name_that_cannot_be_a_folder_is_refused(folder):
    assert "no such folder" in one_line_error(folder)


def test_a_folder_that_may_not_be_listed_is_named(tmp_path, monkeypatch):
    make_folder(tmp_path)
    real = pathlib.Path.iterdir

    def refuse(path):
        if path.name == "bee":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(pathlib.Path, "iterdir", refuse)
    assert f"cannot read the folder {tmp_path / 'bee'}: Permission denied" in one_line_error(tmp_path)


def test_parts_without_class_folders_are_no_classes(tmp_path):
    for part in ("train", "test"):
        write(tmp_path / part / "x.png", picture(0))
        write(tmp_path / part / "y.png", picture(1))
    assert f"no class folders in {tmp_path / 'test'}, nor in {tmp_path / 'train'}" in one_line_error(tmp_path)
    assert "Received: 0; put each class's images into a folder of its own" in one_line_error(tmp_path / "train")


def test_crops_are_cut_out_of_the_files_images_and_tests_are_their_middle(tmp_path):
    for name, number in (("ant", 0), ("bee", 1)):
        write(tmp_path / "train" / name / "a.png", picture(number, 9 + number, 20))
        write(tmp_path / "test" / name / "a.png", picture(number, 8, 12 + number))
    dataset = load_image_folder(str(tmp_path), image_size=(6, 5), resize_side=8, keep_originals=True)
    draws = draw_crops(2, tf.constant([3, 4]))
    expected = [crop_image(picture(number, 9 + number, 20), draws[number], (6, 5)) for number in range(2)]
    np.testing.assert_array_equal(dataset.train.load_crops(tf.constant([0, 1]), draws), expected)
    np.testing.assert_array_equal(pixels(dataset.test)[0], picture(0, 8, 12)[1:7, 4:9])
    np.testing.assert_array_equal(pixels(dataset.train)[1], fit_images(picture(1, 10, 20), (6, 5), 8))
    kept = load_image_folder(str(tmp_path), image_size=(6, 5), resize_side=8)
    np.testing.assert_array_equal(pixels(kept.train), pixels(dataset.train))


@pytest.fixture
def small_parts_may_be_bad(monkeypatch):
    """A quarter instead of a hundredth, because writing a hundred files takes time."""
    monkeypatch.setattr(decoded_files, "LARGEST_SKIPPED_PART", 0.25)


def make_folder_with_bad_files(root):
    """The folder of `make_folder` with additional files; the first and the last one are empty."""
    make_folder(root)
    for name in ("ant/+.png", "bee/2a.jpg", "bee/~.png"):
        write(root.joinpath(name), b"")


@pytest.mark.parametrize("limit", [2**30, 0], ids=["pixels", "paths"])
@pytest.mark.parametrize("with_parts", [False, True], ids=["held out", "train and test"])
@pytest.mark.usefixtures("small_parts_may_be_bad")
def test_a_folder_whose_bad_files_are_left_out_is_the_folder_without_them(
    tmp_path, monkeypatch, caplog, with_parts, limit
):
    monkeypatch.setattr(image_split, "DECODED_BYTES_LIMIT", limit)
    for part in ("train", "test") if with_parts else ("",):
        make_folder(tmp_path / "clean" / part)
        make_folder_with_bad_files(tmp_path / "bad" / part)
    clean = load_image_folder(str(tmp_path / "clean"))
    assert caplog.messages == []
    found = load_image_folder(str(tmp_path / "bad"), skip_bad_images=True)
    for split, expected in ((found.train, clean.train), (found.test, clean.test)):
        np.testing.assert_array_equal(split.labels, expected.labels)
        np.testing.assert_array_equal(pixels(split), pixels(expected))
    first = tmp_path / "bad" / ("train" if with_parts else "") / "ant" / "+.png"
    (message,) = caplog.messages
    assert message.startswith(
        f"--on_bad_image=skip left out {6 if with_parts else 3} of {26 if with_parts else 13} files"
    )
    assert f"the first: not an image: {first} is empty" in message


def test_a_bad_file_is_named_by_default_and_where_there_are_many(tmp_path):
    make_folder(tmp_path)
    write(tmp_path / "bee" / "1.png", b"")
    assert str(tmp_path / "bee" / "1.png") in one_line_error(tmp_path)
    message = one_line_error(tmp_path, skip_bad_images=True)
    assert "more than 1 % of 10 files" in message
    assert str(tmp_path / "bee" / "1.png") in message


@pytest.mark.usefixtures("small_parts_may_be_bad")
def test_a_class_of_bad_files_only_is_named(tmp_path):
    make_folder(tmp_path)
    for name in ("a.png", "b.png"):
        write(tmp_path / "cow" / name, b"")
    assert f"no file in the class folder {tmp_path / 'cow'} can be used" in one_line_error(
        tmp_path, skip_bad_images=True
    )


def train_on(folder, batch_size):
    """Follows both commands from a folder to batches, and returns the images of each kind of batch."""
    dataset = load_image_folder(str(folder))
    preprocessing = Preprocessing(*channel_statistics(dataset.train), crop_padding=1, horizontal_flip=True)
    halves = class_balanced_halves(dataset.train.labels, seed=0)
    which = {"preprocessing": preprocessing, "batch_size": batch_size, "seed": 0}
    first, second = next(iter(input_pipelines.SearchBatches(dataset.train, halves, **which).epoch(1)))
    final = next(iter(input_pipelines.TrainingBatches(dataset.train, **which).epoch(1)))
    tests = next(iter(input_pipelines.test_batches(dataset.test, preprocessing, batch_size=batch_size)))
    return [batch[0].numpy() for batch in (first, second, final, tests)]


@pytest.mark.parametrize(
    ("image", "count", "shape"),
    [
        ({"channels": 1}, 5, (4, 6, 1)),
        ({"height": 9, "width": 5}, 5, (9, 5, 3)),
        ({"height": 1, "width": 40}, 5, (1, 40, 3)),
        ({}, 2, (4, 6, 3)),
    ],
    ids=["grey", "tall", "a line", "two images a class"],
)
def test_unusual_folders_can_be_searched_on_trained_on_and_tested_on(tmp_path, image, count, shape):
    make_folder(tmp_path, count=count, **image)
    for images in train_on(tmp_path, batch_size=1):
        assert images.shape == (1, *shape)
        assert np.isfinite(images).all()


def test_one_image_a_class_is_enough_where_there_is_a_test_part_and_refused_where_not(tmp_path):
    for part in ("train", "test"):
        make_folder(tmp_path / part, count=1)
    assert len(train_on(tmp_path, batch_size=1)) == 4
    with pytest.raises(DatasetError, match="--batch_size=64 is larger than the 1 images to draw from"):
        train_on(tmp_path, batch_size=64)
    assert "at least one class needs 2 images. Received: 2 images in 2 classes" in one_line_error(tmp_path / "train")


def test_images_of_one_colour_are_normalized_to_numbers(tmp_path):
    for name in ("ant", "bee"):
        for number in range(4):
            write(tmp_path / name / f"{number}.png", np.full([4, 6, 3], 200, np.uint8))
    assert all(np.isfinite(images).all() for images in train_on(tmp_path, batch_size=1))


def test_class_folders_whose_names_are_not_utf_8_are_refused(tmp_path):
    make_folder(tmp_path, classes=("ant", "b\udcffe"))
    assert r"the class 'b\udcffe' is not UTF-8 text" in one_line_error(tmp_path)
