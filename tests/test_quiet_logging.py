import logging

import pytest

from eoinas_tf.quiet_logging import without_warnings


def test_warnings_are_silent_inside_and_heard_afterwards(caplog):
    logger = logging.getLogger("some.library")
    with without_warnings("some.library"):
        logger.warning("inside")
        logger.error("an error")
    logger.warning("afterwards")
    assert [record.message for record in caplog.records] == ["an error", "afterwards"]


def test_the_level_comes_back_after_an_exception():
    logger = logging.getLogger("some.library")
    logger.setLevel(logging.DEBUG)
    with pytest.raises(ValueError, match="any"), without_warnings("some.library"):
        raise ValueError("any")
    assert logger.level == logging.DEBUG
