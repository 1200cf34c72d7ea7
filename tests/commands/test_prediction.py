import json
import sys

import numpy as np
import pytest
from PIL import Image

from eoinas_tf.commands import prediction
from eoinas_tf.experiment import exported_predictions

NAMES = ["cat", "dog", "emu"]
GIVEN = [0.2, 0.7, 0.1]


@pytest.fixture
def export(tmp_path, monkeypatch):
    """Writes an export's description; a stand-in for its network records the images and returns `GIVEN`,
    rotated by the value of the first pixel."""
    asked = []

    def answer(images):
        asked.append(images)
        rows = [np.roll(np.array(GIVEN, np.float32), image[0, 0, 0]) for image in images]
        return {"probabilities": np.stack(rows), "label": np.argmax(rows, axis=1)}

    def write(format_name="saved_model", shape=(None, None, None, 3), resize_side=None):
        folder = tmp_path / "run" / format_name
        folder.mkdir(parents=True)
        image = {"dtype": "uint8", "shape": list(shape)}
        description = {"format": format_name, "image": image, "class_names": NAMES}
        (folder / "export.json").write_text(json.dumps(description))
        (tmp_path / "run" / "config.json").write_text(json.dumps({"resize_side": resize_side}))
        return asked

    for name in ("saved_model", "tflite", "tflite_int8"):
        monkeypatch.setitem(exported_predictions.LOADERS, name, lambda folder: answer)
    return write


def write_image(path, height, width, mode="RGB", first=0):
    pixels = np.arange(first, first + height * width, dtype=np.uint8).reshape(height, width)
    Image.fromarray(pixels).convert(mode).save(path)
    return str(path)


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    def start(*arguments):
        monkeypatch.setattr(sys, "argv", ["eoinas predict", *map(str, arguments)])
        code = 0
        try:
            prediction.main()
        except SystemExit as exit_:
            code = exit_.code
        output = capsys.readouterr()
        return code, output.out, output.err

    return start


def test_images_of_one_size_are_run_together_and_said_in_their_order(run, export, tmp_path):
    asked = export()
    paths = [
        write_image(tmp_path / f"{number}.png", *size, first=number)
        for number, size in enumerate([(4, 5), (6, 5), (4, 5)])
    ]
    code, output, errors = run(f"--model={tmp_path / 'run'}", "--top=2", *paths)
    assert (code, errors) == (0, "")
    said = ["dog 70.0 %, cat 20.0 %", "emu 70.0 %, dog 20.0 %", "cat 70.0 %, emu 20.0 %"]
    assert output.splitlines() == [f"{path}: {classes}" for path, classes in zip(paths, said, strict=True)]
    assert [images.shape for images in asked] == [(2, 4, 5, 3), (1, 6, 5, 3)]
    np.testing.assert_array_equal(asked[0][1], np.asarray(Image.open(paths[2])))


@pytest.mark.parametrize(
    ("limits", "sizes"), [({"MOST_IMAGES": 2}, [2, 2, 1]), ({"MOST_BYTES": 150}, [3, 2]), ({}, [5])]
)
def test_many_images_are_run_in_parts_that_fit_into_memory(run, export, tmp_path, monkeypatch, limits, sizes):
    asked = export()
    paths = [write_image(tmp_path / f"{number}.png", 4, 5, first=number) for number in range(5)]  # 60 bytes each.
    expected = run(f"--model={tmp_path / 'run'}", *paths)
    asked.clear()
    for name, value in limits.items():
        monkeypatch.setattr(prediction, name, value)
    assert run(f"--model={tmp_path / 'run'}", *paths) == expected
    assert [len(images) for images in asked] == sizes


def test_images_that_cannot_be_read_leave_the_others_their_lines(run, export, tmp_path):
    export()
    good = [write_image(tmp_path / f"{number}.png", 4, 5) for number in range(2)]
    (tmp_path / "bad.png").write_bytes(b"no image")
    code, output, errors = run(f"--model={tmp_path / 'run'}", "no.png", good[0], str(tmp_path / "bad.png"), good[1])
    assert code == 1
    assert [line.split(": ")[0] for line in output.splitlines()] == good
    missing, damaged = errors.splitlines()
    assert missing.startswith("error: cannot read no.png: No such file")
    assert damaged.startswith("error: ")
    assert "bad.png" in damaged


def test_nothing_is_run_for_a_reader_who_has_gone(run, export, tmp_path, monkeypatch):
    asked = export()
    paths = [write_image(tmp_path / f"{number}.png", 4, 5) for number in range(3)]
    monkeypatch.setattr(prediction, "MOST_IMAGES", 1)
    monkeypatch.setattr(prediction, "has_reader", lambda stream: False)
    assert run(f"--model={tmp_path / 'run'}", *paths)[0] == 0
    assert len(asked) == 1


def test_programs_get_a_json_line_an_image(run, export, tmp_path):
    export()
    path = write_image(tmp_path / "a.png", 4, 4)
    _, output, _ = run(f"--model={tmp_path / 'run' / 'saved_model'}", "--json", "--top=9", path)
    said = json.loads(output)
    assert (said["image"], said["label"]) == (path, 1)
    assert [entry["class_name"] for entry in said["classes"]] == ["dog", "cat", "emu"]
    assert [entry["probability"] for entry in said["classes"]] == pytest.approx([0.7, 0.2, 0.1])


@pytest.mark.parametrize("resize_side", [None, 8])
def test_for_a_format_of_one_size_images_are_fitted_as_in_the_test(run, export, tmp_path, resize_side):
    asked = export("tflite", (None, 6, 4, 1), resize_side)
    path = write_image(tmp_path / "a.png", 12, 8, "L")
    assert run(f"--model={tmp_path / 'run'}", path)[0] == 0
    (images,) = asked
    from eoinas_tf.data.image_resizing import fit_images

    pixels = np.asarray(Image.open(path))[..., np.newaxis]
    np.testing.assert_array_equal(images[0], fit_images(pixels, (6, 4), resize_side).numpy())


def test_the_resize_side_is_that_of_the_export_wherever_it_is(run, export, tmp_path):
    asked = export("tflite", (None, 6, 4, 1), None)
    file = tmp_path / "run" / "tflite" / "export.json"
    path = write_image(tmp_path / "a.png", 12, 8, "L")
    pixels = np.asarray(Image.open(path))[..., np.newaxis]
    from eoinas_tf.data.image_resizing import fit_images

    file.write_text(json.dumps({**json.loads(file.read_text()), "resize_side": 7}))
    (tmp_path / "run" / "tflite").rename(tmp_path / "copied")
    assert run(f"--model={tmp_path / 'copied'}", path)[0] == 0
    np.testing.assert_array_equal(asked[0][0], fit_images(pixels, (6, 4), 7).numpy())


def test_only_formats_of_the_last_training_are_used(run, export, tmp_path):
    asked = export("saved_model")
    export("tflite", (None, 6, 4, 3))
    path = write_image(tmp_path / "a.png", 12, 8)
    summary = tmp_path / "run" / "summary.json"
    for content, shape in (("[]", (12, 8)), ('{"tflite": "tflite/model.tflite"}', (6, 4))):
        summary.write_text(content)
        assert run(f"--model={tmp_path / 'run'}", path)[0] == 0
        assert asked.pop().shape[1:3] == shape
    summary.write_text('{"onnx": "onnx/model.onnx"}')
    code, _, errors = run(f"--model={tmp_path / 'run'}", path)
    assert (code, errors.count("\n")) == (1, 1)
    assert "--model must be a run folder of a finished training" in errors


def test_grey_images_become_colour_but_not_the_reverse(run, export, tmp_path):
    asked = export()
    assert run(f"--model={tmp_path / 'run'}", write_image(tmp_path / "grey.png", 4, 4, "L"))[0] == 0
    assert asked[0].shape == (1, 4, 4, 3)
    (tmp_path / "run" / "saved_model" / "export.json").write_text(
        json.dumps({"format": "saved_model", "image": {"shape": [None, None, None, 1]}, "class_names": NAMES})
    )
    code, _, errors = run(f"--model={tmp_path / 'run'}", write_image(tmp_path / "colour.png", 4, 4))
    assert (code, errors.count("\n")) == (1, 1)
    assert "the network takes grey images" in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model=nowhere", "a.png"], "error: --model must be a run folder of a finished training or an export's"),
        (["--model={run}"], "the following arguments are required: IMAGE"),
        (["a.png"], "the following arguments are required: --model"),
        (["--model={run}", "--top=0", "a.png"], "--top must be at least 1. Received: 0"),
        (["--model={run}", "no.png"], "cannot read no.png: No such file"),
    ],
)
def test_what_cannot_be_predicted_is_one_line(run, export, tmp_path, arguments, message):
    export()
    code, output, errors = run(*(argument.format(run=tmp_path / "run") for argument in arguments))
    assert (code, output, errors.count("\n")) == (1, "", 1)
    assert message in errors


def test_of_equal_quantized_probabilities_the_label_comes_first(run, export, tmp_path, monkeypatch):
    export("tflite_int8", (None, 4, 4, 3))
    outputs = {"probabilities": np.array([[0.5, 0.0, 0.5]], np.float32), "label": np.array([2])}
    monkeypatch.setitem(exported_predictions.LOADERS, "tflite_int8", lambda folder: lambda images: outputs)
    path = write_image(tmp_path / "a.png", 4, 4)
    assert run(f"--model={tmp_path / 'run'}", path)[1] == f"{path}: emu 50.0 %, cat 50.0 %, dog 0.0 %\n"
    said = json.loads(run(f"--model={tmp_path / 'run'}", "--json", "--top=1", path)[1])
    assert (said["label"], said["classes"]) == (2, [{"class_name": "emu", "probability": 0.5}])


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("Could not open\n'model.tflite'"), "cannot be run (Could not open 'model.tflite'); copy it again"),
        (Exception(), "cannot be run (Exception); copy it again, with all its files"),
        (ModuleNotFoundError("No module", name="onnxruntime"), "not installed (onnxruntime); install it"),
        (ImportError("libcuda.so: wrong ELF class"), "cannot be run (libcuda.so: wrong ELF class); copy it again"),
        (MemoryError("5 GiB"), "out of memory (5 GiB); lower the size of the images"),
    ],
)
@pytest.mark.parametrize("is_loaded", [False, True])
def test_an_export_that_cannot_be_run_is_one_line(run, export, tmp_path, monkeypatch, error, message, is_loaded):
    export("tflite", (None, 4, 4, 3))

    def fails(given):
        raise error

    monkeypatch.setitem(exported_predictions.LOADERS, "tflite", (lambda folder: fails) if is_loaded else fails)
    code, output, errors = run(f"--model={tmp_path / 'run'}", write_image(tmp_path / "a.png", 4, 4))
    assert (code != 0, output, errors.count("\n")) == (True, "", 1)
    assert message in errors


def test_packages_that_write_an_export_are_not_needed_to_run_it(run, export, tmp_path, monkeypatch):
    from eoinas_tf.experiment import export_formats

    export("tflite", (None, 4, 4, 3))
    monkeypatch.setattr(export_formats, "has_converter", lambda: False)
    code, _, errors = run(f"--model={tmp_path / 'run'}", write_image(tmp_path / "a.png", 4, 4))
    assert (code, errors) == (0, "")


def test_a_description_without_its_parts_is_none(run, export, tmp_path):
    export()
    (tmp_path / "run" / "saved_model" / "export.json").write_text('{"format": "saved_model"}')
    code, _, errors = run(f"--model={tmp_path / 'run'}", write_image(tmp_path / "a.png", 4, 4))
    assert (code, errors.count("\n")) == (1, 1)
    assert "holds no export.json of an export" in errors
