"""The package can print each message that docs/troubleshooting.md quotes."""

import ast
import re

import pytest
from docs_pages import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"^### `(.+)`$", PAGE, re.MULTILINE)
# The parts that vary: in the page, in f-strings, and in texts for `%`.
GAP, PLACE = "...", "\0"


def texts(node):
    """Yields the texts in a syntax tree, with PLACE where an f-string or `%` inserts a value."""
    if isinstance(node, ast.JoinedStr):
        yield "".join(part.value if isinstance(part, ast.Constant) else PLACE for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield re.sub(r"%[sdg]", PLACE, node.value)
    for child in ast.iter_child_nodes(node):
        yield from texts(child)


@pytest.fixture(scope="module")
def package_texts():
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "eoinas_tf").rglob("*.py")))
    return [text for tree in trees for text in texts(tree) if len(text) > 10]


def can_say(text, quoted):
    """Whether a text of the package contains the quoted parts in order, with something variable in each gap."""
    parts = [re.escape(part) for part in quoted.split(GAP)]
    return re.search(f".*{PLACE}.*".join(part for part in parts if part), text, re.DOTALL) is not None


@pytest.mark.parametrize("quoted", QUOTED)
def test_the_package_can_say_it(package_texts, quoted):
    assert any(can_say(text, quoted) for text in package_texts), quoted


def test_there_are_many_and_none_stands_twice():
    assert len(QUOTED) > 30
    assert len(set(QUOTED)) == len(QUOTED)


def test_a_changed_message_is_found_out():
    text = f"--run_dir={PLACE} is in use by {PLACE}; wait for it"
    assert can_say(text, "--run_dir=... is in use by ...; wait")
    assert not can_say(text, "--run_dir=... is used by ...; wait")
    assert not can_say(text, "is in ... use")


def test_every_message_is_explained():
    sections = re.split(r"^### .+$", PAGE, flags=re.MULTILINE)[1:]
    assert all(re.search(r"\w{3,}", section.split("\n## ")[0]) for section in sections)
