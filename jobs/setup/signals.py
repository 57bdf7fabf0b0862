"""Signals as something to wait for, so that they are handled at one place of a loop."""

import os
import select
import signal
from collections.abc import Collection
from types import FrameType, TracebackType


class SignalPipe:
    """While entered, each of `signals` that arrives becomes a byte in a pipe and does nothing else.

    Only in the main thread. SIGHUP stays ignored where it was, as nohup wants it.
    """

    def __init__(self, signals: Collection[signal.Signals]) -> None:
        self._signals = signals

    def __enter__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wakeup_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._before = {number: signal.getsignal(number) for number in self._signals}
        for number, before in self._before.items():
            if number != signal.SIGHUP or before != signal.SIG_IGN:
                signal.signal(number, _noted_by_its_byte)

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
        """The numbers of the signals that have come, as soon as there is one; None: no limit."""
        ready, _, _ = select.select([self._read], [], [], seconds)
        return os.read(self._read, 4096) if ready else b""


def _noted_by_its_byte(number: int, frame: FrameType | None) -> None:
    """Without a handler in Python there would be no byte in the pipe."""
