"""The images that a run folder belongs to: `dataset.json`, written when a run begins and compared whenever it resumes.

On other images, a resumed run would give labels other meanings, and a finished one would export them.
"""

from typing import Any

from eoinas_tf.errors import RunDirectoryError
from eoinas_tf.experiment.run_directory import RunDirectory

MOST_CHANGES_NAMED = 4


def keep_dataset(run: RunDirectory, fingerprint: dict[str, Any]) -> None:
    """Keeps a data set's fingerprint in a new run's folder, or compares it with an old run's.

    A run of an earlier version has none; it takes the current one.

    Args:
        run: The open run folder.
        fingerprint: The result of `dataset_fingerprint`.

    Raises:
        RunDirectoryError: The run began with other images, or the record cannot be read.
        StorageError: It could not be written.
    """
    changes = run.keep_record(run.dataset, fingerprint, lambda stored: fingerprint_changes(stored, fingerprint))
    if changes:
        more = len(changes) - MOST_CHANGES_NAMED
        named = "; ".join(changes[:MOST_CHANGES_NAMED]) + (f"; and {more} changes more" if more > 0 else "")
        raise RunDirectoryError(
            f"--run_dir={run.path} holds a run with other images ({named}); put them back to continue it, or name "
            "another folder"
        )


def fingerprint_changes(stored: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Describes the differences between two fingerprints of data sets.

    Args:
        stored: The earlier one.
        now: The later one.

    Returns:
        A phrase for each change, the most important first; none if there is no difference.
    """
    changes = _source_changes(stored["source"], now["source"])
    renamed = _renamed_classes(stored, now)
    changes += [f"class {old!r} was renamed to {new!r}" for old, new in renamed.items()]
    before, after = stored["class_names"], now["class_names"]
    changes += [f"class {name!r} was removed" for name in before if name not in after and name not in renamed]
    changes += [f"class {name!r} was added" for name in after if name not in before and name not in renamed.values()]
    kept = [renamed.get(name, name) for name in before if renamed.get(name, name) in after]
    if kept != [name for name in after if name in kept]:
        changes.append("the classes have another order")
    for part in now["parts"]:
        changes += _part_changes(part, stored, now, renamed)
    return changes or ["its fingerprint"]


def _source_changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [
        f"{name}: {before.get(name)} -> {after.get(name)}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def _by_class(fingerprint: dict[str, Any], part: str) -> dict[str, tuple[int, str]]:
    """Returns the number of images and the digest of each class."""
    content = fingerprint["parts"][part]
    pairs = zip(content["images_by_class"], content["digests_by_class"], strict=True)
    return dict(zip(fingerprint["class_names"], pairs, strict=True))


def _renamed_classes(stored: dict[str, Any], now: dict[str, Any]) -> dict[str, str]:
    """Returns the new names, by old name, of classes whose training images now have another name."""
    before, after = _by_class(stored, "train"), _by_class(now, "train")
    gone = {content: name for name, content in before.items() if name not in after}
    return {gone[content]: name for name, content in after.items() if name not in before and content in gone}


def _part_changes(part: str, stored: dict[str, Any], now: dict[str, Any], renamed: dict[str, str]) -> list[str]:
    """Describes the differences in one part: the number of its images, or which ones they are."""
    content, previous = now["parts"][part], stored["parts"][part]
    if content["digest"] == previous["digest"] and content["images"] == previous["images"]:
        return []
    before, after = _by_class(stored, part), _by_class(now, part)
    before = {renamed.get(name, name): images for name, images in before.items()}
    touched = [name for name, images in after.items() if name in before and images != before[name]]
    classes = f", in class {touched[0]!r}" if touched else ""
    classes += f" and {len(touched) - 1} more" if len(touched) > 1 else ""
    difference = content["images"] - previous["images"]
    if difference:
        word = "more" if difference > 0 else "fewer"
        images = "image" if abs(difference) == 1 else "images"
        return [f"{part}: {abs(difference)} {images} {word}{classes}"]
    if touched:
        return [f"{part}: other images{classes}"]
    # Labels changed with the classes, which explains everything.
    same_classes = stored["class_names"] == now["class_names"]
    return [f"{part}: the images have another order"] if same_classes else []
