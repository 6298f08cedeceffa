"""Plain Python, no Ray: the stages and what they are made of."""

from operators.isolation import isolate

isolate()
