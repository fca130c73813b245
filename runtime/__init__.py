"""From LLVM text to machine code that is called on NumPy buffers."""
