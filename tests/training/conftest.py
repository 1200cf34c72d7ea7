"""A clock that the tests of this folder set themselves."""

import pytest


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()
