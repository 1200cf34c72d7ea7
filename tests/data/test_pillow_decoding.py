import io
import struct

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageFile

from eoinas_tf.data import image_headers
from eoinas_tf.data.image_headers import UnreadableImageError
from eoinas_tf.data.pillow_decoding import FORMATS, decode_by_pillow, open_by_pillow, readable_formats

PIXELS = np.random.default_rng(0).integers(0, 256, [5, 7, 3], np.uint8)
COLOUR = Image.fromarray(PIXELS)
GREY = COLOUR.convert("L")
SIXTEEN_BITS = np.random.default_rng(1).integers(0, 2**16, [5, 7], np.uint16)
LOSSLESS = {"WEBP": {"lossless": True}, "JPEG2000": {"irreversible": False}}


def encoded(image, kind, **options):
    content = io.BytesIO()
    image.save(content, kind, **{**LOSSLESS.get(kind, {}), **options})
    return content.getvalue()


@pytest.mark.parametrize("kind", ["BMP", "JPEG2000", "PPM", "TIFF", "WEBP"])
def test_lossless_formats_in_colour(kind):
    decoded = decode_by_pillow(encoded(COLOUR, kind))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, PIXELS)


@pytest.mark.parametrize("kind", ["BMP", "JPEG2000", "PPM", "TIFF"])
def test_formats_that_know_grey_images(kind):
    np.testing.assert_array_equal(decode_by_pillow(encoded(GREY, kind)), np.asarray(GREY)[..., np.newaxis])
    is_white = COLOUR.convert("1")
    if kind != "JPEG2000":
        expected = 255 * np.asarray(is_white).astype(np.uint8)
        np.testing.assert_array_equal(decode_by_pillow(encoded(is_white, kind)), expected[..., np.newaxis])


def test_avif():
    if "AVIF" not in readable_formats():
        pytest.skip("this Pillow reads no AVIF")
    image = Image.new("RGB", (16, 12), (200, 120, 40))
    assert np.abs(decode_by_pillow(encoded(image, "AVIF", quality=90)).astype(int) - np.asarray(image)).max() <= 4


@pytest.mark.parametrize("kind", ["TIFF", "WEBP"])
def test_alpha_is_dropped_and_not_composited(kind):
    image = COLOUR.copy()
    image.putalpha(GREY)
    options = {"exact": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(decode_by_pillow(encoded(image, kind, **options)), PIXELS)


@pytest.mark.parametrize("kind", ["BMP", "GIF", "TIFF"])
def test_palettes_are_colours(kind):
    image = COLOUR.quantize(16)
    np.testing.assert_array_equal(decode_by_pillow(encoded(image, kind)), np.asarray(image.convert("RGB")))


def test_a_gif_is_in_colour_even_where_its_palette_is_grey():
    np.testing.assert_array_equal(decode_by_pillow(encoded(GREY, "GIF")), np.asarray(GREY.convert("RGB")))


@pytest.mark.parametrize("kind", ["PPM", "TIFF", "JPEG2000"])
def test_of_sixteen_bits_the_upper_eight_are_taken(kind):
    decoded = decode_by_pillow(encoded(Image.fromarray(SIXTEEN_BITS), kind))
    np.testing.assert_array_equal(decoded[..., 0], SIXTEEN_BITS >> 8)


def tiff(byte_order, pixels, **more):
    """A TIFF file with one strip; `more` are further tags by number."""
    bits, kind = pixels.dtype.itemsize * 8, {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    content = pixels.astype(pixels.dtype.newbyteorder(byte_order)).tobytes()
    tags = {256: pixels.shape[1], 257: pixels.shape[0], 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: pixels.shape[0]}
    tags.update({279: len(content), 339: kind})
    tags.update({int(tag.removeprefix("tag_")): value for tag, value in more.items()})
    entries = b"".join(struct.pack(byte_order + "HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    header = (b"II*\0" if byte_order == "<" else b"MM\0*") + struct.pack(byte_order + "I", 8 + len(content))
    return header + content + struct.pack(byte_order + "H", len(tags)) + entries + b"\0" * 4


@pytest.mark.parametrize("byte_order", "<>")
def test_both_byte_orders_of_sixteen_bits(byte_order):
    np.testing.assert_array_equal(decode_by_pillow(tiff(byte_order, SIXTEEN_BITS))[..., 0], SIXTEEN_BITS >> 8)


@pytest.mark.parametrize("dtype", [np.float32, np.uint32, np.int32])
def test_values_without_a_known_range_are_refused(dtype):
    with pytest.raises(UnreadableImageError, match="32 bits and so no known range"):
        decode_by_pillow(tiff("<", PIXELS[..., 0].astype(dtype)))


@pytest.mark.parametrize("tags", [{"tag_254": 1}, {"tag_50706": 0x0401}])
def test_the_preview_of_a_raw_photograph_is_not_taken_for_it(tags):
    decode_by_pillow(tiff("<", PIXELS[..., 0]))
    with pytest.raises(UnreadableImageError, match="preview"):
        decode_by_pillow(tiff("<", PIXELS[..., 0], **tags))


def bmp(header, pixels):
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(pixels), 0, 0, 14 + len(header)) + header + pixels


def bmp_header(bits, compression=0, height=1, size=40):
    return struct.pack("<IiiHHIIiiII", size, 2, height, 1, bits, compression, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # An OS/2 header has 12 bytes, of which each side takes two. Rows are padded to four bytes.
        (bmp(struct.pack("<IHHHH", 12, 2, 1, 1, 24), b"\3\2\1\6\5\4\0\0"), [[[1, 2, 3], [4, 5, 6]]]),
        (bmp(bmp_header(24, height=-2), b"\3\2\1\6\5\4\0\0" b"\x09\x08\x07\x0c\x0b\x0a\0\0"),
         [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]]),
        # The masks give the positions of red, green, blue and alpha.
        (bmp(bmp_header(32, 3, size=56) + struct.pack("<4I", 0xFF, 0xFF00, 0xFF0000, 0xFF000000),
             b"\1\2\3\x80\4\5\6\x80"), [[[1, 2, 3], [4, 5, 6]]]),
        (bmp(bmp_header(32, 3, size=56) + struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000),
             b"\3\2\1\x80\6\5\4\x80"), [[[1, 2, 3], [4, 5, 6]]]),
        # 5, 6 and 5 bits: the greatest red, the greatest green.
        (bmp(bmp_header(16, 3, size=52) + struct.pack("<3I", 0xF800, 0x07E0, 0x001F),
             struct.pack("<2H", 0xF800, 0x07E0)),
         [[[255, 0, 0], [0, 255, 0]]]),
    ],
    ids=["OS/2", "top down", "red first", "blue first", "RGB565"],
)  # fmt: skip
def test_kinds_of_bmp_files(content, expected):
    np.testing.assert_array_equal(decode_by_pillow(content), expected)


def test_bmp_masks_that_are_not_known_are_refused():
    masks = struct.pack("<4I", 0xF, 0xF0, 0xF00, 0xF000)
    with pytest.raises(UnreadableImageError):
        decode_by_pillow(bmp(bmp_header(32, 3, size=56) + masks, b"\0" * 8))


def gif(canvas, frame, transparent=None):
    """A GIF with red, green, blue and grey, whose one frame is green; frame: left, top, width and height."""
    codes = [4, 1] * (frame[2] * frame[3]) + [5]  # Three bits each: clear, colour 1; the end.
    bits = sum(code << 3 * place for place, code in enumerate(codes))
    pixels = bits.to_bytes(-(-3 * len(codes) // 8), "little")
    control = b"" if transparent is None else b"!\xf9\4\1\0\0" + bytes([transparent]) + b"\0"
    header = b"GIF89a" + struct.pack("<HHBBB", *canvas, 0xA1, 0, 0) + bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    return header + control + b"," + struct.pack("<HHHHB", *frame, 0) + b"\2" + bytes([len(pixels)]) + pixels + b"\0;"


@pytest.mark.parametrize(("transparent", "rest"), [(None, [255, 0, 0]), (3, [9, 9, 9])])
def test_a_gif_has_the_size_of_its_canvas(transparent, rest):
    expected = np.full([3, 4, 3], rest)
    expected[1, 1:3] = [0, 255, 0]
    np.testing.assert_array_equal(decode_by_pillow(gif((4, 3), (1, 1, 2, 1), transparent)), expected)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP"])
@pytest.mark.parametrize("size", [(8, 8), (80, 100)])
def test_the_first_of_several_frames_is_taken(kind, size):
    frames = [Image.fromarray(np.full([*size, 3], value, np.uint8)) for value in (40, 90, 140)]
    content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert Image.open(io.BytesIO(content)).n_frames == 3
    np.testing.assert_array_equal(decode_by_pillow(content), np.asarray(frames[0]))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["AVIF", "TIFF", "WEBP"])
def test_the_orientation_is_applied_once(orientation, kind):
    if kind not in readable_formats():
        pytest.skip(f"this Pillow reads no {kind}")
    stored = np.zeros([24, 32, 3], np.uint8)
    stored[:12, :16] = 250  # The corner where the first row and the first column meet.
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    upright = decode_by_pillow(encoded(Image.fromarray(stored), kind, exif=exif))
    assert upright.shape == ((32, 24, 3) if orientation >= 5 else (24, 32, 3))
    corners = upright[[0, 0, -1, -1], [0, -1, -1, 0], 0] > 125
    # Clockwise from the upper left, according to EXIF's table.
    assert corners.tolist().index(True) == {1: 0, 2: 1, 3: 2, 4: 3, 5: 0, 6: 1, 7: 2, 8: 3}[orientation]
    assert corners.sum() == 1


def huge(kind, side):
    """A few bytes that declare an image with sides of so many pixels."""
    if kind == "BMP":
        return bmp(struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0), b"\0" * 40)
    if kind == "GIF":
        return gif((side, side), (0, 0, 1, 1))
    if kind == "GIF frame":
        content = gif((1, 1), (0, 0, 1, 1))
        place = content.index(b",\0\0\0\0") + 5
        return content[:place] + struct.pack("<HH", side, side) + content[place + 4 :]
    if kind == "PPM":
        return b"P6 %d %d 255 abc" % (side, side)
    if kind == "TIFF":
        return tiff("<", PIXELS[..., 0], tag_256=side, tag_257=side)
    if kind == "WEBP VP8X":
        sides = (side - 1).to_bytes(3, "little") * 2
        return b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0" + sides + b"ANIM\0\0\0\0"
    bits = (side - 1) << 14 | (side - 1)
    return b"RIFF\x16\0\0\0WEBPVP8L\x09\0\0\0\x2f" + struct.pack("<I", bits) + b"\0" * 17


@pytest.mark.parametrize("kind", ["BMP", "GIF", "GIF frame", "PPM", "TIFF", "WEBP VP8X", "WEBP VP8L"])
@pytest.mark.parametrize("side", [10001, 16000])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_nothing_is_decoded_of_what_declares_too_many_pixels(kind, side, monkeypatch):
    def is_called(image):
        raise AssertionError("loaded")

    for plugin_class in (ImageFile.ImageFile, *(Image.OPEN[name][0] for name in readable_formats())):
        if isinstance(plugin_class, type):
            monkeypatch.setattr(plugin_class, "load", is_called)
    with pytest.raises(UnreadableImageError, match="pixels, at most 100000000 are taken"):
        decode_by_pillow(huge(kind, side))


def test_a_webp_that_declares_too_many_pixels_is_not_even_opened(monkeypatch):
    # Pillow would allocate its canvas.
    monkeypatch.setattr(Image, "open", None)
    assert len(huge("WEBP VP8X", 12000)) == 38
    with pytest.raises(UnreadableImageError, match="declares 144000000 pixels"):
        decode_by_pillow(huge("WEBP VP8X", 12000))


@pytest.mark.parametrize("kind", ["ICO", "TGA", "PCX", "EPS", "PNG", "JPEG"])
def test_formats_that_are_not_listed_are_refused(kind):
    with pytest.raises(UnreadableImageError, match="not an image of a kind that is read"):
        decode_by_pillow(encoded(COLOUR, kind))


@pytest.mark.parametrize("content", [b"", b"text", b"\xff\x0a" + b"\0" * 40, b"\0\0\0\x18ftypheic" + b"\0" * 40])
def test_what_is_no_image_that_pillow_reads(content):
    with pytest.raises(UnreadableImageError):
        decode_by_pillow(content)


def test_limits_of_pillow_are_the_package_s():
    assert Image.MAX_IMAGE_PIXELS == image_headers.MOST_PIXELS
    assert set(readable_formats()) <= set(FORMATS)
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    with pytest.raises(UnreadableImageError):
        open_by_pillow(encoded(COLOUR, "TIFF"), ["BMP"])


@pytest.mark.parametrize("kind", FORMATS)
def test_cut_files_are_refused(kind):
    if kind not in readable_formats():
        pytest.skip(f"this Pillow reads no {kind}")
    content = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 256, [40, 40, 3], np.uint8)), kind)
    for length in (len(content) // 2, 20, 3):
        with pytest.raises(UnreadableImageError):
            decode_by_pillow(content[:length])


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_mutated_files_are_images_or_refused(kind, monkeypatch):
    if kind not in readable_formats():
        pytest.skip(f"this Pillow reads no {kind}")
    monkeypatch.setattr(image_headers, "MOST_PIXELS", 10_000)
    generator = np.random.default_rng(0)
    content, refused = encoded(COLOUR, kind), 0
    for _ in range(400):
        mutated = bytearray(content)
        for place in generator.integers(0, min(len(content), 120), generator.integers(1, 5)):
            mutated[place] = generator.integers(256)
        try:
            image = decode_by_pillow(bytes(mutated))
        except UnreadableImageError:
            refused += 1
        else:
            assert image.dtype == np.uint8
            assert image.ndim == 3
            assert image.shape[2] in (1, 3)
    assert 0 < refused < 400
