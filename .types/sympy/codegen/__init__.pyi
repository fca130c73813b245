# Functions of C, as classes of SymPy.
from . import cfunctions as cfunctions
