"""Runs, turns, members, outcomes, answers, attempts and endings."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "runs",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_table(
        "turns",
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("asked", sa.Integer, nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run", "turn", name="pk_turns"),
        _belongs_to("turns", ["run"], "runs", ["id"]),
    )
    op.create_index("ix_turns_started_run", "turns", ["started", "run"])
    op.create_table(
        "members",
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("lineage", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run", "turn", "name", name="pk_members"),
        _belongs_to("members", ["run", "turn"], "turns", ["run", "turn"]),
    )
    _create_outcomes()
    _create_answers()
    _create_attempts()
    op.create_table(
        "endings",
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("duration", sa.Double, nullable=False),
        sa.Column("stopped", sa.Text, nullable=False),
        sa.Column("consensus", sa.Text),
        sa.Column("states", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run", "turn", name="pk_endings"),
        _belongs_to("endings", ["run", "turn"], "turns", ["run", "turn"]),
    )


def _create_outcomes() -> None:
    op.create_table(
        "outcomes",
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("member", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("first_token", sa.Double),
        sa.Column("duration", sa.Double, nullable=False),
        sa.Column("category", sa.Text),
        sa.Column("owner", sa.Text),
        sa.Column("retry", sa.Text),
        sa.Column("status", sa.BigInteger),
        sa.Column("wait", sa.Double),
        sa.Column("code", sa.Text),
        sa.Column("request_id", sa.Text),
        sa.Column("message", sa.Text),
        sa.Column("hint", sa.Text),
        sa.PrimaryKeyConstraint("run", "turn", "member", name="pk_outcomes"),
        _belongs_to("outcomes", ["run", "turn", "member"], "members", ["run", "turn", "name"]),
    )


def _create_answers() -> None:
    op.create_table(
        "answers",
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("member", sa.Text, nullable=False),
        sa.Column("finish", sa.Text),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger),
        sa.Column("completion_tokens", sa.BigInteger),
        sa.Column("reasoning_tokens", sa.BigInteger),
        sa.Column("cached_tokens", sa.BigInteger),
        sa.Column("cost", sa.Text),
        sa.Column("tool_calls", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("reasoning", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run", "turn", "member", name="pk_answers"),
        _belongs_to("answers", ["run", "turn", "member"], "outcomes", ["run", "turn", "member"]),
    )


def _create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("member", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("duration", sa.Double, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("status", sa.BigInteger),
        sa.Column("wait", sa.Double),
        sa.Column("in_flight", sa.BigInteger, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run", "turn", "member", "attempt", name="pk_attempts"),
        _belongs_to("attempts", ["run", "turn", "member"], "outcomes", ["run", "turn", "member"]),
    )


def _belongs_to(
    table: str, columns: list[str], parent: str, parent_columns: list[str]
) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        columns,
        [f"{parent}.{column}" for column in parent_columns],
        name=f"fk_{table}_{parent}",
        ondelete="CASCADE",
    )
