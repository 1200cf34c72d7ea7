"""Version, changelog, citation, CI and the documentation's build agree with the project's other files."""

import configparser
import os
import re
import subprocess
import sys

import pytest
import yaml
from docs_pages import ROOT

from eoinas_tf import __version__


def text_of(path):
    return (ROOT / path).read_text(encoding="utf-8")


def python_versions():
    """Returns the versions that the package declares as supported."""
    metadata = configparser.ConfigParser()
    metadata.read_string(text_of("setup.cfg"))
    return re.findall(r"Python :: (3\.\d+)", metadata["metadata"]["classifiers"])


def test_the_version_stands_in_one_place_and_heads_the_change_log():
    assert "version = attr: eoinas_tf.__version__" in text_of("setup.cfg")
    for path in ("setup.py", "pyproject.toml", "README.md", "CITATION.cff", "docs/conf.py"):
        assert __version__ not in text_of(path), path
    newest = re.search(r"^## \[(.+?)\]", text_of("CHANGELOG.md"), re.MULTILINE).group(1)
    assert newest in (__version__, "Unreleased")
    headings = re.findall(r"^### (.+)$", text_of("CHANGELOG.md"), re.MULTILINE)
    assert set(headings) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_workflow_runs_what_ci_runs_on_every_supported_python():
    jobs = yaml.safe_load(text_of(".github/workflows/ci.yml"))["jobs"]
    assert "bash .ci/run" in [step.get("run") for step in jobs["test"]["steps"]]
    assert "make test" in text_of(".ci/run").splitlines()
    assert jobs["wheel"]["strategy"]["matrix"]["python-version"] == python_versions()
    assert "make docs" in [step.get("run") for step in jobs["docs"]["steps"]]


def test_before_a_commit_make_check_runs():
    ((hook,),) = (entry["hooks"] for entry in yaml.safe_load(text_of(".pre-commit-config.yaml"))["repos"])
    assert (hook["entry"], hook["pass_filenames"]) == ("make check", False)


def test_the_citation_names_the_paper():
    citation = yaml.safe_load(text_of("CITATION.cff"))
    (paper,) = citation["references"]
    assert paper["title"] in " ".join(text_of("docs/method.md").split())
    assert paper["identifiers"][0]["value"] == "arXiv:1911.10511"
    assert citation["license"] == "Apache-2.0"


def links(path):
    """Yields the local files that a page links to, ignoring code blocks."""
    prose = re.sub(r"^```.*?^```$", "", text_of(path), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose)):
        if ":" not in target:
            yield target.split("#")[0]


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]
)
def test_links_lead_to_files(page):
    missing = [target for target in links(page) if target and not (ROOT / page).parent.joinpath(target).exists()]
    assert missing == []


def test_the_pages_are_built_without_a_warning(tmp_path):
    for package in ("sphinx", "myst_parser", "furo"):
        pytest.importorskip(package, reason="comes with the extra `docs`")
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "--builder", "html"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    arguments = ["--doctree-dir", tmp_path / "doctrees", ROOT / "docs", tmp_path / "html"]
    run = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    page = (tmp_path / "html" / "api.html").read_text(encoding="utf-8")
    for name in ("search", "train", "build_model", "load_run", "ImageClassifier", "register_operation"):
        assert f">{name}<" in page
