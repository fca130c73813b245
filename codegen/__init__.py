"""From a graph to kernels, a plan and LLVM text."""
