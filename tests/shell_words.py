"""Reads the commands that the package prints as a shell would."""

import shlex


def words_of(command):
    """Returns the words of a command broken into lines, as a shell splits it."""
    return shlex.split(command.replace("\\\n", ""))
