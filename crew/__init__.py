"""crew runs teams of AI agents and lets a person watch and steer each of them live."""

__all__ = ["__version__"]

__version__ = "0.1.0"
