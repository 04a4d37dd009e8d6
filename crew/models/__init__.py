"""What a session asks: the model protocol and the models behind it."""
