"""One agent's conversation: the turn, the loop, inbox, gate and middleware."""
