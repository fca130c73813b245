"""Batches of a data set, put together in this process."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from ... import random
from ...dtypes import as_numpy, here
from ...tensors import Tensor, wrapped
from .dataset import IterableDataset, TensorDataset
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler


def default_convert(data: Any) -> Any:
    """Arrays as tensors, also in lists, tuples and dictionaries; all else as it is.

    >>> torch.utils.data.default_convert([np.ones(1), "a"])
    [tensor([1.], dtype=torch.float64), 'a']
    """
    if isinstance(data, np.ndarray):
        return wrapped(data)
    if isinstance(data, np.generic):
        return wrapped(np.asarray(data))
    if isinstance(data, dict):
        return {key: default_convert(value) for key, value in data.items()}
    if isinstance(data, tuple):
        return [default_convert(x) for x in data]
    return [default_convert(x) for x in data] if isinstance(data, list) else data


def default_collate(batch: Any) -> Any:
    """Examples as a batch: numbers and tensors stacked, texts in a list, within structures.

    >>> torch.utils.data.default_collate([(1, "a"), (2, "b")])
    [tensor([1, 2]), ('a', 'b')]
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return _stacked([x.value() for x in batch])
    if isinstance(first, (np.ndarray, np.generic)):
        return _stacked([np.asarray(x) for x in batch])
    if isinstance(first, bool):
        return wrapped(np.array(batch, np.bool_))
    if isinstance(first, int):
        return wrapped(np.array(batch, np.int64))
    if isinstance(first, float):
        return wrapped(np.array(batch, np.float64))
    if isinstance(first, (str, bytes)):
        return batch
    return _collated(first, batch)


def _settled(example: Any) -> Any:
    """An example whose values are there: those of a batch are not computed by one function.

    Examples that differ in what is done to them would make another function of each batch.
    """
    for x in example if isinstance(example, (tuple, list)) else (example,):
        if isinstance(x, Tensor):
            x.value()
    return example


def _stacked(arrays: list[Any]) -> Tensor:
    if any(x.shape != arrays[0].shape for x in arrays):
        i = next(i for i, x in enumerate(arrays) if x.shape != arrays[0].shape)
        raise RuntimeError(
            f"stack expects each tensor to be equal size, but got {list(arrays[0].shape)} at entry "
            f"0 and {list(arrays[i].shape)} at entry {i}{here()}"
        )
    return wrapped(np.stack(arrays))


def _collated(first: Any, batch: Any) -> Any:
    """A structure of batches, of a batch of structures."""
    if isinstance(first, dict):
        return {key: default_collate([x[key] for x in batch]) for key in first}
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*[default_collate(x) for x in zip(*batch, strict=True)])
    if isinstance(first, (tuple, list)):
        if any(len(x) != len(first) for x in batch):
            raise RuntimeError(f"each element in list of batch should be of equal size{here()}")
        return [default_collate(x) for x in zip(*batch, strict=True)]
    raise TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found "
        f"{type(first)}{here()}"
    )


class DataLoader:
    """A data set in batches, in order or shuffled.

    ``num_workers`` and what goes with it is accepted, and the work is done in this process.

    >>> data = torch.utils.data.TensorDataset(torch.arange(3))
    >>> list(torch.utils.data.DataLoader(data, batch_size=2))
    [[tensor([0, 1])], [tensor([2])]]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Any = None,
        multiprocessing_context: Any = None,
        generator: random.Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
    ) -> None:
        if sampler is not None and shuffle:
            raise ValueError(f"sampler option is mutually exclusive with shuffle{here()}")
        if batch_sampler is not None and (batch_size != 1 or shuffle or sampler or drop_last):
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and "
                f"drop_last{here()}"
            )
        if batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with "
                f"drop_last{here()}"
            )
        self.dataset, self.num_workers, self.drop_last = dataset, num_workers, drop_last
        self.batch_size = None if batch_sampler is not None else batch_size
        self.generator, self._iterable = generator, isinstance(dataset, IterableDataset)
        if self._iterable and (shuffle or sampler is not None or batch_sampler is not None):
            raise ValueError(
                "DataLoader with IterableDataset: expected unspecified shuffle and sampler options"
                f"{here()}"
            )
        if sampler is None:
            sampler = _Endless() if self._iterable else self._default_sampler(bool(shuffle))
        self.sampler = sampler
        if batch_sampler is None and batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_sampler = batch_sampler
        self._own_collate = collate_fn is None
        batched = batch_sampler is not None
        self.collate_fn = collate_fn or (default_collate if batched else default_convert)

    def _default_sampler(self, shuffle: bool) -> Sampler:
        if shuffle:
            return RandomSampler(self.dataset, generator=self.generator)
        return SequentialSampler(self.dataset)

    def __len__(self) -> int:
        if self._iterable:
            count = len(self.dataset)
            if self.batch_size is None:
                return count
            whole = count // self.batch_size
            return whole if self.drop_last or not count % self.batch_size else whole + 1
        return len(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        if self._iterable:
            yield from self._of_stream()
        elif self.batch_sampler is None:
            for number in self.sampler:
                yield self.collate_fn(self.dataset[number])
        elif type(self.dataset) is TensorDataset and self._own_collate:
            for numbers in self.batch_sampler:
                yield [_rows(x, numbers) for x in self.dataset.tensors]
        else:
            for numbers in self.batch_sampler:
                yield self.collate_fn([_settled(self.dataset[number]) for number in numbers])

    def _of_stream(self) -> Iterator[Any]:
        stream = iter(self.dataset)
        if self.batch_size is None:
            yield from map(self.collate_fn, stream)
            return
        while batch := list(itertools.islice(stream, self.batch_size)):
            if len(batch) < self.batch_size and self.drop_last:
                return
            yield self.collate_fn(batch)


class _Endless(Sampler):
    """In the place of a sampler, for data sets that give their examples themselves."""

    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)


def _rows(x: Tensor, numbers: list[int]) -> Tensor:
    """Rows of a tensor, all at once: what stacking them one by one gives."""
    return wrapped(x.value()[np.asarray(numbers, as_numpy(int))])
