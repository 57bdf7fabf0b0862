"""Wait for signals, so that a loop handles them in one place."""

import os
import select
import signal
from collections.abc import Collection
from types import FrameType, TracebackType


class SignalPipe:
    """A context in which each of `signals` only becomes a byte in a pipe.

    It needs the main thread. An ignored SIGHUP stays ignored, as nohup expects.
    """

    def __init__(self, signals: Collection[signal.Signals]) -> None:
        self._signals = signals

    def __enter__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wakeup_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._before = {number: signal.getsignal(number) for number in self._signals}
        for number, before in self._before.items():
            if number != signal.SIGHUP or before != signal.SIG_IGN:
                signal.signal(number, _do_nothing)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before if before is not None else signal.SIG_DFL)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._read)
        os.close(self._write)

    def arrive_within(self, seconds: float | None) -> bytes:
        """Wait for a signal, at most so long. Returns the numbers of those that have arrived."""
        ready, _, _ = select.select([self._read], [], [], seconds)
        return os.read(self._read, 4096) if ready else b""


def _do_nothing(number: int, frame: FrameType | None) -> None:
    pass  # without a Python handler, a signal leaves no byte in the pipe
