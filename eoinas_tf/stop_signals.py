"""SIGTERM, SIGINT and SIGHUP: a run that is asked to stop finishes its step, saves, and can be resumed."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from eoinas_tf.errors import StoppedError

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StopSignals:
    """Inside the block, SIGTERM, SIGINT and SIGHUP (which a closing terminal sends) stop the run in an orderly way.

    If nothing would be lost they end it at once, with a `StoppedError`. Inside a block of `finishing` they are only
    recorded: the code in it checks `received` after each step, saves, and raises the error. A second signal has no
    effect, so it cannot break the save.

    A process started to ignore SIGHUP, as by nohup, still ignores it. Outside the main thread, which alone can receive
    signals, nothing is changed.

    Attributes:
        received: The signal's name, once one has come.

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
            signal.signal(number, handler)  # type: ignore[arg-type]  # As signal.signal returned it.
        # Libraries interrupted by the signal turn it into other exceptions: Keras adds a layer's arguments, or it is a
        # TypeError.
        if exception is not None and self._raised is not None and exception is not self._raised:
            raise self._raised from exception

    def listen(self) -> dict[signal.Signals, object]:
        """Installs the handlers, again if a library replaced them: TensorFlow does so for SIGTERM when workers connect.

        Returns:
            The previous handler of each signal.
        """
        if threading.current_thread() is not threading.main_thread():
            return {}
        ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()
        return {number: signal.signal(number, self._receive) for number in STOP_SIGNALS if number not in ignored}

    @contextlib.contextmanager
    def finishing(self) -> Iterator[None]:
        """Makes signals wait until the code in the block checks for them."""
        self._is_finishing = True
        try:
            yield
        finally:
            self._is_finishing = False

    def error(self, saved: str) -> StoppedError:
        """Returns the error that ends the run.

        Args:
            saved: What the run has kept, for the message.
        """
        cause = f"{self.received} received" if self.received else "another worker was told to stop"
        return StoppedError(f"{cause}; {saved}; the same command continues the run")

    def _receive(self, number: int, frame: FrameType | None) -> None:
        is_first = self.received is None
        self.received = signal.Signals(number).name
        if is_first and not self._is_finishing:
            self._raised = self.error("what was saved before is kept")
            raise self._raised
