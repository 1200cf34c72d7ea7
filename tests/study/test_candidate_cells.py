from small_search import GENOTYPE, write_search

from eoinas_tf.study.candidate_cells import CANDIDATES, candidate_cell
from eoinas_tf.study.search_evidence import SearchEvidence


def test_one_operation_of_the_found_cell_is_replaced_by_each_candidate(tmp_path):
    write_search(tmp_path)
    evidence = SearchEvidence(tmp_path)
    assert len(CANDIDATES) == 7
    for label in CANDIDATES:
        cells = candidate_cell(evidence, label, "reduce", 3)
        assert cells.reduce[3] == (label, 2)
        assert (*cells.reduce[:3], *cells.reduce[4:]) == (*GENOTYPE.reduce[:3], *GENOTYPE.reduce[4:])
        assert cells.normal == GENOTYPE.normal
    assert candidate_cell(evidence, "skip_connect", "normal", 8) is None
