# SPDX-License-Identifier: Apache-2.0
"""What a step really holds: bytes saved for backward, and the most alive at one moment."""

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def saved_bytes(model: nn.Module, forward: Callable[[], Any]) -> tuple[Any, int]:
    """What `forward` returns, and the bytes of all tensors that autograd keeps for its backward
    pass, those of the model's own parameters and buffers left out."""
    own = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}
    sizes: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = forward()
    return result, sum(sizes.values())


class LiveBytes(TorchDispatchMode):
    """Bytes of the storages that operations made while this was active and that still live.

    Members: current; peak. Scratch memory inside an operation is not seen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.current = self.peak = 0
        self._seen: dict[int, weakref.finalize] = {}

    def ignore(self, tensors: Iterable[Tensor]) -> None:
        """These storages do not count."""
        for tensor in tensors:
            self._watch(tensor, counts=False)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        results = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(results):
            if isinstance(leaf, Tensor):
                self._watch(leaf, counts=True)
        return results

    def _watch(self, tensor: Tensor, counts: bool) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._seen:
            return
        size = storage.nbytes() if counts else 0
        self.current += size
        self.peak = max(self.peak, self.current)

        def forget() -> None:
            self.current -= size
            self._seen.pop(key, None)

        self._seen[key] = weakref.finalize(storage, forget)
