"""Clean shutdown on any termination signal."""

import signal


def install_interrupt_handlers() -> None:
    """Make Ctrl-C, SIGTERM and a closed terminal raise ``KeyboardInterrupt``. Call this from the main thread.

    Ctrl-C works even if the parent process ignores it, as shells do for background jobs. A closed terminal does not
    interrupt a program that was started with nohup.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.default_int_handler)


def ignore_signals() -> None:
    """Ignore the termination signals at the end of a program: an interrupted cleanup would print a traceback."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
