"""Markdown to validated agents, teams and workflows; every error with its place."""
