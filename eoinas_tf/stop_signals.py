"""SIGTERM, SIGINT and SIGHUP: a run that is asked to stop finishes its step, saves, and can be continued."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from eoinas_tf.errors import StoppedError

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StopSignals:
    """While it is entered, SIGTERM, SIGINT and SIGHUP, which a terminal that is closed sends, stop the run in order.

    Where nothing would be lost they end it at once, with a `StoppedError`. In a block of
    `finishing` they are only noted: whoever works there asks `received` after each step,
    saves, and raises the error. A second signal changes nothing, so that it cannot break the save.

    A process that was started to ignore SIGHUP, as nohup does, still does. Outside of the main thread, which
    alone can receive signals, nothing is changed.

    Attributes:
        received: The signal's name once there was one.

    Example:
        with StopSignals() as stop, stop.finishing():
            while not stop.received:
                train_step()
            save()
    """

    def __init__(self) -> None:
        self.received: str | None = None
        self._is_finishing = False
        self._raised: StoppedError | None = None
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> "StopSignals":
        self._previous = self.listen()
        return self

    def __exit__(self, kind: object, exception: BaseException | None, traceback: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # What signal.signal returned.
        # Libraries in which it came make other exceptions of it: Keras adds a layer's arguments, or it is a TypeError.
        if exception is not None and self._raised is not None and exception is not self._raised:
            raise self._raised from exception

    def listen(self) -> dict[signal.Signals, object]:
        """Takes the signals, again where a library took them: TensorFlow does for SIGTERM when workers connect.

        Returns:
            What handled each signal before.
        """
        if threading.current_thread() is not threading.main_thread():
            return {}
        ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()
        return {number: signal.signal(number, self._receive) for number in STOP_SIGNALS if number not in ignored}

    @contextlib.contextmanager
    def finishing(self) -> Iterator[None]:
        """Makes signals wait until what is done in the block asks for them."""
        self._is_finishing = True
        try:
            yield
        finally:
            self._is_finishing = False

    def error(self, saved: str) -> StoppedError:
        """Returns what ends the run.

        Args:
            saved: What of the run is kept, for the message.
        """
        cause = f"{self.received} received" if self.received else "another worker was told to stop"
        return StoppedError(f"{cause}; {saved}; the same command continues the run")

    def _receive(self, number: int, frame: FrameType | None) -> None:
        is_first = self.received is None
        self.received = signal.Signals(number).name
        if is_first and not self._is_finishing:
            self._raised = self.error("what was saved before is kept")
            raise self._raised
