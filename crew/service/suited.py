"""Whether a team can do its work in this run at all; what can't is refused before it begins."""

from crew.definitions.types import Agent, Plan
from crew.errors import UsageError
from crew.models.providers.names import RULES
from crew.models.registry import Models
from crew.tools.registry import READ_ONLY


def check_goal(plan: Plan, goal: str) -> None:
    """Refuse a team without the goal that it needs.

    Raises:
        UsageError: There is none.
    """
    if plan.team.goal == "required" and not goal.strip():
        name = plan.team.name
        raise UsageError(
            f"team {name} needs a goal: {plan.team.description}",
            hint=f'say what you want after its name: crew run {name} "GOAL"',
        )


def check_actors(models: Models, plan: Plan) -> None:
    """Refuse a team that is there to write or execute where nobody could: `rules` only reads.

    Raises:
        UsageError: A member that acts would run on `rules` alone.
    """
    if not plan.team.permissions:
        return
    for role, agent in plan.roles.items():
        if _acts(agent) and set(models.names(agent.model)) == {RULES}:
            raise UsageError(
                f"team {plan.team.name} needs a language model: its {role} is to write or "
                "execute, and `rules` only reads",
                hint="set ANTHROPIC_API_KEY or another provider's key, or name a model with "
                "--model; see: crew models",
            )


def _acts(agent: Agent) -> bool:
    """Whether it is there to act, and not to report what the built-in checks can find."""
    fields = (agent.output or {}).get("properties")
    finds = isinstance(fields, dict) and "findings" in fields
    return not finds and any(name not in READ_ONLY for name in agent.tools or ())
