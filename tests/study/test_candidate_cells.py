from small_search import GENOTYPE, write_search

from eoinas_tf.space.operation_names import OPERATION_NAMES
from eoinas_tf.study.candidate_cells import candidate_cell, candidate_labels
from eoinas_tf.study.search_evidence import SearchEvidence


def test_one_operation_of_the_found_cell_is_replaced_by_each_candidate(tmp_path):
    write_search(tmp_path)
    evidence = SearchEvidence(tmp_path)
    labels = candidate_labels(OPERATION_NAMES)
    assert len(labels) == 7
    for label in labels:
        cells = candidate_cell(evidence, label, "reduce", 3)
        assert cells.reduce[3] == (label, 2)
        assert (*cells.reduce[:3], *cells.reduce[4:]) == (*GENOTYPE.reduce[:3], *GENOTYPE.reduce[4:])
        assert cells.normal == GENOTYPE.normal
    assert candidate_cell(evidence, "skip_connect", "normal", 8) is None
    assert candidate_labels(("skip_connect", "none", "wide_conv")) == ("skip_connect", "wide_conv")
