from eoinas_tf.training.labelled_rows import HARD_SPACE, broken_lines, labelled_rows


def test_texts_are_aligned_and_broken_at_spaces_only():
    path = "/a/long-path/" + "x" * 90
    rows = labelled_rows({"images": "8x8 pixels", "nothing": "", "super network": "cells " * 20, "path": f"in {path}"})
    lines = rows.splitlines()
    assert lines[0] == "  images        8x8 pixels"
    assert lines[1].startswith("  super network cells cells")
    assert lines[2].startswith(" " * 16 + "cells")
    assert lines[-2:] == ["  path          in", " " * 16 + path]
    assert all(len(line) <= 79 for line in lines[:-1])
    assert "nothing" not in rows


def test_no_line_is_broken_at_a_hard_space():
    command = f"{'x' * 30}{HARD_SPACE}{'y' * 44}"
    assert broken_lines(f"first {command}", "  ", "    ").splitlines() == ["  first", f"    {'x' * 30} {'y' * 44}"]
