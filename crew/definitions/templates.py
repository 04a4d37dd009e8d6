"""The first text of a new definition: valid as it is, each key explained where it stands."""

import json

from crew.definitions.parsed import Kind

_AGENT = """\
---
# Who a member of a team is: the keys here, and below them its prompt.
name: {name}
description: One line that says what this agent is for.
# Models in order of preference: `default`, or the names that `crew run --model` takes.
model: [default]
# How much the model thinks before it answers: off, low, medium or high.
thinking: medium
# What it may use. Without this line it is every tool that only reads; [] is none.
# `write`, `edit` and `shell` also need a grant: `permissions` of a team, or `crew run --allow`.
tools: [read, grep, glob, ls, git_changes]
# Agents that it may hand a question to; "*" means any.
spawns: []
# The result that it submits, as a JSON schema.
output:
  type: object
  required: [summary]
  properties:
    summary: {{type: string}}
# Where one session of it ends at the latest.
max_turns: 30
timeout: 10m
# What each session of it may spend: turns, tokens, cost (US dollars), time at work, errors (share
# of failed requests and tool calls). At 80% it is told, at 95% it must submit what it has.
budget: {{tokens: 500k}}
---
You are one member of a team. Say here who that is and what the member is there for.

## Method
1. What to look at first, and with which tool.
2. What to do with what is found.

## Evidence
- What counts as proof: a file and a line, a command and its exit code.

## Do not
- What this member leaves to others.

## Finish
Call `submit_result` once: `summary` says in a few sentences what is so.
"""

_TEAM = """\
---
# Who works together on what: roles, the workflow that uses them, and limits.
name: {name}
description: One line that says what this team is for.
# The steps and their order; see `crew workflows`.
workflow: default
# Whether a run must be told what to do, as in `crew run {name} "GOAL"`: required or optional.
goal: required
# A role of the workflow on the left, the agent that fills it on the right; see `crew agents`.
# The long form changes the agent for this team: `critic: {{agent: critic, model: [default]}}`.
members:
  explorer: explorer
  analyst: analyst
  critic: critic
# How many tasks run at the same time.
max_concurrency: 4
# What the whole run may spend, all sessions together: turns, tokens, cost, time, errors.
budget: {{tokens: 2m}}
# Tasks that failed begin again: alone, with all that run (one_for_all), or with those that started
# after them (rest_for_one), at most five times within a minute.
supervision: {{strategy: one_for_one, restart: transient, max_restarts: 5, window: 60s}}
# Live sessions at the most: levels of spawned ones, children of one session, and in all.
limits: {{depth: 3, fan_out: 8, sessions: 64}}
# Effects (write, execute) or tools that need no asking. A file of a repository can't grant these
# by itself: whoever runs it says `crew trust` once, or `--allow`.
permissions: []
---
What every member of this team should know: the purpose, who reads the result, what to leave alone.
"""

_WORKFLOW = """\
---
# Steps and their order. Each step is a heading with its id, its keys, a blank line, its prompt.
name: {name}
description: One line that says what this workflow is for.
---

## look
# The role that does it; a team says which agent that is.
role: explorer

Find what matters in this repository for: {{goal}}

## answer
role: analyst
# Steps that end before this one begins; their results can be used below.
needs: [look]
# Further keys: `when` (a condition), `foreach` and `fold` (one task for each item of a list),
# `output` (another result), `retries`, `timeout`, `budget` (all its attempts and their children).
retries: 1

Answer this from what was found, and from your own look at the code: {{goal}}

{{steps.look.result}}
"""

_TEXTS: dict[Kind, str] = {"agent": _AGENT, "team": _TEAM, "workflow": _WORKFLOW}


def template(kind: Kind, name: str) -> str:
    """The text of a new file; `name` must keep to the rule of names."""
    # A name may begin with a dash, which YAML would read as a list.
    return _TEXTS[kind].format(name=name if name[0].isalnum() else json.dumps(name))
