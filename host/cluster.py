# SPDX-License-Identifier: Apache-2.0
"""Independent pieces of work on processes of this machine, or on a Dask cluster.

Both are Dask: without a scheduler's address a local cluster of `jobs` processes is started, one
thread each, and `jobs` = 1 works inside this process. Work that uses PyTorch or a random state
shared by the process holds WHOLE_PROCESS, so that a worker with several threads is slow but right.
"""

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, current_thread, main_thread
from typing import Any

import dask.config
from distributed import Client, LocalCluster, as_completed
from distributed.client import Future

from host.errors import UserError
from host.selection import available_cores

WHOLE_PROCESS = Lock()
PATIENCE = "10s"


class Cluster:
    """Pieces of work, started with start() and fetched with finished() in the order they end.

    More may be started while others are fetched. Leaving the context of connected() drops what has
    not begun.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._keys: dict[Future, Any] = {}
        self._running = as_completed(loop=client.loop)

    def share(self, value: Any) -> Any:
        """Sends `value` to every worker once; what comes back stands for it in start()."""
        return self._client.scatter(value, broadcast=True)

    def start(
        self, key: Any, function: Callable[..., Any], *arguments: Any, urgency: int = 0
    ) -> None:
        """Runs function(*arguments) on some worker; the most urgent first."""
        future = self._client.submit(function, *arguments, pure=False, priority=urgency)
        self._keys[future] = key
        self._running.add(future)

    def finished(self) -> Iterator[tuple[Any, Any]]:
        """(key, result) of every piece as it ends, until none is left; raises what a piece
        raised."""
        for future in self._running:
            yield self._keys.pop(future), future.result()


def check_processes(scheduler: str | None, jobs: int | None) -> None:
    """UserError where they make no sense; before any work."""
    if jobs is not None and jobs < 1:
        raise UserError(f"jobs {jobs} must be at least 1")
    if jobs is not None and scheduler is not None:
        raise UserError("--jobs is for this machine: leave it out with --scheduler")


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Processes started meanwhile never see Ctrl-C: this one sees it and ends them, quietly."""
    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def connected(scheduler: str | None = None, jobs: int | None = None) -> Iterator[Cluster]:
    """A cluster: that of the scheduler at this address, or `jobs` processes (None: one a core).

    Raises UserError when there is no scheduler at the address or it has no workers.
    """
    if scheduler is not None:
        try:
            client = Client(scheduler, timeout=PATIENCE)
        except (OSError, ValueError, TypeError) as error:
            raise UserError(
                f"there is no Dask scheduler at {scheduler} ({type(error).__name__}): start one "
                "with 'dask scheduler' and give the address it prints, such as tcp://host:8786"
            ) from None
        with client:
            if not client.scheduler_info()["workers"]:
                raise UserError(
                    f"the scheduler at {scheduler} has no workers: start some with "
                    f"'dask worker {scheduler} --nthreads 1 --nworkers N'"
                )
            yield Cluster(client)
        return
    workers = jobs or available_cores()
    logging.getLogger("tornado.application").setLevel(logging.CRITICAL)  # Dask's words at Ctrl-C
    # a machine that slept has heard from none of its workers for long: they are there all the same
    patient = dask.config.set({"distributed.scheduler.worker-ttl": None})
    with patient, _interrupts_ignored():
        local = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=workers > 1,
            memory_limit=None,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.ERROR,
        )
    with local, Client(local) as client:
        yield Cluster(client)
