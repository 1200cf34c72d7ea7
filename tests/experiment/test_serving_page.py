"""The programs of docs/serving.md, run as printed."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from eoinas_tf.experiment.export_folder import new_export
from eoinas_tf.experiment.export_formats import EXPORT_FORMATS

PAGE = Path(__file__).parents[2] / "docs" / "serving.md"
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def program_that_reads(text):
    (program,) = (program for program in PROGRAMS if text in program)
    return program


def run(program, folder):
    command = [sys.executable, "-W", "ignore", "-c", program]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("name", EXPORT_FORMATS)
def test_an_export_is_served_as_the_page_says(tiny, tmp_path, name):
    export_format = EXPORT_FORMATS[name]
    if not all(importlib.util.find_spec(package) for package in export_format.packages):
        pytest.skip(f"the extra `{name}` is not installed")
    image = tiny.make_images(16, 12, count=1)
    # As stored by a phone that was held upright: on its side, with orientation 6.
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.fromarray(np.rot90(image[0])).save(tmp_path / "photo.png", exif=exif)
    sides = [None, None] if export_format.takes_any_size else [8, 6]
    description = {"image": {"shape": [None, *sides, 3]}, "class_names": list(tiny.class_names)}
    with new_export(tmp_path / "runs" / "eval" / name, description) as folder:
        export_format.write(tiny.classifier, folder)
    expected = tiny.expected_of_other_size(image)[0]
    kind = "tflite" if name.startswith("tflite") else name
    program = program_that_reads(f'folder = Path("runs/eval/{kind}")').replace(f"eval/{kind}", f"eval/{name}")
    label, probability = run(program, tmp_path).split()
    assert label == tiny.class_names[expected.argmax()]
    assert float(probability) == pytest.approx(expected.max(), abs=2e-2 if name == "tflite_int8" else 2e-3)


def test_the_request_of_the_page_holds_the_images(tiny, tmp_path):
    np.save(tmp_path / "images.npy", tiny.images)
    run(program_that_reads("request.json"), tmp_path)
    request = json.loads((tmp_path / "request.json").read_text())
    np.testing.assert_array_equal(np.array(request["instances"], np.uint8), tiny.images)
    assert request["signature_name"] == "serving_default"


def test_images_of_16_bits_are_read_as_in_training(tmp_path, monkeypatch):
    from eoinas_tf.data.decoded_files import decode_one_file

    values = np.linspace(0, 65535, 30).astype(np.uint16).reshape(5, 6)
    Image.fromarray(values).save(tmp_path / "photo.png")
    expected = decode_one_file(tmp_path / "photo.png", None, None)
    monkeypatch.chdir(tmp_path)
    reading = re.compile(r"^image = ImageOps.*?convert\(.*?$", flags=re.MULTILINE | re.DOTALL)
    parts = [part.group() for program in PROGRAMS if (part := reading.search(program))]
    assert len(parts) == 3
    for part in parts:
        names = {"Image": Image, "ImageOps": ImageOps, "np": np, "channels": 1}
        exec(part, names)  # noqa: S102 -- the page's own program
        np.testing.assert_array_equal(np.asarray(names["image"]), expected[..., 0])


@pytest.mark.parametrize("size", [(40, 31), (25, 60), (9, 11)])
def test_pillow_cuts_out_the_middle_as_the_page_says(generator, size):
    from eoinas_tf.data.image_resizing import fit_images

    pixels = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
    names = {"Image": Image, "image": Image.fromarray(pixels), "description": {"resize_side": 14}}
    names.update(height=9, width=11)
    exec(program_that_reads('description["resize_side"]'), names)  # noqa: S102 -- the page's own program
    by_tensorflow = fit_images(pixels, (9, 11), 14).numpy().astype(int)
    assert np.abs(np.asarray(names["image"], int) - by_tensorflow).max() <= 1


def test_pillow_resizes_as_the_page_says(generator):
    import tensorflow as tf

    images = generator.integers(0, 256, (4, 40, 30, 3), dtype=np.uint8)
    by_tensorflow = np.round(tf.image.resize(images.astype(np.float32), [9, 11], antialias=True))
    by_pillow = [Image.fromarray(image).resize((11, 9), Image.Resampling.BILINEAR) for image in images]
    assert np.abs(np.stack([np.asarray(image, float) for image in by_pillow]) - by_tensorflow).max() <= 1
