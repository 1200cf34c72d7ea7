import pytest
from small_study import changed, write_study

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.study.derived_cells import DERIVED
from eoinas_tf.study.study_file import DERIVED_KINDS, folder_name, read_study


def test_everything_is_read(tmp_path):
    study = read_study(write_study(tmp_path))
    (scale,) = study.scales
    assert scale.contestant_names() == ("eoinas", "beta alone", "DARTS_V2", "residual network")
    assert scale.seeds == {"eoinas": (0, 1), "beta alone": (4,)}
    assert scale.networks[0].flags == (("genotype", "DARTS_V2"),)
    short, long = scale.trainings
    assert (short.seeds, short.of, short.more_seeds) == ((0,), None, {"DARTS_V2": (1, 2)})
    assert (long.of, dict(long.flags)["epochs"]) == (("eoinas",), "9")
    assert (scale.derived[0].kind, scale.derived[0].pair) == ("candidates", 2)
    assert set(DERIVED_KINDS) == set(DERIVED)


SCALE = ("scales", 0)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("format",), "other/1", '"format" must be "eoinas-study/1". Received: other/1'),
        (("title",), None, '"title" is missing'),
        (("colour",), "red", "unknown key. Received: colour"),
        (("methods", 0, "seed"), 3, "this flag is not for a study file. Received: seed"),
        (("methods", 1, "name"), "eoinas", "must differ, also as names of folders. Received: eoinas"),
        (("methods", 1, "name"), "random", None),
        ((*SCALE, "methods"), ["gdas"], '"methods" must be among eoinas, beta alone. Received: gdas'),
        ((*SCALE, "datasets"), ["cifar"], '"datasets" must be among digits. Received: cifar'),
        ((*SCALE, "seeds"), [], '"seeds" must be a list of seeds'),
        ((*SCALE, "random_cells"), "many", '"random_cells" must be a whole number'),
        ((*SCALE, "method_seeds"), {"gdas": [1]}, '"method_seeds" must be among eoinas, beta alone'),
        ((*SCALE, "networks"), ["eoinas"], "must differ, also as names of folders. Received: eoinas"),
        ((*SCALE, "trainings", 0, "of"), ["ENAS"], '"trainings, short, of" must be among'),
        ((*SCALE, "trainings", 0, "more_seeds"), {"ENAS/0": [1]}, '"trainings, short, more_seeds" must be among'),
        (
            (*SCALE, "trainings", 0, "more_seeds"),
            {"eoinas/7": [1]},
            '"more_seeds" of short: eoinas is not searched with this seed. Received: eoinas/7',
        ),
        (
            (*SCALE, "trainings", 1, "more_seeds"),
            {"DARTS_V2": [1]},
            '"more_seeds" of long: DARTS_V2 is not among those that "of" names. Received: DARTS_V2',
        ),
        ((*SCALE, "derived_cells", 0, "methods"), [], '"derived_cells" needs "methods", the searches to start from'),
        ((*SCALE, "trainings", 1, "name"), "short", '"trainings" must differ'),
        ((*SCALE, "derived_cells", 0, "kind"), "edges", '"kind" must be one of candidates, drops, edge_rankings'),
        ((*SCALE, "derived_cells", 0, "training"), "medium", '"derived_cells, training" must be among short, long'),
        ((*SCALE, "derived_cells", 0, "seeds"), [7], "eoinas is not searched with this seed. Received: 7"),
        ((*SCALE, "derived_cells", 0, "pair"), 8, '"pair" must be a position from 0 to 7. Received: 8'),
        ((*SCALE, "derived_cells", 0, "cell"), "other", '"cell" must be normal or reduce'),
    ],
)
def test_what_no_study_can_say_is_refused_in_one_line(tmp_path, path, value, message):
    study = changed(*path, value=value)
    if message is None:  # The name of the random cells is taken only where there are some.
        study["scales"][0]["method_seeds"] = {}
        study["scales"][0]["random_cells"] = 2
        message = "must differ, also as names of folders. Received: random"
    with pytest.raises(ConfigurationError) as caught:
        read_study(write_study(tmp_path, study))
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path))


@pytest.mark.parametrize(("text", "message"), [("{", "not valid JSON"), ('{"a": 1, "a": 2}', "a key stands twice")])
def test_a_file_that_is_not_json_is_refused(tmp_path, text, message):
    path = tmp_path / "study.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        read_study(path)
    with pytest.raises(ConfigurationError, match="No such file"):
        read_study(tmp_path / "other.json")


def test_names_become_names_of_folders():
    assert folder_name("eoinas (relative), 5 epochs") == "eoinas_relative_5_epochs"
    assert folder_name("../..") == "_"
