"""Copies presets and trained weights into the package when it is built; everything else is in setup.cfg."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

COPIED = {"presets": "flags/*.flags", "weights": "weights/*.keras"}


class BuildWithData(build_py):
    """Builds the package with its presets and weights; an editable installation reads flags/ and weights/ itself."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for name, pattern in COPIED.items():
            folder = Path(self.build_lib, "eoinas_tf", name)
            self.mkpath(str(folder))
            for file in sorted(Path(__file__).parent.glob(pattern)):
                self.copy_file(str(file), str(folder / file.name))


setup(cmdclass={"build_py": BuildWithData})
