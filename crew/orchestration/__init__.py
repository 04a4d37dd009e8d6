"""The task board and the scheduler that runs a team's workflow on it."""
