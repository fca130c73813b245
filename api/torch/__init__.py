"""PyTorch's autograd idiom on the same graphs."""
