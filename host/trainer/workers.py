# SPDX-License-Identifier: Apache-2.0
"""Several processes on one run, as torchrun starts them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from torch import distributed

PATIENCE = timedelta(hours=12)
"""The first worker may compute maps for long while the others wait."""


@dataclass(frozen=True)
class Workers:
    """rank: of this process; count: of all."""

    rank: int = 0
    count: int = 1

    @classmethod
    def current(cls) -> "Workers":
        """Those of torch.distributed, or this process alone."""
        if not distributed.is_initialized():
            return cls()
        return cls(distributed.get_rank(), distributed.get_world_size())

    def wait(self) -> None:
        """Returns when all have come here."""
        if self.count > 1:
            distributed.barrier()


@contextmanager
def joined() -> Iterator[Workers]:
    """Joins the other processes of torchrun (gloo), if it started this one; leaves them at the
    end."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or distributed.is_initialized():
        yield Workers.current()
        return
    distributed.init_process_group("gloo", timeout=PATIENCE)
    try:
        yield Workers.current()
    finally:
        distributed.destroy_process_group()
