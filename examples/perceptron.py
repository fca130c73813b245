"""A classifier of small made-up pictures, as PyTorch users write it: only the import is another.

A model is a class, the data a data set that a loader gives in batches, and each epoch trains and
then tests.
"""

import numpy as np

import pullback.torch as torch
from pullback.torch import nn
from pullback.torch.utils.data import DataLoader, Dataset, random_split

CLASSES = ["ring", "cross", "bars"]


class Shapes(Dataset[tuple[torch.Tensor, int]]):
    """Pictures of 12 x 12 points: one of three shapes, somewhere, in noise."""

    def __init__(self, count):
        rng = np.random.default_rng(0)
        self.labels = np.asarray(rng.integers(0, len(CLASSES), count)).tolist()
        self.pictures = np.stack([picture(label, rng) for label in self.labels])

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return torch.tensor(self.pictures[index]), self.labels[index]


def picture(label, rng):
    row, column = rng.uniform(4, 7, 2)
    y, x = np.mgrid[:12, :12] - np.array([row, column]).reshape(2, 1, 1)
    distance = np.hypot(x, y)
    shape = [
        np.abs(distance - 3) < 0.8,
        (np.minimum(abs(x), abs(y)) < 0.8) & (distance < 4),
        (np.abs(y) % 3 < 1) & (abs(x) < 4),
    ][label]
    return (shape + rng.normal(0, 0.4, (1, 12, 12))).astype(np.float32)


class Network(nn.Module):
    """Flattened pictures through two hidden layers."""

    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.layers = nn.Sequential(
            nn.Linear(12 * 12, 64),
            nn.ReLU(),
            nn.Linear(64, 64),
            nn.ReLU(),
            nn.Linear(64, len(CLASSES)),
        )

    def forward(self, x):
        return self.layers(self.flatten(x))


def train(loader, model, loss_of, optimizer):
    model.train()
    for number, (pictures, labels) in enumerate(loader):
        loss = loss_of(model(pictures), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if number % 8 == 0:
            print(f"loss: {loss.item():>7f}")


def test(loader, model, loss_of):
    model.eval()
    loss, right = 0.0, 0.0
    with torch.no_grad():
        for pictures, labels in loader:
            scores = model(pictures)
            loss += loss_of(scores, labels).item()
            right += (scores.argmax(1) == labels).float().sum().item()
    print(f"accuracy: {100 * right / len(loader.dataset):>0.1f} %, ", end="")
    print(f"mean loss: {loss / len(loader):>8f}")


torch.manual_seed(0)
training, testing = random_split(Shapes(600), [480, 120])
batches = DataLoader(training, batch_size=32, shuffle=True)
test_batches = DataLoader(testing, batch_size=60)

model = Network()
print(model)
loss_of = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.8)
for epoch in range(4):
    print(f"epoch {epoch + 1}, rate {scheduler.get_last_lr()[0]:.5f}")
    train(batches, model, loss_of, optimizer)
    test(test_batches, model, loss_of)
    scheduler.step()

# The parameters of one model are those of another.
copy = Network()
print(copy.load_state_dict(model.state_dict()))
copy.eval()
test(test_batches, copy, loss_of)
