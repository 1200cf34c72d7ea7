import sys

import pytest

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.space.operation_modules import import_operations


def test_modules_are_imported_once_and_in_order(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("first_operations", "second_operations"):
        (tmp_path / f"{name}.py").write_text("import sys\nsys.imported_here.append(__name__)\n")
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "imported_here", [], raising=False)
    import_operations(None)
    import_operations(("second_operations", "first_operations"))
    import_operations(["first_operations"])  # As config.json holds them.
    assert sys.imported_here == ["second_operations", "first_operations"]


@pytest.mark.parametrize("name", ["./my_ops.py", ".my_ops", "my_ops.py", "folder/my_ops", ""])
def test_a_path_is_no_name_of_a_module(name):
    with pytest.raises(ConfigurationError, match="must be names as in an import statement, such as my_operations"):
        import_operations((name,))


def test_a_missing_module_is_one_line():
    with pytest.raises(ConfigurationError) as refusal:
        import_operations(("no_such_operations",))
    assert str(refusal.value) == (
        "--operation_modules: No module named 'no_such_operations'; install it, or name its folder in PYTHONPATH. "
        "Received: no_such_operations"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("def wide(:", "SyntaxError: "),
        ("from eoinas_tf.space.operations import no_such_layer", "ImportError: cannot import name 'no_such_layer'"),
        (
            "from eoinas_tf.space.operations import Identity, register_operation\n"
            "register_operation('sep_conv_3x3', Identity)",
            "ValueError: an operation named sep_conv_3x3 is known already; choose another name",
        ),
    ],
)
def test_a_module_that_cannot_be_imported_is_named_with_the_reason(tmp_path, monkeypatch, content, message):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "faulty_operations.py").write_text(content)
    with pytest.raises(ConfigurationError) as refusal:
        import_operations(("faulty_operations",))
    assert str(refusal.value).startswith("--operation_modules: faulty_operations cannot be imported: " + message)
