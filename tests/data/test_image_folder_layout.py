import pytest

from eoinas_tf.data.image_folder_layout import LabelledFiles, find_layout
from eoinas_tf.errors import DatasetError


def make(root, *names):
    """Makes files, and folders for names that end with a slash."""
    for name in names:
        path = root / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_bytes(b"")


def refused(root):
    with pytest.raises(DatasetError) as caught:
        find_layout(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_classes_without_parts(tmp_path):
    make(tmp_path, "bee/1", "bee/0.png", "ant/x.txt")
    found = find_layout(tmp_path)
    assert found.class_names == ("ant", "bee")
    assert [path.name for path in found.parts[0].paths] == ["x.txt", "0.png", "1"]
    assert found.parts[0].labels.tolist() == [0, 1, 1]
    assert (len(found.parts), found.test_name, found.strays, found.ignored) == (1, None, [], {})


def test_parts_whose_test_part_may_lack_a_class(tmp_path):
    make(tmp_path, "Train/ant/0", "Train/bee/0", "Test/bee/1")
    found = find_layout(tmp_path)
    assert found.test_name == "Test"
    assert [part.labels.tolist() for part in found.parts] == [[0, 1], [1]]


@pytest.mark.parametrize("validation", ["val", "Valid", "validation"])
def test_a_validation_part_beside_a_test_part_is_refused(tmp_path, validation):
    make(tmp_path, "train/ant/0", "train/bee/0", "test/ant/0", f"{validation}/ant/0")
    message = refused(tmp_path)
    assert f"{tmp_path} holds test and {validation}; beside a test part no validation part is used" in message
    assert f"move its images into train, or move {validation} elsewhere" in message


def test_a_test_part_without_a_training_part_is_refused(tmp_path):
    for part in ("test", "val"):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
    with pytest.raises(DatasetError, match="holds test, val, and no training part with class folders; name it train"):
        find_layout(tmp_path)


@pytest.mark.parametrize("names", [("train", "Training"), ("test", "TEST"), ("val", "valid")])
def test_two_folders_that_could_be_one_part_are_refused(tmp_path, names):
    make(tmp_path, "train/ant/0", "train/bee/0", *(f"{name}/ant/0" for name in names))
    assert f"could be the same part: {', '.join(sorted(names))}; keep one" in refused(tmp_path)


def test_a_folder_beside_the_parts_is_refused(tmp_path):
    make(tmp_path, "train/ant/0", "train/bee/0", "test/ant/0", "extra/ant/0", "more/")
    assert "folders that are no part: extra, more; move them into train, or remove them" in refused(tmp_path)


def test_a_class_may_have_a_part_s_name(tmp_path):
    make(tmp_path, "train/0", "car/0", "Valid/0")
    assert find_layout(tmp_path).class_names == ("Valid", "car", "train")


@pytest.mark.parametrize("place", ["bee", "train/bee", "test/bee"])
def test_folders_in_a_class_folder_are_refused(tmp_path, place):
    make(tmp_path, *(("train/ant/0", "train/bee/0", "test/ant/0") if "/" in place else ("ant/0", "bee/0")))
    make(tmp_path, f"{place}/0", *(f"{place}/more{number}/1.png" for number in range(7)))
    message = refused(tmp_path)
    assert f"folders in the class folder {tmp_path / place}: more0, more1, more2, more3, more4, 2 more; move" in message


@pytest.mark.parametrize("name", ["cow", "train/cow", "test", "test/bee"])
def test_a_link_that_leads_nowhere_may_have_been_a_class_or_a_part(tmp_path, name):
    make(tmp_path, *(("ant/0", "bee/0") if name == "cow" else ("train/ant/0", "train/bee/0")))
    if name == "test/bee":
        make(tmp_path, "test/ant/0")
    (tmp_path / name).symlink_to(tmp_path / "gone")
    assert refused(tmp_path) == f"{tmp_path / name} is a link that leads nowhere; mend or remove it"


def test_links_that_lead_to_folders_are_followed(tmp_path):
    make(tmp_path, "elsewhere/0", "root/bee/0")
    (tmp_path / "root" / "ant").symlink_to(tmp_path / "elsewhere")
    assert find_layout(tmp_path / "root").class_names == ("ant", "bee")


def test_files_outside_of_class_folders_are_noted(tmp_path):
    make(tmp_path, "train/ant/0", "train/bee/0", "test/ant/0", "a.txt", "train/b.png", "test/c", ".hidden")
    names = [str(path.relative_to(tmp_path)) for path in find_layout(tmp_path).strays]
    assert names == [".hidden", "a.txt", "train/b.png", "test/c"]


def test_only_known_files_of_operating_systems_are_ignored_whatever_their_case(tmp_path):
    make(
        tmp_path,
        "ant/0",
        "bee/0",
        "bee/THUMBS.DB",
        "bee/.DS_Store",
        "ant/.ds_store",
        "__MACOSX/ant/._0",
        "._x",
        "ant/._",
    )
    make(tmp_path, "bee/@eaDir/0@SynoEAStream", "bee/Desktop.ini")
    found = find_layout(tmp_path)
    assert len(found.parts[0].paths) == 2
    assert found.ignored == {
        "THUMBS.DB": 1, ".DS_Store": 1, ".ds_store": 1, "__MACOSX": 1, "._*": 2, "@eaDir": 1, "Desktop.ini": 1
    }  # fmt: skip


@pytest.mark.parametrize("name", [".cache/0.png", ".git/objects/0", ".ipynb_checkpoints/"])
def test_hidden_folders_are_no_classes_and_refused(tmp_path, name):
    make(tmp_path, "ant/0", "bee/0", name)
    folder = tmp_path / name.partition("/")[0]
    assert refused(tmp_path) == f"{folder} is a hidden folder and taken for no class; rename or remove it"


@pytest.mark.parametrize("name", ["bee", "train/bee"])
def test_an_empty_class_is_refused(tmp_path, name):
    make(tmp_path, *(("ant/0",) if name == "bee" else ("train/ant/0",)), f"{name}/")
    assert refused(tmp_path) == f"no images in the class folder {tmp_path / name}; add some, or remove it"


def test_what_is_left_of_a_class(tmp_path):
    make(tmp_path, "ant/0", "ant/1", "bee/0")
    files = find_layout(tmp_path).parts[0]
    left = files.without([files.paths[1]])
    assert ([path.name for path in left.paths], left.labels.tolist()) == (["0", "0"], [0, 1])
    with pytest.raises(DatasetError, match=r"no file in the class folder .*bee can be used"):
        files.without({files.paths[2]: "why"})
    assert isinstance(left, LabelledFiles)
