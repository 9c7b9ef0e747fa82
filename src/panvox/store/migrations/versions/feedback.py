"""What users tell of the answers to a turn."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table; it is deleted with its run."""
    op.create_table(
        "feedback",
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("entry", sa.Integer, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("marks", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run", "turn", "entry", name="pk_feedback"),
        sa.ForeignKeyConstraint(
            ["run", "turn"], ["turns.run", "turns.turn"], name="fk_feedback_turns", ondelete="CASCADE"
        ),
    )
