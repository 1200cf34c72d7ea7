import io
import os
import pathlib
import struct
import threading
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import ExifTags, Image

from eoinas_tf.data import decoded_files, image_split, pillow_decoding, small_images
from eoinas_tf.data.decoded_files import decode_files
from eoinas_tf.data.image_resizing import fit_images
from eoinas_tf.data.small_images import SMALL_IMAGES
from eoinas_tf.errors import DatasetError, MemoryExhaustedError

IMAGE = np.random.default_rng(1).integers(0, 256, [32, 32, 3], np.uint8)
JPEG = tf.io.encode_jpeg(IMAGE).numpy()
PNG = tf.io.encode_png(IMAGE).numpy()
HUGE_SIDE = 60000


def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def huge_png(side):
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return PNG[:8] + header + png_chunk(b"IDAT", zlib.compress(b"\0" * 99)) + png_chunk(b"IEND", b"")


def huge_jpeg(side):
    # The sides come after the frame's marker, its length and the bits per sample.
    place = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:place] + struct.pack(">HH", side, side) + JPEG[place + 4 :]


def huge_gif(side):
    frame = b"," + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\2\2\x4c\1\0"
    return b"GIF89a\1\0\1\0\xa1\0\0" + b"\0" * 12 + frame + b";"


def huge_bmp(side):
    return b"BM" + struct.pack("<IIIIiiHHI", 99, 0, 54, 40, side, side, 1, 24, 0) + b"\0" * 40


def huge_webp(side):
    sides = (side - 1).to_bytes(3, "little") * 2
    return b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0" + sides + b"ANIM\0\0\0\0"


def huge_tiff(side):
    tags = {256: side, 257: side, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: side, 279: 1}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0" * 4


def huge_ppm(side):
    return b"P6 %d %d 255 abc" % (side, side)


def written(kind, image=None, **options):
    content = io.BytesIO()
    (image or Image.fromarray(IMAGE)).save(content, kind, **options)
    return content.getvalue()


# The suffix does not matter: each is tried under that of another format.
HUGE = {
    "huge.png": huge_png, "huge.jpg": huge_jpeg, "huge.gif": huge_gif, "huge.bmp": huge_bmp, "huge_webp.png": huge_webp,
    "huge_tiff.jpg": huge_tiff, "huge_ppm.webp": huge_ppm,
}  # fmt: skip
DAMAGED = {
    "empty.png": b"",
    "cut.jpg": JPEG[: len(JPEG) // 2],
    "cut.png": PNG[: len(PNG) // 2],
    "header_only.jpg": JPEG[:4],
    "without_end.jpg": JPEG[:-2],
    "content.png": PNG[:60] + bytes([PNG[60] ^ 1]) + PNG[61:],
    # One bit of the header's checksum, and one of the pixels', which is right before the end chunk of twelve bytes.
    "header_checksum.png": PNG[:29] + bytes([PNG[29] ^ 1]) + PNG[30:],
    "pixel_checksum.png": PNG[:-13] + bytes([PNG[-13] ^ 1]) + PNG[-12:],
    "garbage.png": b"this is not an image, whatever its name says",
    "garbage.gif": b"GIF89a" + b"\0" * 9,
    "garbage.bmp": b"BM" + b"\0" * 9,
    "cut_webp.png": written("WEBP")[:99],
    "cut.tif": written("TIFF")[:99],
    "text.txt": b"notes",
    "icon.ico": written("ICO"),
    "program.eps": written("EPS"),
    "float.tif": written("TIFF", Image.fromarray(np.zeros([4, 4], np.float32))),
    "photo.heic": b"\0\0\0\x18ftypheic" + b"\0" * 40,
    **{name: huge(HUGE_SIDE) for name, huge in HUGE.items()},
}


def decode(paths, **settings):
    defaults = {"image_size": None, "resize_side": None, "keep_pixels": True, "skip_bad_images": False}
    return decode_files(list(paths), **{**defaults, **settings})


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.png"
    path.write_bytes(PNG)
    return path


def refused(paths, **settings):
    with pytest.raises(DatasetError) as caught:
        decode(paths, **settings)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 1
    return str(caught.value)


def assert_bad(good, bad, reason):
    """The file is named by default, and left out if requested."""
    message = refused([good, bad, good])
    assert str(bad) in message
    assert reason in message
    found = decode([good, bad, *[good] * 98], skip_bad_images=True)
    assert found.bad == {bad: message}
    assert len(found.images) == 99


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_named_or_left_out(tmp_path, good, name):
    bad = tmp_path / name
    bad.write_bytes(DAMAGED[name])
    reasons = {"empty.png": "is empty", "float.tif": "32 bits and so no known range"}
    reasons.update(dict.fromkeys(HUGE, "at most 100000000 are taken"))
    assert_bad(good, bad, reasons.get(name, "damaged"))


@pytest.mark.parametrize("name", HUGE)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_no_memory_is_taken_for_what_declares_too_many_pixels(tmp_path, monkeypatch, name):
    def is_called(*_):
        raise AssertionError("decoded")

    monkeypatch.setattr(decoded_files, "decode_jpeg_or_png", is_called)
    monkeypatch.setattr(pillow_decoding, "_loaded_pixels", is_called)
    path = tmp_path / name
    path.write_bytes(HUGE[name](10001))
    assert "declares 100020001 pixels, at most 100000000 are taken" in refused([path])
    path.write_bytes(HUGE[name](10000))
    # Pillow looks for a WebP's frames when it opens the file, and finds none.
    with pytest.raises(DatasetError if "webp" in name[:10] else AssertionError, match=r"damaged|decoded"):
        decode([path])


def test_content_decides_and_not_the_name(tmp_path):
    frames = [Image.fromarray(np.full([8, 8, 3], value, np.uint8)) for value in (40, 90, 140)]
    contents = {
        # TensorFlow's decoder would crash the process.
        "animated.png": written("WEBP", frames[0], save_all=True, append_images=frames[1:], lossless=True),
        "tiff.jpg": written("TIFF", frames[0]),
        "bmp": written("BMP", frames[0]),
        "png.webp": written("PNG", frames[0]),
        "palette.bmp": written("BMP", frames[0].quantize(4)),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    found = decode(sorted(tmp_path.iterdir()))
    np.testing.assert_array_equal(found.images, [np.asarray(frames[0])] * len(contents))
    assert found.orientations == [1] * len(contents)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_photographs_are_turned_before_they_are_measured_and_resized(tmp_path, kind):
    stored, exif = np.zeros([24, 40, 3], np.uint8), Image.Exif()
    stored[:12, :20] = 250
    exif[ExifTags.Base.Orientation] = 6
    path = tmp_path / "photo"
    path.write_bytes(written(kind, Image.fromarray(stored), exif=exif))
    found = decode([path])
    assert found.own_size == (40, 24)
    # The first row is the right side, the first column the top.
    quarters = found.images[0][[10, 10, 30, 30], [6, 18, 6, 18], 0] > 125
    assert quarters.tolist() == [False, True, False, False]
    assert found.orientations == [6 if kind in ("JPEG", "PNG") else 1]
    resized = decode([path], image_size=(20, 12)).images[0]
    np.testing.assert_array_equal(resized, fit_images(found.images[0], (20, 12)))


def test_files_that_belong_to_no_class_are_bad_whatever_they_hold(tmp_path, good):
    stray = tmp_path / "stray.png"
    stray.write_bytes(PNG)
    assert f"{stray} lies outside of the class folders; move it into one, or remove it" == refused(
        [good], strays=[stray]
    )
    assert "more than 1 % of 99 files" in refused([good] * 98, strays=[stray], skip_bad_images=True)
    assert list(decode([good] * 99, strays=[stray], skip_bad_images=True).bad) == [stray]


def test_a_link_that_leads_to_itself(tmp_path, good):
    bad = tmp_path / "gone.png"
    bad.symlink_to(bad)
    assert_bad(good, bad, "cannot read")


def test_a_file_that_may_not_be_read(tmp_path, good, monkeypatch):
    # Root may read every file.
    bad = tmp_path / "secret.png"
    bad.write_bytes(PNG)
    real = pathlib.Path.read_bytes

    def refuse(path):
        if path == bad:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(pathlib.Path, "read_bytes", refuse)
    assert_bad(good, bad, f"cannot read {bad}: Permission denied")


def test_what_is_no_regular_file(tmp_path, good):
    bad = tmp_path / "device.png"
    bad.symlink_to(os.devnull)
    assert_bad(good, bad, "it is not a regular file")


def test_a_file_that_is_too_large_to_be_an_image(tmp_path, good):
    bad = tmp_path / "sparse.png"
    with open(bad, "wb") as file:
        file.truncate(2**40)
    assert_bad(good, bad, f"it has {2**40} bytes")


@pytest.mark.parametrize(
    ("bad_count", "count", "is_refused"), [(1, 100, False), (1, 99, True), (2, 200, False), (2, 199, True)]
)
def test_at_most_a_hundredth_is_left_out(tmp_path, good, bad_count, count, is_refused):
    bad = [tmp_path / f"{number}.png" for number in range(bad_count)]
    for path in bad:
        path.write_bytes(b"")
    paths = [*[good] * (count - bad_count), *bad]
    if is_refused:
        message = refused(paths, skip_bad_images=True)
        assert f"more than 1 % of {count} files cannot be read as images" in message
        assert str(bad[0]) in message
    else:
        assert list(decode(paths, skip_bad_images=True).bad) == bad


@pytest.mark.parametrize("error", [tf.errors.ResourceExhaustedError(None, None, "OOM"), MemoryError()], ids=type)
@pytest.mark.parametrize("skip", [False, True])
def test_too_little_memory_is_not_a_file_s_fault_but_names_it(good, monkeypatch, error, skip):
    def exhaust(*_):
        raise error

    for name, exhausted, what in (
        ("decode_jpeg_or_png", exhaust, f"{len(PNG)} bytes"),
        ("image_fitter", lambda *_: exhaust, "an image of 32,32 (height,width)"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(decoded_files, name, exhausted)
            with pytest.raises(MemoryExhaustedError) as caught:
                decode([good] * 100, image_size=(8, 8), skip_bad_images=skip)
        assert str(good) in str(caught.value)
        assert what in str(caught.value)


def test_images_are_as_wished(tmp_path, good):
    grey = tmp_path / "grey.png"
    grey.write_bytes(tf.io.encode_png(IMAGE[:, :16, :2]).numpy())
    found = decode([grey, good], image_size=(8, 4))
    assert (found.own_size, found.is_colour, found.bad) == ((32, 16), True, {})
    np.testing.assert_array_equal(found.images[0], fit_images(IMAGE[:, :16, :1], (8, 4)))
    np.testing.assert_array_equal(found.images[1], fit_images(IMAGE, (8, 4)))
    np.testing.assert_array_equal(
        decode([good], image_size=(8, 4), resize_side=8).images[0], fit_images(IMAGE, (8, 4), 8)
    )
    assert not decode([grey]).is_colour


@pytest.mark.parametrize("is_damaged", [False, True])
@pytest.mark.parametrize("sizes", [{}, {"image_size": (20, 12)}, {"image_size": (8, 8), "resize_side": 12}])
def test_small_images_decoded_together_are_those_decoded_one_by_one(tmp_path, good, monkeypatch, sizes, is_damaged):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    contents = {
        "alpha": written("PNG", Image.fromarray(np.dstack([IMAGE, IMAGE[..., 0]]))),
        "turned": written("JPEG", exif=exif),
        "damaged": JPEG[: len(JPEG) // 2] if is_damaged else JPEG,
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    paths = [good, *(tmp_path / name for name in contents), *[good] * (SMALL_IMAGES - 3), tmp_path / "alpha"]
    results = {"decode_small_images": [], "fit_small_images": []}
    for name, made in results.items():
        function = getattr(small_images, name)
        keep = lambda *given, function=function, made=made: made.append(function(*given)) or made[-1]  # noqa: E731
        monkeypatch.setattr(decoded_files, name, keep)
    found = decode(paths, skip_bad_images=True, **sizes)
    # All but the first and the last are one chunk.
    assert [result is None for result in results["decode_small_images"]] == [is_damaged, True]
    assert len(results["fit_small_images"]) == (bool(sizes) and not is_damaged)
    assert list(found.bad) == [tmp_path / "damaged"] * is_damaged
    alone = {path: decode([path], **sizes) for path in set(paths) - found.bad.keys()}
    one_by_one = [alone[path] for path in paths if path not in found.bad]
    assert found.orientations == [file.orientations[0] for file in one_by_one]
    assert found.own_size == (32, 32)
    for image, file in zip(found.images, one_by_one, strict=True):
        np.testing.assert_array_equal(image, file.images[0], strict=True)


def test_small_images_of_many_shapes_are_resized_one_by_one(tmp_path, good):
    grey, flat = tmp_path / "grey.png", tmp_path / "flat.png"
    grey.write_bytes(tf.io.encode_png(IMAGE[..., :1]).numpy())
    flat.write_bytes(tf.io.encode_png(IMAGE[:6, :4]).numpy())
    found = decode([good, grey, flat, *[good] * (SMALL_IMAGES - 2)], image_size=(8, 4))
    expected = [IMAGE, IMAGE[..., :1], IMAGE[:6, :4], *[IMAGE] * (SMALL_IMAGES - 2)]
    for image, pixels in zip(found.images, expected, strict=True):
        np.testing.assert_array_equal(image, fit_images(pixels, (8, 4)), strict=True)


def test_few_files_are_read_ahead_if_only_the_first_is_small(good, monkeypatch):
    monkeypatch.setattr(decoded_files, "MOST_BYTES_TOGETHER", 3 * len(PNG))
    counts = []
    monkeypatch.setattr(decoded_files, "decode_small_images", lambda encoded: counts.append(len(encoded)))
    found = decode([good] * (SMALL_IMAGES + 1))
    assert counts == []
    np.testing.assert_array_equal(found.images, [IMAGE] * (SMALL_IMAGES + 1), strict=True)


def test_images_that_are_too_many_or_not_wished_are_not_kept(good, monkeypatch):
    assert decode([good], keep_pixels=False).images is None
    monkeypatch.setattr(image_split, "DECODED_BYTES_LIMIT", 2 * IMAGE.size)
    assert len(decode([good] * 2).images) == 2
    assert decode([good] * 3).images is None


def test_differing_sizes_are_told_at_the_first_that_differs(tmp_path, good, monkeypatch):
    flat, bad = tmp_path / "flat.png", tmp_path / "bad.png"
    flat.write_bytes(tf.io.encode_png(IMAGE[:6, :4]).numpy())
    bad.write_bytes(b"")
    read = []
    real = decoded_files._read_file
    monkeypatch.setattr(decoded_files, "_read_file", lambda path: read.append(path) or real(path))
    message = refused([bad, good, flat, *[good] * 600], skip_bad_images=True)
    assert f"{good} is 32,32 (height,width) and {flat} is 6,4; give --image_size=H,W" in message
    # Not all 603 files are read, but the first and one chunk at most.
    assert len(read) <= 1 + SMALL_IMAGES


@pytest.mark.parametrize(
    ("side", "image_size", "is_threaded"), [(192, None, False), (193, None, True), (193, (8, 8), True)]
)
def test_threads_decode_only_what_takes_them_longer_than_their_switching(
    tmp_path, monkeypatch, side, image_size, is_threaded
):
    path = tmp_path / "image.png"
    path.write_bytes(tf.io.encode_png(np.zeros([side, side, 1], np.uint8)).numpy())
    threads = []
    read = decoded_files._read_file
    monkeypatch.setattr(
        decoded_files, "_read_file", lambda path: threads.append(threading.current_thread()) or read(path)
    )
    assert len(decode([path] * 4, image_size=image_size).images) == 4
    # The first file is read before the sizes are known.
    assert {thread is not threading.main_thread() for thread in threads[1:]} == {is_threaded}
