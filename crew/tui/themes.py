"""The three themes: colour means state and nothing else, with one accent."""

from textual.theme import Theme

DARK = Theme(
    name="crew-dark",
    primary="#7aa2d6",
    secondary="#7aa2d6",
    accent="#7aa2d6",
    warning="#d9a94e",
    error="#e0696f",
    success="#85b56b",
    foreground="#d4d7dc",
    background="#14161a",
    surface="#14161a",
    panel="#1d2026",
    dark=True,
    variables={"quiet": "#8b919b", "selection": "#2a3443", "selection-idle": "#22262e"},
)

LIGHT = Theme(
    name="crew-light",
    primary="#2f5f9e",
    secondary="#2f5f9e",
    accent="#2f5f9e",
    warning="#8f6400",
    error="#b3282f",
    success="#3c7a22",
    foreground="#1f2328",
    background="#fbfbfa",
    surface="#fbfbfa",
    panel="#eeeeec",
    dark=False,
    variables={"quiet": "#656b73", "selection": "#d3e0f2", "selection-idle": "#e6e8ea"},
)

CONTRAST = Theme(
    name="crew-contrast",
    primary="#6fc3ff",
    secondary="#6fc3ff",
    accent="#6fc3ff",
    warning="#ffd75f",
    error="#ff8080",
    success="#8cff66",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1a1a1a",
    dark=True,
    variables={"quiet": "#c8c8c8", "selection": "#00458a", "selection-idle": "#333333"},
)

THEMES = (DARK, LIGHT, CONTRAST)
