"""Data sets: examples by number, or one after the other."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from ... import random
from ...dtypes import here
from ...tensors import Tensor

Example = TypeVar("Example", covariant=True)


class Dataset(Generic[Example]):
    """Examples by number: sub-classes define ``__getitem__``, and mostly ``__len__``.

    >>> class Squares(torch.utils.data.Dataset):
    ...     def __getitem__(self, index):
    ...         return index * index
    >>> Squares()[3]
    9
    """

    def __getitem__(self, index: Any) -> Example:
        raise NotImplementedError(f"Subclasses of Dataset should implement __getitem__.{here()}")

    def __add__(self, other: Any) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[Example]):
    """Examples one after the other: sub-classes define ``__iter__``.

    >>> class Few(torch.utils.data.IterableDataset):
    ...     def __iter__(self):
    ...         return iter([1, 2, 3])
    >>> list(torch.utils.data.DataLoader(Few(), batch_size=2))
    [tensor([1, 2]), tensor([3])]
    """

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError(
            f"Subclasses of IterableDataset should implement __iter__.{here()}"
        )


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Examples that are the rows of tensors.

    >>> data = torch.utils.data.TensorDataset(torch.arange(3), torch.ones(3))
    >>> data[1]
    (tensor(1), tensor(1.))
    """

    def __init__(self, *tensors: Tensor) -> None:
        if any(x.shape[0] != tensors[0].shape[0] for x in tensors):
            raise AssertionError(f"Size mismatch between tensors{here()}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(x[index] for x in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].shape[0]


class StackDataset(Dataset[Any]):
    """Several data sets side by side: tuples, or dictionaries, of their examples.

    >>> data = torch.utils.data.StackDataset([1, 2], ["a", "b"])
    >>> data[1]
    (2, 'b')
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            raise ValueError(
                f"Supported either ``tuple``- (via ``args``) or ``dict``- (via ``kwargs``) like "
                f"input, but not both or none{here()}"
            )
        self.datasets: Any = args or kwargs
        sets = list(args or kwargs.values())
        if any(len(x) != len(sets[0]) for x in sets):
            raise ValueError(f"Size mismatch between datasets{here()}")
        self._length = len(sets[0])

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: x[index] for name, x in self.datasets.items()}
        return tuple(x[index] for x in self.datasets)

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[Any]):
    """Data sets one after the other.

    >>> data = torch.utils.data.ConcatDataset([[1, 2], [3]])
    >>> len(data), data[2]
    (3, 3)
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError(f"datasets should not be an empty iterable{here()}")
        self.cumulative_sizes = list(itertools.accumulate(len(x) for x in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        if index < 0:
            if -index > len(self):
                raise ValueError(
                    f"absolute value of index should not exceed dataset length{here()}"
                )
            index += len(self)
        number = bisect_right(self.cumulative_sizes, index)
        before = self.cumulative_sizes[number - 1] if number else 0
        return self.datasets[number][index - before]


class ChainDataset(IterableDataset[Any]):
    """Iterable data sets one after the other.

    >>> list(torch.utils.data.ChainDataset([[1, 2], [3]]))
    [1, 2, 3]
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        for dataset in self.datasets:
            yield from dataset


class Subset(Dataset[Any]):
    """Some of the examples of a data set.

    >>> torch.utils.data.Subset(["a", "b", "c"], [2, 0])[0]
    'c'
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(
    dataset: Any, lengths: Sequence[float], generator: random.Generator | None = None
) -> list[Subset]:
    """A data set divided at random, into parts of the given lengths or shares.

    >>> parts = torch.utils.data.random_split(range(10), [7, 3])
    >>> [len(part) for part in parts]
    [7, 3]
    """
    total = len(dataset)
    counts = _counts(total, lengths)
    order = random.source(generator).permutation(total).tolist()
    ends = list(itertools.accumulate(counts))
    return [
        Subset(dataset, order[end - count : end]) for end, count in zip(ends, counts, strict=True)
    ]


def _counts(total: int, lengths: Sequence[float]) -> list[int]:
    """Shares as numbers; what is left over goes round."""
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        if any(not 0 <= share <= 1 for share in lengths):
            raise ValueError(f"Fraction at index 0 is not between 0 and 1{here()}")
        counts = [math.floor(total * share) for share in lengths]
        for i in range(total - sum(counts)):
            counts[i % len(counts)] += 1
        return counts
    if sum(lengths) != total:
        raise ValueError(
            f"Sum of input lengths does not equal the length of the input dataset!{here()}"
        )
    return [int(n) for n in lengths]
