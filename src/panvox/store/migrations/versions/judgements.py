"""Verdicts that judges, or other rules, made of a turn that was over."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "judgements",
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("consensus", sa.Text),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run", "turn", "at", name="pk_judgements"),
        sa.ForeignKeyConstraint(
            ["run", "turn"],
            ["turns.run", "turns.turn"],
            name="fk_judgements_turns",
            ondelete="CASCADE",
        ),
    )
