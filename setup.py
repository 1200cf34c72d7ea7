"""Copies the presets of flags/ into the package when it is built; everything else is in setup.cfg."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithPresets(build_py):
    """Builds the package with `eoinas_tf/presets/*.flags`; an editable installation reads flags/ itself."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        folder = Path(self.build_lib, "eoinas_tf", "presets")
        self.mkpath(str(folder))
        for preset in sorted(Path(__file__).parent.glob("flags/*.flags")):
            self.copy_file(str(preset), str(folder / preset.name))


setup(cmdclass={"build_py": BuildWithPresets})
