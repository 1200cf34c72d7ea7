"""The records of a study's finished runs as one small file, with which the study continues on another machine."""

import io
import lzma
import os
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.experiment.atomic_files import make_folder, write_bytes
from eoinas_tf.study.derived_cells import is_done, settle_derived
from eoinas_tf.study.planned_run import PlannedRun
from eoinas_tf.study.search_evidence import search_folders

RECORD_SUFFIXES = (".json", ".jsonl")
# It lists files that are not packed.
WITHOUT_CHECKPOINTS = "checkpoints.json"


def pack_records(runs: Iterable[PlannedRun], study_dir: Path, archive: Path) -> int:
    """Packs what analyses read of finished runs, and by which the study knows that they are finished.

    Checkpoints, exported networks, pictures and TensorBoard's files are left out. The same records give the same bytes.

    Args:
        runs: The plan.
        study_dir: The study's folder; names in the archive are relative to it.
        archive: The file to write, a tar file compressed with xz. An existing one is replaced.

    Returns:
        The number of runs packed. Equal derived cells share a run.

    Raises:
        ConfigurationError: No run is finished.
        StorageError: The file could not be written.
    """
    folders = {run.folder: None for run in map(settle_derived, filter(is_done, runs)) if run is not None}
    if not folders:
        raise ConfigurationError(f"{study_dir} has no finished run of this study, so there is nothing to pack")
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for path in sorted({path for folder in folders for path in _records(folder)}):
            entry = tarfile.TarInfo(Path(os.path.relpath(path, study_dir)).as_posix())
            text = path.read_bytes()
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    make_folder(archive.parent)
    write_bytes(archive, lzma.compress(content.getvalue(), preset=9 | lzma.PRESET_EXTREME))
    return len(folders)


def _records(folder: Path) -> Iterator[Path]:
    """Yields the records of a run and, for a search with several seeds, of each of them."""
    for place in dict.fromkeys((folder, *search_folders(folder))):
        for path in place.iterdir():
            if path.suffix in RECORD_SUFFIXES and path.name != WITHOUT_CHECKPOINTS and path.is_file():
                yield path
