"""The contents of a folder of images: the class and part of each file, and anything else in it.

Nothing is ignored silently: an entry is a part, a class, an image, or an operating system's own file, which is known by
its name and counted; anything else is refused by name.
"""

import collections
import dataclasses
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from eoinas_tf.errors import DatasetError

# Compared ignoring case.
TRAINING_NAMES = ("train", "training")
TEST_NAMES = ("test", "testing")
VALIDATION_NAMES = ("val", "valid", "validation")
# Files that operating systems, archives and network drives leave in folders.
SYSTEM_NAMES = (".ds_store", "thumbs.db", "desktop.ini", "__macosx", "@eadir")
SYSTEM_PREFIX = "._"
MOST_NAMED = 5


@dataclasses.dataclass(frozen=True)
class LabelledFiles:
    """A part's files in order of class and name, with their labels, int32 [n]."""

    paths: list[Path]
    labels: np.ndarray

    def without(self, bad: Iterable[Path]) -> "LabelledFiles":
        """Returns the files without the bad ones; raises a DatasetError if a class has none left."""
        bad = set(bad)
        is_kept = np.array([path not in bad for path in self.paths], bool)
        for label in np.setdiff1d(self.labels, self.labels[is_kept]):
            class_folder = self.paths[int(np.argmax(self.labels == label))].parent
            raise DatasetError(f"no file in the class folder {class_folder} can be used; replace them, or remove it")
        return LabelledFiles([path for path in self.paths if path not in bad], self.labels[is_kept])


@dataclasses.dataclass
class FolderLayout:
    """The entries found in a folder.

    Attributes:
        class_names: The classes, in the sorted order of their folders' names.
        parts: The training part and, if there is one, the test part.
        test_name: Name of the test part's folder; `None` if there is none.
        strays: Files outside the class folders.
        ignored: Number of operating systems' files and folders that were ignored, by name.
    """

    class_names: tuple[str, ...] = ()
    parts: list[LabelledFiles] = dataclasses.field(default_factory=list)
    test_name: str | None = None
    strays: list[Path] = dataclasses.field(default_factory=list)
    ignored: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    @property
    def training_images(self) -> int:
        """Number of images to train on; without a test part, about four fifths of all."""
        count = len(self.parts[0].paths)
        return count if self.test_name else count * 4 // 5

    def entries(self, folder: Path) -> tuple[list[Path], list[Path]]:
        """Returns the folders and the other entries in sorted order, independent of the file system's."""
        folders: list[Path] = []
        others: list[Path] = []
        try:
            for path in sorted(folder.iterdir()):
                name = path.name.lower()
                if name in SYSTEM_NAMES or name.startswith(SYSTEM_PREFIX):
                    self.ignored[path.name if name in SYSTEM_NAMES else f"{SYSTEM_PREFIX}*"] += 1
                else:
                    (folders if path.is_dir() else others).append(path)
        except OSError as error:
            raise DatasetError(f"cannot read the folder {folder}: {error.strerror}; allow it, or remove it") from error
        return folders, others

    def class_folders(self, folder: Path) -> list[Path]:
        """Returns the folders in the root or in a part of it, and records the files."""
        folders, others = self.entries(folder)
        for path in others:
            # It may have been a class, or a whole part.
            if path.is_symlink() and not path.exists():
                raise DatasetError(f"{path} is a link that leads nowhere; mend or remove it")
        hidden = [path for path in folders if path.name.startswith(".")]
        if hidden:
            raise DatasetError(f"{hidden[0]} is a hidden folder and taken for no class; rename or remove it")
        self.strays += others
        return folders

    def labelled_files(self, part: Path) -> LabelledFiles:
        """Lists a part's files. A class may be missing from the part, but not be empty."""
        paths: list[Path] = []
        labels: list[int] = []
        for label, class_name in enumerate(self.class_names):
            class_folder = part / class_name
            if not class_folder.is_dir():
                continue
            folders, images = self.entries(class_folder)
            if folders:
                raise DatasetError(
                    f"folders in the class folder {class_folder}: {_listing(path.name for path in folders)}; move "
                    "their images into the class folder itself, or make them classes of their own"
                )
            if not images:
                raise DatasetError(f"no images in the class folder {class_folder}; add some, or remove it")
            paths.extend(images)
            labels.extend([label] * len(images))
        return LabelledFiles(paths, np.array(labels, np.int32))


def find_layout(root: Path) -> FolderLayout:
    """Finds parts, classes and files. No file is opened.

    Args:
        root: A folder of class folders, or of a training part with class folders and optionally a test part.

    Raises:
        DatasetError: It is not laid out like this, or contains something else; the message says what to do.
    """
    found = FolderLayout()
    folders = found.class_folders(root)
    train, test = _parts(root, folders)
    if train is not None:
        folders = found.class_folders(train)
    found.class_names = tuple(path.name for path in folders)
    if len(found.class_names) < 2:
        raise DatasetError(
            f"at least 2 class folders are needed in {train or root}. Received: {len(folders)}"
            f"{f' ({_listing(found.class_names)})' if folders else ''}; "
            "put each class's images into a folder of its own"
        )
    part_names = {*TRAINING_NAMES, *TEST_NAMES, *VALIDATION_NAMES}
    if train is None and {name.lower() for name in found.class_names} <= part_names:
        parts = [folder for folder in folders if _holds_folders(folder)]
        if parts:
            raise DatasetError(
                f"{root} holds {_listing(path.name for path in parts)}, and no training part with class folders; name "
                f"it {TRAINING_NAMES[0]}"
            )
        raise DatasetError(
            f"no class folders in {folders[0]}, nor in {folders[1]}; "
            "put each class's images into a folder of its own inside them"
        )
    found.parts = [found.labelled_files(train or root)]
    if test is not None:
        _check_test_classes(test, [path.name for path in found.class_folders(test)], found.class_names)
        found.test_name = test.name
        found.parts.append(found.labelled_files(test))
    return found


def _parts(root: Path, folders: list[Path]) -> tuple[Path | None, Path | None]:
    """Returns the training and the test part; no training part if the root holds the classes itself."""
    training = [path for path in _named(folders, TRAINING_NAMES) if _holds_folders(path)]
    # A folder `train` that holds images but no folders is a class that happens to be called train.
    if not training:
        return None, None
    tests, validations = _named(folders, TEST_NAMES), _named(folders, VALIDATION_NAMES)
    for same in (training, tests, validations):
        if len(same) > 1:
            raise DatasetError(
                f"several folders in {root} could be the same part: {_listing(path.name for path in same)}; keep one"
            )
    others = [path.name for path in folders if path not in [*training, *tests, *validations]]
    if others:
        raise DatasetError(
            f"{root} holds class folders in {training[0].name}, and beside it folders that are no part: "
            f"{_listing(others)}; move them into {training[0].name}, or remove them"
        )
    if tests and validations:
        raise DatasetError(
            f"{root} holds {tests[0].name} and {validations[0].name}; beside a test part no validation part is used: "
            f"move its images into {training[0].name}, or move {validations[0].name} elsewhere"
        )
    return training[0], next(iter([*tests, *validations]), None)


def _holds_folders(folder: Path) -> bool:
    return bool(FolderLayout().entries(folder)[0])


def _named(folders: list[Path], names: tuple[str, ...]) -> list[Path]:
    return [path for path in folders if path.name.lower() in names]


def _check_test_classes(test: Path, test_names: list[str], class_names: tuple[str, ...]) -> None:
    unknown = sorted(set(test_names) - set(class_names))
    if unknown:
        raise DatasetError(
            f"classes in {test} that the training part does not have: {_listing(unknown)}; "
            f"the training part has {_listing(class_names)}"
        )
    if not test_names:
        raise DatasetError(f"no class folders in {test}; add them, or remove it to have a fifth held out")


def _listing(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join([*names[:MOST_NAMED], *([f"{len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else [])])
