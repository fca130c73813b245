"""Made-up names of three languages, told apart letter by letter by a recurrent network."""

import numpy as np

import pullback.torch as torch
from pullback.torch import nn

LETTERS = "abcdefghijklmnopqrstuvwxyz"
SYLLABLES = {
    "Ostian": ["ka", "ro", "mi", "to", "shi", "na", "ku"],
    "Valdic": ["grim", "sten", "ulf", "bjor", "hald", "ard", "vik"],
    "Lirese": ["bel", "la", "vio", "re", "an", "lio", "cia"],
}
LANGUAGES = list(SYLLABLES)


def made_up(count):
    """Names of two syllables of one language each; and the language's number."""
    rng = np.random.default_rng(1)
    for _ in range(count):
        number = int(rng.integers(len(LANGUAGES)))
        yield "".join(rng.choice(SYLLABLES[LANGUAGES[number]], 2)), number


def as_tensor(name):
    """(letters, 1, 26): a one at each letter's place."""
    places = torch.tensor([LETTERS.index(letter) for letter in name])
    return nn.functional.one_hot(places, len(LETTERS)).float().unsqueeze(1)


class Reader(nn.Module):
    """A state that each letter changes; the last one tells the language."""

    def __init__(self, size):
        super().__init__()
        self.rnn = nn.RNN(len(LETTERS), size)
        self.out = nn.Linear(size, len(LANGUAGES))
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, name):
        _, state = self.rnn(name)
        return self.softmax(self.out(state[0]))


torch.manual_seed(2)
names = list(made_up(600))
training, testing = names[:500], names[500:]
reader = Reader(32)
print(reader)
optimizer = torch.optim.SGD(reader.parameters(), lr=0.05)
loss_of = nn.NLLLoss()

total = 0.0
for turn, (name, number) in enumerate(training * 2, 1):
    loss = loss_of(reader(as_tensor(name)), torch.tensor([number]))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(reader.parameters(), 3.0)
    optimizer.step()
    total += loss.item()
    if turn % 250 == 0:
        print(f"{turn:4d} mean loss {total / 250:.3f}")
        total = 0.0

with torch.no_grad():
    guesses = [reader(as_tensor(name)).argmax(1).item() for name, _ in testing]
right = sum(guess == number for guess, (_, number) in zip(guesses, testing, strict=True))
print(f"right: {right} of {len(testing)}")
