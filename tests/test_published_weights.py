from eoinas_tf import published_weights


def test_a_published_name_is_a_file_and_any_other_text_itself(monkeypatch, tmp_path):
    monkeypatch.setattr(published_weights, "FOLDERS", (tmp_path / "missing", tmp_path))
    (tmp_path / "small.keras").touch()
    (tmp_path / "other.txt").touch()
    assert published_weights.published_weights() == ["small"]
    assert published_weights.weights_location("small") == str(tmp_path / "small.keras")
    for path in ("./small", "small.keras", "runs/small", "other"):
        assert published_weights.weights_location(path) == path
