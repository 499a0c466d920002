"""Independent work, on one core, on all of this machine's, or on a cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager

from finnr_rtl.errors import UserError

__all__ = ["each", "workers"]

# Seconds that a scheduler has to answer.
CONNECT = 3


@contextmanager
def workers(jobs: int | None = None, scheduler: str | None = None) -> Iterator[Executor | None]:
    """An executor of ``jobs`` processes (default: one per processor), or of the Dask cluster whose scheduler has that address; None for one
    job, which needs no process of its own.

    Whatever ends the block early ends the work as well. Raises ``UserError`` where Dask is not installed or no scheduler answers.
    """
    jobs = jobs or os.cpu_count() or 1
    if scheduler:
        with _cluster(scheduler) as executor:
            yield executor
    elif jobs == 1:
        yield None
    else:
        with _processes(jobs) as executor:
            yield executor


def each(executor: Executor | None, function: Callable, tasks: list[tuple]) -> Iterator[tuple[int, object]]:
    """``function(*task)`` of every task with the task's index, as they are done."""
    if executor is None:
        yield from ((index, function(*task)) for index, task in enumerate(tasks))
        return
    futures = {executor.submit(function, *task): index for index, task in enumerate(tasks)}
    for future in as_completed(futures):
        yield futures[future], future.result()


@contextmanager
def _processes(jobs: int) -> Iterator[Executor]:
    before = set(multiprocessing.active_children())
    # Not forked: a progress bar has a thread of its own, which a fork would copy half.
    executor = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _ignore_interrupts)
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    executor.shutdown()


def _ignore_interrupts() -> None:
    """Ctrl-C reaches every process of a terminal; the one that started them ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _cluster(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError:
        raise UserError("--scheduler needs Dask: pip install 'finnr_rtl[cluster]'") from None
    try:
        client = Client(address, timeout=CONNECT)
    except Exception as error:
        # Of any kind: what answers there may speak another language, whose first bytes are read as a length.
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"no Dask scheduler answers at {address!r} ({reason}); start one with: dask scheduler") from None
    with client:
        executor = client.get_executor(pure=False)
        try:
            yield executor
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
        executor.shutdown()
