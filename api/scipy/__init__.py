"""SciPy's functions for traced and for concrete arrays: `linalg`, `special` and `stats`.

On concrete arrays they are SciPy's own; if an argument is traced they build the graph. SciPy itself
takes traced values for objects that it should make arrays of, so its functions, but for the ufuncs
of `scipy.special`, have to be called by their names here:

>>> import pullback.scipy as psp
>>> graph = pb.trace(lambda x: psp.linalg.expm(x), np.zeros((2, 2)))
>>> graph.evaluate(np.zeros((2, 2)))[0].tolist()
[[1.0, 0.0], [0.0, 1.0]]
>>> round(float(pb.grad(psp.special.gammaln)(5.0)), 12)
1.506117668432
"""

from . import linalg, special, stats

__all__ = ["linalg", "special", "stats"]
