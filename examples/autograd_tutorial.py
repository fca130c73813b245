"""PyTorch's autograd tutorial, on pullback: only the import line differs from torch's.

A linear layer with a loss, its gradients, and the ways to keep operations from being recorded; at
the end a Jacobian-vector product, three times, to show that gradients add up.
"""

import pullback.torch as torch

# One layer: five inputs, three outputs. What is to be optimised says requires_grad.
x = torch.ones(5)
y = torch.zeros(3)
w = torch.randn(5, 3, requires_grad=True)
b = torch.randn(3, requires_grad=True)
z = torch.matmul(x, w) + b
loss = torch.nn.functional.binary_cross_entropy_with_logits(z, y)

# Results know what they were computed by, and so how to go back.
print(f"Gradient function for z = {z.grad_fn}")
print(f"Gradient function for loss = {loss.grad_fn}")

# The derivatives of the loss by the leaves.
loss.backward()
print(w.grad)
print(b.grad)

# Where no derivatives are wanted nothing needs to be kept for them.
z = torch.matmul(x, w) + b
print(z.requires_grad)

with torch.no_grad():
    z = torch.matmul(x, w) + b
print(z.requires_grad)

z = torch.matmul(x, w) + b
z_det = z.detach()
print(z_det.requires_grad)

# A result that is not one number is pulled back with a vector. Gradients add up in .grad until
# they are set to zero.
inp = torch.eye(4, 5, requires_grad=True)
out = (inp + 1).pow(2).t()
out.backward(torch.ones_like(out), retain_graph=True)
print(f"First call\n{inp.grad}")
out.backward(torch.ones_like(out), retain_graph=True)
print(f"\nSecond call\n{inp.grad}")
inp.grad.zero_()
out.backward(torch.ones_like(out), retain_graph=True)
print(f"\nCall after zeroing gradients\n{inp.grad}")
