"""Who an actor is and what they wear: drawn from seeds, or made from words, and said in words."""
