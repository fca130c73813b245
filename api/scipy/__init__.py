"""SciPy's functions for traced and for concrete arrays.

SciPy itself takes traced values for objects that it should make arrays of, so its functions have to
be called by their names here:

>>> import pullback.scipy as psp
>>> graph = pb.trace(lambda x: psp.linalg.expm(x), np.zeros((2, 2)))
>>> graph.evaluate(np.zeros((2, 2)))[0].tolist()
[[1.0, 0.0], [0.0, 1.0]]
"""

from . import linalg

__all__ = ["linalg"]
