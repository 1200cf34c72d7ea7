import pytest

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.study.study_section import Section


def refusal(call):
    with pytest.raises(ConfigurationError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_flags_are_texts_with_the_flagfile_first():
    section = Section({"epochs": 3, "horizontal_flip": False, "image_size": [8, 16], "flagfile": "a"}, "file")
    assert section.flags(set()) == (
        ("flagfile", "a"), ("epochs", "3"), ("horizontal_flip", "false"), ("image_size", "8,16"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "call", "message"),
    [
        ([1], lambda section: None, "file: must be a JSON object. Received: [1]"),
        ({"name": " "}, Section.name, 'file: "name" must be a text. Received:  '),
        ({}, Section.name, 'file: "name" is missing. Received: nothing'),
        ({"name": "a/b"}, Section.name, 'file: "name" must be at most 60 printable characters without /.'),
        ({"a": -1}, lambda section: section.whole("a", 0), '"a" must be a whole number of 0 or more. Received: -1'),
        ({"a": True}, lambda section: section.whole("a", 0), "Received: True"),
        ({"a": []}, lambda section: section.seeds("a", (0,)), '"a" must be a list of seeds'),
        ({"a": [1, 1]}, lambda section: section.seeds("a", (0,)), '"a" names a seed twice'),
        ({"a": "b"}, lambda section: section.texts("a", ()), '"a" must be a list of texts. Received: b'),
        ({"a": [1]}, lambda section: section.seeds_by_name("a"), '"a" must be an object with a list of seeds'),
        ({"a": 1}, lambda section: section.end(), "file: unknown key. Received: a"),
        ({"seed": 1}, lambda section: section.flags({"seed"}), "this flag is not for a study file. Received: seed"),
        ({"a": {}}, lambda section: section.flags(set()), "flag a must be a text, a number, true, false, or a list"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_place(content, call, message):
    assert message in refusal(lambda: call(Section(content, "file")))


def test_a_named_section_is_called_by_its_name():
    section = Section({"name": "main", "a": 1}, "file")
    assert section.name() == "main"
    assert refusal(section.end) == "file, main: unknown key. Received: a"


def test_a_text_can_stand_for_an_object():
    (part,) = Section({"a": ["DARTS_V2"]}, "file").sections("a", text_as="genotype")
    assert (part.name(), part.flags(set())) == ("DARTS_V2", (("genotype", "DARTS_V2"),))
