"""Errors with classes of their own."""

from __future__ import annotations

import numpy as np


class LinAlgError(RuntimeError, np.linalg.LinAlgError):
    """A matrix that cannot be factored: a singular one, or one that is not positive definite.

    It is NumPy's `numpy.linalg.LinAlgError`, too. As all that depends on values it is raised when
    these are computed, with the line of the operation in its text.
    """
