"""Ending a program cleanly, by whatever signal it is told to."""

import signal


def hear_interrupts() -> None:
    """Let Ctrl-C, SIGTERM and a terminal that closes raise ``KeyboardInterrupt``; for the main thread.

    Ctrl-C is heard also where whoever started the program ignores it, as shells do for jobs in the background. A
    terminal that closes is no reason to end what was started with nohup.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.default_int_handler)


def ignore_interrupts() -> None:
    """Let none of them interrupt a program that is over: what it still tidies up would end in a trace."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
