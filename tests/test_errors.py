import pytest

from eoinas_tf import errors

EXIT_STATUS = {
    "EoinasError": 1,
    "ConfigurationError": 1,
    "GenotypeError": 1,
    "KerasBackendError": 1,
    "DatasetError": 1,
    "WeightsError": 1,
    "MemoryExhaustedError": 1,
    "NonFiniteError": 3,
    "RunDirectoryError": 4,
    "StorageError": 5,
    "StoppedError": 42,
}


def test_every_error_has_its_exit_status():
    found = {name: kind.exit_status for name, kind in vars(errors).items() if isinstance(kind, type)}
    assert found == EXIT_STATUS


@pytest.mark.parametrize("name", EXIT_STATUS)
def test_every_error_is_caught_as_an_eoinas_error_and_keeps_its_message(name):
    with pytest.raises(errors.EoinasError, match=r"^what was wrong$"):
        raise getattr(errors, name)("what was wrong")
