"""
Where the digits go
===================

Two formulas for the same number can differ in every digit of what they give. ``estimate_error``
goes back over a call and tells, line by line, how much rounding adds to the error of the result: in
which line digits are lost, and where on the way they were there.
"""

import linecache
from decimal import Decimal, getcontext

import matplotlib.pyplot as plt
import numpy as np

import pullback as pb

plt.style.use("petroff10")

# %%
# The smaller solution of x² - 2bx + 1 = 0, as at school and by a quotient.


@pb.jit
def school(b):
    square = b * b
    root = np.sqrt(square - 1.0)
    return b - root


@pb.jit
def quotient(b):
    square = b * b
    root = np.sqrt(square - 1.0)
    return 1.0 / (b + root)


def exact(b):
    getcontext().prec = 60
    b = Decimal(float(b))
    return b - (b * b - 1).sqrt()


# %%
# Estimates of relative errors (lines) and errors as they are, by arithmetic of 60 digits (dots).
# From b = 1e8 on not a single digit is right; the estimates tell, without knowing the answer.

values = np.random.default_rng(0).uniform(1.0, 1.5, 46) * np.logspace(0.0, 8.8, 46)
figure, axes = plt.subplots(figsize=(7, 4.6), layout="constrained")
for name, formula, color in (("school", school, "C2"), ("quotient", quotient, "C0")):
    estimated = [formula.estimate_error(b).error / float(exact(b)) for b in values]
    errors = [float(abs(Decimal(float(formula(b))) / exact(b) - 1)) for b in values]
    assert np.all(np.array(errors) <= np.array(estimated))
    axes.loglog(values, estimated, color=color, linewidth=2, label=f"{name}: estimated")
    axes.loglog(values, errors, "o", color=color, markersize=4, label=f"{name}: actual")
axes.axhline(1.0, color="black", linewidth=0.8, linestyle=":")
axes.set(xlabel="b", ylabel="relative error", title="Two formulas for b - √(b² - 1)")
axes.set_ylim(1e-18, 1e3)
axes.legend(loc="upper left")

# %%
# Line by line for b = 1000: the school's formula loses digits where it squares and takes the root.
# The subtraction adds hardly any error; what it leaves is so small that those before it show.

estimate = school.estimate_error(1000.0)
print(estimate)
texts, parts = [], []
for line in estimate.lines:
    assert line.where is not None
    texts.append(linecache.getline(line.where.file, line.where.line).strip())
    parts.append(line.error / estimate.value.real)
figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
axes.barh(texts, parts, color="C2")
axes.set(xlabel="added to the relative error of the result", xscale="log")
axes.invert_yaxis()
plt.show()
