"""What a session may do: the tool protocol and the built-in tools."""
