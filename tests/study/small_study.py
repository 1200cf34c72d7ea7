"""A study of two methods that is planned quickly."""

import copy
import json

SMALL = {
    "format": "eoinas-study/1",
    "title": "Small",
    "methods": [
        {"name": "eoinas", "importance_iterations": "relative"},
        {"name": "beta alone", "importance_weight": 0},
    ],
    "datasets": [{"name": "digits", "dataset": "digits", "horizontal_flip": False}],
    "scales": [
        {
            "name": "main",
            "search": {"epochs": 8, "cells": 3, "init_channels": 2},
            "seeds": [0, 1],
            "method_seeds": {"beta alone": [4]},
            "networks": ["DARTS_V2", {"name": "residual network", "network": "residual", "init_channels": 4}],
            "trainings": [
                {"name": "short", "epochs": 3, "cells": 3, "init_channels": 2, "more_seeds": {"DARTS_V2": [1, 2]}},
                {"name": "long", "epochs": 9, "cells": 3, "init_channels": 2, "of": ["eoinas"], "seeds": [5]},
            ],
            "derived_cells": [
                {"kind": "candidates", "methods": ["eoinas"], "seeds": [1], "training": "short", "pair": 2}
            ],
        }
    ],
}


def changed(*path, value):
    """Returns the study with one entry replaced, or removed if the value is None."""
    study = copy.deepcopy(SMALL)
    place = study
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return study


def write_study(folder, study=SMALL):
    path = folder / "study.json"
    path.write_text(json.dumps(study))
    return path
