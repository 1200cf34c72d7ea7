"""Settings of Sphinx: `make docs` builds docs/_build/html and takes warnings for errors."""

import importlib
import os
import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

DOCS = Path(__file__).parent.resolve()
sys.path.insert(0, str(DOCS.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

project = "eoinas_tf"
version = release = importlib.import_module(project).__version__
copyright = f"the authors of {project}, Apache License 2.0"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"{project} {version}"
# page.md of a study is what its README.md is made of.
exclude_patterns = ["_build", "results/**/page.md"]

# Links such as reliability.md#exit-status lead to headings up to this level.
myst_heading_anchors = 4
default_role = "literal"
add_module_names = False
autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_custom_sections = [("Call arguments", "params_style")]

FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>[^)#\s]+)(?P<anchor>#[^)]*)?\)")


def links_to_files_as_text(app: Sphinx, name: str, source: list[str]) -> None:
    """Replaces links to files that are no pages of the documentation, such as ../flags, by the text and the path."""
    folder = (DOCS / name).parent

    def replacement(match: re.Match[str]) -> str:
        target = match["target"]
        path = (folder / target).resolve()
        if ":" in target or (path.suffix == ".md" and path.is_file() and path.is_relative_to(DOCS)):
            return match[0]
        shown = os.path.relpath(path, DOCS.parent)
        return match["text"] if shown in match["text"] else f"{match['text']} (`{shown}`)"

    parts = FENCED.split(source[0])
    parts[::2] = [LINK.sub(replacement, text) for text in parts[::2]]
    source[0] = "".join(parts)


def examples_as_code(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Makes a block of code of the lines below `Example:` in a docstring."""
    for position in reversed([index for index, line in enumerate(lines) if line.strip() == "Example:"]):
        lines[position : position + 1] = ["Example::", ""]


def setup(app: Sphinx) -> None:
    """Connects the hooks; the second one comes before napoleon's."""
    app.connect("source-read", links_to_files_as_text)
    app.connect("autodoc-process-docstring", examples_as_code, priority=100)
