"""Durations and counts in readable form."""


def duration(seconds: float) -> str:
    """Returns seconds as h:mm:ss."""
    whole = max(0, round(seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def thread_count(threads: int) -> str:
    """Returns a number of threads in words."""
    return "1 thread" if threads == 1 else f"{threads} threads"


def rounded_count(count: int) -> str:
    """Returns a large count in thousands or millions, with three digits in all, such as 11.8 M.

    Args:
        count: The count.
    """
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        # A count that would be rounded to 1000 of the next smaller unit belongs to this one.
        if count >= 0.9995 * size:
            value = count / size
            digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{digits}f} {letter}"
    return str(count)
