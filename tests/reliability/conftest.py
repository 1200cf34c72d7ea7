import os
import random

import pytest
from zygote import Zygote


@pytest.fixture(scope="session")
def zygote():
    started = Zygote()
    yield started
    started.close()


@pytest.fixture
def chance():
    """Random numbers for times and places of kills; EOINAS_KILL_SEED repeats those of a failed test."""
    seed = int(os.environ.get("EOINAS_KILL_SEED", "0"))
    print(f"EOINAS_KILL_SEED={seed}")
    return random.Random(seed)
