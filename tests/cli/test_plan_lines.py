"""What a plan says in all."""

from deployer.cli.render import plan_lines
from deployer.model.files import Commit
from deployer.model.plan import Plan

COMMIT = Commit(id="c" * 40, author="Ann", subject="A change", committed_at="2026-01-31T12:00:00+00:00")


def shown(*refusals: str) -> list[str]:
    plan = Plan(domain="www.example.org", commit=COMMIT.id, base=COMMIT.id, actions=(), refusals=refusals)
    return list(plan_lines(plan, COMMIT, home="/home/alice", per_minute=40))


def test_a_plan_that_is_refused_is_not_said_to_be_in_sync() -> None:
    assert shown()[1:] == ["In sync: nothing to do."]
    assert shown("certificate: it has expired")[1:] == []
