"""Reads the commands that the package prints as a shell would."""

import shlex


def words_of(command):
    """Returns the words that a shell makes of a command broken into lines."""
    return shlex.split(command.replace("\\\n", ""))
