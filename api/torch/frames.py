"""Short-time Fourier transforms: spectra of frames of a signal, and the signal again."""

from __future__ import annotations

import warnings
from typing import Any

from . import fft
from .complexes import is_complex_tensor, view_as_real
from .creation import ones, zeros
from .dtypes import here, of_numpy
from .nn.functional import pad
from .ranges import arange
from .scattering import index_add
from .tensors import Tensor

RETURN_COMPLEX = (
    "stft requires the return_complex parameter be given for real inputs, and will further require "
    "that return_complex=True in a future PyTorch release."
)
ONE_SIDED = "Cannot have onesided output if window or input is complex"


def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
) -> Any:
    """The spectra of overlapping frames of a signal: frequencies by frames.

    Args:
        input: the signal, or a batch of them, (L) or (B, L).
        n_fft: elements of a frame.
        hop_length: from one frame to the next; a quarter of a frame.
        win_length: elements of the window, in the middle of a frame.
        window: weights of a frame's elements.
        center: the signal is continued to both sides so that frames have their middle in it.
        pad_mode: how the signal is continued, as in `torch.nn.functional.pad`.
        normalized: spectra are divided by the root of the number of a frame's elements.
        onesided: without the half that is a mirror image; for real signals so by default.
        return_complex: complex numbers, not pairs of real ones.

    >>> torch.stft(torch.ones(8), 4, window=torch.ones(4), return_complex=True).shape
    torch.Size([3, 9])
    """
    if return_complex is None and not _any_complex(input, window):
        raise RuntimeError(f"{RETURN_COMPLEX}{here()}")
    if center:
        input = _continued(input, n_fft // 2, pad_mode)
    hop = n_fft // 4 if hop_length is None else hop_length
    width = n_fft if win_length is None else win_length
    told = f"n_fft={n_fft}, hop_length={hop}, win_length={width}"
    title = f"stft(torch.{input.dtype.title}Tensor{list(input.shape)}, {told})"
    _check_signal(title, input, n_fft)
    _check_frames(title, n_fft, hop, width, window)
    frames: Any = input.unfold(-1, n_fft, hop)
    if window is not None or width < n_fft:
        frames = frames * _widened(window, n_fft, width, input)
    complex_frames = is_complex_tensor(frames)
    half = not complex_frames if onesided is None else onesided
    if half and complex_frames:
        raise RuntimeError(f"{ONE_SIDED}{here()}")
    norm = "ortho" if normalized else None
    found = (fft.rfft if half else fft.fft)(frames, norm=norm).transpose(-2, -1)
    return found if return_complex is None or return_complex else view_as_real(found)


def _any_complex(*given: Tensor | None) -> bool:
    return any(x is not None and is_complex_tensor(x) for x in given)


def _continued(input: Tensor, count: int, mode: str) -> Any:
    extra = (1,) * (3 - input.ndim)
    padded: Any = pad(input.reshape((*extra, *input.shape)), (count, count), mode)
    return padded.reshape(padded.shape[len(extra) :])


def _check_signal(title: str, input: Tensor, n_fft: int) -> None:
    if input.dtype.numpy.kind not in "fc":
        raise RuntimeError(
            f"{title} : expected a tensor of floating point or complex values{here()}"
        )
    if input.ndim not in (1, 2):
        raise RuntimeError(f"{title} : expected a 1D or 2D tensor{here()}")
    if not 0 < n_fft <= input.shape[-1]:
        raise RuntimeError(
            f"{title} : expected 0 < n_fft < {input.shape[-1]}, but got n_fft={n_fft}{here()}"
        )


def _check_frames(title: str, n_fft: int, hop: int, width: int, window: Tensor | None) -> None:
    if hop <= 0:
        raise RuntimeError(f"{title} : expected hop_length > 0, but got hop_length={hop}{here()}")
    if not 0 < width <= n_fft:
        raise RuntimeError(
            f"{title} : expected 0 < win_length <= n_fft, but got win_length={width}{here()}"
        )
    if window is not None and tuple(window.shape) != (width,):
        raise RuntimeError(
            f"{title} : expected a 1D window tensor of size equal to win_length={width}, but got "
            f"window with size {list(window.shape)}{here()}"
        )


def _widened(window: Tensor | None, n_fft: int, width: int, like: Tensor) -> Any:
    """The window in the middle of a frame."""
    real = of_numpy(like.dtype.numpy.type(0).real.dtype)
    made = ones(width, dtype=real) if window is None else window
    left = (n_fft - width) // 2
    return pad(made, (left, n_fft - width - left)) if width < n_fft else made


def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Any:
    """The signal whose short-time spectra come nearest: frames added up, over the windows' squares.

    Arguments as of `stft`; ``length`` is that of the signal.

    >>> window = torch.ones(4)
    >>> spectra = torch.stft(torch.arange(6.0), 4, window=window, return_complex=True)
    >>> torch.istft(spectra, 4, window=window).shape
    torch.Size([6])
    """
    if not is_complex_tensor(input):
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with "
            f"return_complex=True.{here()}"
        )
    hop = n_fft // 4 if hop_length is None else hop_length
    width = n_fft if win_length is None else win_length
    told = f"n_fft={n_fft}, hop_length={hop}, win_length={width}"
    title = f"istft(CPU{input.dtype.title}Type{list(input.shape)}, {told})"
    if not 0 < hop <= width:
        raise RuntimeError(f"{title} : expected 0 < hop_length <= win_length{here()}")
    _check_frames(title, n_fft, hop, width, window)
    half = _is_half(title, input, n_fft, onesided)
    if return_complex and half:
        raise RuntimeError(f"{ONE_SIDED}{here()}")
    weights = _widened(window, n_fft, width, input)
    frames = _frames(input.transpose(-2, -1), n_fft, half, return_complex, normalized) * weights
    start = n_fft // 2 if center else 0
    signal = _added_up(frames, hop)[..., start:]
    envelope = _added_up((weights * weights).expand(frames.shape[-2:]), hop)[start:]
    count = length if length is not None else signal.shape[-1] - start
    return _over(title, signal[..., :count], envelope[:count], count)


def _is_half(title: str, input: Tensor, n_fft: int, onesided: bool | None) -> bool:
    """Whether the spectra are without their mirror image."""
    if input.ndim not in (2, 3) or not input.numel():
        raise RuntimeError(
            f"{title} : expected a tensor with 3 or 4 dimensions, but got {input.ndim + 1}{here()}"
        )
    extent = input.shape[-2]
    half = extent != n_fft if onesided is None else onesided
    if extent != (n_fft // 2 + 1 if half else n_fft):
        wanted = "n_fft / 2 + 1" if half else "n_fft"
        raise RuntimeError(
            f"{title} : expected the frequency dimension (3rd to the last) of the input tensor to "
            f"match {wanted} when onesided={half}, but got {extent}{here()}"
        )
    return half


def _frames(spectra: Tensor, n_fft: int, half: bool, complex_: bool, normalized: bool) -> Any:
    norm = "ortho" if normalized else None
    if complex_:
        return fft.ifft(spectra, norm=norm)
    part = spectra if half else spectra[..., : n_fft // 2 + 1]
    return fft.irfft(part, n_fft, norm=norm)


def _added_up(frames: Any, hop: int) -> Any:
    """Frames, each ``hop`` after the last, added up where they overlap."""
    count, width = frames.shape[-2:]
    places = arange(count).reshape(-1, 1) * hop + arange(width)
    whole = zeros(*frames.shape[:-2], hop * (count - 1) + width, dtype=frames.dtype)
    return index_add(whole, -1, places.reshape(-1), frames.flatten(-2))


def _over(title: str, signal: Any, envelope: Any, count: int) -> Any:
    if abs(envelope.value()).min(initial=1.0) < 1e-11:
        raise RuntimeError(f"{title} window overlap add min: 1{here()}")
    found = signal / envelope
    missing = count - found.shape[-1]
    if missing > 0:
        warnings.warn(
            "The length of signal is shorter than the length parameter. Result is being padded "
            "with zeros in the tail. Please check your center and hop_length settings.",
            UserWarning,
            stacklevel=4,
        )
        return pad(found, (0, missing))
    return found
