import dataclasses

import numpy as np
import pytest

from eoinas_tf.search.judgement import judge_operations


def test_reads_the_state_and_applies_the_settings(search):
    statistics = search.state.statistics
    statistics.weight_steps.assign(np.full((2, 14, 8), 10))
    statistics.architecture_steps.assign(np.full((2, 14, 8), 4))
    statistics.accuracy_sums.assign(np.full((2, 14, 8), 1.0))
    living = np.ones((2, 14, 8), bool)
    living[0, 3, 1:5] = False
    search.state.network.living_operations.assign(living)
    judgement = judge_operations(search.state, search.config, steps_per_epoch=5)
    # Ce = 10 / 5 epochs, Ca = 0.25, beta = 1/8 or, where four are dropped, 1/4.
    assert judgement.training_iterations[0, 0, 0] == 2.0
    assert judgement.importance[0, 0, 0] == pytest.approx(1 / 8 + 0.5 * 0.25 / 2)
    assert judgement.importance[0, 3, 0] == pytest.approx(1 / 4 + 0.5 * 0.25 / 2)
    assert np.isnan(judgement.importance[0, 3, 2])
    by_weight_alone = dataclasses.replace(search.config, importance_weight=0.0)
    assert judge_operations(search.state, by_weight_alone, 5).importance[1, 0, 0] == pytest.approx(1 / 8)
    in_steps = dataclasses.replace(search.config, importance_iterations="steps")
    assert judge_operations(search.state, in_steps, 5).importance[1, 0, 0] == pytest.approx(1 / 8 + 0.5 * 0.025)
